"""A cohort's folder and table to weights, and from the weights to the sweep."""

import json
import shutil

import numpy as np
import pytest
import torch

from DGMVLCCore import cli
from DGMVLCCore.cohort import patterns, report, sweep
from DGMVLCCore.cohort.frame import REGIONS, PatientScan
from DGMVLCCore.cohort.groups import Contrast
from DGMVLCCore.cohort.plan import CohortRequest
from DGMVLCCore.cohort.teach import scan_key
from DGMVLCCore.errors import UnsuitableInputError, WeightsError
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.jobs import discover
from DGMVLCCore.jobs import train_cohort as training
from DGMVLCCore.jobs.train_cohort import train_cohort
from DGMVLCCore.models.denoiser import Denoiser
from DGMVLCCore.models.dual import EMBEDDING, DualEncoder


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small network that has learned nothing."""
    torch.manual_seed(0)
    folder, seen = (
        tmp_path_factory.mktemp("weights"),
        DualEncoder.from_pretrained(str(resource("weights/dgmvlc-dual"))).scan_sha256(),
    )
    Denoiser(widths=(16, 16, 16), scan_dim=EMBEDDING, vision_sha256=seen).half().save_pretrained(
        str(folder)
    )
    return folder


@pytest.fixture(scope="module")
def folder(cohort, tmp_path_factory):
    """The cohort as AIIB23 is laid out: img, gt and a table; the first patient has no mask."""
    root = tmp_path_factory.mktemp("aiib")
    shutil.copytree(cohort / "scans", root / "img")
    shutil.copytree(cohort / "lungs", root / "gt")
    (root / "gt" / "P0.nrrd").unlink()
    (root / "table.csv").write_text(
        (cohort / "table.csv").read_text(encoding="utf-8"), encoding="utf-8"
    )
    return root


@pytest.fixture(scope="module")
def trained(folder, small, tmp_path_factory):
    """A run of the command line, stopped as early as one may."""
    out = tmp_path_factory.mktemp("runs") / "run"
    assert (
        cli.main(
            [
                "train",
                "--task",
                "cohort",
                "--cohort",
                str(folder),
                "--table",
                str(folder / "table.csv"),
                "-o",
                str(out),
                "--steps",
                "2",
                "--batch",
                "2",
                "--start-from",
                str(small),
                "-q",
            ]
        )
        == 0
    )
    return out


def test_the_weights_know_the_attributes_and_whom_they_saw(trained):
    config, facts = (
        json.loads((trained / "weights" / name).read_text(encoding="utf-8"))
        for name in ("config.json", "cohort.json")
    )
    assert config["attributes"] == facts["attributes"] == ["age", "sex", "smoking"]
    assert len(facts["scans"]) == 16 and "P1" not in json.dumps(facts), "hashes, no names"
    assert (
        json.loads((trained / "weights" / "training.json").read_text(encoding="utf-8"))["steps"]
        == 2
    )


def test_a_run_goes_on_with_its_shards_and_not_with_other_patients(
    trained, folder, small, monkeypatch
):
    monkeypatch.setattr(training, "load_cohort", lambda *a: pytest.fail("the shards are there"))
    request = CohortRequest(folder, folder / "table.csv")
    assert (
        train_cohort(request, trained, weights=small, steps=3, batch=2, quiet=True).patients == 16
    )
    with pytest.raises(WeightsError, match="other scans, rows or attributes"):
        train_cohort(
            CohortRequest(folder, folder / "table.csv", attributes=("smoking",)),
            trained,
            weights=small,
            steps=4,
            batch=2,
            quiet=True,
        )


def test_the_weights_sweep_as_they_are_and_make_no_pattern_of_what_they_saw(
    trained, folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        discover, "fine_tune", lambda *a, **k: pytest.fail("the weights know the attribute")
    )
    monkeypatch.setattr(patterns, "agree", lambda *a: True)
    monkeypatch.setattr(sweep, "STEPS", 1)
    monkeypatch.setattr(sweep, "PER_ZONE", 1)
    monkeypatch.setattr(report, "save_map", lambda answers, scan, path: path.write_bytes(b"no map"))
    assert (
        cli.main(
            [
                "discover",
                "-i",
                str(folder),
                "--table",
                str(folder / "table.csv"),
                "--weights",
                str(trained / "weights"),
                "-o",
                str(tmp_path / "out"),
                "-q",
                "--permutations",
                "99",
                "--patients",
                "6",
                "--attribute",
                "smoking",
            ]
        )
        == 0
    )
    record = json.loads((tmp_path / "out" / "discovery.json").read_text(encoding="utf-8"))
    assert record["method"]["sweep"]["patients_seen"] == 16 and record["patterns"] == []
    assert any(a["sweep_hu"]["effect"] is not None for a in record["answers"])
    assert "16 of 16 of whom it had learned from. A sweep of those repeats" in record["notes"][0]


def test_only_patients_the_weights_have_not_seen_can_make_a_pattern(tmp_path, monkeypatch):
    monkeypatch.setattr(patterns, "agree", lambda *a: True)
    smoking = Contrast("smoking", "never smoker", "active smoker", False, ())
    answers = [
        patterns.Answer(smoking, region, {"mean_hu": None}, {"mean_hu": 0.01}, None)
        for region in REGIONS
    ]
    effects = {smoking: [sweep.SweepEffect(1, 1, 1, 6)] * len(REGIONS)}
    counts = [
        len(patterns.with_sweep(patterns.Discovery(answers), effects, 0.05, seen).patterns)
        for seen in (None, 0, 3)
    ]
    assert counts == [len(REGIONS), len(REGIONS), 0]
    scan = PatientScan(
        "P", np.zeros((2, 16, 16), np.int16), np.zeros((2, 16, 16), np.uint8), (5, 2, 2)
    )
    other = PatientScan("Q", np.ones((2, 16, 16), np.int16), scan.labels, scan.spacing)
    (tmp_path / "cohort.json").write_text(
        json.dumps({"attributes": ["smoking", "age"], "scans": [scan_key(scan)]}), encoding="utf-8"
    )
    assert patterns.taught_before(tmp_path, [smoking], {"P": scan, "Q": other}) == 1
    assert (
        patterns.taught_before(tmp_path / "none", [smoking], {})
        is patterns.taught_before(None, [smoking], {})
        is None
    )
    with pytest.raises(UnsuitableInputError, match="were taught age, smoking, but not sex"):
        patterns.taught_before(tmp_path, [Contrast("sex", "male", "female", False, ())], {})


def test_what_does_not_fit_stops_or_is_skipped_by_choice(folder, small, tmp_path):
    lines = (folder / "table.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "t.csv").write_text(
        "\n".join([*lines[:4], lines[3], "Q,50,M,never,1"]), encoding="utf-8"
    )
    request = CohortRequest(folder, tmp_path / "t.csv")
    with pytest.raises(
        UnsuitableInputError,
        match=(
            r"1 row id\(s\) are not unique.*13 scan\(s\) have no row.*1 row\(s\) have no scan: "
            r"Q.*--missing skip"
        ),
    ):
        train_cohort(request, tmp_path / "run", weights=small, steps=1, batch=1, quiet=True)
    assert not (tmp_path / "run").exists()
    answer = train_cohort(
        request, tmp_path / "run", missing="skip", weights=small, steps=1, batch=1, quiet=True
    )
    assert answer.patients == 2 and len(answer.problems) == 3
    (tmp_path / "one.csv").write_text("\n".join(lines[:2]), encoding="utf-8")
    with pytest.raises(UnsuitableInputError, match="several patients"):
        train_cohort(
            CohortRequest(folder, tmp_path / "one.csv"),
            tmp_path / "one",
            missing="skip",
            weights=small,
            quiet=True,
        )


def test_bad_calls_of_train_have_their_sentence(folder, tmp_path, capsys):
    table = ["--table", str(folder / "table.csv")]
    for code, words, call in (
        (2, "needs --cohort, --table and --output", ["--cohort", str(folder)]),
        (
            2,
            "is for --task cohort, not --task dual",
            ["--task", "dual", "--cohort", str(folder), *table],
        ),
        (
            2,
            "no attribute mood",
            ["--cohort", str(folder), *table, "-o", str(tmp_path / "x"), "--attribute", "mood"],
        ),
        (
            7,
            "no weights in",
            [
                "--cohort",
                str(folder),
                *table,
                "-o",
                str(tmp_path / "x"),
                "--start-from",
                str(tmp_path),
            ],
        ),
        (2, "needs --images, --modality and --output", ["--images", str(folder)]),
        (2, "folder of --cohort or --images", []),
    ):
        assert cli.main(["train", *call]) == code
        assert words in capsys.readouterr().err, words
