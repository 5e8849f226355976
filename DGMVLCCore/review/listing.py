"""What a viewer lists of a review session: the worklist, and a study's regions with what was
decided; in words."""

from __future__ import annotations

from DGMVLCCore.review.decisions import ReviewSession
from DGMVLCCore.review.records import (
    Decision,
    Listed,
    RegionFact,
    RegionRow,
    Regions,
    StudyRow,
)

TAGS = {
    "not mentioned": "not mentioned in the report",
    "denied": "the report says there is none",
    "reported": "in the report",
    "no report": "no report",
}
STATES = {
    "waiting": "not looked at yet",
    "changed": "changed, look again",
    "missing": "files are gone",
    "unsuitable": "cannot be read",
    "failed": "cannot be read",
    "open": "to decide",
    "done": "done",
}
ALERTS = ("not mentioned", "denied")
UNREADABLE = ("unsuitable", "missing", "failed")
WAITING = ("waiting", "changed")
COLOURS = (
    (0.95, 0.70, 0.20),
    (0.31, 0.62, 0.82),
    (0.82, 0.38, 0.31),
    (0.45, 0.69, 0.42),
    (0.65, 0.50, 0.82),
    (0.90, 0.55, 0.75),
    (0.55, 0.80, 0.80),
    (0.80, 0.80, 0.40),
)  # of the regions, by number


def region_row(
    session: ReviewSession, identifier: str, region: RegionFact, decision: Decision | None
) -> RegionRow:
    """A region of a study as the list shows it."""
    folder, change = session.place(identifier), f"{region.change_hu:+.0f} HU"
    if region.change_low_hu is not None:
        change += f" ({region.change_low_hu:+.0f} to {region.change_high_hu:+.0f})"
    made, valid = decision or Decision(verdict=""), session.valid(decision, identifier)
    return RegionRow(
        number=region.number,
        size=f"{region.location.diameter_mm:.0f} mm",
        volume=f"{region.location.volume_ml:.2f} ml",
        place=region.place or "place unknown",
        change=change,
        tag=TAGS.get(region.check.status, ""),
        alert=region.check.status in ALERTS,
        sentence=region.check.sentence,
        without=region.denied,
        phrases=" · ".join(f"{each.term} {each.agreement:.2f}" for each in region.phrases),
        verdict=made.verdict if valid else "",
        earlier=made.verdict if not valid else "",
        comment=made.comment,
        outline=str(folder / region.outline),
        picture=str(folder / region.picture),
        without_scan=str(folder / region.without) if region.without else "",
    )


def list_studies(session: ReviewSession) -> Listed:
    """The worklist and how far its reader is."""
    rows = []
    for study in session.studies:
        regions, state = session.regions(study.id), session.state(study.id)
        rows.append(
            StudyRow(
                id=study.id,
                name=study.name,
                state=state,
                words=STATES.get(state, state),
                regions=len(regions),
                unreported=sum(region.check.status in ALERTS for region in regions),
                waiting=state in WAITING,
                readable=state not in UNREADABLE,
            )
        )
    return Listed(studies=rows, progress=session.progress())


def list_regions(session: ReviewSession, identifier: str) -> Regions:
    """A study's regions, what its report names and no region shows, its notes and series.

    Raises:
        UsageError: no such study.
    """
    study, done = session.study(identifier), session.analysis(identifier)
    decided = session.decisions()
    problem = study.problem or (done.problem if done else None)
    return Regions(
        study=identifier,
        regions=[
            region_row(session, identifier, region, decided.get(f"{identifier}/{region.number}"))
            for region in session.regions(identifier)
        ],
        unseen=done.unseen() if done else [],
        notes=[*filter(None, [problem]), *study.notes, *(done.report_notes if done else ())],
        series=[f"{number}: {one.words}" for number, one in enumerate(study.series, 1)],
        chosen=0 if study.chosen is None else study.chosen + 1,
    )
