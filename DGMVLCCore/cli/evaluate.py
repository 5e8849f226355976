"""The command that measures: evaluate."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from DGMVLCCore.cli.shared import Add, Command, Progress, device_option
from DGMVLCCore.errors import Cancelled, UsageError

EXPORT = "--export-cases"


def add_commands(add: Add) -> None:
    """Options of `dgmvlc evaluate`."""
    evaluate = add(
        "evaluate",
        "how good the counterfactuals are, on lesions whose truth is known and on real ones",
    )
    evaluate.add_argument(
        "--profile",
        choices=("quick", "full"),
        required=True,
        help=(
            "quick: minutes, on the sample scan, shows that the machinery works; full: held-out "
            "patients of a data folder"
        ),
    )
    evaluate.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        help="new folder for report.json, report.md, rows.jsonl and figures",
    )
    evaluate.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="data folder of the frozen split (needed by the full profile)",
    )
    evaluate.add_argument(
        "--part",
        choices=("test", "val"),
        help="which held-out patients (default test); tune on val only",
    )
    evaluate.add_argument(
        "--weights",
        type=Path,
        metavar="FOLDER",
        help="folder of a denoiser; default: the shipped one",
    )
    evaluate.add_argument(
        "--submission",
        type=Path,
        metavar="DIR",
        help=(
            "score these counterfactuals (one volume a case, by "
            "the case's name) in the model's place"
        ),
    )
    evaluate.add_argument(
        "--inception",
        type=Path,
        metavar="FILE",
        help=(
            "ImageNet weights of torchvision's Inception v3 as .safetensors, for the usual FID "
            "beside that of own features"
        ),
    )
    evaluate.add_argument(
        EXPORT, action="store_true", help="only write the cases, for others to answer"
    )
    evaluate.add_argument(
        "--with-truth",
        action="store_true",
        help=f"with {EXPORT}: also write the scans without the lesion",
    )
    evaluate.add_argument("--seed", type=int, default=0)
    evaluate.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    evaluate.add_argument("--overwrite", action="store_true", help="replace an earlier report")
    device_option(evaluate)


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


def run_evaluate(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc evaluate`."""
    _check(args)
    from DGMVLCCore.evaluation.output import working_folder
    from DGMVLCCore.evaluation.profile import find_profile
    from DGMVLCCore.evaluation.run import Request, export, run_evaluation

    request = Request(
        args.output,
        find_profile(args.profile),
        args.data,
        args.weights,
        args.submission,
        args.part or "test",
        args.seed,
        args.device,
        args.resume,
        args.overwrite,
        args.inception,
    )
    if args.export_cases:
        return export(request, with_truth=args.with_truth)
    progress = Progress(args.quiet or args.json)
    try:
        path = run_evaluation(request, progress)
    except KeyboardInterrupt as error:
        raise Cancelled(
            f"Cancelled; the rows made so far lie in {working_folder(args.output)}, and --resume "
            "goes on with them."
        ) from error
    finally:
        progress.close()
    report = json.loads(path.read_text(encoding="utf-8"))
    notes = [note for note in (report["profile"]["note"], report["notice"]) if note]
    figures = {key: found["value"] for key, found in report["headline"].items()}
    return {
        "report": str(path),
        "cases": report["cases"],
        "patients": report["patients"],
        "headline": figures,
        "notes": notes,
    }


COMMANDS: dict[str, Command] = {"evaluate": run_evaluate}
