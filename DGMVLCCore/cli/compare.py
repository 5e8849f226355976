"""The command that sets hypotheses side by side: compare."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from DGMVLCCore.archive.address import local_report
from DGMVLCCore.cli.many import ManyOptions, required, run_command_list
from DGMVLCCore.cli.options import add_options, request_of
from DGMVLCCore.cli.shared import Add, Answer, Command, progress_of
from DGMVLCCore.ground.options import Option
from DGMVLCCore.jobs.requests import CompareRequest
from DGMVLCCore.language.report_files import read_report


@dataclass(frozen=True)
class CompareOptions:
    """What is given besides the request."""

    report: Annotated[
        Path | None,
        Option(
            "text file with the report; its finding gives the hypotheses when none are named",
            "-r --report",
        ),
    ] = None


SHOWN = (
    "rank",
    "name",
    "asked_hu",
    "more_hu",
    "low",
    "high",
    "agreement",
    "apart",
    "mean_change_hu",
)  # of a hypothesis
HELPS = {
    "mask": "segmentation of the region; proposed from the report when left out",
    "noises": "samples behind each hypothesis' uncertainty map (default 4)",
    "overwrite": "replace an earlier comparison in the output folder",
}


def add_commands(add: Add) -> None:
    """Options of `compare`."""
    compare = add(
        "compare",
        "one region under two to six hypotheses, drawn side by side and ranked by the patient's "
        "own voxels",
    )
    add_options(compare, ManyOptions)
    add_options(compare, CompareOptions)
    other = ("image", "target", "mode", "native")
    add_options(compare, CompareRequest, without=other, helps=HELPS)
    compare.set_defaults(noises=4)


def run_compare(args: argparse.Namespace) -> Answer:
    """`dgmvlc compare`."""
    from DGMVLCCore.jobs.compare import run_comparison
    from DGMVLCCore.report.comparison import read_comparison

    if args.list is not None:
        from DGMVLCCore.jobs.uses import COMPARE

        return run_command_list(args, COMPARE, CompareRequest)
    report_file = local_report(required(args), args.report)
    report = read_report(report_file) if report_file else None
    request = request_of(
        args,
        CompareRequest,
        report_text=report.text if report else "",
        report_source=report.source if report else None,
    )
    with progress_of(args) as progress:
        path = run_comparison(request, progress)
    record = read_comparison(path)
    ranking = [
        {
            key: round(value, 4) if isinstance(value, float) else value
            for key in SHOWN
            for value in [getattr(row, key)]
        }
        for row in record.hypotheses
    ]
    return Answer(
        {
            "result": str(path),
            "figure": str(path.parent / "figure.png"),
            "ranking": ranking,
            "conclusion": record.ranking.sentence,
            "notes": [record.ranking.note],
        }
    )


COMMANDS: dict[str, Command] = {"compare": run_compare}
