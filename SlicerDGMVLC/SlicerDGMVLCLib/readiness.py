"""Why a run cannot start yet, in one line."""

from __future__ import annotations

from typing import Any

from .exchange import checkVolume
from .logic import reportText, segmentCorners
from .parameters import Parameters, Question
from .runs import ROLE


def _volumeReason(parameters: Parameters) -> str:
    if not parameters.inputVolume:
        return "Choose a scan, or load the sample."
    role = parameters.inputVolume.GetAttribute(ROLE)
    if role and role != "original":
        return (
            f"“{parameters.inputVolume.GetName()}” is a result of an earlier run, not a scan; "
            "choose "
            "the original."
        )
    good, reason = checkVolume(parameters.inputVolume)
    return "" if good else reason


def _findingReason(
    parameters: Parameters, findings: list[dict[str, Any]] | None, known: tuple[str, ...]
) -> str:
    if not reportText(parameters).strip():
        return "Paste the report."
    if findings is None:
        return "The report is being read …"
    if not any(finding.get("taught_as", finding["term"]) in known for finding in findings):
        return f"The report names no finding the weights were taught; they know {', '.join(known)}."
    numbers = [number for number in parameters.findingNumbers if 1 <= number <= len(findings)]
    if not numbers:
        return "Check a finding in the list."
    for finding in (findings[number - 1] for number in numbers):
        if finding.get("taught_as", finding["term"]) not in known:
            return f"The weights were not taught “{finding['term']}”; check another finding."
        if finding["presence"] == "absent" and parameters.question is Question.WITHOUT:
            return (
                f"The report says “{finding['term']}” is absent, so there is nothing to take away; "
                "choose “something else instead”."
            )
    return ""


def regionReason(parameters: Parameters) -> str:
    """What is wrong with the chosen region; "" when it can be used or is to be proposed."""
    node = parameters.regionNode
    if not node:
        return ""
    segmentation = node.GetSegmentation()
    if not segmentation or not segmentation.GetNumberOfSegments():
        return "The segmentation has no segment; press Draw, or let the region be proposed."
    segment = (
        segmentation.GetSegment(parameters.regionSegment) if parameters.regionSegment else None
    )
    if segment is None:
        return "Choose the segment that marks the finding."
    if not segmentCorners(node, parameters.regionSegment):
        return (
            f"The segment “{segment.GetName()}” is empty; draw the finding in it, or let the "
            "region "
            "be proposed."
        )
    if len(parameters.findingNumbers) > 1:
        return "A drawn region belongs to one finding; check one, or let the regions be proposed."
    return ""


def whyNoComparison(
    parameters: Parameters, findings: list[dict[str, Any]] | None, known: tuple[str, ...]
) -> str:
    """What is missing before hypotheses can be compared: a scan, and a region or a finding it can
    be proposed from; "" when nothing is."""
    return _volumeReason(parameters) or (
        regionReason(parameters)
        if parameters.regionNode
        else _findingReason(parameters, findings, known)
    )


def whyNot(
    parameters: Parameters, findings: list[dict[str, Any]] | None, known: tuple[str, ...]
) -> str:
    """What is missing before a run, in the order of the panel; "" when nothing is.

    Args:
        findings: the parsed report, None while it is being read. known: terms the weights know.
    """
    reason = (
        _volumeReason(parameters)
        or _findingReason(parameters, findings, known)
        or regionReason(parameters)
    )
    if reason:
        return reason
    if parameters.question is Question.INSTEAD and not parameters.target.strip():
        return "Say what to show instead."
    return ""
