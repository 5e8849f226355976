"""Dataclasses from a message's plain JSON fields, and back; standard library only, because Slicer's
Python need not have the core's libraries."""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Fields = Mapping[str, object]  # as they stand in a message
Kind = TypeVar("Kind")
LARGEST = 2**63  # a whole number that stands for a fraction


def _fields(kind: Any) -> tuple[tuple[str, str, Any, bool], ...]:
    """(attribute, name in the message, type, whether it has a default) of each field: snake case
    there, unless the field's metadata gives a "name"."""
    hints, missing = get_type_hints(kind), dataclasses.MISSING
    return tuple(
        (
            field.name,
            field.metadata.get("name") or re.sub("[A-Z]", lambda m: "_" + m[0].lower(), field.name),
            hints[field.name],
            field.default is not missing or field.default_factory is not missing,
        )
        for field in dataclasses.fields(kind)
    )


def readRecord(kind: type[Kind], fields: Fields) -> Kind:
    """The record that a message holds; fields that this kind does not know are passed over, and one
    that may be None need not be there.

    Raises:
        ValueError: a field is missing or is something else, in a sentence.
    """
    if not isinstance(fields, Mapping):
        raise ValueError(f"Fields were expected, not {str(fields)[:80]!r}.")
    values = {}
    for attribute, name, wanted, default in _fields(kind):
        if name in fields or (not default and type(None) in get_args(wanted)):
            try:
                values[attribute] = _value(wanted, fields.get(name))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        elif not default:
            raise ValueError(f"The field {name} is missing.")
    return kind(**values)


def asFields(record: Any) -> dict[str, object]:
    """A record as the fields of a message."""
    return {
        name: _plain(getattr(record, attribute)) for attribute, name, *_ in _fields(type(record))
    }


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value):
        return asFields(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def _value(wanted: Any, value: object) -> Any:
    """`value` as the type `wanted`; raises ValueError with a sentence."""
    origin, inner = get_origin(wanted), get_args(wanted)
    if wanted in (Any, object):
        return value
    if origin in (Union, types.UnionType):  # only `X | None` is used
        of = next(one for one in inner if one is not type(None))
        return None if value is None else _value(of, value)
    if origin in (list, tuple) and isinstance(value, list | tuple):
        return origin(_items(inner, value))
    if origin is dict and isinstance(value, Mapping):
        return {_value(inner[0], key): _value(inner[1], one) for key, one in value.items()}
    if dataclasses.is_dataclass(wanted) and isinstance(value, Mapping):
        return readRecord(wanted, value)  # type: ignore[arg-type]
    if wanted is Path and type(value) is str:
        return Path(value)
    if wanted is float and type(value) is int and abs(value) < LARGEST:
        return float(value)
    if type(value) is not wanted:  # a truth value is no number
        words = getattr(wanted, "__name__", str(wanted))
        raise ValueError(f"{words} was expected, not {str(value)[:80]!r}.")
    return value


def _items(kinds: tuple[Any, ...], values: list[Any] | tuple[Any, ...]) -> list[Any]:
    """Values of a list, of a tuple of any length, or of one with a type each."""
    each = kinds if kinds[-1] is not Ellipsis and len(kinds) > 1 else kinds[:1] * len(values)
    if len(each) != len(values):
        raise ValueError(f"{len(each)} values were expected, not {len(values)}.")
    return [_value(kind, value) for kind, value in zip(each, values)]
