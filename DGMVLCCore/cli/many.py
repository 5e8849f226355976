"""What the commands share that run over many scans: their options, one progress bar, one
answer."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from DGMVLCCore.cli.options import options_of
from DGMVLCCore.cli.shared import Answer
from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.ground.options import SCAN, Option

if TYPE_CHECKING:
    from DGMVLCCore.jobs.many import Item, Pace, Place, Row, Use

RAY = "ray"
MANY = ("many scans",)
OF_ONE = ("image", "mask", "out")  # what each scan of a list has of its own


@dataclass(frozen=True, kw_only=True)
class Workers:
    """How many scans are worked on at once."""

    workers: Annotated[
        int | None,
        Option(
            "how many work at once on Ray; default: one a GPU, else one a four cores",
            metavar="N",
            group=MANY,
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class ManyOptions(Workers):
    """One scan, or a list of many and where they are worked on."""

    image: Annotated[Path | None, Option(SCAN, "-i --image")] = None
    list: Annotated[
        str | None,
        Option(
            "instead of -i: a CSV or Excel table with a row a scan, whose columns are options "
            "(image, report, mask, target, ...; id names the result), a folder of studies, or "
            "archive:NAME?dates=20260101-20260131; "
            "the same command again goes on where it was stopped",
            metavar="TABLE",
            group=MANY,
        ),
    ] = None
    on: Annotated[
        str | None,
        Option(
            "work on Ray, of this machine or at an address; default: in this process",
            metavar="ray[=ADDRESS]",
            group=MANY,
        ),
    ] = None


def on_ray(text: str | None) -> bool:
    """True for a value of `--on` that means Ray."""
    return text is not None and (text == RAY or text.startswith(f"{RAY}="))


def place_of(text: str | None, workers: int | None) -> Place:
    """Where a list runs, from `--on` and `--workers`.

    Raises:
        UsageError: neither means anything.
    """
    from DGMVLCCore.jobs.many import Place

    if text is None:
        if workers is not None:
            raise UsageError("--workers needs --on ray; without it one process does all.")
        return Place()
    if not on_ray(text):
        raise UsageError(f"--on takes ray or ray=ADDRESS, not {text[:80]!r}.")
    if workers is not None and workers < 1:
        raise UsageError(f"--workers must be 1 or more, not {workers}.")
    return Place(text.partition("=")[2], workers)


def _clock(seconds: float) -> str:
    whole = int(seconds + 0.5)
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


class ManyBar:
    """One progress bar for all scans, on standard error; the time left is what the scans done so
    far took, and not said before there are any."""

    def __init__(self, total: int, quiet: bool) -> None:
        self.bar: Any = None
        if not quiet and total:
            from tqdm import tqdm

            self.bar = tqdm(
                total=total,
                desc="scans",
                bar_format="{desc} {bar:30} {n_fmt}/{total_fmt} {elapsed}{postfix}",
                file=sys.stderr,
            )

    def __call__(self, row: Row, pace: Pace) -> None:
        """A scan is finished."""
        if self.bar is None:
            return
        left = pace.left()
        said = "time left unknown yet" if left is None else f"{_clock(left)} left"
        failed = f", {pace.failed} failed" if pace.failed else ""
        self.bar.set_postfix_str(f"{said}{failed}", refresh=False)
        self.bar.update(1)

    def close(self) -> None:
        """End the bar."""
        if self.bar is not None:
            self.bar.close()


def run_command_list(args: argparse.Namespace, use: Use, kind: type, **given: Any) -> Answer:
    """A command over `--list`; its options stand for the cells that a row lacks.

    Args:
        kind: class of its request. given: fields that are not the option of the same name.
    """
    from DGMVLCCore.jobs.lists import read_list
    from DGMVLCCore.jobs.many import run_list
    from DGMVLCCore.report.summary import counted

    if args.image is not None or args.report is not None or args.mask is not None:
        raise UsageError("--list names the scans, so leave -i, -r and --mask out.")
    place = place_of(args.on, args.workers)
    options = {name: said for name, said in options_of(args, kind).items() if name not in OF_ONE}
    items: list[Item] = read_list(args.list, use, kind, args.out, options | given)
    bar = ManyBar(len(items), args.quiet or args.json)
    try:
        made = run_list(args.command, items, args.out, place, bar)
    finally:
        bar.close()
    rows = made.rows
    failed = [row for row in rows if row.state == "failed"]
    return Answer(
        {
            "output": str(args.out),
            "scans": counted([row.columns() for row in rows]),
            "summary": [made.csv, made.html],
            "problems": [f"{row.id}: {row.problem}" for row in failed],
        },  # some scans failed: listed; all of them: no success
        exit_code=UnsuitableInputError.exit_code if len(failed) == len(rows) else 0,
    )


def required(args: argparse.Namespace) -> Path:
    """The scan of a command that was given no list.

    Raises:
        UsageError: neither.
    """
    if args.image is None:
        raise UsageError("Give the scan with -i, or many with --list.")
    if args.on is not None or args.workers is not None:
        raise UsageError("--on and --workers are for many scans; give them with --list.")
    return Path(args.image)
