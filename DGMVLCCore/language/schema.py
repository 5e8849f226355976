"""The schema of a clinical table: which columns are which attributes, and how each value is
said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from DGMVLCCore.errors import UnreadableError
from DGMVLCCore.ground.plain_json import parse_json, read_limited
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.language.tables import column_key

KINDS = ("number", "category", "flag", "text")
YES, NO = ("yes", "y", "true", "present"), ("no", "n", "false", "absent")


@dataclass(frozen=True)
class Attribute:
    """One attribute of the schema.

    Args:
        name: what it is called. columns: keys of the columns that hold it. kind: one of `KINDS`.
            outcome: used only when asked for by name.
        clause: how a value is said, with {} for it (kinds number, category, text). values: said
            value -> its spellings in lower case.
        other: a category not listed is said as it stands. low, high: allowed range of a number.
            absolute: its sign is dropped.
        suffix: regular expression of a unit that may follow a number. phrases: what a flag says:
            yes, no, named (with {}).
        codes: numbers that mean missing. excludes: value -> attributes that cannot be true beside
            it (a never smoker has no pack-years).
        vague: values that only say part of another, so that they are no counterfactual of it
            ("smoker" beside "active smoker").
    """

    name: str
    columns: tuple[str, ...]
    kind: str
    outcome: bool
    clause: str
    values: dict[str, tuple[str, ...]]
    other: bool
    low: float
    high: float
    absolute: bool
    suffix: str
    phrases: dict[str, str]
    yes_words: tuple[str, ...]
    no_words: tuple[str, ...]
    codes: tuple[float, ...]
    excludes: dict[str, tuple[str, ...]]
    vague: tuple[str, ...]


@dataclass(frozen=True)
class ClinicalSchema:
    """Attributes in the order they are said, the names of the id column, and the words for a
    missing value (lower case)."""

    attributes: tuple[Attribute, ...]
    ids: tuple[str, ...]
    missing: frozenset[str]

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Names of the attributes that tell what happened after the scan."""
        return tuple(a.name for a in self.attributes if a.outcome)


def _attribute(facts: Mapping[str, Any], codes: list[float]) -> Attribute:
    kind = facts["kind"]
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    phrases = {key: str(facts[key]) for key in ("yes", "no", "named")} if kind == "flag" else {}
    clause = "" if kind == "flag" else str(facts["clause"])
    for said in [phrases["named"]] if phrases else [clause]:
        if said.count("{}") != 1 or "," in said:
            raise ValueError(f"the clause {said!r} needs one {{}} and no comma")
    if any("{}" in phrases[key] or "," in phrases[key] for key in ("yes", "no") if phrases):
        raise ValueError(f"the phrases of {facts['name']!r} must be whole and without comma")
    values = {
        str(said): tuple(str(w).lower() for w in (said, *spellings))
        for said, spellings in facts.get("values", {}).items()
    }
    if any("," in said for said in values):
        raise ValueError(f"the values of {facts['name']!r} must be without comma")
    re.compile(facts.get("suffix", ""))
    return Attribute(
        str(facts["name"]),
        tuple(column_key(c) for c in facts["columns"]),
        kind,
        bool(facts.get("outcome")),
        clause,
        values,
        bool(facts.get("other")),
        float(facts.get("min", float("-inf"))),
        float(facts.get("max", float("inf"))),
        bool(facts.get("absolute")),
        str(facts.get("suffix", "")),
        phrases,
        (*YES, *facts.get("yes_words", ())),
        (*NO, *facts.get("no_words", ())),
        tuple(float(c) for c in facts.get("missing_codes", codes)),
        {str(value): tuple(names) for value, names in facts.get("excludes", {}).items()},
        tuple(facts.get("vague", ())),
    )


def load_schema(path: Path | str | None = None) -> ClinicalSchema:
    """A schema file, or the shipped one.

    Raises:
        UnreadableError: missing, not JSON, or not a schema; the sentence says what is wrong.
    """
    where = Path(path) if path else resource("clinical_schema.json")
    try:
        data = parse_json(read_limited(where), where.name)
        codes = [float(c) for c in data.get("missing_codes", [])]
        attributes = tuple(_attribute(facts, codes) for facts in data["attributes"])
        keys = [key for a in attributes for key in a.columns]
        for what, names in (("attribute", [a.name for a in attributes]), ("column", keys)):
            if twice := sorted({n for n in names if names.count(n) > 1}):
                raise ValueError(f"the {what} {', '.join(twice)} stands there twice")
        return ClinicalSchema(
            attributes,
            tuple(column_key(c) for c in data.get("id", [])),
            frozenset(str(w).lower() for w in data.get("missing", [""])) | {""},
        )
    except KeyError as error:
        raise UnreadableError(f"{where} is no clinical schema: {error} is missing.") from error
    except (UnreadableError, OSError, ValueError, TypeError, AttributeError, re.error) as error:
        raise UnreadableError(
            f"{where} is no clinical schema: {str(error).rstrip('.')}."
        ) from error
