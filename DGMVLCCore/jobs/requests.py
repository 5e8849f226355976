"""The requests of an edit and of a comparison, and how a request is read from JSON: what does not
fit is one sentence that names the field."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args, get_origin
from typing import get_type_hints as hints_of

import msgspec

from DGMVLCCore.errors import UsageError
from DGMVLCCore.ground.options import (
    Device,
    FindingNumber,
    Image,
    Lungs,
    Option,
    Orientation,
    Output,
    Overwrite,
    Region,
    Seed,
    Series,
    Slices,
    Steps,
    Untilt,
    Weights,
)
from DGMVLCCore.language.report_files import ReportSource

if TYPE_CHECKING:
    from DGMVLCCore.imaging.untilt import Reading

R = TypeVar("R")
Point = tuple[float, float, float]  # LPS, mm


class Name(str):
    """A text that is not empty."""


# a field's type -> what the sentence says it must be
WORDS = {
    Path: "a path",
    str: "text",
    Name: "text that is not empty",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Point: "three numbers (LPS, mm)",
    tuple[int, int]: "two whole numbers [first, last)",
    tuple[str, ...]: "a list of texts",
    ReportSource: "a report file's name, sha256, kind and encoding",
}


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Args:
        image: scan. report_text: chest CT prose. out: result folder.
        finding: 1-based number in the parsed report; the first present one the weights know when
            None.
        mask: segmentation of the region; proposed from the finding's words when None. segment: name
            of one of its segments.
        target: free words; the finding's absence when None.
        slices: canonical slices [first, last), counted from the feet.
        clinical: sentence of clinical facts, recorded beside the report.
        native: keep the scan's own spacing in a region of any size, in overlapping tiles.
        smooth_z: blur the change map along z, so that it does not differ from slice to slice.
        series, untilt, orientation: how the scan is read, as `Reading`.
        scene: also pack the result as scene.mrb; a viewer that builds its own scene does not need
            it.
        report_source: the file the report was read from, for the record; None for typed text.
    """

    image: Image
    report_text: str
    out: Output
    finding: FindingNumber = None
    mask: Region = None
    segment: Annotated[str | None, Option("name of the segment in --mask")] = None
    anatomy: Lungs = None
    target: Annotated[
        str | None,
        Option("what to show instead, e.g. “ground-glass opacity”; default: without the finding"),
    ] = None
    mode: Annotated[Literal["replace", "shift"], Option()] = "replace"
    slices: Slices = None
    seed: Seed = 0
    noises: Annotated[int, Option("samples behind the uncertainty map (default 8)")] = 8
    steps: Steps = 10
    device: Device = None
    overwrite: Overwrite = False
    clinical: str = ""
    modality: Annotated[str | None, Option("CT, MR or XR when the file does not say")] = None
    weights: Weights = None
    native: Annotated[
        bool,
        Option("keep the scan's own spacing in a large region, in overlapping tiles (slower)"),
    ] = False
    smooth_z: Annotated[
        bool, Option("let the change run smoothly from slice to slice (thin slices)")
    ] = False
    scene: bool = True
    report_source: ReportSource | None = None
    series: Series = None
    untilt: Untilt = False
    orientation: Orientation = None

    @property
    def reading(self) -> Reading:
        """How the scan is read."""
        from DGMVLCCore.imaging.untilt import Reading

        return Reading(self.series, self.untilt, self.orientation)


@dataclass(frozen=True)
class CompareRequest(Request):
    """What the user asks for: a `Request` whose target is a list.

    Args:
        hypotheses: names or free words, two to six; those of the finding's built-in list when
            empty.
        report_text: may be empty when hypotheses and mask are given.
    """

    hypotheses: Annotated[
        tuple[str, ...],
        Option(
            "a finding, or “no finding”; two to six times, each another one",
            "--hypothesis",
            "WORDS",
        ),
    ] = ()


def _decode(kind: type, value: Any) -> Any:
    """What JSON has no type for: paths and names, from texts that can be one."""
    if isinstance(value, kind):
        return value
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError
    return kind(value)


def _must_be(hint: Any) -> str:
    """What a field of this type must be, in words."""
    optional = NoneType in get_args(hint)
    kind = next(part for part in get_args(hint) if part is not NoneType) if optional else hint
    words = " or ".join(get_args(kind)) if get_origin(kind) is Literal else WORDS.get(kind, kind)
    return f"{words} or null" if optional else str(words)


def read_request(fields: Any, kind: type[R], *, lax: bool = False, **defaults: Any) -> R:
    """A request of the class `kind` from its fields as JSON holds them: paths as text, slices as
    [a, b] or null.

    Args:
        lax: numbers may come as text, as a table's cells do.

    Raises:
        UsageError: an unknown, missing or wrong field; the sentence names it.
    """
    if not isinstance(fields, dict):
        raise UsageError("The request must be an object with the fields of a request.")
    known = hints_of(kind)
    if unknown := sorted(set(fields) - set(known)):
        raise UsageError(
            f"The request has the unknown field {unknown[0]}; known are: {', '.join(known)}."
        )
    try:
        return msgspec.convert({**defaults, **fields}, kind, dec_hook=_decode, strict=not lax)
    except msgspec.ValidationError as error:
        if found := re.search(r"missing required field `(\w+)`", str(error)):
            raise UsageError(f"The request lacks the field {found[1]}.") from None
        found = re.search(r"\$\.(\w+)", str(error))
        name = found[1] if found else ""
        raise UsageError(
            f"The request's field {name} must be {_must_be(known.get(name))}, "
            f"not {fields.get(name)!r:.60}."
        ) from None
