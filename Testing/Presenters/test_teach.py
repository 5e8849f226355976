"""A quiz and a reading as both skins have them: which case next, what may be done, what is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from SlicerDGMVLCLib.records import Fields
from SlicerDGMVLCPresenters.desk import TEACH, Desk
from SlicerDGMVLCPresenters.lesson import ALL_READ, CHOOSE, SAVED
from SlicerDGMVLCPresenters.lesson_records import Aid, Revealed
from SlicerDGMVLCPresenters.page import page
from SlicerDGMVLCPresenters.page_fields import Page
from SlicerDGMVLCPresenters.teach import AGAIN, Teach, Wish

COUNTED = {"n": 1, "found": 1, "named": 0, "found and named": 0}
SCORE = {
    "cases": 2,
    "with a finding": COUNTED,
    "without a finding": {"n": 1, "left alone": 1},
    "by": {"term": {"nodule": COUNTED}, "size": {}, "subtlety": {}},
    "median_seconds": 7.0,
}
REVIEW = [{"case": "b", "words": "A nodule.", "right": False}]
KEY = {
    "key": {"id": "a", "term": "nodule", "centre_mm": [1.0, 2.0, 3.0]},
    "answer": {"found": True, "right_name": False},
    "words": "It is a nodule.",
    **{name: f"/{name}" for name in ("scan", "before", "difference", "segments", "attention")},
}


def state(number: int = 0) -> dict[str, Any]:
    case = {"case": "ab"[number - 1], "path": f"/{number}.nrrd", "number": number, "of": 2}
    return {"next": case if number else None, "score": SCORE, "review": [] if number else REVIEW}


class Room:
    """The presenter with views and a worker that are asked and answer when told."""

    def __init__(self) -> None:
        self.desk, self.now = Desk(), 10.0
        self.desk.tab = TEACH
        self.lesson = self.desk.lesson
        self.lesson._clock = lambda: self.now
        self.asked: list[tuple[str, Fields]] = []
        self.shown: list[str] = []
        self.sentence, self.broken = ("", ""), False
        self.teach = Teach(
            self.lesson,
            self,
            self._ask,
            new_folder=self.new_folder,
            changed=lambda: None,
            say=lambda *said: setattr(self, "sentence", said),
        )

    def _ask(self, name: str, request: Fields, title: str, answered: Callable[..., None]) -> None:
        self.asked.append((name, request))
        self.answer = answered

    def new_folder(self) -> Path:
        if self.broken:
            raise OSError("The disk is full.")
        return Path("/new")

    def _show(self, what: str) -> None:
        if self.broken:
            raise ValueError("It cannot be read.")
        self.shown.append(what)

    def show_case(self, path: Path, title: str, aid: Aid | None = None) -> None:
        self._show(f"{title} {aid.difference if aid else ''}".strip())

    def show_key(self, shown: Revealed) -> None:
        self._show(f"key {shown.before}")

    def clear(self) -> None:
        self.shown.append("nothing")

    @property
    def says(self) -> Page:
        return page(self.desk)

    def begin(self) -> None:
        self.teach.start(Wish(folder="/cases"))
        begun = {"quiz": "/q", "understood": "the cases", "choices": ["nodule", "no finding"]}
        self.answer({**state(1), **begun})


@pytest.fixture
def room():
    return Room()


def test_a_quiz_from_the_first_case_to_the_score(room):
    room.begin()
    assert room.asked[0][1]["cases"] == "/cases" and room.asked[0][1]["out"] == ""
    says = room.says
    assert (says.teach_title, says.header) == ("Case 1 of 2", "Case 1 of a quiz")
    assert says.teach_on and says.teach_why.startswith("Choose what it is")
    room.teach.name("nodule")
    assert room.says.teach_why.startswith("Mark it")
    room.teach.reveal(True)
    assert len(room.asked) == 1, "an answer that is not whole is not sent"
    room.teach.mark((10.0, -20.0, 30.0))
    assert room.says.teach_place.startswith("Marked: R 10.0  P 20.0") and not room.says.teach_why
    room.now += 7.04
    room.teach.reveal(True)
    said = {"named": "nodule", "point": [-10.0, 20.0, 30.0], "seconds": 7.0, "attention": True}
    assert room.asked[1] == ("answer-quiz", {"quiz": "/q", "case": "a", **said})
    room.answer(KEY)
    says = room.says
    assert room.shown == ["Case 1", "key /before"] and says.header.endswith(", answered")
    assert says.teach_shown and not says.teach_right and says.teach_has_heat
    room.teach.mark((0.0, 0.0, 0.0))
    assert room.lesson.mark == (10.0, -20.0, 30.0), "what was answered stands"
    room.teach.next()
    room.answer(state(2))
    says = room.says
    assert says.teach_title == "Case 2 of 2" and says.teach_named is None
    assert says.teach_words == "" and says.teach_place == room.lesson.how_to_mark
    room.teach.name("no finding")
    room.teach.mark((1.0, 1.0, 1.0))
    room.teach.reveal(False)
    assert room.asked[-1][1]["point"] is None, "no finding is nowhere"
    room.answer({**KEY, "attention": None})
    assert not room.says.teach_has_heat
    room.teach.next()
    room.answer(state())
    says = room.says
    assert (
        says.teach_done
        and says.teach_title == "Score"
        and list(map(asdict, says.teach_review)) == REVIEW
    )
    assert says.teach_score == [
        "1 of 1 findings found, 0 of 1 named, 0 both",
        "1 of 1 scans without a finding left alone",
        "nodule: 0 of 1",
        "median 7 s a case",
    ]
    assert room.shown[-1] == "nothing" and says.header == ""
    room.teach.end()
    assert room.lesson.step == CHOOSE and not room.says.teach_on


def test_cases_that_are_wished_for_go_into_a_folder_of_their_own(room):
    room.teach.start(Wish(query="two nodules", number=2, image="/ct"))
    name, request = room.asked[0]
    assert name == "start-quiz" and request["cases"] == "" and request["out"] == "/new"
    assert (request["query"], request["number"], request["image"]) == ("two nodules", 2, "/ct")
    room.broken = True
    room.teach.start(Wish(query="a nodule"))
    assert room.sentence == ("The disk is full.", "") and len(room.asked) == 1


def test_a_case_that_cannot_be_read_leaves_the_one_before(room):
    room.begin()
    room.teach.name("no finding")
    room.teach.reveal(False)
    room.broken = True
    room.answer(KEY)
    assert room.sentence == ("It cannot be read.", AGAIN)
    assert room.says.teach_words == "It is a nodule.", "it is judged all the same"
    room.teach.next()
    room.answer(state(2))
    assert room.says.teach_title == "Case 1 of 2" and room.shown == ["Case 1"]


def test_a_reading_is_saved_without_a_reveal(room):
    room.teach.begin_study("/study", "R1")
    assert room.asked[0] == ("next-reading", {"study": "/study", "reader": "R1"})
    item = {"case": "a", "mode": "with aid", "asked": "nodule", "path": "/a.nrrd", "reader": "R1"}
    aid = {"counterfactual": "/c", "difference": "/d"}
    room.answer({"left": 2, "of": 2, "next": {**item, "aid": aid}})
    says = room.says
    assert (says.teach_title, says.teach_mode) == (
        "Is there nodule?",
        "with aid · 2 to read",
    )
    assert says.teach_study_on and says.teach_study_note == SAVED and not says.teach_on
    assert room.shown == ["Scan /d"] and says.header == "Reading a"
    room.teach.reveal(True)
    assert len(room.asked) == 1
    room.teach.mark((1.0, 2.0, 3.0))
    room.teach.save_reading(70)
    said = {"case": "a", "confidence": 70, "point": [-1.0, -2.0, 3.0], "seconds": 0.0}
    assert room.asked[1] == ("record-reading", {"study": "/study", "reader": "R1", **said})
    room.answer({"left": 0, "of": 2, "next": None})
    assert room.says.teach_study_note == ALL_READ and not room.says.teach_study_on
    room.teach.save_reading(70)
    assert len(room.asked) == 2, "nothing is read any more"
