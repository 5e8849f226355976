"""How a field of a request is given on a command line; said once, beside the field's type.

A request's field is `Annotated[type, Option(...)]`; its type and default say the rest. The names
below are for fields that several requests have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any


@dataclass(frozen=True)
class Option:
    """An option.

    Args:
        flags: as on the command line, e.g. "-o --output"; those of the field's name when empty; a
            name without dashes is a position.
        parse: text -> value, where the field's type does not say it.
        group: heading and explanation it stands under. either: only one of those of this name may
            be given; one must, when the name ends in "!".
    """

    help: str | None = None
    flags: str = ""
    metavar: str | None = None
    parse: Callable[[str], Any] | None = None
    group: tuple[str, ...] = ()
    either: str = ""
    nargs: str | None = None


READ = ("how the scan is read",)
Output = Annotated[Path, Option(None, "-o --output")]
NewFolder = Annotated[Path, Option(None, "-o --output", "FOLDER")]
SCAN = "NRRD, NIfTI, MetaImage, DICOM folder, or archive:NAME/STUDY/SERIES"
Image = Annotated[Path, Option(SCAN, "-i --image")]
Send = Annotated[
    str | None,
    Option("send the DICOM objects to this archive when all are written", metavar="NAME"),
]
FindingNumber = Annotated[
    int | None, Option("number of the finding in the report, from 1", metavar="N")
]
Region = Annotated[Path | None, Option("segmentation of the region", "--mask", "SEG")]
Lungs = Annotated[
    Path | None,
    Option("lung segmentation; found in the scan when left out", "--anatomy", "SEG"),
]
Seed = Annotated[int, Option()]
Steps = Annotated[int, Option("integration steps (default 10)")]
Device = Annotated[
    str | None,
    Option("cpu, gpu, cuda:N or mps; default: the first GPU, else the CPU", "-d --device"),
]
Weights = Annotated[Path | None, Option("weights folder; default: the shipped weights")]
Schema = Annotated[
    Path | None,
    Option("JSON file that says what the columns mean; default: the shipped one", metavar="FILE"),
]
Sheet = Annotated[
    str | None, Option("sheet of an Excel file; the first when left out", metavar="NAME")
]
Table = Annotated[Path | None, Option("CSV or Excel table of clinical data", "--clinical", "TABLE")]
RowId = Annotated[str | None, Option("row of --clinical, by its id column", "--row", "ID")]
IdColumn = Annotated[
    str | None,
    Option("column that names the patients; default: the one the schema knows", metavar="NAME"),
]
Series = Annotated[
    int | None,
    Option(
        "which series of a DICOM folder, from 1; the only chest CT when left out",
        metavar="N",
        group=READ,
    ),
]
Untilt = Annotated[
    bool, Option("resample a scan taken with a tilted gantry to a straight grid", group=READ)
]
Orientation = Annotated[
    str | None,
    Option(
        "where x, y and z run to, for a file that does not say which side is left",
        metavar="LPS",
        group=READ,
    ),
]
Overwrite = Annotated[bool, Option("replace an earlier result in the output folder")]


def slice_range(text: str) -> tuple[int, int]:
    """A:B as two numbers.

    Raises:
        ValueError: it is none; the sentence says what it should be.
    """
    try:
        low, high = (int(part) for part in text.split(":"))
    except ValueError:
        raise ValueError(f"slices are A:B, for example 10:24, not {text!r}") from None
    return low, high


Slices = Annotated[
    tuple[int, int] | None,
    Option("slices to edit, counted from the feet", metavar="A:B", parse=slice_range),
]


@dataclass(frozen=True, kw_only=True)
class ScanOptions:
    """How a scan is read, as `imaging.untilt.Reading`."""

    series: Series = None
    untilt: Untilt = False
    orientation: Orientation = None
