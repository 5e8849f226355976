"""Commands that edit a scan: demo, counterfactual."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from DGMVLCCore.archive.address import local_report
from DGMVLCCore.cli.many import ManyOptions, required, run_command_list
from DGMVLCCore.cli.options import add_options, request_of
from DGMVLCCore.cli.shared import Add, Answer, Command, progress_of
from DGMVLCCore.errors import UsageError
from DGMVLCCore.ground.options import IdColumn, Option, RowId, Schema, Table
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.jobs.requests import Request
from DGMVLCCore.language.report_files import read_report


@dataclass(frozen=True)
class PatientOptions:
    """What is known of the patient, besides the request."""

    report: Annotated[
        Path | None,
        Option(
            "text file with the report (of MR and X-ray: one sentence, or nothing)", "-r --report"
        ),
    ] = None
    clinical: Table = None
    row: RowId = None
    schema: Schema = None
    id_column: IdColumn = None


PATIENT_HELPS = {
    "schema": "JSON file that says what the columns of --clinical mean",
    "id_column": (
        "column of --clinical that names the patients; default: the one the schema knows"
    ),
}
SCAN_HELPS = {
    "mask": "segmentation of the region; proposed when left out",
    "modality": (
        "CT, MR or XR when the file does not say; MR and XR need --mask and --weights made by "
        "`train --task image`"
    ),
}
OF_A_SCAN = (
    "image",
    "finding",
    "mask",
    "segment",
    "anatomy",
    "modality",
    "series",
    "untilt",
    "orientation",
)


def add_commands(add: Add) -> None:
    """Options of the commands that edit."""
    demo = add("demo", "edit the sample scan that comes with the program")
    add_options(demo, Request, without=(*OF_A_SCAN, "out"))
    demo.add_argument("-o", "--output", dest="out", type=Path, default=Path("demo-output"))
    edit = add("counterfactual", "this patient's scan without a finding, or with another one")
    add_options(edit, ManyOptions)
    add_options(edit, Request, without=("image",), helps=SCAN_HELPS)
    add_options(edit, PatientOptions, helps=PATIENT_HELPS)


def _request(args: argparse.Namespace, **fields: Any) -> Request:
    return request_of(args, Request, **{"clinical": "", **fields})


def _run_edit(args: argparse.Namespace, request: Any) -> Answer:
    from DGMVLCCore.jobs.edit import run_counterfactual
    from DGMVLCCore.results.manifest import read_manifest

    with progress_of(args) as progress:
        path = run_counterfactual(request, progress)
    manifest = read_manifest(path)
    folder = path.parent
    scene = folder / "scene.mrb"
    return Answer(
        {
            "result": str(path),
            "figure": str(folder / "figure.png"),
            "scene": str(scene) if scene.exists() else None,
            "volumes": [
                str(folder / each.name) for each in manifest.files if each.name.endswith(".nrrd")
            ],
            "explanation": (folder / "explanation.txt").read_text(encoding="utf-8").strip(),
            "notes": manifest.notes,
        }
    )


def _run_fill(args: argparse.Namespace) -> Answer:
    """A region of an MR or X-ray picture."""
    from DGMVLCCore.jobs.fill import run_fill
    from DGMVLCCore.report.fill import FillRecord
    from DGMVLCCore.results.records import read_typed

    said = read_report(args.report).text if args.report else ""
    with progress_of(args) as progress:
        path = run_fill(_request(args, report_text=said), progress)
    record = read_typed(path, FillRecord)
    return Answer(
        {
            "result": str(path),
            "figure": str(path.with_name("figure.png")),
            "unit": record.unit,
            "measures": record.measures,
            "notes": [record.notice, *record.notes],
        }
    )


def _edit_list(args: argparse.Namespace) -> Answer:
    from DGMVLCCore.jobs.uses import COUNTERFACTUAL

    if args.clinical or args.row:
        raise UsageError("--clinical and --row are of one scan; a list has a column clinical.")
    return run_command_list(args, COUNTERFACTUAL, Request, clinical="")


def run_demo(args: argparse.Namespace) -> Answer:
    """The sample scan without its nodule."""
    sample = resource("sample")
    return _run_edit(
        args,
        _request(
            args,
            image=sample / "ct.nrrd",
            report_text=read_report(sample / "report.txt").text,
            mask=sample / "nodule.nrrd",
        ),
    )


def run_edit(args: argparse.Namespace) -> Answer:
    """`dgmvlc counterfactual`."""
    from DGMVLCCore.imaging.profiles import ALIASES, PLAIN
    from DGMVLCCore.models.networks import modality_of

    if args.list is not None:
        return _edit_list(args)
    image = required(args)
    said = (args.modality or "").upper()
    if ALIASES.get(said, said) in PLAIN or (args.weights and modality_of(args.weights) in PLAIN):
        return _run_fill(args)
    report_file = local_report(image, args.report)
    if report_file is None:
        raise UsageError("Give the report of the scan with -r.")
    clinical = ""
    if bool(args.clinical) != bool(args.row):
        raise UsageError("--clinical and --row go together: the table and the row in it.")
    if args.clinical:
        from DGMVLCCore.language.clinical import read_row, row_text
        from DGMVLCCore.language.schema import load_schema

        schema = load_schema(args.schema)
        clinical = row_text(
            read_row(args.clinical, args.row, schema, id_column=args.id_column), schema
        ).text
    report = read_report(report_file)
    request = _request(
        args, report_text=report.text, report_source=report.source, clinical=clinical
    )
    return _run_edit(args, request)


COMMANDS: dict[str, Command] = {"demo": run_demo, "counterfactual": run_edit}
