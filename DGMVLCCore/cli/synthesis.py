"""The commands that make synthetic scans: synthesize, lungs."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from DGMVLCCore.cli.options import add_options
from DGMVLCCore.cli.shared import Add, Answer, Command, progress_of, reading
from DGMVLCCore.errors import UsageError, WeightsError
from DGMVLCCore.ground.options import (
    Device,
    Lungs,
    NewFolder,
    Option,
    ScanOptions,
    Seed,
    Slices,
    Steps,
    Weights,
)

if TYPE_CHECKING:
    from DGMVLCCore.editing.pipeline import CounterfactualPipeline
    from DGMVLCCore.imaging.anatomy import Anatomy
    from DGMVLCCore.imaging.volume import Volume


@dataclass(frozen=True, kw_only=True)
class Making:
    """Options of both."""

    output: NewFolder
    seed: Seed = 0
    steps: Steps = 10
    weights: Weights = None
    device: Device = None


@dataclass(frozen=True, kw_only=True)
class Synthesize(Making):
    """Options of `synthesize`."""

    orders: Annotated[
        Path | None,
        Option(
            "CSV, Excel or JSON lines: scan, finding, size_mm, side, zone, count", metavar="TABLE"
        ),
    ] = None
    classes: Annotated[
        Path | None,
        Option(
            "table of real cases (scan, finding; no finding = clear) to balance instead",
            metavar="TABLE",
        ),
    ] = None
    balance: Annotated[
        int | None,
        Option("cases of each finding of --classes, real and synthetic together", metavar="N"),
    ] = None
    training: Annotated[
        Path | None, Option("training shards to look for copies in", metavar="SHARDS")
    ] = None
    held_out: Annotated[
        Path | None,
        Option("shards of other patients, the measure for --training", metavar="SHARDS"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class MakeLungs(Making, ScanOptions):
    """Options of `lungs`."""

    image: Annotated[
        Path | None,
        Option(
            "scan that gives chest wall and geometry, or with --whole the mask alone",
            "-i --image",
            either="given!",
        ),
    ] = None
    mask: Annotated[
        Path | None,
        Option(
            "a mask of lungs (and body, airway) instead of a scan: the whole chest is generated",
            metavar="SEG",
            either="given!",
        ),
    ] = None
    anatomy: Lungs = None
    slices: Slices = None
    whole: Annotated[
        bool,
        Option(
            "generate body, lungs and airway from the mask alone; no voxel of the scan is shown"
        ),
    ] = False
    text: Annotated[
        str,
        Option(
            "a finding in words, “clear lung”, or for weights of a cohort clauses of a row: "
            "“61-year-old, never smoker”",
            "text",
        ),
    ]


LESIONS = (
    "a data set of generated lesions in real scans, with a manifest; a broken run is continued"
)
LUNGS = (
    "mask and sentence to CT slices: both lungs generated inside a scan's chest wall, or the whole "
    "chest"
)


def add_commands(add: Add) -> None:
    """Options of the commands that make synthetic scans."""
    add_options(add("synthesize", LESIONS), Synthesize)
    slices = "slices to make, counted from the feet; default: all of the scan"
    add_options(add("lungs", LUNGS), MakeLungs, helps={"slices": slices})


def _pipe(args: argparse.Namespace, needed: str = "") -> CounterfactualPipeline:
    """The pipeline that makes; `needed` says for what the shipped weights will not do.

    Raises:
        UsageError: steps or seed out of range. WeightsError: no such weights.
    """
    from DGMVLCCore.editing.pipeline import CounterfactualPipeline
    from DGMVLCCore.ground.devices import choose_device

    if args.steps < 1 or args.seed < 0:
        raise UsageError(
            f"Steps must be 1 or more and the seed 0 or more, not {args.steps} and {args.seed}."
        )
    if needed and args.weights is None:
        raise WeightsError(
            f"The shipped editor was taught to edit what it sees, not {needed}; give the weights "
            "of a generator that fills holes (--weights), trained by `dgmvlc train --task "
            "denoiser` or `--task gan`."
        )
    device = choose_device(args.device)
    return CounterfactualPipeline.from_pretrained(args.weights).to(device)


def _judge(pipe: CounterfactualPipeline) -> CounterfactualPipeline:
    """Who looks for a finding in what was made: the same editor, or the shipped one where the
    weights are of another kind."""
    if pipe.sees:
        return pipe
    return pipe.from_pretrained(None, pipe.encoder, pipe.alignment).to(pipe.device)


def run_synthesize(args: argparse.Namespace) -> Answer:
    """`dgmvlc synthesize`."""
    from DGMVLCCore.synthesis.dataset import NOTICE, compare, synthesize
    from DGMVLCCore.synthesis.orders import balance, read_orders

    if (args.orders is None) == (args.classes is None) or (args.classes is None) != (
        args.balance is None
    ):
        raise UsageError("Give --orders, or --classes together with --balance.")
    if args.held_out and not args.training:
        raise UsageError("--held-out is the measure for --training; give both.")
    table = args.orders or args.classes
    orders = read_orders(table) if args.orders else balance(table, args.balance)
    pipe = _pipe(args)
    with progress_of(args) as progress:
        counts = synthesize(
            orders,
            table.absolute().parent,
            args.output,
            pipe,
            seed=args.seed,
            steps=args.steps,
            judge=_judge(pipe),
            progress=progress,
        )
    near = compare(args.output, args.training, args.held_out) if args.training else None
    return Answer({"output": str(args.output), **counts, "memorisation": near, "notes": [NOTICE]})


def _chest_of(args: argparse.Namespace) -> tuple[Volume, Anatomy, dict[str, str]]:
    """The mask's or the scan's chest and its anatomy, and the name and hash of its file."""
    from DGMVLCCore.editing.memory import ScanMemory, file_facts
    from DGMVLCCore.imaging.profiles import require_ct
    from DGMVLCCore.synthesis.from_mask import load_mask

    if args.mask:
        return *load_mask(args.mask), file_facts(args.mask)
    memory = ScanMemory()
    volume = require_ct(memory.volume(args.image, None, reading(args)), args.image.name)
    return volume, memory.anatomy(volume, args.anatomy), memory.facts


def run_lungs(args: argparse.Namespace) -> Answer:
    """`dgmvlc lungs`."""
    from DGMVLCCore.results.folders import check_output
    from DGMVLCCore.synthesis import chest, whole

    check_output(args.output, False)
    pipe = _pipe(args, "to make a whole lung")
    volume, anatomy, facts = _chest_of(args)
    all_of_it = args.whole or args.mask is not None
    slices = args.slices or (0, len(volume.canonical()[0].array))
    make, notice = (
        (chest.make_chest, chest.NOTICE) if all_of_it else (whole.make_lungs, whole.NOTICE)
    )
    with progress_of(args) as progress:
        made = make(
            pipe, volume, anatomy, args.text, slices, args.seed, steps=args.steps, callback=progress
        )
    agreement = chest.agreement_record(made[0], volume, anatomy, slices) if all_of_it else None
    files = whole.write_lungs(
        made,
        args.output,
        pipe,
        source=facts,
        sentence=args.text,
        seed=args.seed,
        slices=slices,
        agreement=agreement,
        notice=notice,
    )
    return Answer(
        {
            "output": str(args.output),
            "files": files,
            "agreement": agreement,
            "notes": [notice],
        }
    )


COMMANDS: dict[str, Command] = {"synthesize": run_synthesize, "lungs": run_lungs}
