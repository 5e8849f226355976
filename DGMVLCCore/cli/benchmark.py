"""The command that compares generators at equal training: benchmark."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from DGMVLCCore.cli.shared import Add, Command, Progress
from DGMVLCCore.errors import Cancelled, UsageError

TRAINED = ".trained"


def names(text: str) -> tuple[str, ...]:
    """A list with commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def widths(text: str) -> tuple[int, int, int]:
    """Three channel counts with commas."""
    try:
        first, second, third = (int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"widths are three numbers A,B,C, for example 64,112,176, not {text!r}"
        ) from None
    if min(first, second, third) < 16 or any(width % 16 for width in (first, second, third)):
        raise argparse.ArgumentTypeError(f"widths are multiples of 16, not {text!r}")
    return first, second, third


def add_commands(add: Add) -> None:
    """Options of `dgmvlc benchmark`."""
    bench = add(
        "benchmark",
        "denoiser, GAN and 3D denoiser at equal training, with either fusion unit: quality, "
        "time, memory",
    )
    bench.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="data folder of the frozen split; without it only the sample scan is scored",
    )
    bench.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        help="new folder for benchmark.json, .md, .csv and .png",
    )
    bench.add_argument(
        "--minutes",
        type=float,
        default=30.0,
        help="training of each variant, on one thread (default 30)",
    )
    bench.add_argument(
        "--steps", type=int, default=0, help="training steps of each variant in place of minutes"
    )
    bench.add_argument(
        "--variants",
        type=names,
        metavar="A,B,…",
        help="only these; default: all that this version can make",
    )
    bench.add_argument(
        "--part",
        choices=("val", "test"),
        default="val",
        help="which held-out patients (default val)",
    )
    bench.add_argument("--widths", type=widths, default=(64, 112, 176), metavar="A,B,C")
    bench.add_argument("--batch", type=int, default=16, help="slices a training step (default 16)")
    bench.add_argument(
        "--only",
        choices=("train", "score"),
        default="",
        help="only train, or only score what was trained",
    )
    bench.add_argument(
        "--trained",
        type=Path,
        metavar="DIR",
        help=(
            "folder that keeps the trained runs (default: OUTPUT.trained); broken runs go on there"
        ),
    )
    bench.add_argument(
        "--shards",
        type=Path,
        metavar="FOLDER",
        help="training shards made by `dgmvlc data`; made from --data when left out",
    )
    bench.add_argument(
        "--seeds", type=int, default=1, help="lesions of each kind in each patient (default 1)"
    )
    bench.add_argument(
        "--repeats", type=int, default=5, help="timed edits of each variant (default 5)"
    )
    bench.add_argument("--seed", type=int, default=0)
    bench.add_argument(
        "--resume",
        action="store_true",
        help="go on with interrupted scoring (training always goes on)",
    )
    bench.add_argument("--overwrite", action="store_true", help="replace an earlier benchmark")


def _check(args: argparse.Namespace) -> None:
    if args.minutes <= 0 or args.steps < 0:
        raise UsageError(
            f"--minutes must be above 0 and --steps 0 or more, not {args.minutes:g} and "
            f"{args.steps}."
        )
    if min(args.batch, args.seeds, args.repeats) < 1 or args.seed < 0:
        raise UsageError("--batch, --seeds and --repeats must be 1 or more and --seed 0 or more.")
    if args.resume and args.overwrite:
        raise UsageError(
            "--resume goes on with a run and --overwrite starts anew; give one of them."
        )
    if args.data is not None and not args.data.is_dir():
        raise UsageError(
            f"--data is {args.data}, which is no folder; give the data folder of the frozen split."
        )


def run_benchmark_command(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc benchmark`."""
    _check(args)
    from DGMVLCCore.evaluation.benchmark.run import Request, run_benchmark
    from DGMVLCCore.evaluation.benchmark.training import Budget

    trained = args.trained or args.output.absolute().with_name(args.output.name + TRAINED)
    budget = Budget(args.minutes, args.steps, args.widths, args.batch, args.seed)
    request = Request(
        args.output,
        trained,
        budget,
        args.data,
        args.shards,
        args.variants,
        args.only,
        args.part,
        seeds=args.seeds,
        seed=args.seed,
        repeats=args.repeats,
        resume=args.resume,
        overwrite=args.overwrite,
    )
    progress = Progress(args.quiet or args.json)
    try:
        record = run_benchmark(request, progress)
    except KeyboardInterrupt as error:
        raise Cancelled(
            f"Cancelled; trained runs are kept in {trained}, and --resume goes on with the scoring."
        ) from error
    finally:
        progress.close()
    if args.only == "train":
        return record
    lines = [f"{line['title']}: {line['good_for']}" for line in record["lines"]]
    return {
        "benchmark": str(args.output / "benchmark.json"),
        "cases": record["cases"],
        "lines": lines,
        "notes": [*record["left_out"], record["notice"]],
    }


COMMANDS: dict[str, Command] = {"benchmark": run_benchmark_command}
