"""The command that sets hypotheses side by side: compare."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

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
from DGMVLCCore.language.report_files import read_report


def add_commands(add: Add) -> None:
    """Options of `compare`."""
    compare = add(
        "compare",
        "one region under two to six hypotheses, drawn side by side and ranked by the patient's "
        "own voxels",
    )
    compare.add_argument("-i", "--image", type=Path, help=SCAN)
    compare.add_argument("-o", "--output", type=Path, required=True)
    compare.add_argument(
        "-r",
        "--report",
        type=Path,
        help="text file with the report; its finding gives the hypotheses when none are named",
    )
    compare.add_argument(
        "--finding", type=int, metavar="N", help="number of the finding in the report, from 1"
    )
    compare.add_argument(
        "--hypothesis",
        action="append",
        default=[],
        metavar="WORDS",
        help="a finding, or “no finding”; two to six times, each another one",
    )
    compare.add_argument(
        "--mask",
        type=Path,
        metavar="SEG",
        help="segmentation of the region; proposed from the report when left out",
    )
    compare.add_argument("--segment", help="name of the segment in --mask")
    compare.add_argument(
        "--anatomy",
        type=Path,
        metavar="SEG",
        help="lung segmentation; found in the scan when left out",
    )
    scan_options(compare)
    compare.add_argument("--modality", help="CT, MR or XR when the file does not say")
    compare.add_argument(
        "--slices", type=slice_range, metavar="A:B", help="slices to edit, counted from the feet"
    )
    compare.add_argument("--seed", type=int, default=0)
    compare.add_argument(
        "--noises",
        type=int,
        default=4,
        help="samples behind each hypothesis' uncertainty map (default 4)",
    )
    compare.add_argument("--steps", type=int, default=10, help="integration steps (default 10)")
    device_option(compare)
    compare.add_argument(
        "--weights", type=Path, help="weights folder; default: the shipped weights"
    )
    compare.add_argument(
        "--overwrite",
        action="store_true",
        help="replace an earlier comparison in the output folder",
    )
    many_options(compare)


SAME = (
    "finding",
    "segment",
    "anatomy",
    "modality",
    "slices",
    "seed",
    "noises",
    "steps",
    "device",
    "weights",
    "overwrite",
)


def run_compare(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc compare`."""
    from DGMVLCCore.jobs.compare import CompareRequest, run_comparison
    from DGMVLCCore.report.comparison import read_comparison

    same: dict[str, Any] = {name: getattr(args, name) for name in SAME}
    same |= {"hypotheses": tuple(args.hypothesis), **reading(args)}
    if args.list is not None:
        from DGMVLCCore.jobs.uses import COMPARE

        return run_command_list(args, COMPARE, CompareRequest, same)
    image = required(args)
    report_file = local_report(image, args.report)
    report = read_report(report_file) if report_file else None
    request = CompareRequest(
        image=image,
        mask=args.mask,
        out=args.output,
        report_text=report.text if report else "",
        report_source=report.source if report else None,
        **same,
    )
    progress = Progress(args.quiet or args.json)
    try:
        path = run_comparison(request, progress)
    finally:
        progress.close()
    record = read_comparison(path)
    shown = ("rank", "name", "excess", "low", "high", "agreement", "apart", "mean_change_hu")
    ranking = [
        {key: round(row[key], 4) if isinstance(row[key], float) else row[key] for key in shown}
        for row in record["hypotheses"]
    ]
    return {
        "result": str(path),
        "figure": str(path.parent / "figure.png"),
        "ranking": ranking,
        "conclusion": record["ranking"]["sentence"],
        "notes": [record["ranking"]["note"]],
    }


COMMANDS: dict[str, Command] = {"compare": run_compare}
