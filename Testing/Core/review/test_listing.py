"""What a viewer asks of a session through the worker: worklist, regions, scan, decisions."""

import numpy as np
import pytest

from DGMVLCCore.errors import UsageError
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.jobs.tasks import run_task
from DGMVLCCore.review.decisions import ReviewSession


def ask(name, **request):
    return run_task(name, None, request, lambda *_: None, lambda: False)  # type: ignore[arg-type]


FACT = {"term": "emphysema", "text": "emphysema", "span": [0, 9], "region": None}


@pytest.fixture
def session(studies, tmp_path, found):
    made = ReviewSession.create(studies, tmp_path / "session")
    found(
        made,
        "a-ct",
        report_check=[
            {
                **FACT,
                "status": "not seen",
                "sentence": "The report names emphysema; no region found fits it.",
            },
            {**FACT, "status": "seen", "sentence": "The report's nodule is region 1."},
        ],
    )
    return made


def test_the_worklist_says_what_is_unreported_and_what_waits(session, studies):
    answer = ask("review-open", folder=str(studies), session=str(session.folder))
    assert [
        (row["id"], row["state"], row["unreported"], row["waiting"]) for row in answer["studies"]
    ] == [("a-ct", "open", 2, False), ("b-ct", "waiting", 0, True)]
    assert answer["progress"]["regions"] == 2


def test_a_study_comes_with_its_scan_and_what_was_not_seen(session, tmp_path, phantom_with_nodule):
    answer = ask(
        "review-show", session=str(session.folder), study="a-ct", out=str(tmp_path / "scan.nrrd")
    )
    assert np.array_equal(load_volume(answer["scan"]).array, phantom_with_nodule.array)
    assert answer["unseen"] == ["The report names emphysema; no region found fits it."]
    first = answer["regions"][0]
    assert (first["size"], first["place"], first["change"], first["alert"]) == (
        "26 mm",
        "in the left lung",
        "+612 HU (+540 to +700)",
        True,
    )
    assert first["outline"].endswith("studies/a-ct/region-1.seg.nrrd")
    assert ask("review-show", session=str(session.folder), study="a-ct")["scan"] is None, (
        "only when it is asked for"
    )


def test_a_decision_is_saved_before_the_answer_comes(session):
    answer = ask(
        "review-decide", session=str(session.folder), study="a-ct", region=1, verdict="accepted"
    )
    assert (
        ReviewSession.open(session.folder).decisions()["a-ct/1"].verdict
        == "accepted"
        == answer["regions"][0]["verdict"]
    )
    answer = ask(
        "review-decide", session=str(session.folder), study="a-ct", region=1, comment="look again"
    )
    assert (
        answer["regions"][0]["verdict"],
        answer["regions"][0]["comment"],
        answer["progress"]["decided"],
    ) == ("accepted", "look again", 1)
    answer = ask("review-decide", session=str(session.folder), study="a-ct", region=1, verdict="")
    assert answer["regions"][0]["verdict"] == "" and answer["progress"]["decided"] == 0


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"verdict": "malignant"},
        {"verdict": 1},
        {"comment": ["x"]},
        {"region": 9, "verdict": "accepted"},
    ],
)
def test_what_is_no_decision_is_refused(session, said):
    with pytest.raises(UsageError):
        ask(
            "review-decide",
            **{"session": str(session.folder), "study": "a-ct", "region": 1, **said},
        )
    assert session.decisions() == {}
