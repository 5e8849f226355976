"""What several commands share: the progress bar, the shape of a command, checks of an output
name."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from DGMVLCCore.errors import OutputError, UsageError

Add = Callable[[str, str], argparse.ArgumentParser]
Command = Callable[[argparse.Namespace], dict[str, Any]]
COHORT = (
    "folder of a cohort: img/ID.nii.gz with gt/ID.nii.gz as AIIB23 comes (also images, scans; "
    "lungs, masks, labels), or ID.nii.gz with "
    "ID_mask.nii.gz beside it, or a DICOM folder for each patient, named by the id"
)
ANATOMY = (
    "masks named as the scans, of lungs, airway or body; those in the cohort's folder when left "
    "out, "
    "and lungs are found where there is none"
)
SCAN = "NRRD, NIfTI, MetaImage, DICOM folder, or archive:NAME/STUDY/SERIES"
MISSING = "at scans without row, rows without scan and ids given twice: stop (default) or skip them"
DRY_RUN = (
    "only list the scans, how each is paired with row and mask, and what is said of each patient"
)


class Shown(dict[str, Any]):
    """An answer that a program reads as JSON and a person as these lines."""

    def __init__(self, answer: dict[str, Any], lines: list[str]) -> None:
        super().__init__(answer)
        self.lines = lines


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


def slice_range(text: str) -> tuple[int, int]:
    try:
        low, high = (int(part) for part in text.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"slices are A:B, for example 10:24, not {text!r}"
        ) from None
    return low, high


def check_new_file(path: Path, overwrite: bool) -> None:
    """Refuse before the work what could not be written after it."""
    if not path.name.endswith(".seg.nrrd"):
        raise UsageError(
            f"The output is a segmentation, so its name must end in .seg.nrrd, not {path.name}."
        )
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists already; choose another name or add --overwrite.")


def chosen_series(text: str) -> tuple[str, int]:
    """STUDY=NUMBER, as several scans' `--series` take it."""
    study, _, number = text.rpartition("=")
    if not study or not number.isdecimal() or len(number) > 6:
        raise argparse.ArgumentTypeError(
            f"a series is chosen as NAME=NUMBER, for example case-1=2, not {text[:80]!r}"
        )
    return study, int(number)


def scan_options(parser: argparse.ArgumentParser) -> None:
    """`--series`, `--untilt`, `--orientation`: how a scan is read."""
    group = parser.add_argument_group("how the scan is read")
    group.add_argument(
        "--series",
        type=int,
        metavar="N",
        help="which series of a DICOM folder, from 1; the only chest CT when left out",
    )
    group.add_argument(
        "--untilt",
        action="store_true",
        help="resample a scan taken with a tilted gantry to a straight grid",
    )
    group.add_argument(
        "--orientation",
        metavar="LPS",
        help="where x, y and z run to, for a file that does not say which side is left",
    )


def reading(args: argparse.Namespace) -> dict[str, Any]:
    """The values of `scan_options`, as fields of a request or of `Reading`."""
    return {name: getattr(args, name) for name in ("series", "untilt", "orientation")}


def device_option(parser: argparse.ArgumentParser) -> None:
    """`--device`."""
    parser.add_argument(
        "-d", "--device", help="cpu, gpu, cuda:N or mps; default: the first GPU, else the CPU"
    )
