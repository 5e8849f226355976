"""Reader studies: a fair order, readings that are checked, statistics against known values, and the
sentences for wrong plans."""

import csv
import json
from datetime import datetime, timedelta

import numpy as np
import pytest

from DGMVLCCore import cli
from DGMVLCCore.errors import UnreadableError, UnsuitableInputError, UsageError
from DGMVLCCore.jobs.tasks import run_task
from DGMVLCCore.readers.analysis import analyse
from DGMVLCCore.readers.cases import CaseSet
from DGMVLCCore.readers.readings import COLUMNS, Reading
from DGMVLCCore.readers.scripted import read_all
from DGMVLCCore.readers.study import AIDED, ALONE, Study, plan_study, reader_names
from DGMVLCCore.stats import bootstrap, delong, paired, roc_area, sensitivity_at


@pytest.fixture
def study(with_aid, tmp_path):
    plan_study(with_aid, tmp_path / "study", ["2"], seed=1)
    return Study.read(tmp_path / "study")


@pytest.fixture(scope="module")
def scripted(with_aid, tmp_path_factory):
    out = tmp_path_factory.mktemp("scripted") / "study"
    plan_study(with_aid, out, ["3"], seed=2)
    read_all(Study.read(out))
    return out


def fill(study, reader, change=None):
    """The reader's table, filled with confidence 50, and changed by `change(rows)`."""
    path = study.folder / "tables" / f"{reader}.csv"
    with path.open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["confidence"] = "50"
    rows = (change(rows) or rows) if change else rows
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_the_order_is_counterbalanced_and_blind(with_aid, tmp_path):
    record = plan_study(with_aid, tmp_path / "s", ["4"], seed=7)
    keys = CaseSet.read(with_aid).keys()
    first = {}
    for reader in record.readers:
        own = [i for i in record.items if i.reader == reader]
        assert len(own) == 8 and all(
            {i.mode for i in own if i.case == c} == {ALONE, AIDED} for c in keys
        ), "every case in both ways, once each"
        for session in (1, 2):
            now = [i for i in own if i.session == session]
            assert (
                sorted(i.position for i in now) == list(range(1, 5))
                and [i.mode for i in now].count(AIDED) == 2
            )
            assert sum(bool(keys[i.case].term) for i in now if i.mode == AIDED) == 1, (
                "as many findings in either half"
            )
        first[reader] = {i.case for i in own if i.session == 1 and i.mode == AIDED}
    assert first["R1"] == first["R3"] and first["R1"].isdisjoint(first["R2"]), (
        "which half is aided first alternates"
    )
    orders = [
        [i.case for i in record.items if i.reader == r and i.session == s]
        for r in record.readers
        for s in (1, 2)
    ]
    assert len(set(map(tuple, orders))) > 4
    text = (tmp_path / "s" / "study.json").read_text(encoding="utf-8")
    assert (
        "truth" not in text and "size" not in text and {i.asked for i in record.items} == {"nodule"}
    )


def test_wrong_plans_get_a_sentence(with_aid, balanced, tmp_path):
    assert plan_study(with_aid, tmp_path / "one", ["1"]).notes[0].startswith("One reader")
    with pytest.raises(UnsuitableInputError, match="have no counterfactual"):
        plan_study(balanced, tmp_path / "x", ["2"])
    for names, words in (
        (["0"], "1 to 100 readers"),
        (["a", "A"], "same code"),
        (["../x"], "letters, digits"),
        (["101"], "1 to 100"),
    ):
        with pytest.raises(UsageError, match=words):
            reader_names(names)
    with pytest.raises(UsageError, match="washout"):
        plan_study(with_aid, tmp_path / "x", ["2"], washout_days=-1)


def test_too_few_cases(chest_file, tmp_path, capsys):
    assert (
        cli.main(
            [
                "cases",
                "--from",
                str(chest_file),
                "--finding",
                "nodule",
                "--number",
                "1",
                "-q",
                "-o",
                str(tmp_path / "c"),
            ]
        )
        == 0
    )
    assert (
        cli.main(
            ["study", "plan", str(tmp_path / "c"), "-o", str(tmp_path / "s"), "--readers", "2"]
        )
        == 4
    )
    assert "at least 2 of each" in capsys.readouterr().err and not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows[0].update(confidence="101"), "between 0 and 100"),
        (lambda rows: rows[0].update(confidence="nan"), "between 0 and 100"),
        (lambda rows: rows[0].update(confidence="sure"), "must be a number"),
        (lambda rows: [*rows, rows[3]], "twice"),
        (lambda rows: rows[0].update(case="case-099"), "no reading of case"),
        (lambda rows: rows[0].update(reader="R9"), "no reading of case"),
        (lambda rows: rows[0].update(mode="guess"), "was to be read as"),
        (lambda rows: rows[0].update(x_mm="3"), "x_mm, y_mm and z_mm"),
        (lambda rows: rows[0].update(seconds="-2"), "reading time"),
        (lambda rows: rows[0].update(read_at="yesterday"), "read_at must be"),
        (lambda rows: [r.update(confidence="") for r in rows] and None, "holds no reading"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_taken(study, change, words):
    with pytest.raises((UnsuitableInputError, UnreadableError), match=words):
        study.take_in(fill(study, "R1", change))
    assert study.readings("R1") == []


def test_readings_from_a_table_are_kept_and_not_replaced(study):
    def half(rows):
        for row in rows[5:]:
            row["confidence"] = ""
        rows[0].update(
            confidence="87,5", x_mm="1", y_mm="2", z_mm="3", seconds="12", comment="=cmd()"
        )

    path = fill(study, "R1", half)
    assert study.take_in(path) == {"R1": 5}
    kept = study.readings("R1")
    assert kept[0].confidence == 87.5 and kept[0].mark == (1, 2, 3) and kept[0].comment == "=cmd()"
    saved = [file.read_text(encoding="utf-8") for file in (study.folder / "readings").glob("*.csv")]
    assert "'=cmd()" in "".join(saved)
    with pytest.raises(UnsuitableInputError, match="already"):
        study.take_in(path)
    with pytest.raises(UnsuitableInputError, match=r"11 of 16 readings are missing, the first"):
        analyse(study)
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(UnreadableError, match="lacks the column reader"):
        study.take_in(path)


def test_the_second_session_waits_for_the_washout(study):
    now = datetime(2026, 3, 1, 12)
    first = [i for i in study.of("R1") if i.session == 1]
    study.add("R1", [Reading(item, 10, read_at=now) for item in first])
    with pytest.raises(UnsuitableInputError, match="opens on 2026-03-29"):
        study.next_item("R1", now + timedelta(days=27))
    assert study.next_item("R1", now + timedelta(days=28)).session == 2


def test_the_page_reads_and_records(study):
    def ask(name, **request):
        return run_task(
            name,
            None,
            {"study": str(study.folder), "reader": "R2", **request},
            lambda *_: None,
            lambda: False,
        )

    item = ask("next-reading")["next"]
    assert (item["aid"] is None) == (item["mode"] == ALONE) and item["position"] == 1
    after = ask("record-reading", case=item["case"], confidence=70, point=None, seconds=9.5)
    assert (
        after["left"] == 7
        and after["next"]["position"] == 2
        and study.readings("R2")[0].seconds == 9.5
    )
    following = after["next"]["case"]
    for wrong in (
        {"case": item["case"], "confidence": 70},
        {"case": following, "confidence": None},
        {"case": following, "confidence": True},
    ):
        with pytest.raises(UsageError):
            ask("record-reading", **wrong)
    with pytest.raises(UnsuitableInputError, match="between 0 and 100"):
        ask("record-reading", case=after["next"]["case"], confidence=101)
    with pytest.raises(UnsuitableInputError, match="outside the scan"):
        ask("record-reading", case=after["next"]["case"], confidence=1, point=[0, 0, 9999])
    assert len(study.readings("R2")) == 1


def test_roc_area_and_sensitivity_against_known_values():
    positive, negative = np.array([3.0, 2.0, 2.0]), np.array([1.0, 2.0, 0.0])
    assert roc_area(positive, negative) == pytest.approx((3 * 3 - 2 * 0.5) / 9)
    assert sensitivity_at(
        np.array([4.0, 3.0, 1.0, 0.5]), np.array([2.0, 0.0, 0.0, 0.0]), 0.75
    ) == pytest.approx(1.0)
    assert sensitivity_at(
        np.array([4.0, 3.0, 1.0, 0.5]), np.array([2.0, 0.0, 0.0, 0.0]), 0.999
    ) == pytest.approx(0.5, abs=0.01)


def test_delong_has_the_known_variance_and_covers():
    rng = np.random.default_rng(0)
    same = rng.normal(size=(1, 30)) + 1
    none = delong(np.repeat(same, 2, 0), np.repeat(rng.normal(size=(1, 25)), 2, 0))
    assert none.difference == 0 and none.p is None and none.ci95 == (0, 0)
    hits, bootstrapped, errors = 0, [], []
    for _ in range(
        120
    ):  # two conditions with the same true area: the interval holds 0 in about 95 %
        shared = rng.normal(size=60)
        p, n = shared[:30] + rng.normal(size=(2, 30)) + 1.2, shared[30:] + rng.normal(size=(2, 30))
        found = delong(p, n)
        hits += found.ci95[0] <= 0 <= found.ci95[1]
        errors.append((found.ci95[1] - found.ci95[0]) / 3.92)
        bootstrapped.append(found.difference)
    assert 0.89 <= hits / 120 <= 0.995 and np.mean(errors) == pytest.approx(
        np.std(bootstrapped), rel=0.25
    )


def test_a_true_gain_is_found_and_none_is_not_invented():
    rng = np.random.default_rng(1)
    present = np.arange(60) < 30
    base = rng.normal(size=(5, 1, 60)) + present
    noise = rng.normal(scale=0.4, size=(5, 2, 60))
    for gain in (0.0, 2.0):
        scores = base + noise + gain * present * np.array([0, 1])[:, None]
        fact = paired(
            roc_area(scores[:, :, present], scores[:, :, ~present]).mean(0),
            bootstrap(scores, present, roc_area, draws=300),
        )
        assert (fact.ci95[0] > 0) == (gain > 0)
        assert fact.ci95[0] <= fact.difference <= fact.ci95[1]


def test_the_scripted_study_from_end_to_end(scripted, capsys):
    assert cli.main(["study", "analyse", str(scripted), "--draws", "200", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    result = json.loads((scripted / "analysis" / "analysis.json").read_text(encoding="utf-8"))
    assert (
        result["scripted"]
        and "say nothing about people" in answer["notes"][0]
        and result["readers"] == 3
        and result["cases_with"] == 2
    )
    assert (
        result["roc_area"]["second"] >= result["roc_area"]["first"] - 0.01
        and result["roc_area"]["second"] > 0.9
    ), "the true difference was shown to it"
    assert result["marks_right"]["second"] == 1 and result["seconds"][
        "difference"
    ] == pytest.approx(5, abs=4)
    assert result["washout"]["pairs_too_close"] == 0 and result["washout"]["pairs"] == 12
    assert {p.name for p in (scripted / "analysis").iterdir()} == {
        "analysis.json",
        "analysis.md",
        "roc.png",
        "readings.csv",
    }
    assert "simulated observer" in (scripted / "analysis" / "analysis.md").read_text(
        encoding="utf-8"
    )
    assert (
        len((scripted / "analysis" / "readings.csv").read_text(encoding="utf-8").splitlines()) == 25
    )
    with pytest.raises(UnsuitableInputError, match="not mixed with people"):
        read_all(Study.read(scripted))
    assert (
        cli.main(
            ["study", "analyse", str(scripted), "--specificity", "1.5", "-o", str(scripted / "b")]
        )
        == 2
        and not (scripted / "b").exists()
    )
    assert (
        cli.main(["study", "run", str(scripted), "--reader", "R1"]) == 0
        and cli.main(["study", "run", str(scripted), "--reader", "R8"]) == 2
    )
