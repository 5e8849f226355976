"""`dgmvlc archive`: studies found in an archive, brought here, and results sent back."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from DGMVLCCore.cli.shared import Add, Command, Progress, Shown

NOT_SENT = "Nothing was sent; add --send to send it."


def add_commands(add: Add) -> None:
    """Options of `dgmvlc archive`."""
    archive = add(
        "archive", "find studies in an archive (PACS), bring a series here, send results back"
    )
    what = archive.add_subparsers(dest="what", required=True, metavar="find|get|send")

    def leaf(name: str, text: str) -> argparse.ArgumentParser:
        parser = what.add_parser(name, help=text, description=text)
        for short, long in (("-q", "--quiet"), ("-v", "--verbose"), (None, "--json")):
            names = [short, long] if short else [long]
            parser.add_argument(
                *names, action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
            )
        return parser

    find = leaf("find", "studies of an archive with their series")
    find.add_argument("archive", metavar="NAME", help="an archive of the configuration file")
    find.add_argument("--patient", default="", metavar="ID", help="patient id")
    find.add_argument("--accession", default="", metavar="NUMBER", help="accession number")
    find.add_argument("--study", default="", metavar="UID", help="study instance UID")
    find.add_argument("--dates", default="", metavar="FROM-TO", help="YYYYMMDD-YYYYMMDD, or half")
    find.add_argument("--modality", default="CT", help="one the study holds (CT)")
    find.add_argument("--most", type=int, default=200, metavar="N", help="studies to list (200)")
    find.add_argument(
        "--priors", action="store_true", help="list each patient's earlier studies, too"
    )
    get = leaf("get", "a series with its report, whole or not at all; a cut run goes on")
    get.add_argument("address", metavar="archive:NAME/STUDY[/SERIES]")
    get.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    send = leaf("send", "DICOM results into an archive; only with --send")
    send.add_argument("archive", metavar="NAME", help="an archive of the configuration file")
    send.add_argument("paths", type=Path, nargs="+", metavar="FOLDER", help="folders or files")
    send.add_argument("--send", action="store_true", help="send; without it, only say what")


def _find(args: argparse.Namespace) -> dict[str, Any]:
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
    return Shown(answer, lines or ["No study matches."])


def _line(name: str, study: Any) -> str:
    said = " ".join(filter(None, (study.date, "/".join(study.modalities), study.description)))
    return f"archive:{name}/{study.uid} {said}"


def _get(args: argparse.Namespace) -> dict[str, Any]:
    from DGMVLCCore.archive.address import parse_address
    from DGMVLCCore.archive.records import StudyQuery
    from DGMVLCCore.archive.reports import report_in
    from DGMVLCCore.jobs import archive

    address, progress = parse_address(args.address), Progress(args.quiet or args.json)
    try:
        folder, opened = archive.get(address, args.output, progress)
    finally:
        progress.close()
    studies = opened.find(StudyQuery(study=address.study, modality=""))
    priors = [prior for study in studies for prior in opened.priors(study)]
    return {
        "output": str(folder),
        "images": len(list(folder.glob("[0-9]*.dcm"))),
        "report": str(report_in(folder) or "") or None,
        "priors": [_line(address.archive, prior) for prior in priors],
    }


def _send(args: argparse.Namespace) -> dict[str, Any]:
    from DGMVLCCore.jobs import archive

    if not args.send:
        planned = archive.plan(args.archive, args.paths)
        return {
            "archive": planned.archive,
            "objects": planned.objects,
            "studies": planned.studies,
            "kinds": [f"{count} {kind}" for kind, count in planned.kinds.items()],
            "note": NOT_SENT,
        }
    return send_results(args, args.archive, args.paths)


def send_results(args: argparse.Namespace, name: str, paths: list[Path]) -> dict[str, Any]:
    """Send, and say what was sent and where that is recorded."""
    from DGMVLCCore.archive.ledger import ledger_path
    from DGMVLCCore.jobs import archive

    progress = Progress(args.quiet or args.json)
    try:
        record = archive.send(name, paths, progress)
    finally:
        progress.close()
    return {
        "archive": record.archive,
        "sent": sum(not one.already for one in record.objects),
        "there already": sum(one.already for one in record.objects),
        "recorded": str(ledger_path()),
    }


def sent_after(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """What `--send` sent of a folder; nothing without it."""
    return send_results(args, args.send, [folder]) if args.send else {}


def run_archive(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc archive`."""
    return {"find": _find, "get": _get, "send": _send}[args.what](args)


COMMANDS: dict[str, Command] = {"archive": run_archive}
