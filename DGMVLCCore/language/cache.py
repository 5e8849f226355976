"""Token states kept on disk between runs, one safetensors file a sentence."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from DGMVLCCore.errors import OutputError
from DGMVLCCore.ground.whole import whole_file


class StateCache:
    """States of one encoder in a folder; a file that is damaged or another encoder's counts as
    absent.

    Args:
        folder: made when it is not there. encoder: the encoder's folder (its files name the states)
            or its name.

    Raises:
        OutputError: the folder cannot be made.
    """

    def __init__(self, folder: Path, encoder: Path) -> None:
        self.folder = folder
        digest = hashlib.sha256(str(encoder).encode() if not encoder.is_dir() else b"")
        for path in (
            sorted(
                p
                for p in encoder.iterdir()
                if p.suffix in (".safetensors", ".json", ".txt", ".model")
            )
            if encoder.is_dir()
            else ()
        ):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        self.encoder = digest.hexdigest()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"The cache {folder} could not be made: {error.strerror}.") from error

    def _path(self, text: str) -> Path:
        name = hashlib.sha256(f"{self.encoder} {text}".encode("utf-8", "surrogatepass")).hexdigest()
        return self.folder / f"{name[:40]}.safetensors"

    def get(self, text: str) -> tuple[np.ndarray, list[str]] | None:
        """States float32 (L,T) and spellings of a sentence; None when it is not there."""
        from safetensors import SafetensorError, safe_open

        path = self._path(text)
        if not path.is_file():
            return None
        try:
            with safe_open(path, "np") as file:
                facts = file.metadata() or {}
                words = json.loads(facts.get("words", "null"))
                states = file.get_tensor("states")
        except (OSError, ValueError, SafetensorError):
            return None
        good = (
            facts.get("text") == text
            and isinstance(words, list)
            and states.ndim == 2
            and len(words) == len(states)
            and np.isfinite(states).all()
        )
        return (states.astype(np.float32), words) if good else None

    def put(self, text: str, states: np.ndarray, words: list[str]) -> None:
        """Keep the states (L,T) of a sentence.

        Raises:
            OutputError: they cannot be written.
        """
        from safetensors.numpy import save_file

        path = self._path(text)
        try:
            with whole_file(path) as part:
                save_file(
                    {"states": np.ascontiguousarray(states)},
                    part,
                    {"text": text, "words": json.dumps(words)},
                )
        except OSError as error:
            raise OutputError(f"{path} could not be written: {error.strerror}.") from error
