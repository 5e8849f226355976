"""Commands that train: data, train."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from DGMVLCCore.commands.shared import Add, Command
from DGMVLCCore.errors import UnreadableError, UsageError


def add_commands(add: Add) -> None:
    """Options of the commands that train."""
    data = add("data", "training shards from a data folder")
    data.add_argument("-i", "--input", type=Path, required=True)
    data.add_argument("-o", "--output", type=Path, required=True)
    train = add("train", "train or resume the denoiser of slices or of slabs, the one-pass generator, the dual encoder, the probe or the anomaly baseline")
    train.add_argument("--task", choices=("denoiser", "volume", "gan", "dual", "probe", "anomaly"))
    train.add_argument("--recipe", type=Path, help="JSON file with recipe fields")
    train.add_argument("--shards", help="folder made by `dgmvlc data`")
    train.add_argument("-o", "--output", help="folder for checkpoint, log and weights")
    train.add_argument("--minutes", type=float)
    train.add_argument("--steps", type=int)
    train.add_argument("--batch", type=int)
    train.add_argument("--depth", type=int, help="slices of a slab (task volume; default 8)")
    train.add_argument("--workers", type=int)
    train.add_argument("--start-from", help="weights folder to begin with")
    train.add_argument("--vision", help="folder of a dual encoder whose scan embedding conditions the denoiser")


def run_data(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc data`."""
    from DGMVLCCore.training.shards import build_shards

    written = build_shards(args.input, args.output)
    return {"shards": len(written), "megabytes": round(sum(p.stat().st_size for p in written) / 1e6, 1), "output": str(args.output)}


def run_train(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc train`."""
    from DGMVLCCore.training.loop import train
    from DGMVLCCore.training.recipe import load_recipe, make_recipe

    given = {"shards": args.shards, "out": args.output}
    given |= {name: getattr(args, name) for name in ("task", "vision", "minutes", "steps", "batch", "depth", "workers", "start_from")}
    given = {name: value for name, value in given.items() if value is not None}
    if args.recipe is None and not {"shards", "out"} <= set(given):
        raise UsageError("Training needs --recipe, or --shards and --output.")
    recipe = load_recipe(args.recipe, **given) if args.recipe else make_recipe(**given)
    if not (Path(recipe.shards) / "phrases.npz").is_file():
        raise UnreadableError(f"{recipe.shards} holds no training shards; make them with: dgmvlc data -i FOLDER -o {recipe.shards}.")
    return {"weights": str(train(recipe))}


COMMANDS: dict[str, Command] = {"data": run_data, "train": run_train}
