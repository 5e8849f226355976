"""Findings and free words -> the sentences the weights were taught, or a refusal that lists
them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.parser import parse_report
from DGMVLCCore.language.vocabulary import load_vocabulary, taught

CLEAR = re.compile(
    r"\b(?:clear lungs?|lungs? (?:is|are) clear|normal lungs?|healthy|without it|nothing|remove "
    r"it|no finding|no abnormality)\b",
    re.IGNORECASE,
)
REMOVE = re.compile(
    r"^\s*(?:please\s+)?(?:remove|delete|erase|take (?:away|out)|get rid "
    r"of)\b|\b(?:removed|gone|erased|taken (?:away|out))\b",
    re.IGNORECASE,
)
REPLACE = re.compile(
    r"\b(?:replac\w*|turn\w*|chang\w*|swap\w*)\b.*?\b(?:with|by|into|to|for)\b(?P<new>.+)",
    re.IGNORECASE | re.DOTALL,
)
RELATIVE = re.compile(
    r"\b(?:smaller|larger|bigger|shrunk\w*|grown|half the size|twice the size|(?:other|opposite) "
    r"(?:side|lung))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class PromptMeaning:
    """What a sentence asks for: a finding that is there or is not; term None means clear lung."""

    term: str | None
    present: bool


def known_findings() -> str:
    """The findings the weights were taught, as a list for sentences."""
    return ", ".join(load_vocabulary().known)


def require_known(term: str) -> str:
    """The term as the weights were taught it.

    Raises:
        UnsuitableInputError: they were not; the sentence lists what they know.
    """
    if taught(term) not in load_vocabulary().known:
        raise UnsuitableInputError(
            f"The weights were never taught “{term}”; they know: {known_findings()}."
        )
    return taught(term)


def said_plainly(term: str, descriptors: Iterable[str] = ()) -> str:
    """The plain sentence that a finding is there; “spiculated” is the one descriptor that was
    taught."""
    if term == "nodule" and {"spiculated", "spiculation"} & set(descriptors):
        return "Spiculated nodule."
    return f"{term[:1].upper()}{term[1:]}."


def source_prompt(finding: Finding) -> str:
    """What the scan shows, said the plain way the weights learned; the mask tells the place, so
    side and zone are left out."""
    return said_plainly(require_known(finding.term), finding.descriptors)


def present_prompt(term: str) -> str:
    """The plain sentence that a finding is there."""
    return said_plainly(require_known(term))


def absent_prompt(term: str) -> str:
    """The plain sentence that neither a finding nor any other is there."""
    return f"No {require_known(term)}. Clear lung."


def denial_prompt(term: str) -> str:
    """The plain sentence that a finding is not there; other findings may be."""
    return f"No {require_known(term)}."


def describe_prompt(text: str) -> PromptMeaning:
    """Understand a free what-if sentence: “remove the nodule”, “no nodule”, “consolidation”,
    “replace it with emphysema”.

    Raises:
        UnsuitableInputError: empty, several findings, a change of size or side, or nothing in it
            the weights were taught.
    """
    if not text.strip():
        raise UnsuitableInputError("The target sentence is empty; say a finding or “clear lung”.")
    if relative := RELATIVE.search(text):
        raise UnsuitableInputError(
            f"“{relative.group()}” asks to change a finding's size or side, which the weights "
            "were not taught; "
            f"ask for its absence or for one of: {known_findings()}."
        )
    replaced = REPLACE.search(text)
    wanted = replaced["new"] if replaced and replaced["new"].strip() else text
    findings = parse_report(wanted.replace("?", " ") + ".")
    present = [f for f in findings if f.presence != "absent"]
    if len({f.taught for f in present}) > 1:
        raise UnsuitableInputError(
            "The target names several findings "
            f"({', '.join(dict.fromkeys(f.term for f in present))}); ask for one at a time."
        )
    if present:
        return PromptMeaning(require_known(present[0].term), not REMOVE.search(wanted))
    if findings:
        return PromptMeaning(require_known(findings[0].term), False)
    if CLEAR.search(wanted):
        return PromptMeaning(None, False)
    raise UnsuitableInputError(
        f"“{text.strip()[:80]}” names no finding the weights were taught; they know: "
        f"{known_findings()}."
    )


def target_prompt(source_term: str, target: str | None) -> tuple[str, str, bool]:
    """Sentence, its term, and whether it removes the source finding; None asks for its absence,
    “clear lung” for that of every finding.

    Raises:
        UnsuitableInputError: as `describe_prompt`, or the target denies another finding than the
            chosen one.
    """
    meaning = PromptMeaning(None, False) if target is None else describe_prompt(target)
    if not meaning.present:
        if meaning.term not in (None, taught(source_term)):
            raise UnsuitableInputError(
                f"The target denies “{meaning.term}”, but the chosen finding is “{source_term}”; "
                f"say “no {source_term}” or choose the other finding."
            )
        everything = target is not None and meaning.term is None
        sentence = absent_prompt(source_term) if everything else denial_prompt(source_term)
        return sentence, taught(source_term), True
    term = str(meaning.term)
    spiculated = term == "nodule" and target is not None and "spiculated" in target.lower()
    return ("Spiculated nodule." if spiculated else present_prompt(term)), term, False


def difference_words(source: str, target: str) -> list[tuple[str, str]]:
    """Where two sentences differ, as (source words, target words) pairs."""
    a, b = source.split(), target.split()
    changes = difflib.SequenceMatcher(a=a, b=b, autojunk=False).get_opcodes()
    return [(" ".join(a[i:j]), " ".join(b[k:m])) for kind, i, j, k, m in changes if kind != "equal"]


def wanted_finding(text: str) -> Finding:
    """The one finding that a search sentence names.

    Raises:
        UnsuitableInputError: it names none, several, or only one that is said to be absent.
    """
    findings = [
        f
        for f in parse_report(text if text.rstrip().endswith(".") else text + ".")
        if f.presence != "absent"
    ]
    if not findings:
        raise UnsuitableInputError(
            f"“{text.strip()[:80]}” names no finding that could be looked for; say one, for "
            "example “nodule in the right upper lobe”."
        )
    if len({f.taught for f in findings}) > 1:
        named = ", ".join(dict.fromkeys(f.term for f in findings))
        raise UnsuitableInputError(
            f"“{text.strip()[:80]}” names several findings ({named}); look for one at a time."
        )
    return findings[0]
