"""The command that measures: evaluate."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from DGMVLCCore.cli.options import add_options, request_of
from DGMVLCCore.cli.shared import Add, Answer, Command, progress_of
from DGMVLCCore.errors import Cancelled, UsageError
from DGMVLCCore.ground.options import Device, Option, Seed

EXPORT = "--export-cases"


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Options of `evaluate`."""

    profile: Annotated[
        Literal["quick", "full"],
        Option(
            "quick: minutes, on the sample scan, shows that the machinery works; full: held-out "
            "patients of a data folder"
        ),
    ]
    output: Annotated[
        Path, Option("new folder for report.json, report.md, rows.jsonl and figures", "-o --output")
    ]
    data: Annotated[
        Path | None,
        Option("data folder of the frozen split (needed by the full profile)", metavar="FOLDER"),
    ] = None
    part: Annotated[
        Literal["test", "val"] | None,
        Option("which held-out patients (default test); tune on val only"),
    ] = None
    weights: Annotated[
        Path | None, Option("folder of a generator; default: the shipped editor", metavar="FOLDER")
    ] = None
    submission: Annotated[
        Path | None,
        Option(
            "score these counterfactuals (one volume a case, by the case's name) in the model's "
            "place",
            metavar="DIR",
        ),
    ] = None
    inception: Annotated[
        Path | None,
        Option(
            "ImageNet weights of torchvision's Inception v3 as .safetensors, for the usual FID "
            "beside that of own features",
            metavar="FILE",
        ),
    ] = None
    export_cases: Annotated[bool, Option("only write the cases, for others to answer", EXPORT)] = (
        False
    )
    with_truth: Annotated[
        bool, Option(f"with {EXPORT}: also write the scans without the lesion")
    ] = False
    seed: Seed = 0
    resume: Annotated[bool, Option("go on with an interrupted run")] = False
    overwrite: Annotated[bool, Option("replace an earlier report")] = False
    device: Device = None


def add_commands(add: Add) -> None:
    """Options of `dgmvlc evaluate`."""
    text = "how good the counterfactuals are, on lesions whose truth is known and on real ones"
    add_options(add("evaluate", text), Evaluate)


def _check(args: argparse.Namespace) -> None:
    if args.seed < 0:
        raise UsageError(f"--seed must be 0 or more, not {args.seed}.")
    if args.with_truth and not args.export_cases:
        raise UsageError(f"--with-truth goes with {EXPORT}.")
    if args.export_cases and (args.submission or args.resume or args.weights):
        raise UsageError(
            f"{EXPORT} only writes cases; leave out --submission, --resume and --weights."
        )
    if args.part and not args.data:
        raise UsageError("--part chooses patients of a data folder; give it with --data.")
    if args.resume and args.overwrite:
        raise UsageError(
            "--resume goes on with a run and --overwrite starts anew; give one of them."
        )


def run_evaluate(args: argparse.Namespace) -> Answer:
    """`dgmvlc evaluate`."""
    _check(args)
    from DGMVLCCore.evaluation.output import working_folder
    from DGMVLCCore.evaluation.profile import find_profile
    from DGMVLCCore.evaluation.run import Request, export, run_evaluation
    from DGMVLCCore.evaluation.tables import Report
    from DGMVLCCore.results.records import read_typed

    request = request_of(
        args,
        Request,
        out=args.output,
        profile=find_profile(args.profile),
        part=args.part or "test",
    )
    if args.export_cases:
        return Answer(export(request, with_truth=args.with_truth))
    try:
        with progress_of(args) as progress:
            path = run_evaluation(request, progress)
    except KeyboardInterrupt as error:
        raise Cancelled(
            f"Cancelled; the rows made so far lie in {working_folder(args.output)}, and --resume "
            "goes on with them."
        ) from error
    report = read_typed(path, Report)
    notes = [note for note in (report.profile["note"], report.notice) if note]
    figures = {key: found["value"] for key, found in report.headline.items()}
    return Answer(
        {
            "report": str(path),
            "cases": report.cases,
            "patients": report.patients,
            "headline": figures,
            "notes": notes,
        }
    )


COMMANDS: dict[str, Command] = {"evaluate": run_evaluate}
