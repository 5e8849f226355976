"""Why something cannot be done yet, one sentence each; "" when it can. Both skins say these."""

from __future__ import annotations

from .case import FILE, READING, Case
from .comparison import whyNotCompare
from .findings import FindingRow

OPEN_FIRST = "Open a scan first."


def why_not_open(busy: str, opening: str) -> str:
    """Why another scan cannot be opened now."""
    if opening:
        return f"{opening} is being opened; wait for it."
    return "The worker is busy with this scan; wait for it or cancel the run." if busy else ""


def why_not_edit(row: FindingRow, what: str, target: str) -> str:
    """What is missing before a finding can be edited; `row` is its row of the list."""
    if not row.taught:
        return f"The weights were not taught “{row.term}”; choose another finding."
    if row.denied and what == "without":
        return "The report says this finding is absent; choose “instead” or another finding."
    if what == "instead" and not target.strip():
        return "Say what to show instead."
    return ""


def why_not_region(case: Case) -> str:
    """What is wrong with the region, as far as the viewer can tell."""
    region = case.region
    if region.origin == FILE and not region.path.strip():
        return "Choose the segmentation file of the region."
    if case.also and region.given:
        return "A region belongs to one finding; choose one, or let the regions be proposed."
    return region.why_not


def _why_not_scan(case: Case) -> str:
    if case.scan is None:
        return OPEN_FIRST
    if case.scan.modality != "CT":
        return f"This is no CT ({case.scan.modality}); the weights are for chest CT."
    return case.scan.why_not


def _why_not_findings(case: Case, known: tuple[str, ...]) -> str:
    """What is missing before the chosen findings can be edited."""
    if not case.report.strip() and not case.raw_findings:
        return "Paste a report and choose a finding."
    if case.report_note == READING:
        return "The report is being read …"
    chosen = case.chosen(known)
    if not chosen:
        return case.report_note or "Choose a finding."
    reasons = (why_not_edit(row, case.what, case.target) for row in chosen)
    return next(filter(None, reasons), "")


def why_not_run(case: Case, known: tuple[str, ...]) -> str:
    """What is missing before a run, in the order of the page."""
    wrong = _why_not_scan(case) or _why_not_findings(case, known)
    return wrong or why_not_region(case) or case.form_wrong


def why_not_propose(case: Case, known: tuple[str, ...]) -> str:
    """What is missing before a region can be proposed."""
    if case.scan is None:
        return OPEN_FIRST
    row = case.row(known)
    if row is None:
        return "Choose a finding first."
    return "" if row.taught else f"The weights were not taught “{row.term}”."


def why_not_compare(case: Case, known: tuple[str, ...], hypotheses: list[str]) -> str:
    """What is missing before hypotheses can be set side by side."""
    row = case.row(known)
    if wrong := _why_not_scan(case):
        return wrong
    if not (hypotheses or row):
        return "Choose two hypotheses or more, or a finding of the report."
    if row and not row.taught and not (hypotheses and case.region.given):
        return f"The weights were not taught “{row.term}”; choose another finding."
    if not row and not case.region.given:
        return "The region is missing: draw it, or choose a segmentation or a finding."
    return case.region.why_not or (whyNotCompare(hypotheses) if hypotheses else "")


def region_note(case: Case, known: tuple[str, ...]) -> str:
    """What will be edited, said before it is."""
    if case.region.note:
        return case.region.note
    if case.region.origin != "proposed" or case.scan is None:
        return ""
    row = case.row(known)
    both = row is not None and row.side in ("bilateral", "both")
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
