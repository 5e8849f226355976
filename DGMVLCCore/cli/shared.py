"""What several commands share: the progress bar, the shape of a command, checks of an output
name."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from DGMVLCCore.ground.options import Option, Schema, Sheet

if TYPE_CHECKING:
    from DGMVLCCore.imaging.untilt import Reading

Add = Callable[[str, str], argparse.ArgumentParser]
COHORT = (
    "folder of a cohort: img/ID.nii.gz with gt/ID.nii.gz as AIIB23 comes (also images, scans; "
    "lungs, masks, labels), or ID.nii.gz with "
    "ID_mask.nii.gz beside it, or a DICOM folder for each patient, named by the id"
)


@dataclass(frozen=True, kw_only=True)
class CohortOptions:
    """A cohort with its table, as `cohort.plan.CohortRequest`, and how it is taken."""

    schema: Schema = None
    sheet: Sheet = None
    attributes: Annotated[
        tuple[str, ...],
        Option(
            "ask about this attribute only (may be repeated); an outcome must be named",
            "--attribute",
            "NAME",
        ),
    ] = ()
    anatomy: Annotated[
        Path | None,
        Option(
            "masks named as the scans, of lungs, airway or body; those in the cohort's folder when "
            "left out, and lungs are found where there is none",
            metavar="FOLDER",
        ),
    ] = None
    missing: Annotated[
        Literal["stop", "skip"],
        Option(
            "at scans without row, rows without scan and ids given twice: stop (default) or skip "
            "them"
        ),
    ] = "stop"
    dry_run: Annotated[
        bool,
        Option(
            "only list the scans, how each is paired with row and mask, and what is said of each "
            "patient"
        ),
    ] = False


@dataclass(frozen=True)
class Answer:
    """What a command answers: a program reads the facts as JSON, a person the lines, or a line a
    fact where there are none. exit_code: of an answer that is no success."""

    facts: Mapping[str, object] | msgspec.Struct
    lines: tuple[str, ...] = ()
    exit_code: int = 0

    def said(self) -> Mapping[str, object]:
        """The facts by name."""
        if not isinstance(self.facts, msgspec.Struct):
            return self.facts
        names = self.facts.__struct_encode_fields__
        return dict(zip(names, msgspec.structs.astuple(self.facts)))


Command = Callable[[argparse.Namespace], Answer]


def in_colour() -> bool:
    """True when standard output is a terminal that shows colours (https://no-color.org)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain


class Progress:
    """One progress bar a stage, on standard error."""

    def __init__(self, quiet: bool) -> None:
        self.quiet, self.stage, self.bar = quiet, "", None

    def __call__(self, stage: str, share: float) -> None:
        """Show that `share` of `stage` is done."""
        if self.quiet:
            return
        from tqdm import tqdm

        if stage != self.stage:
            self.close()
            self.stage = stage
            self.bar = tqdm(
                total=100,
                desc=f"{stage:8}",
                bar_format="{desc} {bar:30} {percentage:3.0f}% {elapsed}<{remaining}",
                file=sys.stderr,
            )
        if self.bar is not None:
            self.bar.update(round(100 * share) - self.bar.n)

    def close(self) -> None:
        """End the current bar."""
        if self.bar is not None:
            self.bar.update(100 - self.bar.n)
            self.bar.close()
            self.bar = None


@contextmanager
def progress_of(args: argparse.Namespace) -> Iterator[Progress]:
    """The progress bar of a command; ended when its work ends, well or not."""
    progress = Progress(args.quiet or args.json)
    try:
        yield progress
    finally:
        progress.close()


def chosen_series(text: str) -> tuple[str, int]:
    """STUDY=NUMBER, as several scans' `--series` take it.

    Raises:
        ValueError: it is none.
    """
    study, _, number = text.rpartition("=")
    if not study or not number.isdecimal() or len(number) > 6:
        raise ValueError(
            f"a series is chosen as NAME=NUMBER, for example case-1=2, not {text[:80]!r}"
        )
    return study, int(number)


def reading(args: argparse.Namespace) -> Reading:
    """How the scan is read, as `ScanOptions` say it."""
    from DGMVLCCore.imaging.untilt import Reading

    return Reading(args.series, args.untilt, args.orientation)
