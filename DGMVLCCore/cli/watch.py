"""`dgmvlc watch`: studies of an archive, as they arrive, reviewed into worklists."""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from DGMVLCCore.cli.many import MANY, Workers, place_of
from DGMVLCCore.cli.options import add_options
from DGMVLCCore.cli.shared import Add, Answer, Command
from DGMVLCCore.errors import UsageError
from DGMVLCCore.ground.options import Device, NewFolder, Option


@dataclass(frozen=True, kw_only=True)
class Watch(Workers):
    """Options of `watch`."""

    archive: Annotated[str, Option("name of an archive", "ARCHIVE")]
    output: NewFolder
    dates: Annotated[str, Option("of the studies: YYYYMMDD- and the like")] = ""
    modality: Annotated[str, Option("that a study holds (default CT)")] = "CT"
    patient: Annotated[str, Option("studies of one patient", metavar="ID")] = ""
    most: Annotated[int, Option("studies a look (default 200)")] = 200
    every: Annotated[float, Option("seconds between looks (default 60)", metavar="S")] = 60.0
    settle: Annotated[
        float,
        Option(
            "seconds that a study must not have grown before it is taken (default 60)", metavar="S"
        ),
    ] = 60.0
    once: Annotated[bool, Option("take what is there now, whole or not, and end")] = False
    send: Annotated[
        str | None,
        Option(
            "send each study's results there, as DICOM; nothing is sent without it",
            metavar="ARCHIVE",
        ),
    ] = None
    on: Annotated[
        str | None,
        Option(
            "look at the studies on Ray; default: in this process",
            metavar="ray[=ADDRESS]",
            group=MANY,
        ),
    ] = None
    weights: Annotated[
        Path | None, Option("folder of a dual encoder; default: the shipped one")
    ] = None
    device: Device = None


def add_commands(add: Add) -> None:
    """Options of `dgmvlc watch`."""
    text = "review the studies of an archive as they arrive, into one worklist a day; stopped at"
    add_options(add("watch", f"{text} any moment, the same command goes on"), Watch)


def run_watch_command(args: argparse.Namespace) -> Answer:
    """`dgmvlc watch`."""
    from DGMVLCCore.archive.records import StudyQuery
    from DGMVLCCore.jobs.watch import WatchRequest, run_watch

    if args.every <= 0 or args.settle < 0 or args.most < 1:
        raise UsageError("--every must be above 0, --settle 0 or more, --most 1 or more.")
    query = StudyQuery(
        patient_id=args.patient, dates=args.dates, modality=args.modality, most=args.most
    )
    request = WatchRequest(
        args.archive,
        query,
        args.output,
        args.every,
        0.0 if args.once else args.settle,
        args.weights,
        args.device,
        place_of(args.on, args.workers),
        args.send,
    )

    def tell(sentence: str) -> None:
        if not args.quiet:
            sys.stderr.write(f"{sentence}\n")
        logging.getLogger(__name__).info("%s", sentence)

    return Answer(run_watch(request, once=args.once, tell=tell))


COMMANDS: dict[str, Command] = {"watch": run_watch_command}
