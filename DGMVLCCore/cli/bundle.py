"""The command that gives weights to other tools: bundle."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from DGMVLCCore.cli.options import add_options
from DGMVLCCore.cli.shared import Add, Answer, Command
from DGMVLCCore.ground.options import NewFolder, Option


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """Options of `bundle`."""

    output: NewFolder
    weights: Annotated[
        Path | None, Option("folder of a generator; default: the shipped one", metavar="FOLDER")
    ] = None
    overwrite: Annotated[bool, Option("replace an earlier bundle")] = False


def add_commands(add: Add) -> None:
    """Options of `dgmvlc bundle`."""
    add_options(
        add("bundle", "weights as a MONAI bundle: configs, weights, licence, model card"), Bundle
    )


def run_bundle(args: argparse.Namespace) -> Answer:
    """`dgmvlc bundle`."""
    from DGMVLCCore.editing.result import NOTICE
    from DGMVLCCore.jobs.bundle import export_bundle

    files = export_bundle(args.output, args.weights, overwrite=args.overwrite)
    return Answer(
        {
            "output": str(args.output),
            "files": files,
            "notes": [NOTICE],
        }
    )


COMMANDS: dict[str, Command] = {"bundle": run_bundle}
