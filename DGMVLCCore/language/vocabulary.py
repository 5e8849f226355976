"""The words for findings, from one file: terms, synonyms, codes, and which ones the weights were
taught."""

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
        terms: canonical names. known: those the weights were taught, in fixed order.
        by_name: wording without hyphens, lower case -> canonical name. codes: term -> {"radlex",
            "snomed_ct"}, where certain.
        sized: terms a length in mm can be said of. plurals: term -> plural. descriptors: qualifying
            words.
        pattern: matches any wording, the longest first. descriptor_pattern: matches any qualifying
            word.
        elsewhere: matches words that put a mass outside the lung. not_findings: wording -> words
            before it that make
            it something else ("thoracic cavity").
    """

    terms: tuple[str, ...]
    known: tuple[str, ...]
    by_name: dict[str, str]
    codes: dict[str, dict[str, str]]
    sized: frozenset[str]
    plurals: dict[str, str]
    descriptors: tuple[str, ...]
    pattern: re.Pattern[str]
    descriptor_pattern: re.Pattern[str]
    elsewhere: re.Pattern[str]
    not_findings: dict[str, tuple[str, ...]]


def _flat(wording: str) -> str:
    """Lower case, hyphens and runs of white space as nothing: “Ground glass” and “ground-glass” are
    one wording."""
    return re.sub(r"[-\s]+", "", wording.lower())


def _any_of(names: list[str], plural: bool = False) -> re.Pattern[str]:
    """Pattern of any of these wordings as whole words, the longest first."""
    body = "|".join(
        re.escape(n).replace(r"\ ", r"[-\s]+").replace(r"\-", r"[-\s]?")
        for n in sorted(names, key=len, reverse=True)
    )
    return re.compile(rf"(?<!\w)(?:{body}){'s?' if plural else ''}(?!\w)", re.IGNORECASE)


@lru_cache(maxsize=1)
def load_vocabulary() -> Vocabulary:
    """The shipped vocabulary."""
    data = json.loads(resource("vocabulary.json").read_text(encoding="utf-8"))
    terms = data["terms"]
    by_name: dict[str, str] = {}
    for term, facts in terms.items():
        for name in (term, facts["plural"], *facts["synonyms"]):
            by_name[_flat(name)] = term
    for name, term in list(by_name.items()):
        by_name.setdefault(f"{name}s", term)
    names = [
        name
        for term, facts in terms.items()
        for name in (term, facts["plural"], *facts["synonyms"])
    ]
    return Vocabulary(
        terms=tuple(terms),
        known=tuple(t for t, f in terms.items() if f["known_to_weights"]),
        by_name=by_name,
        codes={
            t: {name: f[name] for name in ("radlex", "snomed_ct") if name in f}
            for t, f in terms.items()
        },
        sized=frozenset(t for t, f in terms.items() if f.get("sized")),
        plurals={t: f["plural"] for t, f in terms.items()},
        descriptors=tuple(data["descriptors"]),
        pattern=_any_of(names, plural=True),
        descriptor_pattern=_any_of(data["descriptors"]),
        elsewhere=_any_of(data["elsewhere"]),
        not_findings={name: tuple(words) for name, words in data["not_findings"].items()},
    )


def canonical(wording: str) -> str:
    """A matched wording -> canonical term."""
    return load_vocabulary().by_name[_flat(wording)]


@lru_cache(maxsize=1)
def _all_cues() -> dict[str, list[str]]:
    data: dict[str, list[str]] = json.loads(resource("cues.json").read_text(encoding="utf-8"))
    return data


def cues(kind: str) -> tuple[str, ...]:
    """Words of one kind from `Resources/cues.json`: "denied", "doubt", "exception", "english" or
    "foreign"."""
    return tuple(_all_cues()[kind])
