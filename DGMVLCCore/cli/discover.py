"""The command that looks for patterns in a cohort: discover."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from DGMVLCCore.cli.options import add_options, request_of
from DGMVLCCore.cli.shared import (
    COHORT,
    Add,
    Answer,
    CohortOptions,
    Command,
    chosen_series,
    progress_of,
)
from DGMVLCCore.errors import UsageError
from DGMVLCCore.ground.options import Device, Option, Seed
from DGMVLCCore.ground.plain_json import read_json


@dataclass(frozen=True, kw_only=True)
class Discover(CohortOptions):
    """Options of `discover`."""

    folder: Annotated[Path, Option(COHORT, "-i --input", "FOLDER")]
    table: Annotated[Path, Option("CSV or Excel (.xlsx) with an id column")]
    out: Annotated[
        Path | None,
        Option("folder for discovery.json, report.html and the maps", "-o --output"),
    ] = None
    series: Annotated[
        tuple[tuple[str, int], ...],
        Option(
            "read series N of a patient's DICOM folder; may be repeated",
            metavar="PATIENT=N",
            parse=chosen_series,
        ),
    ] = ()
    minutes: Annotated[float, Option("fine-tuning of the generator on the cohort (default 10)")] = (
        10.0
    )
    swept: Annotated[int, Option("patients swept for each question (default 24)", "--patients")] = (
        24
    )
    permutations: Annotated[int, Option()] = 4999
    seed: Seed = 0
    skip_sweep: Annotated[
        bool, Option("compare the real groups only; no pattern is reported then")
    ] = False
    strict: Annotated[
        bool, Option("refuse a cohort with any problem instead of leaving it out")
    ] = False
    weights: Annotated[Path | None, Option("weights to begin with; default: the shipped ones")] = (
        None
    )
    overwrite: Annotated[bool, Option("replace an earlier discovery")] = False
    device: Device = None


def add_commands(add: Add) -> None:
    """Options of `discover`."""
    text = "how attributes of a clinical table show in a cohort's lungs, in real groups and by the"
    add_options(add("discover", f"{text} model"), Discover)


def run_discover(args: argparse.Namespace) -> Answer:
    """`dgmvlc discover`."""
    from DGMVLCCore.cohort.patterns import Options
    from DGMVLCCore.cohort.plan import CohortRequest, describe, plan_cohort
    from DGMVLCCore.jobs.discover import Request, run_discovery

    if args.dry_run:
        return Answer(describe(plan_cohort(request_of(args, CohortRequest))))
    if args.out is None:
        raise UsageError("Give the folder to write with -o, or only look with --dry-run.")
    options = request_of(args, Options, device="cpu")
    request = request_of(args, Request, options=options)
    with progress_of(args) as progress:
        path = run_discovery(request, progress)
    record = read_json(path)
    return Answer(
        {
            "patients": record["cohort"]["patients"],
            "questions": [c["name"] for c in record["contrasts"]],
            "patterns": [p["sentence"] for p in record["patterns"]] or "none",
            "problems": record["problems"],
            "notes": record["notes"],
            "report": str(path.with_name("report.html")),
            "output": str(path),
        }
    )


COMMANDS: dict[str, Command] = {"discover": run_discover}
