"""The command that compares generators at equal training: benchmark."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from DGMVLCCore.cli.options import add_options, request_of
from DGMVLCCore.cli.shared import Add, Answer, Command, progress_of
from DGMVLCCore.errors import Cancelled, UsageError
from DGMVLCCore.ground.options import Option, Seed

TRAINED = ".trained"


def names(text: str) -> tuple[str, ...]:
    """A list with commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def widths(text: str) -> tuple[int, int, int]:
    """Three channel counts with commas.

    Raises:
        ValueError: they are none.
    """
    try:
        first, second, third = (int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"widths are three numbers A,B,C, for example 64,112,176, not {text!r}"
        ) from None
    if min(first, second, third) < 16 or any(width % 16 for width in (first, second, third)):
        raise ValueError(f"widths are multiples of 16, not {text!r}")
    return first, second, third


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Options of `benchmark`."""

    data: Annotated[
        Path | None,
        Option(
            "data folder of the frozen split; without it only the sample scan is scored",
            metavar="FOLDER",
        ),
    ] = None
    output: Annotated[
        Path, Option("new folder for benchmark.json, .md, .csv and .png", "-o --output")
    ]
    minutes: Annotated[float, Option("training of each variant, on one thread (default 30)")] = 30.0
    steps: Annotated[int, Option("training steps of each variant in place of minutes")] = 0
    variants: Annotated[
        tuple[str, ...] | None,
        Option("only these; default: all that this version can make", metavar="A,B,…", parse=names),
    ] = None
    part: Annotated[Literal["val", "test"], Option("which held-out patients (default val)")] = "val"
    widths: Annotated[tuple[int, int, int], Option(metavar="A,B,C", parse=widths)] = (64, 112, 176)
    batch: Annotated[int, Option("slices a training step (default 16)")] = 16
    only: Annotated[
        Literal["", "train", "score"], Option("only train, or only score what was trained")
    ] = ""
    trained: Annotated[
        Path | None,
        Option(
            "folder that keeps the trained runs (default: OUTPUT.trained); broken runs go on there",
            metavar="DIR",
        ),
    ] = None
    shards: Annotated[
        Path | None,
        Option(
            "training shards made by `dgmvlc data`; made from --data when left out",
            metavar="FOLDER",
        ),
    ] = None
    seeds: Annotated[int, Option("lesions of each kind in each patient (default 1)")] = 1
    repeats: Annotated[int, Option("timed edits of each variant (default 5)")] = 5
    seed: Seed = 0
    resume: Annotated[bool, Option("go on with interrupted scoring (training always goes on)")] = (
        False
    )
    overwrite: Annotated[bool, Option("replace an earlier benchmark")] = False


def add_commands(add: Add) -> None:
    """Options of `dgmvlc benchmark`."""
    bench = "denoiser, GAN and 3D denoiser at equal training, with either fusion unit: quality, "
    add_options(add("benchmark", f"{bench}time, memory"), Benchmark)


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


def run_benchmark_command(args: argparse.Namespace) -> Answer:
    """`dgmvlc benchmark`."""
    _check(args)
    from DGMVLCCore.evaluation.benchmark.run import OnlyTrained, Request, run_benchmark
    from DGMVLCCore.evaluation.benchmark.training import Budget

    trained = args.trained or args.output.absolute().with_name(args.output.name + TRAINED)
    budget = request_of(args, Budget)
    request = request_of(args, Request, out=args.output, trained=trained, budget=budget)
    try:
        with progress_of(args) as progress:
            record = run_benchmark(request, progress)
    except KeyboardInterrupt as error:
        raise Cancelled(
            f"Cancelled; trained runs are kept in {trained}, and --resume goes on with the scoring."
        ) from error
    if isinstance(record, OnlyTrained):
        return Answer(record)
    lines = [f"{line['title']}: {line['good_for']}" for line in record.lines]
    return Answer(
        {
            "benchmark": str(args.output / "benchmark.json"),
            "cases": record.cases,
            "lines": lines,
            "notes": [*record.left_out, record.notice],
        }
    )


COMMANDS: dict[str, Command] = {"benchmark": run_benchmark_command}
