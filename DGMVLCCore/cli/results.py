"""Commands on a finished result: dicom, check."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from DGMVLCCore.cli.archive import send_option, sent_after
from DGMVLCCore.cli.shared import Add, Command


def add_commands(add: Add) -> None:
    """Options of the commands on results."""
    dicom = add("dicom", "a result as DICOM: derived CT series, Parametric Maps and Segmentation")
    dicom.add_argument("result", type=Path, metavar="RESULT", help="result folder")
    dicom.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    dicom.add_argument(
        "--source",
        type=Path,
        metavar="FOLDER",
        help=(
            "the DICOM series that the result was made from, a folder or "
            "archive:NAME/STUDY/SERIES; a new study without a patient when "
            "left "
            "out"
        ),
    )
    dicom.add_argument(
        "--series",
        type=int,
        metavar="N",
        help="which series of --source, from 1, when it holds several",
    )
    dicom.add_argument(
        "--regions",
        type=Path,
        metavar="SEG",
        help="segmentation on the scan's grid to write as DICOM, too",
    )
    send_option(dicom)
    dicom.add_argument(
        "--overwrite", action="store_true", help="replace an earlier export in the output folder"
    )
    check = add(
        "check",
        "whether a result's files are unchanged, and every number of its statements once more "
        "from them",
    )
    check.add_argument("result", type=Path, metavar="RESULT", help="result folder")


def run_dicom(args: argparse.Namespace) -> dict[str, Any]:
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
    return {
        "output": str(args.output),
        "study_uid": record["study_uid"],
        "patient": record["patient"],
        "objects": [
            {key: entry[key] for key in ("name", "kind", "instances", "description")}
            for entry in record["objects"]
        ],
        "notes": record["notes"],
        **sent_after(args, args.output),
    }


def run_check(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc check`."""
    from DGMVLCCore.errors import UnreadableError
    from DGMVLCCore.report.statements import check_result

    rows = check_result(args.result)
    if wrong := [row for row in rows if not row["agrees"]]:
        raise UnreadableError(
            f"{len(wrong)} of {len(rows)} numbers do not follow from the result's files (first: "
            f"“{wrong[0]['said']}” {wrong[0]['unit']}, "
            f"{wrong[0]['from']}, is {wrong[0]['again']:g}); make the result again."
        )
    return {"files": "unchanged", "numbers": rows}


COMMANDS: dict[str, Command] = {"dicom": run_dicom, "check": run_check}
