"""The schemas of typed records are made from their types, and both refuse the same."""

import json

import jsonschema
import pytest
from msgspec import to_builtins

from DGMVLCCore.errors import UnreadableError
from DGMVLCCore.readers.records import QuizRecord, head
from DGMVLCCore.results.records import check_schema, read_typed, write_typed
from Testing import schemas


@pytest.mark.parametrize("path", schemas.texts(), ids=lambda path: path.name)
def test_a_schema_is_that_of_its_type(path):
    text = schemas.texts()[path]
    assert path.read_text(encoding="utf-8") == text, "run python Testing/schemas.py"
    jsonschema.Draft202012Validator.check_schema(json.loads(text))


def quiz(**changed):
    fields = {"reader": "r", "cases": "c", "keys_sha256": "0" * 64, "order": ["case-001"]}
    return {**to_builtins(head("quiz", 1)), **fields, "answers": [], **changed}


def test_what_was_written_is_read_again(tmp_path):
    path = tmp_path / "quiz.json"
    path.write_text(json.dumps(quiz()), encoding="utf-8")
    record = read_typed(path, QuizRecord)
    write_typed(record, path)
    assert read_typed(path, QuizRecord) == record
    check_schema(json.loads(path.read_text(encoding="utf-8")), "quiz.schema.json")


@pytest.mark.parametrize(
    "changed, where",
    [
        ({"keys_sha256": "0" * 63}, "keys_sha256"),
        ({"seed": None}, "seed"),
        ({"answers": [{"case": "a"}]}, "answers"),
        ({"colour": "red"}, "colour"),
        ({"schema_version": "0.1"}, "schema_version"),
        ({"order": []}, "order"),
        ({"order": ["case-001", "case-001"]}, "twice"),
        ({"notice": "none"}, "notice"),
    ],
)
def test_a_wrong_field_is_refused_by_type_and_schema(changed, where, tmp_path):
    path = tmp_path / "quiz.json"
    path.write_text(json.dumps(quiz(**changed)), encoding="utf-8")
    with pytest.raises(UnreadableError, match=where):
        read_typed(path, QuizRecord)
    with pytest.raises(UnreadableError):
        check_schema(quiz(**changed), "quiz.schema.json")


def test_a_record_of_synthetic_scans_says_so(tmp_path):
    path = tmp_path / "quiz.json"
    path.write_text(json.dumps(quiz(synthetic=False)), encoding="utf-8")
    with pytest.raises(UnreadableError, match="synthetic"):
        read_typed(path, QuizRecord)
