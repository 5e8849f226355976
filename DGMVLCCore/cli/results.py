"""Commands on a finished result: dicom, check."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from DGMVLCCore.cli.archive import sent_after
from DGMVLCCore.cli.options import add_options
from DGMVLCCore.cli.shared import Add, Answer, Command
from DGMVLCCore.ground.options import NewFolder, Option, Send


@dataclass(frozen=True, kw_only=True)
class Result:
    """Options of `check`."""

    result: Annotated[Path, Option("result folder", "RESULT")]


@dataclass(frozen=True, kw_only=True)
class Dicom(Result):
    """Options of `dicom`."""

    output: NewFolder
    source: Annotated[
        Path | None,
        Option(
            "the DICOM series that the result was made from, a folder or "
            "archive:NAME/STUDY/SERIES; a new study without a patient when left out",
            metavar="FOLDER",
        ),
    ] = None
    series: Annotated[
        int | None,
        Option("which series of --source, from 1, when it holds several", metavar="N"),
    ] = None
    regions: Annotated[
        Path | None,
        Option("segmentation on the scan's grid to write as DICOM, too", metavar="SEG"),
    ] = None
    send: Send = None
    overwrite: Annotated[bool, Option("replace an earlier export in the output folder")] = False


def add_commands(add: Add) -> None:
    """Options of the commands on results."""
    dicom = "a result as DICOM: derived CT series, Parametric Maps and Segmentation"
    add_options(add("dicom", dicom), Dicom)
    check = "whether a result's files are unchanged, and every number of its statements once more"
    add_options(add("check", f"{check} from them"), Result)


def run_dicom(args: argparse.Namespace) -> Answer:
    """`dgmvlc dicom`."""
    from DGMVLCCore.results.dicom_result import export_dicom

    record = export_dicom(
        args.result,
        args.output,
        source=args.source,
        series=args.series,
        regions=args.regions,
        overwrite=args.overwrite,
    )
    return Answer(
        {
            "output": str(args.output),
            "study_uid": record.study_uid,
            "patient": record.patient,
            "objects": [
                {
                    "name": entry.name,
                    "kind": entry.kind,
                    "instances": entry.instances,
                    "description": entry.description,
                }
                for entry in record.objects
            ],
            "notes": record.notes,
            **sent_after(args, args.output),
        }
    )


def run_check(args: argparse.Namespace) -> Answer:
    """`dgmvlc check`."""
    from DGMVLCCore.errors import UnreadableError
    from DGMVLCCore.report.statements import check_result

    rows = check_result(args.result)
    if wrong := [row for row in rows if not row.agrees]:
        raise UnreadableError(
            f"{len(wrong)} of {len(rows)} numbers do not follow from the result's files (first: "
            f"“{wrong[0].said}” {wrong[0].unit}, {wrong[0].source}, is {wrong[0].again:g}); make "
            "the result again."
        )
    return Answer({"files": "unchanged", "numbers": rows})


COMMANDS: dict[str, Command] = {"dicom": run_dicom, "check": run_check}
