"""What a lesson's records ask and expect is what the core takes and answers."""

from __future__ import annotations

from dataclasses import MISSING, fields

import pytest
from msgspec import NODEFAULT
from msgspec.structs import fields as core_fields
from SlicerDGMVLCPresenters import lesson_records as ours

from DGMVLCCore.jobs import teach as theirs
from DGMVLCCore.readers import quiz, records


@pytest.mark.parametrize(
    ("mine", "core"),
    [
        (ours.QuizCase, theirs.NextCase),
        (ours.Reviewed, theirs.Reviewed),
        (ours.QuizState, theirs.QuizState),
        (ours.QuizBegun, theirs.QuizBegun),
        (ours.Revealed, theirs.AnswerShown),
        (ours.Key, records.CaseKey),
        (ours.Judged, records.Answer),
        (ours.ToRead, theirs.ToRead),
        (ours.ReadingState, theirs.ReadingState),
    ],
)
def test_every_field_of_an_answer_is_one_of_the_cores(mine, core):
    assert {f.name for f in fields(mine)} <= {f.name for f in core_fields(core)}


@pytest.mark.parametrize("name", ["StartQuiz", "AnswerQuiz", "NextReading", "RecordReading"])
def test_every_request_is_one_that_the_core_takes(name):
    mine = {field.name: field for field in fields(getattr(ours, name))}
    core = {field.name: field for field in core_fields(getattr(theirs, name))}
    needed = {name for name, field in core.items() if field.default is NODEFAULT}
    assert set(mine) <= set(core)
    assert needed <= {name for name, field in mine.items() if field.default is MISSING}


def test_no_finding_is_said_as_the_core_says_it():
    from SlicerDGMVLCPresenters.lesson import NOTHING

    assert NOTHING == quiz.NOTHING
