"""The words of clinical data, from the file that the core reads too: what the form says is what the
core understands."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from .records import readRecord

NAME = "clinical_schema.json"


@dataclass(frozen=True)
class Attribute:
    """What can be known of a patient. columns: how a table may name it. values: of a category, how
    it is said -> ways to write it. clause: how a value becomes a part of the sentence."""

    name: str
    columns: list[str]
    values: dict[str, list[str]] = field(default_factory=dict)
    clause: str = ""


@dataclass(frozen=True)
class Schema:
    """Every attribute, and what stands for a missing value."""

    attributes: list[Attribute]
    missing: list[str]


@lru_cache(maxsize=1)
def _schema() -> Schema:
    """The schema: beside the installed module, or in the checkout.

    Raises:
        FileNotFoundError: this copy of the extension lacks it.
    """
    module = Path(__file__).resolve().parents[1]
    for folder in (module / "Resources", module.parent / "Resources"):
        if (folder / NAME).is_file():
            return readRecord(Schema, json.loads((folder / NAME).read_text(encoding="utf-8")))
    raise FileNotFoundError(
        f"This copy of the extension lacks {NAME}; install the extension again."
    )


def _attribute(name: str) -> Attribute:
    return next(one for one in _schema().attributes if one.name == name)


def spoken(attribute: str, written: str) -> str:
    """How a value of a category is said, from any way to write it; "" for an unknown one."""
    key = written.strip().lower()
    values = _attribute(attribute).values
    return next((said for said, ways in values.items() if key in (said, *ways)), "")


def clause(attribute: str, value: object) -> str:
    """A value as a clause of the sentence, e.g. “64-year-old”."""
    return _attribute(attribute).clause.format(value)


def cell(row: dict[str, str], attribute: str) -> str:
    """An attribute's cell in a table row (column name -> text); "" when there is none."""
    return next((row[name] for name in _attribute(attribute).columns if name in row), "")


def isMissing(text: str) -> bool:
    """Whether a cell's text stands for a missing value."""
    return text.strip().lower() in _schema().missing
