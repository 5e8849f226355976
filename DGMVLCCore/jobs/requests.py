"""Requests as JSON holds them -> typed requests; what does not fit is one sentence that names the
field."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from DGMVLCCore.errors import UsageError

R = TypeVar("R")
Point = tuple[float, float, float]  # LPS, mm
# a field's type, as it is written -> what the sentence says it must be
WORDS = {
    "Path": "a path",
    "str": "text",
    "Name": "text that is not empty",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "Point": "three numbers (LPS, mm)",
    "tuple[int, int]": "two whole numbers [first, last)",
    "tuple[str, ...]": "a list of texts",
    "ReportSource": "a report file's name, sha256, kind and encoding",
}


class Name(str):
    """A text that is not empty."""


def _decode(kind: type, value: Any) -> Any:
    """What JSON has no type for: paths and names, from texts that can be one."""
    if isinstance(value, kind):
        return value
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError
    return kind(value)


def _types(kind: type) -> dict[str, str]:
    """Field -> its type, as it is written."""
    return {
        name: str(type_)
        for base in reversed(kind.__mro__)
        for name, type_ in base.__dict__.get("__annotations__", {}).items()
    }


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
    known = _types(kind)
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
        type_, _, optional = known.get(name, "").partition(" | ")
        raise UsageError(
            f"The request's field {name} must be {WORDS.get(type_, type_)}"
            f"{' or null' if optional else ''}, not {fields.get(name)!r:.60}."
        ) from None
