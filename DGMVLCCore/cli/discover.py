"""The command that looks for patterns in a cohort: discover."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from DGMVLCCore.cli.shared import (
    ANATOMY,
    COHORT,
    DRY_RUN,
    MISSING,
    Add,
    Command,
    Progress,
    chosen_series,
    device_option,
)
from DGMVLCCore.errors import UsageError


def add_commands(add: Add) -> None:
    """Options of `discover`."""
    discover = add(
        "discover",
        "how attributes of a clinical table show in a cohort's lungs, in real groups and by the "
        "model",
    )
    discover.add_argument("-i", "--input", type=Path, required=True, metavar="FOLDER", help=COHORT)
    discover.add_argument(
        "--table", type=Path, required=True, help="CSV or Excel (.xlsx) with an id column"
    )
    discover.add_argument(
        "-o", "--output", type=Path, help="folder for discovery.json, report.html and the maps"
    )
    discover.add_argument(
        "--schema",
        type=Path,
        metavar="FILE",
        help="JSON file that says what the columns mean; default: the shipped one",
    )
    discover.add_argument(
        "--sheet", metavar="NAME", help="sheet of an Excel file; the first when left out"
    )
    discover.add_argument(
        "--attribute",
        action="append",
        default=[],
        metavar="NAME",
        help="ask about this attribute only (may be repeated); an outcome must be named",
    )
    discover.add_argument("--anatomy", type=Path, metavar="FOLDER", help=ANATOMY)
    discover.add_argument(
        "--series",
        type=chosen_series,
        action="append",
        default=[],
        metavar="PATIENT=N",
        help="read series N of a patient's DICOM folder; may be repeated",
    )
    discover.add_argument("--missing", choices=("stop", "skip"), default="stop", help=MISSING)
    discover.add_argument("--dry-run", action="store_true", help=DRY_RUN)
    discover.add_argument(
        "--minutes",
        type=float,
        default=10.0,
        help="fine-tuning of the generator on the cohort (default 10)",
    )
    discover.add_argument(
        "--patients", type=int, default=24, help="patients swept for each question (default 24)"
    )
    discover.add_argument("--permutations", type=int, default=4999)
    discover.add_argument("--seed", type=int, default=0)
    discover.add_argument(
        "--skip-sweep",
        action="store_true",
        help="compare the real groups only; no pattern is reported then",
    )
    discover.add_argument(
        "--strict",
        action="store_true",
        help="refuse a cohort with any problem instead of leaving it out",
    )
    discover.add_argument(
        "--weights", type=Path, help="weights to begin with; default: the shipped ones"
    )
    discover.add_argument("--overwrite", action="store_true", help="replace an earlier discovery")
    device_option(discover)


def run_discover(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc discover`."""
    from DGMVLCCore.cohort.patterns import Options
    from DGMVLCCore.cohort.plan import CohortRequest, describe, plan_cohort
    from DGMVLCCore.jobs.discover import Request, run_discovery

    if args.dry_run:
        return describe(
            plan_cohort(
                CohortRequest(
                    args.input,
                    args.table,
                    args.schema,
                    args.sheet,
                    tuple(args.attribute),
                    args.anatomy,
                )
            )
        )
    if args.output is None:
        raise UsageError("Give the folder to write with -o, or only look with --dry-run.")
    options = Options(
        permutations=args.permutations,
        seed=args.seed,
        minutes=args.minutes,
        swept=args.patients,
        weights=args.weights,
    )
    request = Request(
        args.input,
        args.table,
        args.output,
        args.schema,
        args.sheet,
        tuple(args.attribute),
        args.anatomy,
        args.missing,
        args.skip_sweep,
        args.strict,
        args.overwrite,
        args.device,
        options,
        tuple(args.series),
    )
    progress = Progress(args.quiet or args.json)
    try:
        path = run_discovery(request, progress)
    finally:
        progress.close()
    record = json.loads(path.read_text(encoding="utf-8"))
    return {
        "patients": record["cohort"]["patients"],
        "questions": [c["name"] for c in record["contrasts"]],
        "patterns": [p["sentence"] for p in record["patterns"]] or "none",
        "problems": record["problems"],
        "notes": record["notes"],
        "report": str(path.with_name("report.html")),
        "output": str(path),
    }


COMMANDS: dict[str, Command] = {"discover": run_discover}
