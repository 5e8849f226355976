"""A report of any length -> token states, finding by finding."""

from __future__ import annotations

from dataclasses import dataclass, replace

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.language.encoder import LanguageEncoder, TextStates
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.parser import parse_report

OPENING = {"present": "", "uncertain": "possible ", "absent": "no "}


@dataclass(frozen=True, eq=False)
class EncodedReport:
    """The findings of a report and their states.

    Args:
        findings: as the parser read them. sentences: what is said of each. states: row n belongs to
            findings[n].
        left_out: for each finding, the descriptors its sentence had no room for.
    """

    findings: list[Finding]
    sentences: list[str]
    states: TextStates
    left_out: list[tuple[str, ...]]


def finding_sentence(finding: Finding) -> str:
    """What a finding says, in one short sentence: “Possible 8 mm spiculated nodule in the left
    upper lobe.”"""
    size = f"{finding.size_mm:g} mm " if finding.size_mm else ""
    words = "".join(f"{word} " for word in finding.descriptors if word not in finding.text.lower())
    where = (
        f"{finding.lobe} lobe"
        if finding.lobe and finding.lobe != "lingula"
        else finding.lobe or (f"{finding.zone} zone" if finding.zone else "")
    )
    place = {
        "bilateral": f" in both {where + 's' if where else 'lungs'}",
        None: f" in the {where}" if where else "",
    }.get(finding.side, f" in the {finding.side} {where or 'lung'}")
    sentence = f"{OPENING[finding.presence]}{size}{words}{finding.term}{place}."
    return sentence[:1].upper() + sentence[1:]


def _fitting(finding: Finding, encoder: LanguageEncoder) -> tuple[str, tuple[str, ...]]:
    """The sentence of a finding, and the last descriptors that did not fit into it."""
    for kept in range(len(finding.descriptors), -1, -1):
        said = finding_sentence(replace(finding, descriptors=finding.descriptors[:kept]))
        if kept == 0 or encoder.count_tokens(said) <= encoder.max_tokens:
            break
    return said, finding.descriptors[kept:]


def encode_report(report: str, encoder: LanguageEncoder) -> EncodedReport:
    """Every finding of a report by itself, so that the report may be as long as it likes.

    Descriptors beyond the encoder's length are left out and listed; nothing else is.

    Raises:
        UnsuitableInputError: the report is empty, not English, or names no finding.
        WeightsError: the encoder cannot be loaded.
    """
    findings = parse_report(report)
    if not findings:
        raise UnsuitableInputError(
            "The report names no finding of the vocabulary, so there is nothing to encode."
        )
    said, left_out = zip(*(_fitting(f, encoder) for f in findings))
    return EncodedReport(findings, list(said), encoder.encode(list(said)), list(left_out))
