"""Encoded sentences as training shards hold them, each with what it claims."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from DGMVLCCore.language.encoder import LanguageEncoder


@dataclass(frozen=True)
class Phrase:
    """A sentence and what it claims; None means it does not say."""

    text: str
    term: str
    present: bool
    side: str | None = None
    zone: str | None = None
    size_mm: float | None = None
    family: str = "short"
    words: tuple[str, ...] = ()


def bank_of(phrases: Sequence[Phrase], encoder: LanguageEncoder) -> dict[str, np.ndarray]:
    """The arrays of phrases.npz: the empty sentence and the phrases, their tokens without padding
    and pooled vectors in float16, and the phrases as JSON lines."""
    states = encoder.encode(["", *(phrase.text for phrase in phrases)])
    lengths = states.mask.sum(1)
    ragged = np.concatenate([tokens[:n] for tokens, n in zip(states.tokens, lengths)])
    return {
        "tokens": ragged.astype(np.float16),
        "lengths": lengths,
        "pooled": states.pooled.astype(np.float16),
        "phrases": np.array([json.dumps(vars(phrase)) for phrase in phrases]),
    }


def plain_bank(texts: Sequence[str], encoder: LanguageEncoder) -> dict[str, np.ndarray]:
    """`bank_of` sentences that claim nothing of a finding."""
    return bank_of([Phrase(text, "", True) for text in texts], encoder)
