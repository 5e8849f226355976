"""`dgmvlc watch`: studies of an archive, as they arrive, reviewed into worklists."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import Any

from DGMVLCCore.cli.many import many_options, place_of
from DGMVLCCore.cli.shared import Add, Command, device_option
from DGMVLCCore.errors import UsageError


def add_commands(add: Add) -> None:
    """Options of `dgmvlc watch`."""
    watch = add(
        "watch",
        "review the studies of an archive as they arrive, into one worklist a day; stopped at any "
        "moment, the same command goes on",
    )
    watch.add_argument("archive", metavar="ARCHIVE", help="name of an archive")
    watch.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    watch.add_argument("--dates", default="", help="of the studies: YYYYMMDD- and the like")
    watch.add_argument("--modality", default="CT", help="that a study holds (default CT)")
    watch.add_argument("--patient", default="", metavar="ID", help="studies of one patient")
    watch.add_argument("--most", type=int, default=200, help="studies a look (default 200)")
    watch.add_argument(
        "--every", type=float, default=60.0, metavar="S", help="seconds between looks (default 60)"
    )
    watch.add_argument(
        "--settle",
        type=float,
        default=60.0,
        metavar="S",
        help="seconds that a study must not have grown before it is taken (default 60)",
    )
    watch.add_argument(
        "--once", action="store_true", help="take what is there now, whole or not, and end"
    )
    watch.add_argument(
        "--send",
        metavar="ARCHIVE",
        help="send each study's results there, as DICOM; nothing is sent without it",
    )
    watch.add_argument(
        "--on", metavar="ray[=ADDRESS]", help="look at the studies on Ray; default: in this process"
    )
    watch.add_argument(
        "--weights", type=Path, help="folder of a dual encoder; default: the shipped one"
    )
    device_option(watch)
    many_options(watch, own_on=False)


def run_watch_command(args: argparse.Namespace) -> dict[str, Any]:
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

    return run_watch(request, once=args.once, tell=tell)


COMMANDS: dict[str, Command] = {"watch": run_watch_command}
