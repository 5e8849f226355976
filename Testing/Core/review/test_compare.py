"""A comparison from scan to folder: same mask, same noise, one original, a checked record; and what
is refused."""

import json

import numpy as np
import pytest
from msgspec import to_builtins

from DGMVLCCore import cli
from DGMVLCCore.errors import Cancelled, OutputError, UnreadableError, UsageError
from DGMVLCCore.imaging.io import load_volume, save_volume
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.jobs.compare import CompareRequest, run_comparison
from DGMVLCCore.jobs.session import Session
from DGMVLCCore.jobs.tasks import run_task
from DGMVLCCore.language.report_files import ReportSource
from DGMVLCCore.report.comparison import read_comparison
from DGMVLCCore.results.manifest import read_manifest

WORDS = ("nodule", "emphysema", "clear lung")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, phantom_with_nodule):
    folder = tmp_path_factory.mktemp("compare")
    save_volume(phantom_with_nodule, folder / "ct.nrrd")
    z, y, x = np.mgrid[:12, :112, :128]
    ball = ((z - 6) * 4.0) ** 2 + ((y - 53.76) * 2.5) ** 2 + ((x - 90.88) * 2.5) ** 2 < 13**2
    save_volume(
        phantom_with_nodule.with_array(ball.astype(np.float32), stored_dtype="uint8"),
        folder / "nodule.nrrd",
    )
    return folder


def request(inputs, out, **how):
    return CompareRequest(
        inputs / "ct.nrrd",
        "",
        out,
        mask=inputs / "nodule.nrrd",
        **{"hypotheses": WORDS, "noises": 2, "steps": 1, "slices": (5, 7), **how},
    )


@pytest.fixture(scope="module")
def compared(inputs, untrained_editor):
    stages = []
    source = ReportSource("report.pdf", "ab" * 32, "PDF")
    path = run_comparison(
        request(inputs, inputs / "out", report_source=source),
        lambda stage, share: stages.append((stage, share)),
        untrained_editor,
    )
    return path, stages


def test_the_folder_holds_a_result_a_hypothesis_and_one_record(compared, inputs):
    path, stages = compared
    record = read_comparison(path)
    assert {row.name for row in record.hypotheses} == {
        "nodule",
        "emphysema",
        "no finding (clear lung)",
    } and record.synthetic is True
    assert [row.rank for row in record.hypotheses] == [1, 2, 3]
    assert record.hypotheses[0].more_hu == 0
    assert (path.parent / "figure.png").read_bytes()[:4] == b"\x89PNG"
    assert sorted(p.name for p in path.parent.iterdir()) == sorted(
        [*record.results, "comparison.json", "figure.png"]
    )
    assert (
        stages[-1] == ("writing", 1.0) and ("reading", 1.0) in stages and ("editing", 1.0) in stages
    )
    assert not [p for p in inputs.iterdir() if "partial" in p.name]
    assert to_builtins(record.inputs["report"]) == {
        "name": "report.pdf",
        "sha256": "ab" * 32,
        "kind": "PDF",
        "encoding": None,
    }
    assert set(record.inputs) == {"image", "mask", "report"}


def test_same_mask_same_noise_same_slices_one_original(compared):
    path, _ = compared
    record = read_comparison(path)
    manifests = [
        read_manifest(path.parent / row.folder / "result.json") for row in record.hypotheses
    ]
    scan = load_volume(path.parent / record.results[0] / "original.nrrd")
    masks = [
        load_labels(path.parent / name / "edit-mask.seg.nrrd", scan).union()
        for name in record.results
    ]
    changes = [
        load_volume(path.parent / name / "difference.nrrd", "MR").array for name in record.results
    ]
    assert all(np.array_equal(mask, masks[0]) for mask in masks) and np.nonzero(
        masks[0].any((1, 2))
    )[0].tolist() == [5, 6]
    assert all(not change[~masks[0]].any() and change[masks[0]].any() for change in changes)
    assert not np.array_equal(changes[0], changes[1])
    assert (
        len({manifest.settings["shown"] for manifest in manifests}) == 1
        and len({manifest.settings["seed"] for manifest in manifests}) == 1
    )
    assert (
        len({(path.parent / name / "original.nrrd").stat().st_ino for name in record.results}) == 1
    ), "one original on the disc"
    assert all(manifest.plan.source != manifest.plan.target for manifest in manifests)
    between = np.array(record.between_hu)
    assert (
        np.array_equal(between, between.T)
        and not between.diagonal().any()
        and (between + np.eye(3) > 0).all()
    )


def test_an_earlier_comparison_is_replaced_only_when_allowed(compared, inputs, untrained_editor):
    path, _ = compared
    with pytest.raises(OutputError, match="exists already"):
        run_comparison(request(inputs, path.parent), None, untrained_editor)
    stray = path.parent / read_comparison(path).results[0] / "notes.txt"
    stray.write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match=r"notes\.txt"):
        run_comparison(request(inputs, path.parent, overwrite=True), None, untrained_editor)
    stray.unlink()
    answer = run_task(
        "compare",
        _session(untrained_editor),
        {
            "image": str(inputs / "ct.nrrd"),
            "report_text": "",
            "out": str(path.parent),
            "overwrite": True,
            "mask": str(inputs / "nodule.nrrd"),
            "hypotheses": ["nodule", "emphysema"],
            "noises": 1,
            "steps": 1,
            "slices": [5, 6],
        },
        lambda stage, share: None,
        lambda: False,
    )
    assert answer == {"record": str(path)} and len(read_comparison(path).results) == 2


def _session(pipe):
    session = Session()
    session.pipeline = lambda weights=None: pipe
    return session


def test_cancelled_leaves_nothing(inputs, untrained_editor):
    asked = []

    def stop():
        asked.append(1)
        return len(asked) > 12

    with pytest.raises(Cancelled):
        run_comparison(
            request(inputs, inputs / "stopped"), None, untrained_editor, should_cancel=stop
        )
    assert not [p for p in inputs.iterdir() if "stopped" in p.name]


def test_a_damaged_record_is_refused(tmp_path):
    (tmp_path / "comparison.json").write_text(json.dumps({"kind": "comparison"}), encoding="utf-8")
    with pytest.raises(UnreadableError, match="schema"):
        read_comparison(tmp_path / "comparison.json")
    with pytest.raises(UsageError, match="list of texts"):
        run_task(
            "compare", Session(), {"hypotheses": "nodule"}, lambda stage, share: None, lambda: False
        )


def test_bad_calls_have_their_sentence_and_code_and_write_nothing(capsys, inputs, tmp_path):
    (tmp_path / "r.txt").write_text("There is atelectasis.", encoding="utf-8")
    base = ["compare", "-q", "-i", str(inputs / "ct.nrrd"), "-o", str(tmp_path / "out")]
    mask = ["--mask", str(inputs / "nodule.nrrd")]
    asked = ["--hypothesis", "nodule", "--hypothesis", "emphysema"]
    cases = [
        (2, "nothing to compare", mask),
        (2, "region is missing", asked),
        (2, "not 10", mask + ["--hypothesis", "nodule"] * 10),
        (2, "the same", [*mask, *asked, "--hypothesis", "mass"]),
        (4, "never taught", [*mask, *asked, "--hypothesis", "pneumothorax"]),
        (4, "names no present finding", [*mask, "-r", str(tmp_path / "r.txt")]),
        (2, "1 or more", [*mask, *asked, "--noises", "0"]),
        (3, "could not be read (No such file", [*asked, "-r", str(tmp_path / "none.txt")]),
        (6, "does not exist", [*mask, *asked, "-o", str(tmp_path / "a" / "b")]),
    ]
    for code, words, arguments in cases:
        assert cli.main([*base, *arguments]) == code, arguments
        assert words in capsys.readouterr().err, arguments
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.txt"]
