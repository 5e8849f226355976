"""What leaves a review session: a table (CSV), a page to read (HTML, pictures inside) and to print
(PDF), and the accepted regions as segmentations."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from msgspec import Struct

from DGMVLCCore.errors import OutputError, UnsuitableInputError, UsageError
from DGMVLCCore.ground.whole import check_named, clean
from DGMVLCCore.report.pages import render
from DGMVLCCore.results.csv_table import csv_text
from DGMVLCCore.results.folders import replaced_folder, unknown_in
from DGMVLCCore.review.decisions import ReviewSession
from DGMVLCCore.review.files import NOTICE
from DGMVLCCore.review.listing import ALERTS, COLOURS
from DGMVLCCore.review.records import UNSEEN, Decision, RegionFact
from DGMVLCCore.review.review_pdf import write_pdf
from DGMVLCCore.review.worklist import Study, load_study

DICOM_NAMES = ("segmentation", "abnormality", "measurements", "review")  # of `review_dicom`
EXPORTED = (
    *(f"review.{kind}" for kind in ("csv", "html", "pdf")),
    *(f"accepted/*.seg.{kind}" for kind in ("nrrd", "dcm")),
    *(f"dicom/*/{name}.dcm" for name in DICOM_NAMES),
)
COLUMNS = (
    "study",
    "region",
    "state",
    "check",
    "verdict",
    "comment",
    "decided",
    "side",
    "zone",
    "diameter_mm",
    "volume_ml",
    "change_hu",
    "change_low_hu",
    "change_high_hu",
    "mean_hu",
    "slice",
    "centre_x_mm",
    "centre_y_mm",
    "centre_z_mm",
    "score",
    "first_phrase",
    "first_agreement",
    "sentence",
    "series",
    "scan_sha256",
)
STATUS = {
    "not mentioned": "seen, not reported",
    "denied": "seen, and the report says there is none",
    "reported": "seen and reported",
    "no report": "seen, no report",
    "not seen": "reported, not seen",
    "not looked for": "reported, not looked for",
}


@dataclass
class RegionShown:
    """A region as the page shows it."""

    number: int
    place: str
    picture: str  # PNG in base64; empty when missing
    alert: bool
    tag: str
    verdict: str
    verdict_class: str
    diameter_mm: float
    volume_ml: float
    change: str
    mean_hu: float
    phrases: str
    without: str  # how the counterfactual was made; empty in an earlier review
    sentence: str
    comment: str


@dataclass
class StudyShown:
    """A study as the page shows it."""

    id: str
    name: str
    state: str
    problem: str
    notes: list[str] = field(default_factory=list)
    looked_at: bool = False
    stale: bool = False  # the scan or its report changed since
    report: str = ""
    regions: list[RegionShown] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)  # reported findings


Cells = dict[str, str | int | float]  # of a row of the table, by column


class Exported(Struct, frozen=True, kw_only=True):
    """The paths of an export's files, and notes."""

    csv: str
    html: str
    pdf: str
    accepted: list[str]
    dicom: list[str]
    notes: list[str]


def rows(session: ReviewSession) -> Iterator[Cells]:
    """A row a region, and a row for each study without one and for each reported finding that was
    not seen."""
    decided = session.decisions()
    for study in session.studies:
        done, state = session.analysis(study.id), session.state(study.id)
        base: Cells = {
            "study": study.id,
            "state": state,
            "scan_sha256": study.sha256,
            "series": (done.series if done else None) or "",
        }
        if done is None or done.problem or study.problem:
            said = study.problem or (done.problem if done else None)
            yield {**base, "sentence": said or "Not looked at yet."}
            continue
        for region in done.regions:
            made = decided.get(f"{study.id}/{region.number}")
            yield {**base, **_region_row(region, made, session, study)}
        for fact in done.report_check:
            if fact.status in UNSEEN:
                yield {**base, "check": STATUS[fact.status], "sentence": fact.sentence}
        if not done.regions and not done.report_check:
            yield {**base, "sentence": "No region stood out."}


def _region_row(
    region: RegionFact, decision: Decision | None, session: ReviewSession, study: Study
) -> Cells:
    place, made = region.location, decision or Decision(verdict="")
    stale = bool(made.verdict) and not session.valid(decision, study.id)
    x, y, z = place.centre_mm
    first = region.phrases[0] if region.phrases else None
    return {
        "region": region.number,
        "check": STATUS[region.check.status],
        "verdict": made.verdict + (" (earlier scan)" if stale else ""),
        "comment": made.comment,
        "decided": made.when,
        "side": place.side or "",
        "zone": place.zone or "",
        "diameter_mm": round(place.diameter_mm, 1),
        "volume_ml": round(place.volume_ml, 2),
        "change_hu": region.change_hu,
        "change_low_hu": "" if region.change_low_hu is None else region.change_low_hu,
        "change_high_hu": "" if region.change_high_hu is None else region.change_high_hu,
        "mean_hu": region.mean_hu,
        "slice": region.slice + 1,
        "centre_x_mm": round(x, 1),
        "centre_y_mm": round(y, 1),
        "centre_z_mm": round(z, 1),
        "score": region.score,
        "first_phrase": first.term if first else "",
        "first_agreement": first.agreement if first else "",
        "sentence": region.check.sentence,
    }


def table(session: ReviewSession) -> str:
    """The session as CSV, comma-separated with a header row."""
    return csv_text(COLUMNS, rows(session))


def change_words(region: RegionFact) -> str:
    """“+612 HU (95 % +540 to +700, 214 places of this patient's lungs)”."""
    if region.change_low_hu is None:
        return (
            f"{region.change_hu:+.0f} HU against this patient's lungs (no place of this shape to "
            "compare with)"
        )
    return (
        f"{region.change_hu:+.0f} HU (95 % {region.change_low_hu:+.0f} to "
        f"{region.change_high_hu:+.0f}, "
        f"against {region.places} places of the same shape in this patient's lungs)"
    )


def without_words(region: RegionFact) -> str:
    """“Edited as “No nodule.”: −412 HU in the region (synthetic)”; empty in an earlier review."""
    if region.removed_hu is None:
        return ""
    return (
        f"edited as “{region.denied}”: {region.removed_hu:+.0f} HU in the region on average "
        "(synthetic)"
    )


def _picture(session: ReviewSession, study: Study, name: str) -> str:
    """A region's picture in base64; empty when it is missing."""
    try:
        return base64.b64encode((session.place(study.id) / name).read_bytes()).decode("ascii")
    except OSError:
        return ""


def _region_shown(
    session: ReviewSession, study: Study, region: RegionFact, decision: Decision | None
) -> RegionShown:
    check, made = region.check, decision or Decision(verdict="")
    given = made.verdict
    valid = session.valid(decision, study.id)
    stale = "" if valid or not given else " (on an earlier version of the scan)"
    return RegionShown(
        number=region.number,
        place=region.place,
        picture=_picture(session, study, region.picture),
        alert=check.status in ALERTS,
        tag=STATUS[check.status],
        verdict=(given or "not decided") + stale,
        verdict_class=given if valid else "",
        diameter_mm=region.location.diameter_mm,
        volume_ml=region.location.volume_ml,
        change=change_words(region),
        mean_hu=region.mean_hu,
        phrases=", ".join(f"{each.term} {each.agreement:.2f}" for each in region.phrases),
        without=without_words(region),
        sentence=check.sentence,
        comment=made.comment,
    )


def _study_shown(session: ReviewSession, study: Study, decided: dict[str, Decision]) -> StudyShown:
    done = session.analysis(study.id)
    problem = study.problem or (done.problem if done else None) or ""
    shown = StudyShown(study.id, study.name, session.state(study.id), problem)
    shown.notes = [*study.notes, *(done.report_notes if done else ())]
    if done is None or problem:
        return shown
    shown.looked_at, shown.stale = True, not session.current(study.id)
    shown.report, shown.unseen = done.report, done.unseen()
    shown.regions = [
        _region_shown(session, study, region, decided.get(f"{study.id}/{region.number}"))
        for region in done.regions
    ]
    return shown


def page(session: ReviewSession) -> str:
    """The session as one HTML page that needs nothing else."""
    decided = session.decisions()
    return render(
        "review",
        name=session.root.name,
        notice=NOTICE,
        counts=session.progress(),
        studies=[_study_shown(session, study, decided) for study in session.studies],
    )


def _accepted(session: ReviewSession, study: Study) -> list[RegionFact]:
    decided = session.decisions()
    return [
        region
        for region in session.regions(study.id)
        if (made := decided.get(f"{study.id}/{region.number}"))
        and session.valid(made, study.id)
        and made.verdict == "accepted"
    ]


def _write_accepted(session: ReviewSession, study: Study, folder: Path) -> list[str]:
    """Accepted regions of one study as .seg.nrrd and, when it came as DICOM and can be written, as
    DICOM SEG; returns notes."""
    from DGMVLCCore.imaging.labels import load_labels
    from DGMVLCCore.results.segmentation import Segment, save_segmentation

    regions = _accepted(session, study)
    if not regions:
        return []
    if not session.current(study.id):
        return [
            f"{study.id}: the scan changed since it was looked at, so its accepted regions are "
            "not written."
        ]
    volume = load_study(study, session.root)
    labels = load_labels(session.place(study.id) / "regions.seg.nrrd", volume).segments
    chosen = [(f"region {region.number}", labels[f"region {region.number}"]) for region in regions]
    save_segmentation(
        [
            Segment(mask, name, COLOURS[i % len(COLOURS)], i)
            for i, (name, mask) in enumerate(chosen)
        ],
        volume,
        folder / f"{study.id}.seg.nrrd",
    )
    return _write_dicom(session, study, chosen, folder) if study.kind == "dicom" else []


def _write_dicom(
    session: ReviewSession, study: Study, chosen: list[tuple[str, np.ndarray]], folder: Path
) -> list[str]:
    """Accepted regions as DICOM SEG beside the .seg.nrrd; a note when it cannot be written."""
    try:
        from DGMVLCCore.results.dicom_segments import write_segmentation

        number = study.series[study.chosen].number if study.chosen is not None else None
        write_segmentation(
            chosen,
            session.root / study.path,
            folder / f"{study.id}.seg.dcm",
            series=number,
            description="DGM-VLC accepted regions",
            kind="semiautomatic",
        )
    except (ImportError, UsageError, UnsuitableInputError) as error:
        return [
            f"{study.id}: no DICOM SEG was written ({str(error).rstrip('.')}); its regions are "
            f"in {study.id}.seg.nrrd."
        ]
    return []


def _write_objects(session: ReviewSession, study: Study, folder: Path) -> list[str]:
    """The DICOM objects of one study in a folder of its own; a note when there are none."""
    from DGMVLCCore.review.review_dicom import write_study_dicom

    try:
        (folder / study.id).mkdir(parents=True)
        write_study_dicom(session, study, folder / study.id)
    except UnsuitableInputError as error:
        (folder / study.id).rmdir()
        return [str(error)]
    return []


def _not_exported(out: Path) -> str | None:
    """Name of something in `out` that no export wrote; None when there is nothing of the kind."""
    if not (out / "review.csv").is_file() or out.is_symlink():
        return out.name
    known = {path.relative_to(out).as_posix() for each in EXPORTED for path in out.glob(each)}
    return unknown_in(out, known, EXPORTED)


def _require_free(out: Path, overwrite: bool) -> None:
    """Refuse a folder that is there, unless it is an earlier export and may be replaced.

    Raises:
        OutputError: it is there.
    """
    check_named(out)
    clean(out)
    if out.exists() and not overwrite:
        raise OutputError(f"{out} exists already; choose another folder or add --overwrite.")
    if out.exists() and (strange := _not_exported(out)):
        raise OutputError(
            f"{out} is no earlier export of a review (it holds {strange}), so it is not "
            "overwritten; choose another folder."
        )


def export(
    session: ReviewSession, out: Path, *, overwrite: bool = False, dicom: bool = False
) -> Exported:
    """Write `review.csv`, `review.html`, `review.pdf` and `accepted/` into a new folder, whole or
    not at all.

    Args:
        dicom: also write `dicom/STUDY/` of each DICOM study for the archive (`review_dicom`).

    Raises:
        OutputError: it exists already, or cannot be written.
    """
    out = Path(out).absolute()
    _require_free(out, overwrite)
    with replaced_folder(out, replace=overwrite) as folder:
        (folder / "accepted").mkdir()
        (folder / "review.csv").write_text(table(session), encoding="utf-8", newline="")
        (folder / "review.html").write_text(page(session), encoding="utf-8")
        write_pdf(session, folder / "review.pdf")
        notes = [
            note
            for study in session.studies
            for note in _write_accepted(session, study, folder / "accepted")
        ]
        for study in session.studies if dicom else ():
            notes += _write_objects(session, study, folder / "dicom")
    return Exported(
        csv=str(out / "review.csv"),
        html=str(out / "review.html"),
        pdf=str(out / "review.pdf"),
        accepted=sorted(str(p) for p in (out / "accepted").iterdir()),
        dicom=sorted(str(p) for p in (out / "dicom").rglob("*.dcm")),
        notes=notes,
    )
