"""Chest CT prose (English) -> findings, by rules, one stage after another: plain text, sentences,
mentions, presence, places and sizes, findings."""

from __future__ import annotations

import re
import unicodedata

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.language.completing import Context
from DGMVLCCore.language.english import check_english
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.merging import contradicted, joined
from DGMVLCCore.language.sentences import sentences
from DGMVLCCore.language.statements import read_sentence
from DGMVLCCore.language.text import plain_text

NO_UNIT = re.compile(
    r"\b(?:measur\w+|diameter(?: of)?|size(?: of)?)\s+(?:up to\s+|about\s+|approximately\s+)?"
    r"\d+(?:[.,]\d+)?(?:\s*[x\u00d7]\s*\d+(?:[.,]\d+)?)*"
    r"(?![\d.,]*\s*-?\s*(?:mm|cm|millim|centim|x|%|to\b|-|–|\d|ml|hu|suv))",
    re.IGNORECASE,
)


def report_notes(report: str, findings: list[Finding]) -> list[str]:
    """What the reader of the findings should know: contradictions, corrected spelling, sizes
    without a unit, text that was not read."""
    notes = []
    for term in dict.fromkeys(f.term for f in findings if f.contradicted):
        notes.append(f"The report contradicts itself about “{term}”; both statements are listed.")
    for text, meant in dict.fromkeys((f.text, f.corrected) for f in findings if f.corrected):
        notes.append(f"“{text}” was read as “{meant}”.")
    for match in NO_UNIT.finditer(plain_text(report).text):
        notes.append(f"“{match.group().strip()}” has no unit, so it was not read as a size.")
    other = sum(
        c.isalpha() and not unicodedata.name(c, "").startswith("LATIN")
        for c in report
        if not c.isascii()
    )
    if other > 3:
        notes.append(f"{other} letters of another script were not read; only English is.")
    if not findings:
        notes.append(
            "No finding of the vocabulary was read; text under indication, history, comparison "
            "and technique is not read."
        )
    return notes


def parse_report(report: str) -> list[Finding]:
    """Find what a report says is there, is not there, or may be. Only English is read.

    Args:
        report: free text as it is pasted, marks of HTML, RTF and HL7 in it too; the sections
            indication, history, comparison and technique state no findings.

    Returns:
        findings in the order of their first mention, one for each size and place;
        `report[span[0]:span[1]] == text`. Statements that contradict each other are both there,
        flagged.

    Raises:
        UnsuitableInputError: the report is empty, or not in English.
    """
    plain = plain_text(report)
    if not plain.text.strip():
        raise UnsuitableInputError("The report is empty; paste its text.")
    check_english(plain.text)
    context = Context(plain)
    for sentence in sentences(plain.text):
        last = joined(context.findings, read_sentence(sentence, context))
        context.last = context.last if last is None else last
    return contradicted(context.findings)
