"""Commands about the program itself: worker, info."""

from __future__ import annotations

import argparse
import json

from DGMVLCCore import __version__
from DGMVLCCore.cli.shared import Add, Answer, Command


def add_commands(add: Add) -> None:
    """Options of the commands about the program itself."""
    worker = add(
        "worker", "run jobs that a viewer sends as JSON lines on standard input, until it closes"
    )
    worker.add_argument(
        "--files",
        action="store_true",
        help="take and give files through the pipe, too, for a viewer on another machine (SSH)",
    )
    add("info", "versions, devices, weights and the findings they know")


def run_worker(args: argparse.Namespace) -> Answer:
    """`dgmvlc worker`; ends when its standard input does."""
    from DGMVLCCore.worker import main as work

    work(files=args.files)
    return Answer({})


def run_info(args: argparse.Namespace) -> Answer:
    """`dgmvlc info`."""
    import importlib.metadata
    import platform

    from DGMVLCCore.ground.devices import available_devices
    from DGMVLCCore.ground.resources import resource
    from DGMVLCCore.language.vocabulary import load_vocabulary
    from DGMVLCCore.models.checks import check_weights
    from DGMVLCCore.models.networks import WEIGHTS

    folder = resource(WEIGHTS)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    libraries = {
        name: importlib.metadata.version(name)
        for name in ("torch", "diffusers", "transformers", "SimpleITK", "numpy")
    }
    return Answer(
        {
            "version": __version__,
            "python": platform.python_version(),
            "libraries": libraries,
            "devices": available_devices(),
            "weights": {"name": folder.name, "sha256": check_weights(folder)},
            "findings": config["findings"],
            "attributes": config["attributes"],
            "vocabulary": list(load_vocabulary().terms),
        }
    )


COMMANDS: dict[str, Command] = {"worker": run_worker, "info": run_info}
