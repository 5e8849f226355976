"""Quality assurance: `dgmvlc review` makes a worklist of a folder, looks at every study, and keeps
the decisions."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from DGMVLCCore.cli.archive import sent_after
from DGMVLCCore.cli.many import ManyBar, Workers, on_ray, place_of
from DGMVLCCore.cli.options import add_options
from DGMVLCCore.cli.shared import Add, Answer, Command, chosen_series, progress_of
from DGMVLCCore.errors import UsageError
from DGMVLCCore.ground.options import Device, Option, Send

if TYPE_CHECKING:
    from DGMVLCCore.review.decisions import ReviewSession

REVIEW_NOTE = (
    "Regions are what does not fit a clear lung of this patient; they point, they do not diagnose. "
    "Research use only."
)


@dataclass(frozen=True, kw_only=True)
class Review(Workers):
    """Options of `review`."""

    folder: Annotated[
        Path | None,
        Option(
            "folder of studies: scans or DICOM folders, each with its report beside it (text, "
            "RTF, HTML, PDF, Word, HL7, FHIR); or archive:NAME/STUDY[/SERIES] or "
            "archive:NAME?dates=20260101-, brought into SESSION-studies",
            "folder",
            nargs="?",
        ),
    ] = None
    output: Annotated[
        Path, Option("session folder: worklist, regions, decisions", "-o --output", "SESSION")
    ]
    report: Annotated[
        Path | None, Option("report of the only study in the folder", "-r --report", "FILE")
    ] = None
    resume: Annotated[
        bool,
        Option("go on with the session: look at new and changed studies, keep the decisions"),
    ] = False
    series: Annotated[
        tuple[tuple[str, int], ...],
        Option("read series N of a study; may be repeated", metavar="STUDY=N", parse=chosen_series),
    ] = ()
    list: Annotated[bool, Option("only make the worklist, look at no scan yet")] = False
    accept: Annotated[str | None, Option("accept a region", metavar="STUDY/N", either="decide")] = (
        None
    )
    reject: Annotated[str | None, Option("reject a region", metavar="STUDY/N", either="decide")] = (
        None
    )
    undo: Annotated[
        str | None, Option("take a verdict back", metavar="STUDY/N", either="decide")
    ] = None
    on: Annotated[
        str | None,
        Option(
            "the region of --comment, when it is not decided; or ray[=ADDRESS]: look at the "
            "studies on Ray",
            metavar="STUDY/N",
            either="decide",
        ),
    ] = None
    comment: Annotated[
        str | None,
        Option("comment on the region of --accept, --reject, --undo or --on", metavar="TEXT"),
    ] = None
    export: Annotated[
        Path | None,
        Option(
            "write review.csv, review.html, review.pdf and the accepted regions", metavar="FOLDER"
        ),
    ] = None
    dicom: Annotated[
        bool,
        Option("export each DICOM study's lungs and regions, map, measurements and pages, too"),
    ] = False
    send: Send = None
    overwrite: Annotated[bool, Option("replace an earlier export")] = False
    weights: Annotated[Path | None, Option("folder of an editor; default: the shipped one")] = None
    device: Device = None


def add_commands(add: Add) -> None:
    """Options of `dgmvlc review`."""
    text = "point at regions of studies that their reports do not mention, and keep a reader's"
    add_options(add("review", f"{text} decisions"), Review)


def _decide(args: argparse.Namespace) -> Answer:
    from DGMVLCCore.review.decisions import ReviewSession

    session = ReviewSession.open(args.output)
    region = args.accept or args.reject or args.undo or args.on
    verdict = (
        "accepted" if args.accept else "rejected" if args.reject else "" if args.undo else None
    )
    if args.on and args.comment is None:
        raise UsageError("--on needs --comment TEXT.")
    made = session.decide(region, verdict, args.comment)
    return Answer(
        {
            "region": region,
            "verdict": made.verdict,
            "comment": made.comment,
            "when": made.when,
            "progress": session.progress(),
        }
    )


def _export(args: argparse.Namespace) -> Answer:
    from msgspec.structs import asdict

    from DGMVLCCore.review.decisions import ReviewSession
    from DGMVLCCore.review.review_report import export

    session, dicom = ReviewSession.open(args.output), args.dicom or bool(args.send)
    made = export(session, args.export, overwrite=args.overwrite, dicom=dicom)
    return Answer(asdict(made) | sent_after(args, args.export / "dicom"))


def _look(args: argparse.Namespace, session: ReviewSession) -> list[str]:
    """Look at every study that has no current analysis; what went wrong, a sentence each."""
    from DGMVLCCore.jobs.uses import review_all, review_items

    place = place_of(args.on, args.workers)
    items = review_items(session, args.weights, args.device)
    bar = ManyBar(len(items), args.quiet or args.json)
    try:
        rows = review_all(session, items, place, bar)
    finally:
        bar.close()
    return [f"{row.id}: {row.problem}" for row in rows if row.problem]


def _summary(session: ReviewSession, problems: list[str]) -> Answer:
    studies = []
    for study in session.studies:
        done = session.analysis(study.id)
        regions = [
            f"{study.id}/{region.number}: {region.location.diameter_mm:.0f} mm {region.place}, "
            f"{region.change_hu:+.0f} HU, "
            f"{region.phrases[0].term} {region.phrases[0].agreement:.2f}; {region.check.sentence}"
            for region in session.regions(study.id)
        ]
        studies.append(
            {
                "study": study.id,
                "state": session.state(study.id),
                "regions": regions,
                "reported, not seen": done.unseen() if done else [],
                "notes": [
                    *filter(None, (study.problem, done.problem if done else None)),
                    *study.notes,
                    *(done.report_notes if done else ()),
                ],
            }
        )
    return Answer(
        {
            "session": str(session.folder),
            "progress": session.progress(),
            "studies": studies,
            "problems": problems,
            "notes": [REVIEW_NOTE],
        }
    )


def run_review(args: argparse.Namespace) -> Answer:
    """`dgmvlc review`."""
    from DGMVLCCore.jobs.archive import local_studies
    from DGMVLCCore.review.decisions import ReviewSession, check_new_session

    if args.accept or args.reject or args.undo or (args.on and not on_ray(args.on)):
        return _decide(args)
    if args.comment is not None:
        raise UsageError(
            "--comment needs the region it is on: --accept, --reject, --undo or --on STUDY/N."
        )
    if args.export:
        return _export(args)
    if args.dicom or args.send:
        raise UsageError("--dicom and --send belong to --export FOLDER.")
    folder: Path | None = args.folder
    problems: list[str] = []
    if args.folder is not None:
        if not args.resume:
            check_new_session(args.output.absolute())  # before scans are brought from an archive
        with progress_of(args) as progress:
            folder, problems = local_studies(args.folder, args.output, progress)
    if args.resume:
        if args.report:
            raise UsageError(
                "--report belongs to a new session; put the report beside its scan and resume."
            )
        session = ReviewSession.open(args.output, refresh=True, series=dict(args.series))
    elif folder is None:
        raise UsageError(
            "Give the folder of studies, or --resume, --accept, --reject or --export for a "
            "session that is there."
        )
    else:
        session = ReviewSession.create(
            folder, args.output, report=args.report, series=dict(args.series)
        )
    return _summary(session, problems + ([] if args.list else _look(args, session)))


COMMANDS: dict[str, Command] = {"review": run_review}
