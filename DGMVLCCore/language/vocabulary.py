"""The words for findings, from one file: terms, synonyms, codes, and which ones the weights were
taught."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from DGMVLCCore.ground.resources import resource

WORD = re.compile(r"[^\W\d_]+|\d+")


@dataclass(frozen=True)
class Vocabulary:
    """Terms and how they are said.

    Args:
        terms: canonical names. known: those the weights were taught, in fixed order. taught_as:
            term -> the taught term that stands for it (a mass is a nodule to them).
        by_name: wording without hyphens and spaces, lower case -> canonical name. prefixes: such
            beginnings of wordings as end with a word. words: the single words of wordings.
        codes: term -> {"radlex", "snomed_ct"}, where certain. sized: terms a length in mm can be
            said of. descriptors: qualifying words. organs: term -> where
            it lies, when that is none of lung, pleura or airway.
        organ_of: organ word -> organ. not_findings: wording -> words before it that make it
            something else ("thoracic cavity").
    """

    terms: tuple[str, ...]
    known: tuple[str, ...]
    taught_as: dict[str, str]
    by_name: dict[str, str]
    prefixes: frozenset[str]
    words: frozenset[str]
    codes: dict[str, dict[str, str]]
    sized: frozenset[str]
    descriptors: tuple[str, ...]
    organs: dict[str, str]
    organ_of: dict[str, str]
    not_findings: dict[str, tuple[str, ...]]
    names: tuple[str, ...]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches any wording, the longest first."""
        return _any_of(self.names, plural=True)

    @cached_property
    def descriptor_pattern(self) -> re.Pattern[str]:
        """Matches any qualifying word."""
        return _any_of(self.descriptors)

    @cached_property
    def elsewhere(self) -> re.Pattern[str]:
        """Matches words that put a finding outside lung, pleura and airway."""
        return _any_of(tuple(self.organ_of))


def flat(wording: str) -> str:
    """Lower case, hyphens and runs of white space as nothing: “Ground glass” and “ground-glass” are
    one wording."""
    return re.sub(r"[-\s]+", "", wording.lower())


def _any_of(names: tuple[str, ...], plural: bool = False) -> re.Pattern[str]:
    """Pattern of any of these wordings as whole words, the longest first."""
    body = "|".join(
        re.escape(n).replace(r"\ ", r"[-\s]+").replace(r"\-", r"[-\s]?")
        for n in sorted(names, key=len, reverse=True)
    )
    return re.compile(rf"(?<!\w)(?:{body}){'s?' if plural else ''}(?!\w)", re.IGNORECASE)


def _beginnings(name: str) -> list[str]:
    """The beginnings of a wording that end with one of its words."""
    words = WORD.findall(name.lower())
    return ["".join(words[:n]) for n in range(1, len(words) + 1)]


@lru_cache(maxsize=1)
def load_vocabulary() -> Vocabulary:
    """The shipped vocabulary."""
    data = json.loads(resource("vocabulary.json").read_text(encoding="utf-8"))
    terms = data["terms"]
    said = {t: tuple(dict.fromkeys((t, f["plural"], *f["synonyms"]))) for t, f in terms.items()}
    by_name = {flat(name): term for term, names in said.items() for name in names}
    for name, term in list(by_name.items()):
        by_name.setdefault(f"{name}s", term)
    names = tuple(name for wordings in said.values() for name in wordings)
    return Vocabulary(
        terms=tuple(terms),
        known=tuple(t for t, f in terms.items() if f["known_to_weights"]),
        taught_as={t: f["taught_as"] for t, f in terms.items() if "taught_as" in f},
        by_name=by_name,
        prefixes=frozenset(b for name in names for n in (name, f"{name}s") for b in _beginnings(n)),
        words=frozenset(w for name in names for w in WORD.findall(name.lower())),
        codes={
            t: {name: f[name] for name in ("radlex", "snomed_ct") if name in f}
            for t, f in terms.items()
        },
        sized=frozenset(t for t, f in terms.items() if f.get("sized")),
        descriptors=tuple(data["descriptors"]),
        organs={t: f["organ"] for t, f in terms.items() if "organ" in f},
        organ_of={word: organ for organ, words in data["organs"].items() for word in words},
        not_findings={name: tuple(words) for name, words in data["not_findings"].items()},
        names=names,
    )


def canonical(wording: str) -> str:
    """A matched wording -> canonical term."""
    return load_vocabulary().by_name[flat(wording)]


def taught(term: str) -> str:
    """The term by which the weights know a finding: a mass is a nodule to them."""
    return load_vocabulary().taught_as.get(term, term)


@lru_cache(maxsize=1)
def _all_cues() -> dict[str, list[str]]:
    data: dict[str, list[str]] = json.loads(resource("cues.json").read_text(encoding="utf-8"))
    return data


@lru_cache(maxsize=32)
def cues(kind: str) -> tuple[str, ...]:
    """Words of one kind from `Resources/cues.json` (its note says which there are)."""
    return tuple(_all_cues()[kind])
