"""Rows of a clinical table -> clauses of text, and back; what is missing is left out, never
invented (after arXiv 2410.13823)."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.language.schema import Attribute, ClinicalSchema, load_schema
from DGMVLCCore.language.tables import Table, column_key, listed, read_table

NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d{1,3})?", re.ASCII)
PERCENT = re.compile(r"%|\bper ?cent\b", re.IGNORECASE)
THOUSANDS = re.compile(r"[+-]?\d{1,3},\d{3}")
DOUBT = re.compile(
    r"[?¿]|\b(?:possibl[ey]|probabl[ey]|likely|suspected|suspicion|questionable|presumed|unclear|"
    r"versus|vs|rule out|r/o|d/?d|differential|not excluded)\b",
    re.IGNORECASE,
)
FORMULA = re.compile(r"=|[+@-](?![\d.])")
LONGEST = 60  # characters of a free value; a longer one is no attribute but a story
JOIN = ", "
Value = float | int | bool | str


@dataclass(frozen=True)
class ClinicalText:
    """What a row says.

    Args:
        text: clauses joined by commas; empty when nothing is known. attributes: attribute -> value
            behind each clause.
        left_out: {"column", "value", "reason"} of every cell of a known attribute that is not said.
    """

    text: str
    attributes: dict[str, Value] = field(default_factory=dict)
    left_out: list[dict[str, str]] = field(default_factory=list)


class RowSaid(TypedDict):
    """What the row of an id says, as `ClinicalText`."""

    id: str
    text: str
    attributes: dict[str, Value]
    left_out: list[dict[str, str]]


class TableSaid(TypedDict):
    """What the rows of a table say, those with an id of their own; refused: id and reason."""

    rows: list[RowSaid]
    refused: list[dict[str, str]]
    unknown_columns: list[str]
    notes: list[str]


class _LeftOut(Exception):
    """Why a value is not said."""


def _plain(value: str) -> str:
    """Free text without control marks; commas separate clauses, so they become semicolons."""
    kept = "".join(
        " " if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c for c in value
    )
    return re.sub(r"\s+", " ", kept.replace(",", ";")).strip()


def _free(value: str) -> str:
    text = _plain(value)
    if FORMULA.match(text):
        raise _LeftOut("a formula is not evaluated")
    if len(text) > LONGEST:
        raise _LeftOut(f"longer than {LONGEST} characters")
    if not any(c.isalpha() for c in text):
        raise _LeftOut("not in the schema and no word")
    return text


def _number(attribute: Attribute, value: str) -> float | int:
    unit = attribute.suffix or ("%" if PERCENT.search(attribute.clause) else "")
    digits = re.sub(rf"\s*(?:{unit})$", "", value) if unit else value
    if FORMULA.match(digits):
        raise _LeftOut("a formula is not evaluated")
    if not NUMBER.fullmatch(digits):
        raise _LeftOut("not a number")
    if THOUSANDS.fullmatch(digits):
        raise _LeftOut("thousands or decimals? write it with a point")
    number = float(digits.replace(",", "."))
    number = abs(number) if attribute.absolute else number
    if not attribute.low <= number <= attribute.high:
        raise _LeftOut(f"not within {attribute.low:g} to {attribute.high:g}")
    number = round(number, 3)
    return int(number) if number == int(number) else number


def _value(attribute: Attribute, value: str, missing: frozenset[str]) -> Value:
    """The value of a cell.

    Raises:
        _LeftOut: it is missing, a code for it, or cannot be what the attribute is.
    """
    word = value.strip().lower()
    if word in missing:
        raise _LeftOut("missing")
    if DOUBT.search(word):
        raise _LeftOut("said with doubt, so it is not taken as known")
    if NUMBER.fullmatch(word) and float(word.replace(",", ".")) in attribute.codes:
        raise _LeftOut(f"the code {word} means missing")
    if attribute.kind == "number":
        return _number(attribute, value.strip())
    if attribute.kind == "category":
        said = next(
            (name for name, spellings in attribute.values.items() if word in spellings), None
        )
        if said is None and not attribute.other:
            raise _LeftOut(f"not in the schema; it knows: {', '.join(attribute.values)}")
        return said or _free(value)
    if attribute.kind == "flag" and word in (*attribute.yes_words, *attribute.no_words):
        return word in attribute.yes_words
    return _free(value)


def clause(attribute: Attribute, value: Value) -> str:
    """How a value of an attribute is said."""
    if attribute.kind == "flag":
        return (
            attribute.phrases["named"].format(value)
            if isinstance(value, str)
            else attribute.phrases["yes" if value else "no"]
        )
    return attribute.clause.format(value)


def _read_clause(words: str, schema: ClinicalSchema) -> tuple[str, Value] | None:
    """Attribute and value of one clause: whole phrases first, then numbers, then free words behind
    the longest opening."""
    free: list[tuple[int, str, Value]] = []
    for attribute in schema.attributes:
        if attribute.kind == "flag":
            for key, value in (("yes", True), ("no", False)):
                if words == attribute.phrases[key]:
                    return attribute.name, value
        for said in attribute.values:
            if words == attribute.clause.format(said):
                return attribute.name, said
    for attribute in schema.attributes:
        template = attribute.phrases["named"] if attribute.kind == "flag" else attribute.clause
        before, after = template.split("{}")
        if not (
            words.startswith(before)
            and words.endswith(after)
            and len(words) > len(before) + len(after)
        ):
            continue
        word = words[len(before) : len(words) - len(after)]
        if attribute.kind == "number" and NUMBER.fullmatch(word):
            number = float(word)
            return attribute.name, int(number) if number == int(number) else number
        if attribute.kind in ("text", "flag") or attribute.other:
            free.append((len(before) + len(after), attribute.name, word))
    return max(free)[1:] if free else None


def text_to_attributes(text: str, schema: ClinicalSchema | None = None) -> dict[str, Value]:
    """Text made by `row_text` -> its attributes.

    Raises:
        UnsuitableInputError: a clause is none of the schema's, or an attribute is said twice.
    """
    schema = schema or load_schema()
    out: dict[str, Value] = {}
    for words in filter(None, text.split(JOIN)):
        found = _read_clause(words, schema)
        if found is None or found[0] in out:
            raise UnsuitableInputError(
                f"“{words[:80]}” is {'said twice' if found else 'no clause of the schema'}."
            )
        out[found[0]] = found[1]
    return out


def row_text(
    row: dict[str, str], schema: ClinicalSchema | None = None, outcomes: tuple[str, ...] = ()
) -> ClinicalText:
    """Clauses of the attributes that are known, in the schema's order.

    Args:
        row: column -> cell. outcomes: names of outcome attributes to say all the same; by default
            none is, they would leak what is to be found.

    Raises:
        UnsuitableInputError: an outcome asked for is not one of the schema's, or the row has no
            such column.
    """
    schema = schema or load_schema()
    cells = [(name, column_key(name), value or "") for name, value in row.items()]
    keys = {key for _, key, _ in cells}
    given = {a.name for a in schema.attributes if a.outcome and keys & {*a.columns}}
    if strange := [name for name in outcomes if name not in given]:
        raise UnsuitableInputError(
            f"The row has no outcome column {', '.join(strange)}; the schema's outcomes are: "
            f"{', '.join(schema.outcomes) or 'none'}."
        )
    result = ClinicalText("")
    for attribute in schema.attributes:
        own = [(name, value) for name, key, value in cells if key in attribute.columns]
        hidden = attribute.outcome and attribute.name not in outcomes
        _say(attribute, own, hidden, schema, result)
    clauses = [
        clause(attribute, result.attributes[attribute.name])
        for attribute in schema.attributes
        if attribute.name in result.attributes
    ]
    return ClinicalText(JOIN.join(clauses), result.attributes, result.left_out)


def _say(
    attribute: Attribute,
    cells: list[tuple[str, str]],
    hidden: bool,
    schema: ClinicalSchema,
    result: ClinicalText,
) -> None:
    """An attribute's value from its (column, cell)s into the result, or why it is left out."""
    given: dict[Value, tuple[str, str]] = {}
    for name, value in cells:
        try:
            if hidden:
                raise _LeftOut("an outcome; used only when asked for by name")
            said = _said(attribute, _value(attribute, value, schema.missing), schema)
            given.setdefault(said, (name, value))
        except _LeftOut as reason:
            result.left_out.append({"column": name, "value": value, "reason": str(reason)})
    if len(given) > 1:
        result.left_out.extend(
            {"column": name, "value": value, "reason": "the columns contradict each other"}
            for name, value in given.values()
        )
    elif given:
        result.attributes[attribute.name] = next(iter(given))


def _said(attribute: Attribute, value: Value, schema: ClinicalSchema) -> Value:
    """The value, when its clause reads back as itself."""
    found = _read_clause(clause(attribute, value), schema)
    if found is None or found[0] != attribute.name or found[1] != value:
        raise _LeftOut("its words could be read as another attribute")
    return value


def _id_column(table: Table, schema: ClinicalSchema, named: str | None) -> str:
    """The column of the ids: the one named, else the first that the schema knows.

    Raises:
        UnsuitableInputError: there is none; the sentence asks for it.
    """
    wanted = (column_key(named),) if named else schema.ids
    if (found := next((c for c in table.columns if column_key(c) in wanted), None)) is not None:
        return found
    has = listed(table.columns)
    if named:
        raise UnsuitableInputError(f"{table.name} has no column {named}; its columns are: {has}.")
    raise UnsuitableInputError(
        f"Which column of {table.name} names the patients? None is called "
        f"{', '.join(schema.ids)}; its columns are: {has}. "
        "Rename that column to id (clinical, prompts and counterfactual also take --id-column)."
    )


def _one_row(table: Table, key: str, row_id: str) -> dict[str, str]:
    found = [row for row in table.rows if row[key] == row_id.strip()]
    if not found:
        raise UnsuitableInputError(f"{table.name} has no row with {key} = {row_id}.")
    if len(found) > 1:
        raise UnsuitableInputError(
            f"{table.name} has {len(found)} rows with {key} = {row_id}; one row an id is needed."
        )
    return found[0]


def read_row(
    table: Path | str,
    row_id: str,
    schema: ClinicalSchema | None = None,
    sheet: str | None = None,
    id_column: str | None = None,
) -> dict[str, str]:
    """One row of a table by its id.

    Args:
        id_column: the column of the ids; the schema's when None.

    Raises:
        UnreadableError: no such file, or no table. UnsuitableInputError: no such row, or several,
            or no column of ids.
    """
    read = read_table(table, sheet)
    return _one_row(read, _id_column(read, schema or load_schema(), id_column), row_id)


def _row_said(row_id: str, text: ClinicalText) -> RowSaid:
    return {
        "id": row_id,
        "text": text.text,
        "attributes": text.attributes,
        "left_out": text.left_out,
    }


def table_texts(
    path: Path | str,
    row_id: str | None = None,
    schema: ClinicalSchema | None = None,
    outcomes: tuple[str, ...] = (),
    sheet: str | None = None,
    id_column: str | None = None,
) -> TableSaid:
    """What the rows of a table say.

    Args:
        row_id: only this row; every row with an id of its own when None. id_column: the column of
            the ids; the schema's when None.

    Raises:
        UnreadableError, UnsuitableInputError: as `read_table` and `read_row`.
    """
    schema = schema or load_schema()
    table = read_table(path, sheet)
    key = _id_column(table, schema, id_column)
    known = {column for a in schema.attributes for column in a.columns}
    unknown = [name for name in table.columns if name != key and column_key(name) not in known]
    times = Counter(row[key] for row in table.rows)
    rows = table.rows if row_id is None else [_one_row(table, key, row_id)]
    refused = [
        {"id": name, "reason": f"{n} rows have this {key}" if name else f"{n} row(s) without {key}"}
        for name, n in times.items()
        if row_id is None and (n > 1 or not name)
    ]
    said = [
        _row_said(row[key], row_text(row, schema, outcomes))
        for row in rows
        if row[key] and times[row[key]] == 1
    ]
    return {"rows": said, "refused": refused, "unknown_columns": unknown, "notes": table.notes}
