"""What a viewer lists of a review session: the worklist, and a study's regions with what was
decided; plain JSON, in words."""

from __future__ import annotations

from typing import Any

from DGMVLCCore.review.decisions import ReviewSession

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
UNSEEN = ("not seen", "not looked for")
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
    region: dict[str, Any], decision: dict[str, Any] | None, valid: bool
) -> dict[str, Any]:
    """A region of `review.json` as the list shows it; `valid`: the decision is on the scan as it is
    now."""
    place, change = region["location"], f"{region['change_hu']:+.0f} HU"
    if region["change_low_hu"] is not None:
        change += f" ({region['change_low_hu']:+.0f} to {region['change_high_hu']:+.0f})"
    made = decision or {}
    return {
        "number": region["number"],
        "size": f"{place['diameter_mm']:.0f} mm",
        "volume": f"{place['volume_ml']:.2f} ml",
        "place": region["place"] or "place unknown",
        "change": change,
        "tag": TAGS.get(region["check"]["status"], ""),
        "alert": region["check"]["status"] in ALERTS,
        "sentence": region["check"]["sentence"],
        "without": region.get("denied", ""),
        "phrases": " · ".join(f"{p['term']} {p['agreement']:.2f}" for p in region["phrases"]),
        "verdict": made.get("verdict", "") if valid else "",
        "earlier": made.get("verdict", "") if not valid else "",
        "comment": made.get("comment", ""),
    }


def list_studies(session: ReviewSession) -> dict[str, Any]:
    """{"studies": a row each, "progress": counts}."""
    rows = []
    for study in session.studies:
        regions, state = (
            (session.analysis(study.id) or {}).get("regions", []),
            session.state(study.id),
        )
        rows.append(
            {
                "id": study.id,
                "name": study.name,
                "state": state,
                "words": STATES.get(state, state),
                "regions": len(regions),
                "unreported": sum(region["check"]["status"] in ALERTS for region in regions),
                "waiting": state in WAITING,
                "readable": state not in UNREADABLE,
            }
        )
    return {"studies": rows, "progress": session.progress()}


def list_regions(session: ReviewSession, identifier: str) -> dict[str, Any]:
    """A study's regions, what its report names and no region shows, its notes and series.

    Raises:
        UsageError: no such study.
    """
    study, done = session.study(identifier), session.analysis(identifier) or {}
    decided, place = session.decisions(), session.place(identifier)
    rows = []
    for region in done.get("regions", []):
        made = decided.get(f"{identifier}/{region['number']}")
        rows.append(
            {
                **region_row(region, made, session.valid(made, identifier)),
                "outline": str(place / region["outline"]),
                "picture": str(place / region["picture"]),
                "without_scan": str(place / region["without"]) if "without" in region else "",
            }
        )
    problem = study.problem or done.get("problem")
    return {
        "study": identifier,
        "regions": rows,
        "unseen": [
            fact["sentence"] for fact in done.get("report_check", []) if fact["status"] in UNSEEN
        ],
        "notes": [*([problem] if problem else []), *study.notes, *done.get("report_notes", [])],
        "series": [f"{number}: {one.words}" for number, one in enumerate(study.series, 1)],
        "chosen": 0 if study.chosen is None else study.chosen + 1,
    }
