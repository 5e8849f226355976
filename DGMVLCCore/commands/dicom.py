"""The command that writes a result as DICOM objects: dicom."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from DGMVLCCore.commands.shared import Add, Command


def add_commands(add: Add) -> None:
    """Options of `dicom`."""
    dicom = add("dicom", "a result as DICOM: derived CT series, Parametric Maps and Segmentation")
    dicom.add_argument("result", type=Path, metavar="RESULT", help="result folder")
    dicom.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    dicom.add_argument("--source", type=Path, metavar="FOLDER",
                       help="the DICOM series that the result was made from; a new study without a patient when left out")
    dicom.add_argument("--series", type=int, metavar="N", help="which series of --source, from 1, when it holds several")
    dicom.add_argument("--regions", type=Path, metavar="SEG", help="segmentation on the scan's grid to write as DICOM, too")
    dicom.add_argument("--overwrite", action="store_true", help="replace an earlier export in the output folder")


def run_dicom(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc dicom`."""
    from DGMVLCCore.export.dicom_result import export_dicom

    record = export_dicom(args.result, args.output, source=args.source, series=args.series, regions=args.regions, overwrite=args.overwrite)
    return {"output": str(args.output), "study_uid": record["study_uid"], "patient": record["patient"],
            "objects": [{key: entry[key] for key in ("name", "kind", "instances", "description")} for entry in record["objects"]], "notes": record["notes"]}


COMMANDS: dict[str, Command] = {"dicom": run_dicom}
