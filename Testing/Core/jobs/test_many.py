"""Many scans: lists, rows, resuming, the time left, and a lost worker on a real Ray."""

from __future__ import annotations

import csv
import importlib.util
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from DGMVLCCore.archive.scans import asked_archive
from DGMVLCCore.cli.many import place_of
from DGMVLCCore.errors import DeviceError, UnreadableError, UnsuitableInputError, UsageError
from DGMVLCCore.imaging.io import save_volume
from DGMVLCCore.jobs import on_ray
from DGMVLCCore.jobs.edit import Request
from DGMVLCCore.jobs.lists import read_list
from DGMVLCCore.jobs.many import Item, Pace, Place, Row, Use, run_list, run_many
from DGMVLCCore.jobs.uses import COUNTERFACTUAL, review_all, review_items
from DGMVLCCore.review.decisions import ReviewSession

SMALL = {"shape": (6, 56, 64), "spacing": (5.0, 5.0, 5.0)}


def written(calls: list[str]) -> Use:
    """A use case that writes the words of its request, and refuses some."""

    def run(session, request, tell):
        calls.append(request.out.name)
        if "refuse" in request.report_text:
            raise UnsuitableInputError("Refused.")
        if "crash" in request.report_text:
            raise ZeroDivisionError("oops")
        request.out.mkdir(exist_ok=True)
        (request.out / "result.json").write_text(request.report_text, encoding="utf-8")
        return {"words": len(request.report_text.split())}

    return Use(run, "result.json")


@pytest.fixture
def table(tmp_path):
    """Four rows: two that can be done, one refused, one whose report is not there."""
    for name, words in (("a", "one"), ("b", "one two"), ("c", "refuse")):
        (tmp_path / f"{name}.nrrd").write_bytes(name.encode())
        (tmp_path / f"{name}.txt").write_text(words, encoding="utf-8")
    path = tmp_path / "list.csv"
    path.write_text(
        "image,report,finding,slices\na.nrrd,a.txt,2,10:24\nb.nrrd,b.txt,,\nc.nrrd,c.txt,,\n"
        "a.nrrd,none.txt,,\n",
        encoding="utf-8",
    )
    return path


def test_a_table_gives_typed_requests_and_its_rows_fail_alone(table, tmp_path):
    items = read_list(str(table), COUNTERFACTUAL, Request, tmp_path / "out", {"seed": 3})
    first = items[0].request
    assert [item.id for item in items] == ["a", "b", "c", "a-2"]
    assert (first.finding, first.slices, first.seed, first.report_text) == (2, (10, 24), 3, "one")
    assert first.image == tmp_path / "a.nrrd" and first.out == tmp_path / "out" / "a"
    assert items[3].request is None and "none.txt" in items[3].problem


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image,maks\na.nrrd,m\n", "maks"),
        ("id,report\n1,a.txt\n", "image"),
        ("id,image\nx/y,a.nrrd\n", "x/y"),
        ("id,image\n1,a.nrrd\n1,a.nrrd\n", "unique"),
    ],
)
def test_a_wrong_table_is_one_sentence(text, said, table, tmp_path):
    table.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        read_list(str(table), COUNTERFACTUAL, Request, tmp_path / "out", {})
    with pytest.raises(UnreadableError, match="does not exist"):
        read_list(str(tmp_path / "no.csv"), COUNTERFACTUAL, Request, tmp_path, {})


def test_rows_by_address_are_named_by_their_uids(table, tmp_path):
    table.write_text(
        "image\narchive:a/1.2.3\narchive:a/1.2.4/1.2.5\nscan.nii.gz\n", encoding="utf-8"
    )
    items = read_list(str(table), COUNTERFACTUAL, Request, tmp_path / "out", {})
    assert [item.id for item in items] == ["1.2.3", "1.2.5", "scan"]
    assert items[1].request.image == Path("archive:a/1.2.4/1.2.5")


def test_an_archives_query_is_read(tmp_path):
    name, query = asked_archive("archive:main?dates=20260101-20260131&most=7")
    assert (name, query.dates, query.most, query.modality) == ("main", "20260101-20260131", 7, "CT")
    with pytest.raises(UsageError, match="its fields are"):
        asked_archive("archive:main?date=20260101")


def test_failures_are_listed_and_the_same_command_goes_on(table, tmp_path):
    calls: list[str] = []
    out, use = tmp_path / "out", written(calls)
    items = read_list(str(table), use, Request, out, {})
    first = run_list("words", items, out, Place())
    assert [row.state for row in first.rows] == ["done", "done", "failed", "failed"]
    assert calls == ["a", "b", "c"]
    with open(first.csv, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["words"] for row in rows] == ["1", "2", "", ""]
    assert rows[2]["problem"] == "Refused." and "2 failed" in Path(first.html).read_text(
        encoding="utf-8"
    )
    calls.clear()
    (tmp_path / "b.nrrd").write_bytes(b"another scan")
    again = run_list("words", read_list(str(table), use, Request, out, {}), out, Place())
    assert [row.state for row in again.rows] == ["kept", "done", "failed", "failed"]
    assert calls == ["b", "c"]
    (out / "a" / "result.json").unlink()  # a result that is gone is made again
    changed = [replace(items[0], request=replace(items[0].request, seed=9))]
    assert run_many(items[:1], Place())[0].state == "done"
    assert run_many(changed, Place())[0].state == "done"
    with pytest.raises(Exception, match="something else"):
        run_list("other", items, out, Place())


def test_a_stopped_run_has_its_summary_and_an_unexpected_error_is_a_row(table, tmp_path):
    out, calls = tmp_path / "out", []
    items = read_list(str(table), written(calls), Request, out, {})
    crash = replace(items[0], request=replace(items[0].request, report_text="crash"))

    def stop(row: Row, pace: Pace) -> None:
        if row.id == "b":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_list("words", [crash, *items[1:]], out, Place(), stop)
    with open(out / "summary.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["failed", "done"] and "ZeroDiv" in rows[0]["problem"]


def test_the_time_left_is_that_of_scans_really_done():
    pace = Pace(10)
    assert pace.left() is None
    for state, seconds in (("kept", 0.0), ("failed", 0.1), ("done", 4.0), ("done", 6.0)):
        pace.add(Row("x", state, seconds=seconds))
    assert pace.left() == pytest.approx(6 * 5.0)
    pace.at_once = 4
    assert pace.left() == pytest.approx(6 * 5.0 / 4)
    pace.at_once = 64  # no more than there are scans
    assert pace.left() == pytest.approx(5.0)


def test_where_it_runs_is_said_plainly():
    assert place_of(None, None) == Place() and place_of("ray", 2) == Place("", 2)
    assert place_of("ray=head:6379", None) == Place("head:6379", None)
    for on, workers in (("slurm", None), (None, 2), ("ray", 0)):
        with pytest.raises(UsageError):
            place_of(on, workers)
    with pytest.raises(UsageError, match="twice"):
        run_many([Item("a", COUNTERFACTUAL, None)] * 2, Place())


def test_a_ray_that_starts_late_is_started_again():
    """Ray gives its own processes half a minute and raises a plain Exception after it."""

    class Late:
        def __init__(self, failures: int) -> None:
            self.failures, self.calls = failures, []

        def init(self, **options):
            self.calls.append(options)
            if len(self.calls) <= self.failures:
                raise Exception("The current node timed out during startup.")

        def shutdown(self):
            self.calls[-1]["ended"] = True

    ray = Late(2)
    on_ray._start(ray)
    assert [call.get("ended", False) for call in ray.calls] == [True, True, False]
    with pytest.raises(DeviceError, match=r"did not start on this machine \(The current node"):
        on_ray._start(Late(99))


@pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is missing: pip install 'dgmvlc[ray]'"
)
def test_a_killed_worker_on_ray_loses_and_doubles_nothing(make_chest, tmp_path):
    root = tmp_path / "studies"
    root.mkdir()
    for number in range(4):
        save_volume(make_chest(**SMALL, seed=number), root / f"case-{number}.nrrd")
        (root / f"case-{number}.txt").write_text("No pleural effusion.", encoding="utf-8")
    (root / "bad.nrrd").write_bytes(b"NRRD0004\nnothing")
    session = ReviewSession.create(root, tmp_path / "session")
    rows: list[Row] = []
    left: list[float | None] = []

    def seen(row: Row, pace: Pace) -> None:
        rows.append(row)
        left.append(pace.left())
        if sum(each.state == "done" for each in rows) == 1:
            os.kill(int(row.where.rpartition(":")[2]), signal.SIGKILL)

    items = review_items(session, None, None)
    review_all(session, items, Place("", 1), seen)
    assert sorted(row.id for row in rows) == sorted(item.id for item in items)
    assert [row.id for row in rows if row.state == "failed"] == [
        i.id for i in items if i.id == "bad"
    ]
    assert len({row.where for row in rows if row.state == "done"}) == 2, "another process went on"
    assert left[-1] == 0 and all(session.current(item.id) for item in items)
    assert not [p for p in (session.folder / "studies").iterdir() if p.name.startswith(".")]
    assert review_items(ReviewSession.open(session.folder), None, None) == []
    assert "case-3" in (session.folder / "summary.csv").read_text(encoding="utf-8")
