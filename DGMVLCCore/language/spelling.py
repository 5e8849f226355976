"""Words with one or two letters wrong -> the word of the vocabulary that was meant."""

from __future__ import annotations

from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from DGMVLCCore.language.vocabulary import cues, flat, load_vocabulary

SHORTEST = 5  # letters; a shorter word is corrected only inside a longer wording
TWO_WRONG = 8  # letters from which two may be wrong


@lru_cache(maxsize=1)
def _targets() -> tuple[str, ...]:
    """Words that a misspelt one may have meant: those of wordings, not those of plain English."""
    plain = frozenset(cues("plain_words"))
    words = load_vocabulary().words
    return tuple(sorted(w for w in words if len(w) >= SHORTEST and w not in plain))


@lru_cache(maxsize=1)
def _right() -> frozenset[str]:
    """Words that are spelt right, whatever they are near to."""
    vocabulary = load_vocabulary()
    said = {part for word in vocabulary.descriptors for part in word.split("-")}
    organs = {part for word in vocabulary.organ_of for part in word.split()}
    plain = frozenset(cues("plain_words")) | frozenset(cues("english"))
    return vocabulary.words | {flat(n) for n in vocabulary.by_name} | said | organs | plain


@lru_cache(maxsize=20_000)
def corrected(word: str) -> str | None:
    """The word of the vocabulary that a word (lower case) was meant to be; None when it is right,
    short, or near to none."""
    if len(word) < SHORTEST or not word.isalpha() or word in _right():
        return None
    wrong = 2 if len(word) >= TWO_WRONG else 1
    near = process.extract(
        word, _targets(), scorer=OSA.distance, score_cutoff=wrong, limit=4, processor=None
    )
    names = load_vocabulary().by_name
    # A word cut short (“nodul”) before a letter changed, a wording before a part of one.
    near.sort(key=lambda n: (n[1], not n[0].startswith(word), n[0] not in names))
    for meant, distance, _ in near:
        if meant[0] == word[0] or meant[:2] == word[1::-1]:
            if distance == 1 or len(meant) >= TWO_WRONG:
                return str(meant)
        elif distance == 1 and len(word) > TWO_WRONG:
            return str(meant)
    return None


@lru_cache(maxsize=20_000)
def continued(beginning: str, word: str) -> str | None:
    """A misspelt word (lower case, from four letters) that goes on with the beginning of a wording,
    as it was meant: “ground” + “glas” -> “glass”."""
    if len(word) < SHORTEST - 1 or not word.isalpha() or word in cues("plain_words"):
        return None
    prefixes = load_vocabulary().prefixes
    for meant, _, _ in process.extract(
        word, load_vocabulary().words, scorer=OSA.distance, score_cutoff=1, limit=8
    ):
        if meant[0] == word[0] and beginning + meant in prefixes:
            return str(meant)
    return None
