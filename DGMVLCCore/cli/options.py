"""Options of a command made from the fields of a request, and a request from what was given."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from DGMVLCCore.ground.options import Option

R = TypeVar("R")


def add_options(
    parser: argparse.ArgumentParser,
    kind: type,
    *,
    without: Collection[str] = (),
    helps: Mapping[str, str] = MappingProxyType({}),
    group: tuple[str, ...] = (),
) -> None:
    """The fields of the dataclass `kind` that are `Annotated[type, Option(...)]`, as options.

    Args:
        without: fields that are given otherwise. helps: field -> what is said of it here.
        group: their heading, where the field names none.
    """
    hints = get_type_hints(kind, include_extras=True)
    places: dict[object, Any] = {}  # headings and alternatives, made when first needed
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        option = next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Option)), None)
        if option is None or field.name in without:
            continue
        if field.name in helps:
            option = dataclasses.replace(option, help=helps[field.name])
        option = dataclasses.replace(option, group=option.group or group)
        _add(_place(parser, option, places), field, hint.__origin__, option)


def add_steps(
    steps: argparse._SubParsersAction[argparse.ArgumentParser],
    kinds: Mapping[str, tuple[str, type]],
) -> None:
    """Commands of a command: name -> what it does, and its options' dataclass."""
    # as for every command; what stands before the step holds as well
    hidden = {"action": "store_true", "default": argparse.SUPPRESS, "help": argparse.SUPPRESS}
    for name, (text, kind) in kinds.items():
        step = steps.add_parser(name, help=text, description=text)
        for flags in (("-q", "--quiet"), ("-v", "--verbose"), ("--json",)):
            step.add_argument(*flags, **hidden)  # type: ignore[arg-type]
        add_options(step, kind)


def _place(
    parser: argparse.ArgumentParser, option: Option, places: dict[object, Any]
) -> argparse._ActionsContainer:
    """Where an option belongs: under its heading, among its alternatives, or the parser itself."""
    if option.either:
        if option.either not in places:
            one = option.either.endswith("!")
            places[option.either] = parser.add_mutually_exclusive_group(required=one)
        return places[option.either]
    if option.group:
        if option.group not in places:
            places[option.group] = parser.add_argument_group(*option.group)
        return places[option.group]
    return parser


def _add(
    place: argparse._ActionsContainer, field: dataclasses.Field[Any], hint: Any, option: Option
) -> None:
    optional = NoneType in get_args(hint)
    kind = next(part for part in get_args(hint) if part is not NoneType) if optional else hint
    positional = bool(option.flags) and not option.flags.startswith("-")
    default: Any = field.default
    missing = default is dataclasses.MISSING
    how: dict[str, Any] = {"help": option.help, "metavar": option.metavar, "nargs": option.nargs}
    if kind is bool:
        how = {"help": option.help, "action": "store_true"}
    elif get_origin(kind) is Literal:
        how["choices"] = tuple(choice for choice in get_args(kind) if choice)
    else:
        # a tuple that may be left out is read from one text
        repeated = not optional and get_origin(kind) is tuple and get_args(kind)[-1] is ...
        how["type"] = _reader(option, get_args(kind)[0] if repeated else kind)
        if repeated and not option.nargs:
            how["action"] = "append"
    if not missing and kind is not bool:
        how["default"] = [*default] if how.get("action") == "append" else default
    how = {name: value for name, value in how.items() if value is not None}
    if positional:
        place.add_argument(field.name, **({"metavar": option.flags} | how))
        return
    flags = option.flags.split() or [f"--{field.name.replace('_', '-')}"]
    place.add_argument(*flags, dest=field.name, required=missing and not option.either, **how)


def _reader(option: Option, kind: type) -> Callable[[str], Any] | None:
    """Text -> value; argparse shows the sentence of what does not fit."""
    parse = option.parse
    if parse is None:
        return kind if kind in (Path, int, float) else None

    def read(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def request_of(args: argparse.Namespace, kind: type[R], **given: Any) -> R:
    """A request of the class `kind`: what was given here, else the option of the same name."""
    return kind(**(options_of(args, kind) | given))


def options_of(args: argparse.Namespace, kind: type) -> dict[str, Any]:
    """The fields of a request of the class `kind` that are options of this command."""
    return {
        field.name: tuple(value) if isinstance(value, list) else value
        for field in dataclasses.fields(kind)
        if (value := getattr(args, field.name, args)) is not args
    }
