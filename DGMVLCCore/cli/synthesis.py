"""The commands that make synthetic scans: synthesize, lungs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from DGMVLCCore.cli.shared import (
    Add,
    Command,
    Progress,
    device_option,
    reading,
    scan_options,
    slice_range,
)
from DGMVLCCore.errors import UsageError


def add_commands(add: Add) -> None:
    """Options of the commands that make synthetic scans."""
    lesions = add(
        "synthesize",
        "a data set of generated lesions in real scans, with a manifest; a broken run is continued",
    )
    lesions.add_argument(
        "--orders",
        type=Path,
        metavar="TABLE",
        help="CSV, Excel or JSON lines: scan, finding, size_mm, side, zone, count",
    )
    lesions.add_argument(
        "--classes",
        type=Path,
        metavar="TABLE",
        help="table of real cases (scan, finding; no finding = clear) to balance instead",
    )
    lesions.add_argument(
        "--balance",
        type=int,
        metavar="N",
        help="cases of each finding of --classes, real and synthetic together",
    )
    lesions.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    lesions.add_argument(
        "--training", type=Path, metavar="SHARDS", help="training shards to look for copies in"
    )
    lesions.add_argument(
        "--held-out",
        type=Path,
        metavar="SHARDS",
        help="shards of other patients, the measure for --training",
    )
    lungs = add(
        "lungs",
        "mask and sentence to CT slices: both lungs generated inside a scan's chest wall, or the "
        "whole chest",
    )
    given = lungs.add_mutually_exclusive_group(required=True)
    given.add_argument(
        "-i",
        "--image",
        type=Path,
        help="scan that gives chest wall and geometry, or with --whole the mask alone",
    )
    given.add_argument(
        "--mask",
        type=Path,
        metavar="SEG",
        help="a mask of lungs (and body, airway) instead of a scan: the whole chest is generated",
    )
    scan_options(lungs)
    lungs.add_argument(
        "--anatomy",
        type=Path,
        metavar="SEG",
        help="lung segmentation; found in the scan when left out",
    )
    lungs.add_argument(
        "--slices",
        type=slice_range,
        metavar="A:B",
        help="slices to make, counted from the feet; default: all of the scan",
    )
    lungs.add_argument(
        "--whole",
        action="store_true",
        help="generate body, lungs and airway from the mask alone; no voxel of the scan is shown",
    )
    lungs.add_argument(
        "text",
        help=(
            "a finding in words, “clear lung”, or for weights of a cohort clauses of a row: "
            "“61-year-old, never smoker”"
        ),
    )
    lungs.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    for each in (lesions, lungs):
        each.add_argument("--seed", type=int, default=0)
        each.add_argument("--steps", type=int, default=10, help="integration steps (default 10)")
        each.add_argument(
            "--fast",
            action="store_true",
            help=(
                "made in one pass by the adversarial network; lesions are still checked by the "
                "denoiser"
            ),
        )
        each.add_argument(
            "--weights", type=Path, help="weights folder; default: the shipped weights"
        )
        device_option(each)


def _pipes(args: argparse.Namespace) -> tuple[Any, Any]:
    """The pipeline that makes, and the one that judges what was made: the same one but with --fast.

    Raises:
        UsageError: steps or seed out of range. WeightsError: no one-pass network is shipped.
    """
    from DGMVLCCore.editing.pipeline import FAST_WEIGHTS, CounterfactualPipeline
    from DGMVLCCore.ground.devices import choose_device
    from DGMVLCCore.ground.resources import resource

    if args.steps < 1 or args.seed < 0:
        raise UsageError(
            f"Steps must be 1 or more and the seed 0 or more, not {args.steps} and {args.seed}."
        )
    device, fast = choose_device(args.device), resource(FAST_WEIGHTS) if args.fast else None
    judge = CounterfactualPipeline.hole_filler(args.weights).to(device)
    return (
        CounterfactualPipeline.from_pretrained(fast, judge.encoder, judge.alignment).to(device)
        if fast
        else judge
    ), judge


def run_synthesize(args: argparse.Namespace) -> dict[str, Any]:
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
    pipe, judge = _pipes(args)
    judge.require_times("check of what was made")
    progress = Progress(args.quiet or args.json)
    try:
        counts = synthesize(
            orders,
            table.absolute().parent,
            args.output,
            pipe,
            seed=args.seed,
            steps=args.steps,
            judge=judge,
            progress=progress,
        )
    finally:
        progress.close()
    near = compare(args.output, args.training, args.held_out) if args.training else None
    return {"output": str(args.output), **counts, "memorisation": near, "notes": [NOTICE]}


def run_lungs(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc lungs`."""
    from DGMVLCCore.editing.memory import ScanMemory, file_facts
    from DGMVLCCore.imaging.profiles import require_ct
    from DGMVLCCore.imaging.untilt import Reading
    from DGMVLCCore.results.folders import check_output
    from DGMVLCCore.synthesis import chest, from_mask, whole

    check_output(args.output, False)
    if args.mask:
        (volume, anatomy), facts = from_mask.load_mask(args.mask), file_facts(args.mask)
    else:
        memory = ScanMemory()
        volume = require_ct(
            memory.volume(args.image, None, Reading(**reading(args))), args.image.name
        )
        anatomy, facts = memory.anatomy(volume, args.anatomy), memory.facts
    (pipe, _), all_of_it = _pipes(args), args.whole or args.mask is not None
    slices = args.slices or (0, len(volume.canonical()[0].array))
    make, notice = (
        (chest.make_chest, chest.NOTICE) if all_of_it else (whole.make_lungs, whole.NOTICE)
    )
    progress = Progress(args.quiet or args.json)
    try:
        made = make(
            pipe, volume, anatomy, args.text, slices, args.seed, steps=args.steps, callback=progress
        )
    finally:
        progress.close()
    agreement = chest.agreement_record(made[0], volume, anatomy, slices) if all_of_it else None
    record = whole.write_lungs(
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
    return {
        "output": str(args.output),
        "files": [entry["name"] for entry in record["files"]],
        "agreement": agreement,
        "notes": [record["notice"]],
    }


COMMANDS: dict[str, Command] = {"synthesize": run_synthesize, "lungs": run_lungs}
