"""Why something cannot be done yet, one sentence each; "" when it can. Both skins say these."""

from __future__ import annotations

from typing import Any

from SlicerDGMVLCLib.comparison import whyNotCompare

from .case import FILE, Case

OPEN_FIRST = "Open a scan first."


def why_not_open(busy: str, opening: str) -> str:
    """Why another scan cannot be opened now."""
    if opening:
        return f"{opening} is being opened; wait for it."
    return "The worker is busy with this scan; wait for it or cancel the run." if busy else ""


def why_not_edit(row: dict[str, Any] | None, what: str, target: str) -> str:
    """What is missing before the chosen finding can be edited; `row` is its row of the list."""
    if row is None:
        return "Paste a report and choose a finding."
    if not row["taught"]:
        return f"The weights were not taught “{row['term']}”; choose another finding."
    if row["presence"] == "absent" and what == "without":
        return "The report says this finding is absent; choose “instead” or another finding."
    if what == "instead" and not target.strip():
        return "Say what to show instead."
    return ""


def why_not_region(case: Case) -> str:
    """What is wrong with the region, as far as the viewer can tell."""
    region = case.region
    if region.origin == FILE and not region.path.strip():
        return "Choose the segmentation file of the region."
    return region.why_not


def why_not_run(case: Case, known: tuple[str, ...]) -> str:
    """What is missing before a run, in the order of the page."""
    if case.scan is None:
        return OPEN_FIRST
    if case.scan.modality != "CT":
        return f"This is no CT ({case.scan.modality}); the weights are for chest CT."
    wrong = why_not_edit(case.row(known), case.what, case.target) or why_not_region(case)
    return wrong or case.form_wrong


def why_not_propose(case: Case, known: tuple[str, ...]) -> str:
    """What is missing before a region can be proposed."""
    row = case.row(known)
    if case.scan is None:
        return OPEN_FIRST
    if row is None:
        return "Choose a finding first."
    return "" if row["taught"] else f"The weights were not taught “{row['term']}”."


def why_not_compare(case: Case, known: tuple[str, ...], hypotheses: list[str]) -> str:
    """What is missing before hypotheses can be set side by side."""
    row = case.row(known)
    if case.scan is None:
        return "Open a scan first (tab Edit)."
    if not (hypotheses or row):
        return "Choose two hypotheses or more, or a finding of the report."
    if row and not row["taught"] and not (hypotheses and case.region.given):
        return f"The weights were not taught “{row['term']}”; choose another finding (tab Edit)."
    if not row and not case.region.given:
        return "The region is missing: draw it, or choose a segmentation or a finding (tab Edit)."
    return whyNotCompare(hypotheses) if hypotheses else ""


def region_note(case: Case, known: tuple[str, ...]) -> str:
    """What will be edited, said before it is."""
    if case.region.note:
        return case.region.note
    if case.region.origin != "proposed" or case.scan is None:
        return ""
    row = case.row(known)
    both = row is not None and row["side"] in ("bilateral", "both")
    more = " The finding is on both sides; one region is proposed, on one of them." if both else ""
    return f"No region yet: it is proposed when you press Run.{more}"


def next_step(case: Case, known: tuple[str, ...]) -> str:
    """What the user can do now, in a few words."""
    if case.scan is None:
        return "Open a scan, or the sample."
    if not case.report.strip():
        return "Paste the report."
    if reason := why_not_run(case, known):
        return reason
    return "Look at the result, or change a choice and run again." if case.results else "Press Run."
