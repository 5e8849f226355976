"""The words for findings, from one file: terms, synonyms, codes, and which ones the weights were taught."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache

from DGMVLCCore._resources import resource


@dataclass(frozen=True)
class Vocabulary:
    """Terms and how they are said.

    Args:
        terms: canonical names. known: those the weights were taught. by_name: lower-case wording -> canonical name.
        codes: term -> RadLex identifier where known. descriptors: qualifying words.
        pattern: matches any wording, the longest first.
    """

    terms: tuple[str, ...]
    known: tuple[str, ...]
    by_name: dict[str, str]
    codes: dict[str, str]
    descriptors: tuple[str, ...]
    pattern: re.Pattern[str]


@lru_cache(maxsize=1)
def load_vocabulary() -> Vocabulary:
    """The shipped vocabulary."""
    data = json.loads(resource("vocabulary.json").read_text())
    by_name = {}
    for term, facts in data["terms"].items():
        for name in (term, *facts["synonyms"]):
            by_name[name.lower()] = term
            by_name.setdefault(f"{name.lower()}s", term)
    names = sorted(by_name, key=len, reverse=True)
    body = "|".join(re.escape(name).replace(r"\ ", r"\s+").replace(r"\-", r"[-\s]?") for name in names)
    codes = {term: facts["radlex"] for term, facts in data["terms"].items() if "radlex" in facts}
    return Vocabulary(tuple(data["terms"]), tuple(t for t, f in data["terms"].items() if f["known_to_weights"]), by_name, codes,
                      tuple(data["descriptors"]), re.compile(rf"(?<![\w-])(?:{body})(?![\w])", re.IGNORECASE))


def canonical(wording: str) -> str:
    """A matched wording -> canonical term."""
    by_name = load_vocabulary().by_name
    flat = re.sub(r"\s+", " ", wording.lower())
    for candidate in (flat, flat.replace("-", " "), flat.replace(" ", "-"), flat.replace(" ", "-", 1)):
        if candidate in by_name:
            return by_name[candidate]
    squeezed = re.sub(r"[-\s]", "", flat)
    return next(term for name, term in by_name.items() if re.sub(r"[-\s]", "", name) == squeezed)
