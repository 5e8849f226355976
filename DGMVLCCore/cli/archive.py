"""`dgmvlc archive`: studies found in an archive, brought here, and results sent back."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from DGMVLCCore.cli.options import add_steps
from DGMVLCCore.cli.shared import Add, Answer, Command, progress_of
from DGMVLCCore.ground.options import NewFolder, Option

NOT_SENT = "Nothing was sent; add --send to send it."
Name = Annotated[str, Option("an archive of the configuration file", "NAME")]


@dataclass(frozen=True, kw_only=True)
class Find:
    """Options of `archive find`."""

    archive: Name
    patient: Annotated[str, Option("patient id", metavar="ID")] = ""
    accession: Annotated[str, Option("accession number", metavar="NUMBER")] = ""
    study: Annotated[str, Option("study instance UID", metavar="UID")] = ""
    dates: Annotated[str, Option("YYYYMMDD-YYYYMMDD, or half", metavar="FROM-TO")] = ""
    modality: Annotated[str, Option("one the study holds (CT)")] = "CT"
    most: Annotated[int, Option("studies to list (200)", metavar="N")] = 200
    priors: Annotated[bool, Option("list each patient's earlier studies, too")] = False


@dataclass(frozen=True, kw_only=True)
class Get:
    """Options of `archive get`."""

    address: Annotated[str, Option(None, "archive:NAME/STUDY[/SERIES]")]
    output: NewFolder


@dataclass(frozen=True, kw_only=True)
class SendFiles:
    """Options of `archive send`."""

    archive: Name
    paths: Annotated[tuple[Path, ...], Option("folders or files", "FOLDER", nargs="+")]
    send: Annotated[bool, Option("send; without it, only say what")] = False


LEAVES = {
    "find": ("studies of an archive with their series", Find),
    "get": ("a series with its report, whole or not at all; a cut run goes on", Get),
    "send": ("DICOM results into an archive; only with --send", SendFiles),
}


def add_commands(add: Add) -> None:
    """Options of `dgmvlc archive`."""
    archive = add(
        "archive", "find studies in an archive (PACS), bring a series here, send results back"
    )
    add_steps(archive.add_subparsers(dest="what", required=True, metavar="|".join(LEAVES)), LEAVES)


def _find(args: argparse.Namespace) -> Answer:
    import msgspec

    from DGMVLCCore.archive.records import StudyQuery
    from DGMVLCCore.jobs import archive

    query = StudyQuery(
        args.patient, args.accession, args.study, args.dates, args.modality, args.most
    )
    rows = archive.find(args.archive, query, priors=args.priors)
    lines = []
    for row in rows:
        lines.append(_line(args.archive, row.study))
        lines += [
            f"    {one.uid} {one.modality} {one.description or '-'} ({one.instances or '?'} images)"
            for one in row.series
        ]
        lines += [f"    prior {_line(args.archive, prior)}" for prior in row.priors]
    answer = {"archive": args.archive, "studies": msgspec.to_builtins(rows)}
    return Answer(answer, tuple(lines) or ("No study matches.",))


def _line(name: str, study: Any) -> str:
    said = " ".join(filter(None, (study.date, "/".join(study.modalities), study.description)))
    return f"archive:{name}/{study.uid} {said}"


def _get(args: argparse.Namespace) -> Answer:
    from DGMVLCCore.archive.address import parse_address
    from DGMVLCCore.archive.records import StudyQuery
    from DGMVLCCore.archive.reports import report_in
    from DGMVLCCore.jobs import archive

    address = parse_address(args.address)
    with progress_of(args) as progress:
        folder, opened = archive.get(address, args.output, progress)
    studies = opened.find(StudyQuery(study=address.study, modality=""))
    priors = [prior for study in studies for prior in opened.priors(study)]
    return Answer(
        {
            "output": str(folder),
            "images": len(list(folder.glob("[0-9]*.dcm"))),
            "report": str(report_in(folder) or "") or None,
            "priors": [_line(address.archive, prior) for prior in priors],
        }
    )


def _send(args: argparse.Namespace) -> Answer:
    from DGMVLCCore.jobs import archive

    if not args.send:
        planned = archive.plan(args.archive, args.paths)
        return Answer(
            {
                "archive": planned.archive,
                "objects": planned.objects,
                "studies": planned.studies,
                "kinds": [f"{count} {kind}" for kind, count in planned.kinds.items()],
                "note": NOT_SENT,
            }
        )
    return Answer(_sent(args, args.archive, args.paths))


def _sent(args: argparse.Namespace, name: str, paths: list[Path]) -> dict[str, str | int]:
    """Send; what was sent and where that is recorded."""
    from DGMVLCCore.archive.ledger import ledger_path
    from DGMVLCCore.jobs import archive

    with progress_of(args) as progress:
        record = archive.send(name, paths, progress)
    return {
        "archive": record.archive,
        "sent": sum(not one.already for one in record.objects),
        "there already": sum(one.already for one in record.objects),
        "recorded": str(ledger_path()),
    }


def sent_after(args: argparse.Namespace, folder: Path) -> dict[str, str | int]:
    """What `--send` sent of a folder; nothing without it."""
    return _sent(args, args.send, [folder]) if args.send else {}


def run_archive(args: argparse.Namespace) -> Answer:
    """`dgmvlc archive`."""
    return {"find": _find, "get": _get, "send": _send}[args.what](args)


COMMANDS: dict[str, Command] = {"archive": run_archive}
