"""The commands that make synthetic scans: synthesize, lungs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from DGMVLCCore.commands.shared import Add, Command, Progress, device_option, slice_range
from DGMVLCCore.errors import UsageError


def add_commands(add: Add) -> None:
    """Options of the commands that make synthetic scans."""
    lesions = add("synthesize", "a data set of generated lesions in real scans, with a manifest; a broken run is continued")
    lesions.add_argument("--orders", type=Path, metavar="TABLE", help="CSV, Excel or JSON lines: scan, finding, size_mm, side, zone, count")
    lesions.add_argument("--classes", type=Path, metavar="TABLE", help="table of real cases (scan, finding; no finding = clear) to balance instead")
    lesions.add_argument("--balance", type=int, metavar="N", help="cases of each finding of --classes, real and synthetic together")
    lesions.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    lesions.add_argument("--training", type=Path, metavar="SHARDS", help="training shards to look for copies in")
    lesions.add_argument("--held-out", type=Path, metavar="SHARDS", help="shards of other patients, the measure for --training")
    lungs = add("lungs", "lung mask and sentence to CT slices: both lungs generated inside a scan's chest wall")
    lungs.add_argument("-i", "--image", type=Path, required=True, help="scan that gives chest wall and geometry; with --mask-only a mask")
    lungs.add_argument("--mask-only", action="store_true", help="the image is a mask of lungs (and body): all of the body is generated, as the sentence says")
    lungs.add_argument("--anatomy", type=Path, metavar="SEG", help="lung segmentation; found in the scan when left out")
    lungs.add_argument("--slices", type=slice_range, required=True, metavar="A:B", help="slices to make, counted from the feet")
    lungs.add_argument("text", help="a finding in words, “clear lung”, or for weights of a cohort clauses of a row: “61-year-old, never smoker”")
    lungs.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    for each in (lesions, lungs):
        each.add_argument("--seed", type=int, default=0)
        each.add_argument("--steps", type=int, default=10, help="integration steps (default 10)")
        each.add_argument("--weights", type=Path, help="weights folder; default: the shipped weights")
        device_option(each)


def _pipe(args: argparse.Namespace) -> Any:
    from DGMVLCCore.counterfactual.pipeline import CounterfactualPipeline
    from DGMVLCCore.devices import choose_device

    if args.steps < 1 or args.seed < 0:
        raise UsageError(f"Steps must be 1 or more and the seed 0 or more, not {args.steps} and {args.seed}.")
    return CounterfactualPipeline.from_pretrained(args.weights).to(choose_device(args.device))


def run_synthesize(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc synthesize`."""
    from DGMVLCCore.synthesis.dataset import NOTICE, compare, synthesize
    from DGMVLCCore.synthesis.orders import balance, read_orders

    if (args.orders is None) == (args.classes is None) or (args.classes is None) != (args.balance is None):
        raise UsageError("Give --orders, or --classes together with --balance.")
    if args.held_out and not args.training:
        raise UsageError("--held-out is the measure for --training; give both.")
    table = args.orders or args.classes
    orders = read_orders(table) if args.orders else balance(table, args.balance)
    progress = Progress(args.quiet or args.json)
    try:
        counts = synthesize(orders, table.absolute().parent, args.output, _pipe(args), seed=args.seed, steps=args.steps, progress=progress)
    finally:
        progress.close()
    near = compare(args.output, args.training, args.held_out) if args.training else None
    return {"output": str(args.output), **counts, "memorisation": near, "notes": [NOTICE]}


def _from_mask(args: argparse.Namespace) -> dict[str, Any]:
    from DGMVLCCore.counterfactual.memory import file_facts
    from DGMVLCCore.synthesis.from_mask import load_mask, make_from_mask
    from DGMVLCCore.synthesis.whole import write_lungs

    pipe = _pipe(args)
    made = make_from_mask(pipe, *load_mask(args.image), args.text, args.slices, args.seed, steps=args.steps)
    record = write_lungs(made, args.output, source=file_facts(args.image), sentence=args.text, seed=args.seed, slices=args.slices,
                         weights_sha256=pipe.weights_sha256)
    return {"output": str(args.output), "files": [entry["name"] for entry in record["files"]], "notes": [record["notice"]]}


def run_lungs(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc lungs`."""
    from DGMVLCCore.counterfactual.memory import ScanMemory
    from DGMVLCCore.imaging.profiles import require_ct
    from DGMVLCCore.synthesis.whole import make_lungs, write_lungs

    if args.mask_only:
        return _from_mask(args)
    memory = ScanMemory()
    volume = require_ct(memory.volume(args.image, None), args.image.name)
    pipe = _pipe(args)
    made = make_lungs(pipe, volume, memory.anatomy(volume, args.anatomy), args.text, args.slices, args.seed, steps=args.steps)
    record = write_lungs(made, args.output, source=memory.facts, sentence=args.text, seed=args.seed, slices=args.slices, weights_sha256=pipe.weights_sha256)
    return {"output": str(args.output), "files": [entry["name"] for entry in record["files"]], "notes": [record["notice"]]}


COMMANDS: dict[str, Command] = {"synthesize": run_synthesize, "lungs": run_lungs}
