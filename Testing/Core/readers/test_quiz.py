"""The quiz: judged by the key, saved at every step, gone on with after a crash."""

import json

import numpy as np
import pytest

from DGMVLCCore.errors import OutputError, UnreadableError, UnsuitableInputError, UsageError
from DGMVLCCore.jobs.tasks import run_task
from DGMVLCCore.readers.cases import CaseSet
from DGMVLCCore.readers.quiz import NOTHING, TOLERANCE_MM, Quiz, distance_mm


def at(cases, name, index):
    return tuple(float(v) for v in (cases.volume(name).affine @ [*index[::-1], 1])[:3])


def test_the_distance_of_a_click(balanced):
    volume = CaseSet.read(balanced).volume("case-001")
    mask = np.zeros(volume.shape, bool)
    mask[5, 50, 60] = True
    place = (volume.affine @ [60, 50, 5, 1])[:3]
    assert distance_mm(mask, volume, tuple(place)) == 0
    assert distance_mm(mask, volume, tuple(place + [5.0, 0, 0])) == pytest.approx(5.0)
    assert distance_mm(mask, volume, tuple(place + [0, 0, 8.0])) == pytest.approx(10.0), (
        "two slices of 5 mm"
    )
    for wrong, words in (
        ((0.0, 0.0, 1e5), "outside the scan"),
        ((float("nan"), 0.0, 0.0), "finite"),
    ):
        with pytest.raises(UnsuitableInputError, match=words):
            distance_mm(mask, volume, wrong)


def test_a_perfect_reader_scores_everything_and_a_blind_one_nothing(balanced, tmp_path):
    cases = CaseSet.read(balanced)
    good, blind = (Quiz.start(balanced, tmp_path / f"{n}.json", seed=2) for n in ("good", "blind"))
    while name := good.current:
        key = cases.keys()[name]
        mask = cases.mask(name)
        inside = np.argwhere(mask)[0] if key.term else None
        entry = good.answer(
            name,
            key.term or NOTHING,
            at(cases, name, inside) if inside is not None else None,
            10.0,
        )
        assert entry.found and entry.right_name
        far = at(cases, name, (0, 0, 0))
        entry = blind.answer(name, "nodule" if key.term != "nodule" else "emphysema", far, 2.0)
        assert not entry.found and not entry.right_name and (entry.distance_mm or 99) > TOLERANCE_MM
    full = good.score()
    assert full["with a finding"] == {
        "n": 8,
        "found": 8,
        "named": 8,
        "found and named": 8,
    } and full["without a finding"] == {"n": 2, "left alone": 2}
    assert (
        full["median_seconds"] == 10
        and set(full["by"]) == {"term", "size", "subtlety"}
        and len(full["by"]["term"]) == 8
    )
    none = blind.score()
    assert (
        none["with a finding"]["found"]
        == none["with a finding"]["named"]
        == none["without a finding"]["left alone"]
        == 0
    )
    assert [r.answer.case for r in good.review()] == good.record.order
    assert "Right place, right name." in str(good.review())


def test_every_step_is_on_disk_and_a_quiz_goes_on(balanced, tmp_path, monkeypatch):
    path = tmp_path / "quiz.json"
    quiz = Quiz.start(balanced, path)
    with pytest.raises(OutputError, match="exists already"):
        Quiz.start(balanced, path)
    first = quiz.current
    with pytest.raises(UsageError, match="was not answered yet"):
        quiz.reveal(first)
    quiz.answer(first, NOTHING)
    assert Quiz.resume(path).current == quiz.record.order[1], (
        "a crash after the answer loses nothing"
    )

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OutputError, match="No space left"):
        quiz.answer(quiz.current, NOTHING)
    monkeypatch.undo()
    assert len(Quiz.resume(path).record.answers) == 1 == len(quiz.record.answers) and [
        p.name for p in tmp_path.iterdir()
    ] == ["quiz.json"]
    for case, named, point, words in (
        (first, NOTHING, None, "to answer now"),
        (quiz.current, "dragon", None, "no choice"),
        (quiz.current, "nodule", None, "Click where"),
        (quiz.current, NOTHING, (0.0, 0.0, 0.0), "Click where"),
    ):
        with pytest.raises(UsageError, match=words):
            quiz.answer(case, named, point)
    path.write_text(path.read_text(encoding="utf-8")[:40], encoding="utf-8")
    with pytest.raises(UnreadableError):
        Quiz.resume(path)


def test_the_tasks_of_a_viewer(chest_file, tmp_path):
    def ask(name, **request):
        return json.loads(json.dumps(run_task(name, None, request, lambda *_: None, lambda: False)))

    started = ask(
        "start-quiz",
        out=str(tmp_path / "set"),
        query="one large nodule in the left lung",
        image=str(chest_file),
    )
    assert (
        started["understood"] == "large nodule in the left lung"
        and started["next"]["of"] == 1
        and started["choices"][-1] == NOTHING
    )
    case = started["next"]["case"]
    answer = ask(
        "answer-quiz", quiz=started["quiz"], case=case, named=NOTHING, point=None, seconds=3
    )
    assert (
        answer["words"].startswith("Missed. ")
        and answer["next"] is None
        and all(answer[f] for f in ("before", "difference", "segments", "scan"))
    )
    assert (
        ask("answer-quiz", quiz=started["quiz"], case=case, named="nodule", point=[0, 0, 0])[
            "answer"
        ]
        == answer["answer"]
    ), "an answer is not changed"
    assert ask("next-quiz", quiz=started["quiz"])["review"][0]["right"] is False
    (tmp_path / "set").rename(tmp_path / "moved")
    again = ask("start-quiz", cases=str(tmp_path / "moved"))
    assert again["next"] is None and again["score"]["answered"] == 1
    for request in (
        {"out": str(tmp_path / "x"), "number": 0},
        {"out": str(tmp_path / "x"), "number": "many"},
        {"out": 3},
        {"cases": str(tmp_path / "none")},
    ):
        with pytest.raises((UsageError, UnreadableError)):
            ask("start-quiz", **request)
    with pytest.raises(UsageError, match="three numbers"):
        ask(
            "answer-quiz",
            quiz=str(tmp_path / "moved" / "quiz.json"),
            case="case-009",
            named="nodule",
            point=[1, 2],
        )
