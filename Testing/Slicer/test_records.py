"""Records from a message's fields: types are checked, and the field that is wrong is named."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from SlicerDGMVLCLib.records import asFields, readRecord


@dataclass(frozen=True)
class Inner:
    name: str
    size: float = 1.0


@dataclass(frozen=True)
class Outer:
    id: str
    sizeMm: float | None
    inner: Inner | None
    rows: list[Inner]
    point: tuple[float, float, float] | None = None
    counts: dict[str, int] = field(default_factory=dict, metadata={"name": "how many"})
    known: tuple[str, ...] = ()


FIELDS = {
    "id": "a",
    "size_mm": 3,
    "inner": {"name": "b", "more": 1},
    "rows": [{"name": "c", "size": 2.0}],
    "point": [1, 2, 3],
    "how many": {"x": 1},
    "known": ["d"],
    "newer": "passed over",
}


def test_a_record_is_read_and_written_again():
    record = readRecord(Outer, FIELDS)
    inner = Inner("b"), [Inner("c", 2.0)]
    assert record == Outer("a", 3.0, *inner, (1.0, 2.0, 3.0), {"x": 1}, ("d",))
    assert readRecord(Outer, asFields(record)) == record
    assert "how many" in asFields(record) and "size_mm" in asFields(record)


def test_what_may_be_none_need_not_be_there():
    assert readRecord(Outer, {"id": "a", "rows": []}) == Outer("a", None, None, [])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"id": 3}, "id: str was expected, not '3'"),
        ({"size_mm": True}, "size_mm: float was expected"),
        ({"rows": [{"name": None}]}, "rows: name: str was expected"),
        ({"inner": {}}, "inner: The field name is missing"),
        ({"point": [1, 2]}, "point: 3 values were expected, not 2"),
        ({"how many": {"x": "y"}}, "how many: int was expected"),
        ({"known": "d"}, "known: .* was expected"),
        ({"inner": 3}, "inner: .* was expected"),
    ],
)
def test_a_wrong_field_is_named(wrong, said):
    with pytest.raises(ValueError, match=said):
        readRecord(Outer, {**FIELDS, **wrong})
