"""Commands that edit a scan: demo, counterfactual."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from DGMVLCCore._resources import resource
from DGMVLCCore.archive.address import local_report
from DGMVLCCore.cli.many import many_options, required, run_command_list
from DGMVLCCore.cli.shared import (
    SCAN,
    Add,
    Command,
    Progress,
    device_option,
    reading,
    scan_options,
    slice_range,
)
from DGMVLCCore.errors import UsageError, WeightsError
from DGMVLCCore.language.report_files import read_report

VOLUME_WEIGHTS = "weights/dgmvlc-ct-volume"


def _edit_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--target",
        help="what to show instead, e.g. “ground-glass opacity”; default: without the finding",
    )
    parser.add_argument("--mode", choices=("replace", "shift"), default="replace")
    parser.add_argument(
        "--slices", type=slice_range, metavar="A:B", help="slices to edit, counted from the feet"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--noises", type=int, default=8, help="samples behind the uncertainty map (default 8)"
    )
    parser.add_argument("--steps", type=int, default=10, help="integration steps (default 10)")
    device_option(parser)
    parser.add_argument("--weights", type=Path, help="weights folder; default: the shipped weights")
    parser.add_argument(
        "--smooth-z",
        action="store_true",
        help="use the network that sees neighbouring slices together",
    )
    parser.add_argument(
        "--native",
        action="store_true",
        help="keep the scan's own spacing in a large region, in overlapping tiles (slower)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an earlier result in the output folder"
    )


def add_commands(add: Add) -> None:
    """Options of the commands that edit."""
    demo = add("demo", "edit the sample scan that comes with the program")
    demo.add_argument("-o", "--output", type=Path, default=Path("demo-output"))
    _edit_options(demo)
    edit = add("counterfactual", "this patient's scan without a finding, or with another one")
    edit.add_argument("-i", "--image", type=Path, help=SCAN)
    edit.add_argument(
        "-r",
        "--report",
        type=Path,
        help="text file with the report (of MR and X-ray: one sentence, or nothing)",
    )
    edit.add_argument("-o", "--output", type=Path, required=True)
    edit.add_argument(
        "--finding", type=int, metavar="N", help="number of the finding in the report, from 1"
    )
    edit.add_argument(
        "--mask",
        type=Path,
        metavar="SEG",
        help="segmentation of the region; proposed when left out",
    )
    edit.add_argument("--segment", help="name of the segment in --mask")
    edit.add_argument(
        "--anatomy",
        type=Path,
        metavar="SEG",
        help="lung segmentation; found in the scan when left out",
    )
    edit.add_argument(
        "--clinical", type=Path, metavar="TABLE", help="CSV or Excel table of clinical data"
    )
    edit.add_argument("--row", metavar="ID", help="row of --clinical, by its id column")
    edit.add_argument(
        "--schema",
        type=Path,
        metavar="FILE",
        help="JSON file that says what the columns of --clinical mean",
    )
    edit.add_argument(
        "--id-column",
        metavar="NAME",
        help="column of --clinical that names the patients; default: the one the schema knows",
    )
    edit.add_argument(
        "--modality",
        help=(
            "CT, MR or XR when the file does not say; MR and XR need --mask and --weights made by "
            "`train --task image`"
        ),
    )
    scan_options(edit)
    _edit_options(edit)
    many_options(edit)


SAME = ("target", "mode", "slices", "seed", "noises", "steps", "device", "native", "overwrite")


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """Fields of a request that every command that edits takes."""
    return {"weights": _weights(args), **{name: getattr(args, name) for name in SAME}}


def _request(args: argparse.Namespace, **fields: Any) -> Any:
    from DGMVLCCore.jobs.edit import Request

    return Request(out=args.output, **_options(args), **fields)


def _edit_list(args: argparse.Namespace) -> dict[str, Any]:
    from DGMVLCCore.jobs.edit import Request
    from DGMVLCCore.jobs.uses import COUNTERFACTUAL

    if args.clinical or args.row:
        raise UsageError("--clinical and --row are of one scan; a list has a column clinical.")
    fields = ("finding", "segment", "anatomy", "modality")
    defaults = _options(args) | {name: getattr(args, name) for name in fields} | reading(args)
    return run_command_list(args, COUNTERFACTUAL, Request, defaults)


def _weights(args: argparse.Namespace) -> Path | None:
    """Folder of the chosen weights; None for the shipped 2D network.

    Raises:
        UsageError: two were chosen. WeightsError: this installation has no network for smooth
            slices.
    """
    if not args.smooth_z:
        return args.weights
    if args.weights:
        raise UsageError("--smooth-z and --weights both choose a network; give one of them.")
    try:
        return resource(VOLUME_WEIGHTS)
    except WeightsError:
        raise WeightsError(
            f"This installation holds no {VOLUME_WEIGHTS} for --smooth-z; train one with dgmvlc "
            "train --task volume "
            "and give its folder by --weights, or leave --smooth-z out."
        ) from None


def _run_edit(args: argparse.Namespace, request: Any) -> dict[str, Any]:
    from DGMVLCCore.jobs.edit import run_counterfactual

    progress = Progress(args.quiet or args.json)
    try:
        path = run_counterfactual(request, progress)
    finally:
        progress.close()
    manifest = json.loads(path.read_text(encoding="utf-8"))
    folder = path.parent
    scene = folder / "scene.mrb"
    return {
        "result": str(path),
        "figure": str(folder / "figure.png"),
        "scene": str(scene) if scene.exists() else None,
        "volumes": [
            str(folder / f["name"]) for f in manifest["files"] if f["name"].endswith(".nrrd")
        ],
        "explanation": (folder / "explanation.txt").read_text(encoding="utf-8").strip(),
        "notes": manifest["notes"],
    }


def _run_fill(args: argparse.Namespace) -> dict[str, Any]:
    """A region of an MR or X-ray picture."""
    from DGMVLCCore.jobs.fill import run_fill

    progress = Progress(args.quiet or args.json)
    try:
        path = run_fill(
            _request(
                args,
                image=args.image,
                report_text=read_report(args.report).text if args.report else "",
                mask=args.mask,
                segment=args.segment,
                modality=args.modality,
                **reading(args),
            ),
            progress,
        )
    finally:
        progress.close()
    record = json.loads(path.read_text(encoding="utf-8"))
    return {
        "result": str(path),
        "figure": str(path.with_name("figure.png")),
        "unit": record["unit"],
        "measures": record["measures"],
        "notes": [record["notice"], *record["notes"]],
    }


def run_demo(args: argparse.Namespace) -> dict[str, Any]:
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


def run_edit(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc counterfactual`."""
    from DGMVLCCore.imaging.profiles import ALIASES, PLAIN
    from DGMVLCCore.models.networks import modality_of

    if args.list is not None:
        return _edit_list(args)
    required(args)

    said = (args.modality or "").upper()
    if ALIASES.get(said, said) in PLAIN or (args.weights and modality_of(args.weights) in PLAIN):
        return _run_fill(args)
    report_file = local_report(args.image, args.report)
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
    return _run_edit(
        args,
        _request(
            args,
            image=args.image,
            report_text=report.text,
            report_source=report.source,
            finding=args.finding,
            mask=args.mask,
            segment=args.segment,
            anatomy=args.anatomy,
            clinical=clinical,
            modality=args.modality,
            **reading(args),
        ),
    )


COMMANDS: dict[str, Command] = {"demo": run_demo, "counterfactual": run_edit}
