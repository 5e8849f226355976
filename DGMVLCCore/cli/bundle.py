"""The command that gives weights to other tools: bundle."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from DGMVLCCore.cli.shared import Add, Command


def add_commands(add: Add) -> None:
    """Options of `dgmvlc bundle`."""
    bundle = add("bundle", "weights as a MONAI bundle: configs, weights, licence, model card")
    bundle.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    bundle.add_argument(
        "--weights",
        type=Path,
        metavar="FOLDER",
        help="folder of a generator; default: the shipped one",
    )
    bundle.add_argument("--overwrite", action="store_true", help="replace an earlier bundle")


def run_bundle(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc bundle`."""
    from DGMVLCCore.jobs.bundle import export_bundle

    about = export_bundle(args.output, args.weights, overwrite=args.overwrite)
    return {
        "output": str(args.output),
        "files": [entry["name"] for entry in about["files"]],
        "notes": [about["notice"]],
    }


COMMANDS: dict[str, Command] = {"bundle": run_bundle}
