"""One study of a review, from scan and report to its folder: regions, cross-check, segmentation,
map, and each region's counterfactual with its picture."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.errors import (
    Cancelled,
    DGMVLCError,
    OutputError,
    UnreadableError,
    UnsuitableInputError,
    WeightsError,
)
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.io import save_volume
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.parser import parse_report, report_notes
from DGMVLCCore.language.report_files import ReportText
from DGMVLCCore.models.anatomy import find_anatomy
from DGMVLCCore.models.denoiser import PATCH
from DGMVLCCore.report.figure import save_region_figure
from DGMVLCCore.results.folders import replaced_folder
from DGMVLCCore.results.manifest import grid_of
from DGMVLCCore.results.records import FileFact, as_record, plain
from DGMVLCCore.results.segmentation import Segment, save_segmentation
from DGMVLCCore.review.abnormality import Looked, look
from DGMVLCCore.review.candidates import Candidate, find_candidates
from DGMVLCCore.review.crosscheck import Checked, Seen, cross_check, place_words
from DGMVLCCore.review.decisions import ReviewSession
from DGMVLCCore.review.files import ANALYSIS, LUNGS, NOTICE, write_json
from DGMVLCCore.review.listing import COLOURS
from DGMVLCCore.review.ranking import named, ranked
from DGMVLCCore.review.records import Phrase, RegionFact, RegionPlace, StudyReview
from DGMVLCCore.review.score import load_shown
from DGMVLCCore.review.without import Without, without
from DGMVLCCore.review.worklist import Study, load_study

AGAIN = "free some space and go on with --resume. What was decided before is kept"
Progress = Callable[[str, float], None]
SHOWN_PHRASES = 3
MOST = 8  # regions of a scan that are shown
CHANGED = 0.5  # share of change that one asks the editor for; the others would stay as they are
LONGEST_REPORT = 100_000
MARGIN_VOXELS = 8
SYNTHETIC = "Synthetic inside the region; research use only, not a medical device."


def read_findings(text: str | None) -> tuple[list[Finding] | None, list[str]]:
    """A report's findings and what to note of it; None without a report that can be read."""
    if text is None:
        return None, []
    if len(text) > LONGEST_REPORT:
        return None, [
            f"The report has {len(text)} characters, too many for a report (at most "
            f"{LONGEST_REPORT}), so it was not used."
        ]
    try:
        findings = parse_report(text)
    except UnsuitableInputError as error:
        return None, [f"The report could not be used: {error}"]
    return findings, list(report_notes(text, findings))


def find_regions(
    pipe: CounterfactualPipeline,
    scan: Volume,
    anatomy: Anatomy,
    callback: Progress | None = None,
) -> tuple[list[Candidate], Looked]:
    """The regions of a canonical scan that are worth showing, named, and what they were found in.

    Raises:
        UnsuitableInputError: no lung in view. WeightsError: the weights are no editor's.
    """
    if not pipe.sees:
        raise WeightsError(
            f"A review asks an editor what a region is, but {pipe.weights} holds none; "
            "give an editor's weights."
        )
    looked, least = look(scan, anatomy, callback, device=pipe.device), load_shown().shown_from
    shown = [place for place in ranked(pipe, looked, callback) if place.score >= least][:MOST]
    places = [named(pipe, looked, place) for place in shown]
    kept = [place for place in places if place.asked[0].share >= CHANGED]
    return find_candidates(kept, looked, scan, anatomy), looked


def cell_volume(scan: Volume, looked: Looked) -> Volume:
    """The map as the highest value of cells of 4x4 working pixels, as a volume of its own, in the
    scan's place (LPS)."""
    y0, y1, x0, x1 = looked.region.box
    d, s, t = looked.map.shape
    values = looked.map.reshape(d, s // PATCH, PATCH, t // PATCH, PATCH).max((2, 4))
    (_, h, w), affine = values.shape, scan.affine.copy()
    affine[:3, 0] = scan.affine[:3, 0] * (x1 - x0) / w
    affine[:3, 1] = scan.affine[:3, 1] * (y1 - y0) / h
    affine[:3, 2] = scan.affine[:3, 2] * looked.thick
    middle = (looked.thick - 1) / 2
    start = np.array([x0 - 0.5 + (x1 - x0) / w / 2, y0 - 0.5 + (y1 - y0) / h / 2, middle, 1.0])
    affine[:3, 3] = (scan.affine @ start)[:3]
    return Volume(values.astype(np.float32), affine, "CT", "float32")


def cut_out(mask: np.ndarray, scan: Volume) -> tuple[np.ndarray, Volume]:
    """A mask and its scan, cropped to the mask and a margin; so small that a viewer opens it at
    once."""
    where = np.argwhere(mask)
    low = np.maximum(where.min(0) - MARGIN_VOXELS, 0)
    box = tuple(slice(int(a), int(b) + 1 + MARGIN_VOXELS) for a, b in zip(low, where.max(0)))
    affine = scan.affine.copy()
    affine[:3, 3] = (scan.affine @ np.array([*low[::-1], 1.0]))[:3]
    return mask[box], Volume(scan.array[box], affine, scan.modality, scan.stored_dtype)


def _region_fact(number: int, one: Candidate, made: Without, checked: Checked) -> RegionFact:
    """A region as `review.json` holds it."""
    change, phrases = one.change, one.phrases[:SHOWN_PHRASES]
    middle = np.argwhere(one.mask)
    z = int(np.bincount(middle[:, 0]).argmax())
    return RegionFact(
        number=number,
        score=round(one.score, 3),
        location=as_record(plain(vars(one.location)), RegionPlace),
        place=place_words(one.location.side, one.location.zone),
        slice=z,
        slices=[int(middle[:, 0].min()), int(middle[:, 0].max()) + 1],
        voxels=int(one.mask.sum()),
        change_hu=round(change.hu, 1),
        change_low_hu=None if change.low is None else round(change.low, 1),
        change_high_hu=None if change.high is None else round(change.high, 1),
        mean_hu=round(change.mean_hu, 1),
        places=change.places,
        phrases=[Phrase(each.term, round(each.share, 3)) for each in phrases],
        check=checked.regions[number],
        outline=f"region-{number}.seg.nrrd",
        picture=f"region-{number}.png",
        without=f"region-{number}-without.nrrd",
        denied=made.denied,
        removed_hu=round(made.removed_hu, 1),
    )


def _write_region(
    folder: Path, scan: Volume, one: Candidate, made: Without, fact: RegionFact
) -> Segment:
    """A region's outline, its counterfactual and their picture; returns its segment."""
    number = fact.number
    tags = {
        "DGMVLC.Origin": "review",
        "DGMVLC.Value": f"{one.score:.3f}",
        "DGMVLC.Check": fact.check.status,
    }
    colour = COLOURS[(number - 1) % len(COLOURS)]
    segment = Segment(one.mask, f"region {number}", colour, number - 1, 1, tags)
    small, around = cut_out(one.mask, scan)
    save_segmentation(
        [Segment(small, segment.name, colour, 0, 1, tags)], around, folder / fact.outline
    )
    _, edited = cut_out(one.mask, made.scan)
    save_volume(edited, folder / str(fact.without), {"DGMVLC_Notice": SYNTHETIC})
    save_region_figure(
        scan, made.scan, one.mask, number, fact.slice, made.denied, folder / fact.picture
    )
    return segment


def _write_files(
    folder: Path,
    scan: Volume,
    anatomy: Anatomy,
    found: list[Candidate],
    edits: list[Without],
    looked: Looked,
    facts: list[RegionFact],
) -> None:
    """Segmentations, map, counterfactuals and pictures of a study, on the canonical grid."""
    made = {
        "DGMVLC_Notice": NOTICE,
        "DGMVLC_Unit": "likeness to disease, 0..1, no probability of disease",
    }
    save_volume(cell_volume(scan, looked), folder / "abnormality.nrrd", made)
    sides = (("left lung", anatomy.left), ("right lung", anatomy.right))
    lungs = [
        Segment(mask, name, COLOURS[number], 0, number + 1)
        for number, (name, mask) in enumerate(sides)
        if mask.any()
    ]
    save_segmentation(lungs, scan, folder / LUNGS)
    segments = [
        _write_region(folder, scan, one, edit, fact) for one, edit, fact in zip(found, edits, facts)
    ]
    if segments:
        save_segmentation(segments, scan, folder / "regions.seg.nrrd")


def analyse_study(
    pipe: CounterfactualPipeline,
    session: ReviewSession,
    identifier: str,
    callback: Progress | None = None,
    should_cancel: Callable[[], bool] | None = None,
) -> StudyReview:
    """Look at one study of a session and write its folder; a study that cannot be read gets a
    folder that says why.

    Returns:
        what `review.json` holds.

    Raises:
        Cancelled: asked to stop. OutputError: the folder cannot be written. Others of the study
            itself are recorded, not raised.
    """
    study, started = session.study(identifier), time.monotonic()
    base = _nothing_seen_yet(pipe, study)

    def tell(stage: str, share: float) -> None:
        if should_cancel and should_cancel():
            raise Cancelled("Cancelled; what was decided and analysed before is kept.")
        if callback:
            callback(stage, share)

    with replaced_folder(session.folder / "studies" / study.id, AGAIN) as folder:
        try:
            _look_and_write(pipe, session, study, base, folder, tell)
        except (Cancelled, OutputError):
            raise
        except DGMVLCError as error:
            base.problem = str(error)
        base.seconds = round(time.monotonic() - started, 1)
        write_json(folder / ANALYSIS, base)
    if session.states.pop(study.id, None) is not None:
        session.save()
    return base


def _nothing_seen_yet(pipe: CounterfactualPipeline, study: Study) -> StudyReview:
    """The record of a study before it is looked at."""
    return StudyReview(
        kind="review of a study",
        notice=NOTICE,
        study=study.id,
        name=study.name,
        sha256=study.sha256,
        weights=FileFact(pipe.weights, pipe.weights_sha256),
        series=None if study.chosen is None else study.series[study.chosen].words,
        notes=list(study.notes),
        regions=[],
        report_check=[],
        problem=None,
    )


def report_of(session: ReviewSession, study: Study) -> tuple[ReportText | None, list[str]]:
    """The report beside the scan, and what to note of reading it: a report that cannot be read
    keeps nobody from looking at the scan."""
    try:
        report = session.report(study)
    except (UnreadableError, UnsuitableInputError) as error:
        return None, [f"The report could not be used: {error}"]
    return report, list(report.notes) if report else []


def _look_and_write(
    pipe: CounterfactualPipeline,
    session: ReviewSession,
    study: Study,
    base: StudyReview,
    folder: Path,
    tell: Progress,
) -> None:
    """Fill `base` and the study's folder."""
    tell("loading", 0.0)
    report, unread = report_of(session, study)
    text = report.text if report else None
    volume = load_study(study, session.root)
    scan, _ = volume.canonical()
    base.grid = grid_of(scan)
    anatomy = find_anatomy(scan)
    base.notes += anatomy.notes
    found, looked = find_regions(pipe, scan, anatomy, tell)
    edits = []
    for index, one in enumerate(found):
        edits.append(without(pipe, scan, anatomy, one))
        tell("showing", (index + 1) / len(found))
    findings, notes = read_findings(text)
    checked = cross_check(
        findings, [Seen(i, one.location, one.phrases) for i, one in enumerate(found, 1)]
    )
    tell("writing", 0.0)
    base.regions = [
        _region_fact(i, one, made, checked) for i, (one, made) in enumerate(zip(found, edits), 1)
    ]
    _write_files(folder, scan, anatomy, found, edits, looked, base.regions)
    base.report, base.report_source = text or "", report.source if report else None
    base.report_check = checked.findings
    base.report_notes = [*unread, *notes, *checked.notes]
    tell("writing", 1.0)
