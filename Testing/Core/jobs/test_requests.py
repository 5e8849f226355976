"""A viewer's request is read into its type, or refused in one sentence that names the field."""

from pathlib import Path

import pytest

from DGMVLCCore.errors import UsageError
from DGMVLCCore.jobs.edit import Request
from DGMVLCCore.jobs.requests import read_request
from DGMVLCCore.jobs.tasks import run_task
from DGMVLCCore.jobs.teach import AnswerQuiz, RecordReading


def test_json_becomes_the_types_that_the_request_declares():
    request = read_request(
        {"image": "ct.nrrd", "report_text": "A nodule.", "out": "o", "slices": [2, 5]},
        Request,
        scene=False,
    )
    assert request == Request(Path("ct.nrrd"), "A nodule.", Path("o"), slices=(2, 5), scene=False)
    answer = read_request({"quiz": "q.json", "case": "c1", "point": [1, 2.5, -3]}, AnswerQuiz)
    assert (answer.quiz, answer.point, answer.named) == (Path("q.json"), (1.0, 2.5, -3.0), "")


@pytest.mark.parametrize(
    "kind, change, words",
    [
        (Request, {"image": ""}, "image must be a path"),
        (Request, {"mask": 3}, "mask must be a path or null"),
        (Request, {"overwrite": 1}, "overwrite must be true or false"),
        (Request, {"out": None}, "out must be a path, not None"),
        (RecordReading, {"case": ""}, "case must be text that is not empty"),
        (RecordReading, {"point": [1, 2]}, "point must be three numbers"),
        (RecordReading, {"confidence": "sure"}, "confidence must be a number or null"),
        (RecordReading, {"colour": "red"}, "unknown field colour"),
    ],
)
def test_a_wrong_field_is_named(kind, change, words):
    whole = {
        Request: {"image": "a", "report_text": "b", "out": "c"},
        RecordReading: {"study": "s", "reader": "r", "case": "c"},
    }[kind]
    read_request(whole, kind)
    with pytest.raises(UsageError, match=words):
        read_request({**whole, **change}, kind)


def test_a_missing_field_is_named_and_a_task_refuses_the_same_way():
    with pytest.raises(UsageError, match="lacks the field report_text"):
        read_request({"image": "a", "out": "c"}, Request)
    for request, words in (
        ([], "must be an object"),
        ({"session": "s"}, "lacks the field study"),
        ({"session": "s", "study": 4}, "study must be text that is not empty"),
    ):
        with pytest.raises(UsageError, match=words):
            run_task("review-study", None, request, lambda *_: None, lambda: False)
