"""The result folder: whole or not there, exact on reading back, described by its manifest."""

import json
import subprocess
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from DGMVLCCore.editing.result import AttentionMap, CounterfactualResult, EditPlan, Gate
from DGMVLCCore.errors import OutputError, UnreadableError
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.language.parser import parse_report
from DGMVLCCore.report import edit as results
from DGMVLCCore.report.edit import slug, write_result
from DGMVLCCore.report.explanation import conclusion, explain
from DGMVLCCore.report.figure import save_figure
from DGMVLCCore.report.statements import make_statements
from DGMVLCCore.results import folders
from DGMVLCCore.results.manifest import checked_files, read_manifest, sha256_of
from DGMVLCCore.results.scene import make_scene
from DGMVLCCore.results.segmentation import attention_segments, save_segmentation

REPORT = "There is a 26 mm nodule in the left lung. No pleural effusion."


def make_result(volume):
    mask = np.zeros(volume.shape, bool)
    mask[4:8, 44:64, 80:100] = True
    edited = np.where(mask, np.minimum(volume.array, -840), volume.array)
    heat = np.zeros(volume.shape, np.float32)
    heat[5:7, 48:60, 85:95] = np.linspace(0.2, 0.95, 10)
    plan = EditPlan(
        mask,
        "Nodule.",
        "No nodule. Clear lung.",
        "nodule",
        finding=parse_report(REPORT)[0],
    )
    gate = Gate(
        "rim gradient",
        False,
        99.0,
        "1 to 2",
        "HU/voxel",
        "The border of the edit is visible; read the rim with care.",
    )
    return CounterfactualResult(
        volume,
        volume.with_array(edited),
        edited,
        mask * np.float32(12.5),
        mask,
        plan,
        [gate],
        {"seed": 3, "noises": 2, "z_correlation": np.float64(0.5)},
        {"nodule": AttentionMap("nodule", heat)},
    )


@pytest.fixture
def write(phantom_with_nodule, monkeypatch):
    monkeypatch.setattr(results, "make_scene", lambda manifest, scene: "no scene in this test")
    anatomy = segment_anatomy(phantom_with_nodule)

    def call(out, overwrite=False):
        return write_result(
            make_result(phantom_with_nodule),
            out,
            anatomy=anatomy,
            report=REPORT,
            findings=parse_report(REPORT),
            inputs={"image": {"name": "a.nrrd", "sha256": "0" * 64}},
            weights={"name": "w", "sha256": "1" * 64},
            overwrite=overwrite,
        )

    return call


def test_everything_is_there_and_exact(write, tmp_path, phantom_with_nodule):
    manifest = read_manifest(write(tmp_path / "out"))
    folder, result = tmp_path / "out", make_result(phantom_with_nodule)
    assert {p.name for p in folder.iterdir()} == {f.name for f in manifest.files} | {"result.json"}
    assert all(sha256_of(folder / f.name) == f.sha256 for f in manifest.files)
    original, edited, change = (
        load_volume(folder / f"{n}.nrrd", "MR")
        for n in ("original", "counterfactual", "difference")
    )
    assert np.array_equal(original.array, phantom_with_nodule.array) and original.same_grid(
        phantom_with_nodule
    )
    assert (
        np.array_equal(change.array, edited.array - original.array)
        and change.stored_dtype == "int16"
    )
    header = sitk.ReadImage(str(folder / "difference.nrrd"))
    assert header.GetMetaData(
        "DGMVLC_Unit"
    ) == "HU" and "counterfactual - original" in header.GetMetaData("DGMVLC_Sign")
    assert "synthetic" in header.GetMetaData("DGMVLC_Notice")
    assert np.array_equal(
        load_labels(folder / "edit-mask.seg.nrrd", phantom_with_nodule).segments["edit mask"],
        result.mask,
    )
    bands = load_labels(folder / "attention.seg.nrrd", phantom_with_nodule).segments
    heat = result.attention["nodule"].values
    assert np.array_equal(bands["nodule: high attention"], heat >= 0.75)
    assert np.array_equal(bands["nodule: low attention"], (heat >= 0.25) & (heat < 0.5))
    assert (
        manifest.measures["max_change_outside_hu"] == 0
        and manifest.findings[1].presence == "absent"
    )
    assert "border of the edit is visible" in (folder / "explanation.txt").read_text(
        encoding="utf-8"
    )
    assert (folder / "figure.png").stat().st_size > 50_000
    assert manifest.notes == ["no scene in this test"]


def test_two_findings_lie_in_two_layers_with_tags(tmp_path, phantom):
    d, h, w = phantom.shape
    first = np.broadcast_to(np.linspace(0, 1, w, dtype=np.float32), phantom.shape).copy()
    second = np.broadcast_to(np.linspace(1, 0, h, dtype=np.float32)[:, None], phantom.shape).copy()
    maps = {
        "nodule": AttentionMap("nodule", first),
        "pleural effusion": AttentionMap("pleural effusion", second),
    }
    save_segmentation(attention_segments(maps), phantom, tmp_path / "a.seg.nrrd")
    bands = load_labels(tmp_path / "a.seg.nrrd", phantom).segments
    assert len(bands) == 6, "overlapping findings keep all their bands"
    for term, values in (("nodule", first), ("pleural effusion", second)):
        parts = [bands[f"{term}: {level} attention"] for level in ("low", "medium", "high")]
        assert np.array_equal(sum(p.astype(int) for p in parts), (values >= 0.25).astype(int)), (
            "bands are disjoint and cover"
        )
    header = sitk.ReadImage(str(tmp_path / "a.seg.nrrd"))
    tags = dict(
        pair.split(":") for pair in header.GetMetaData("Segment5_Tags").strip("|").split("|")
    )
    assert (
        tags["DGMVLC.Finding"] == "pleural effusion"
        and tags["DGMVLC.Threshold"] == "0.75"
        and 0.75 < float(tags["DGMVLC.Value"]) <= 1
    )
    assert {header.GetMetaData(f"Segment{i}_Layer") for i in range(6)} == {"0", "1"}


def test_nothing_is_lost_or_half_written(write, tmp_path, monkeypatch):
    out = tmp_path / "out"
    write(out)
    first = (out / "result.json").read_text(encoding="utf-8")
    with pytest.raises(OutputError, match="exists already"):
        write(out)
    for failure in (OSError(28, "No space left on device"), KeyboardInterrupt()):

        def fail(*_, failure=failure):
            raise failure

        monkeypatch.setattr(results, "save_figure", fail)
        with pytest.raises((OutputError, KeyboardInterrupt)):
            write(out, overwrite=True)
        assert (out / "result.json").read_text(encoding="utf-8") == first and [
            p.name for p in tmp_path.iterdir()
        ] == ["out"]
    monkeypatch.undo()


def test_a_failed_rename_brings_the_earlier_result_back(write, tmp_path, monkeypatch):
    out = tmp_path / "out"
    first = write(out).read_text(encoding="utf-8")
    rename = type(out).rename

    def refuse(self, target):
        if self.suffix == ".partial":
            raise OSError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr("DGMVLCCore.ground.whole._exchange", lambda one, two: False)
    monkeypatch.setattr(type(out), "rename", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        write(out, overwrite=True)
    assert (out / "result.json").read_text(encoding="utf-8") == first and [
        p.name for p in tmp_path.iterdir()
    ] == ["out"]


def test_a_full_disk_leaves_nothing(write, tmp_path):
    resource = pytest.importorskip("resource", reason="file size limits are a POSIX matter")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        with pytest.raises(OutputError, match="could not be written"):
            write(tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_folder_is_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(folders.os, "access", lambda path, mode: False)
    with pytest.raises(OutputError, match="may not be written"):
        folders.check_output(tmp_path / "out", False)


def test_only_our_own_results_are_overwritten(write, tmp_path):
    precious = tmp_path / "thesis"
    precious.mkdir()
    (precious / "chapter.txt").write_text("years of work", encoding="utf-8")
    for manifest in (
        None,
        "{}",
        "[]",
        "no json",
        json.dumps({"software": {"name": "other"}, "files": [{"name": "chapter.txt"}]}),
        json.dumps({"software": {"name": "dgmvlc"}}),
        json.dumps({"software": {"name": "dgmvlc"}, "files": [{"name": "chapter.txt"}]}),
    ):
        if manifest:
            (precious / "result.json").write_text(manifest, encoding="utf-8")
        with pytest.raises(OutputError, match="no result of this program"):
            write(precious, overwrite=True)
        assert (precious / "chapter.txt").read_text(encoding="utf-8") == "years of work"
    with pytest.raises(OutputError, match="does not exist"):
        write(tmp_path / "no" / "where")
    write(tmp_path / "out")
    write(tmp_path / "out", overwrite=True)
    (tmp_path / "out" / "my-notes.txt").write_text("seen by me", encoding="utf-8")
    with pytest.raises(OutputError, match="my-notes.txt"):
        write(tmp_path / "out", overwrite=True)
    (tmp_path / "empty").mkdir()
    assert write(tmp_path / "empty", overwrite=True).exists()
    (tmp_path / "project" / ".git").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"\.git"):
        write(tmp_path / "project", overwrite=True)
    (tmp_path / "empty" / ".DS_Store").write_text("left by a file manager", encoding="utf-8")
    assert write(tmp_path / "empty", overwrite=True).exists()


def test_manifests_are_checked(write, tmp_path):
    path = write(tmp_path / "out")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    for change in ({"schema_version": "9"}, {"synthetic": False}, {"files": []}, {"surprise": 1}):
        path.write_text(json.dumps({**manifest, **change}), encoding="utf-8")
        with pytest.raises(UnreadableError, match="schema"):
            read_manifest(path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(UnreadableError, match="readable"):
        read_manifest(path)


def test_numbers_that_are_none_become_null(write, tmp_path, monkeypatch):
    gates = [
        Gate("rim gradient", True, float("nan"), "1 to 2", "HU/voxel", "No border."),
        Gate("n", True, np.float32(2), "3", "", "Fine."),
    ]
    path, result_of = tmp_path / "out", make_result

    def with_gates(volume):
        result = result_of(volume)
        result.gates, result.settings["spread"] = (
            gates,
            {"low": np.float64("inf"), "rows": (np.int64(1), 2)},
        )
        return result

    monkeypatch.setitem(globals(), "make_result", with_gates)
    text = write(path).read_text(encoding="utf-8")
    manifest = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert [g["value"] for g in manifest["gates"]] == [None, 2.0] and manifest["settings"][
        "spread"
    ] == {"low": None, "rows": [1, 2]}


def test_the_explanation_says_only_what_was_measured(phantom_with_nodule):
    result = make_result(phantom_with_nodule)
    place = results.locate(result.mask, segment_anatomy(phantom_with_nodule), phantom_with_nodule)
    said = explain(result, place.side, make_statements(result, place))
    first, change, checks, notice = said.strip().split("\n")
    assert first == conclusion(result, place.side) and "in the left lung" in first
    mean = float(result.difference[result.mask].mean())
    assert f"{mean:+.0f} HU on average" in change
    assert (
        f"median {np.median(result.difference[result.mask]):+.0f}" in change
        and "left lung" in change
        and "no voxel outside it differs" in change
    )
    assert (
        checks.startswith("1 of 1 checks failed: rim gradient 99 HU/voxel (allowed 1 to 2)")
        and "Research use only" in notice
    )
    result.counterfactual, result.gates = result.original, []
    assert (
        explain(result, None, make_statements(result, place))
        .split("\n")[1]
        .startswith("No voxel changed")
    )


@pytest.mark.parametrize(
    ("target", "passed", "said"),
    [
        ("No nodule. Clear lung.", [True], "without the nodule in the left lung; its one check"),
        ("Consolidation.", [True, True], "with “Consolidation” in the place of the nodule in the"),
        ("No nodule.", [True, False], "Do not rely on it: 1 of 2 checks failed (g1)."),
        ("No nodule.", [], "nothing had to be checked"),
    ],
)
def test_a_result_begins_with_one_sentence(phantom_with_nodule, target, passed, said):
    result = make_result(phantom_with_nodule)
    result.plan = replace(result.plan, target=target, term="nodule")
    result.gates = [
        replace(result.gates[0], name=f"g{n}", passed=good) for n, good in enumerate(passed)
    ]
    words = conclusion(result, "left")
    assert said in words and words.startswith("This is the scan with")


def test_a_figure_takes_any_words_and_leaves_the_plotting_of_the_caller_alone(
    phantom_with_nodule, tmp_path
):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("svg")
    result = make_result(phantom_with_nodule)
    plan = EditPlan(
        result.mask,
        "Nodule.",
        r"No nodule $\foo{ $.",
        "nodule",
        finding=replace(parse_report(REPORT)[0], sentence=r"It cost $5 and $x_{$ at 50 % \n."),
    )
    result.plan = plan
    save_figure(result, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(
        b"\x89PNG"
    ) and matplotlib.get_backend().lower() == "svg"


@pytest.mark.parametrize("failure", ["timeout", "exit", "silent"])
def test_a_scene_that_stops_halfway_leaves_nothing(tmp_path, monkeypatch, failure):
    """What stayed would not be in the manifest, and the folder could not be overwritten any
    more."""
    monkeypatch.setattr(
        "importlib.util.find_spec",
        lambda name: type("Spec", (), {"submodule_search_locations": [str(tmp_path)]}),
    )

    def stop(command, *, timeout, **_):
        (tmp_path / "scene.mrb").write_bytes(b"half")
        if failure == "timeout":
            raise subprocess.TimeoutExpired(command, timeout)
        stderr = (
            f"Traceback\nValueError: {tmp_path}/difference.nrrd could not be read; run the edit "
            "again."
            if failure == "exit"
            else ""
        )
        return subprocess.CompletedProcess(command, 1, "", stderr)

    monkeypatch.setattr(subprocess, "run", stop)
    note = make_scene(tmp_path / "result.json", tmp_path / "scene.mrb")
    assert (
        note.startswith("scene.mrb was not made: ")
        and note.endswith(".")
        and str(tmp_path) not in note
    ), "no path of this machine in a manifest"
    assert {
        "timeout": "longer than",
        "exit": "difference.nrrd could not be read; run",
        "silent": "exit code 1",
    }[failure] in note
    assert list(tmp_path.iterdir()) == []


def test_the_scene_says_why_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "slicer-core is not installed" in make_scene(
        tmp_path / "result.json", tmp_path / "scene.mrb"
    )


def test_file_names():
    assert slug("Part-solid nodule") == "part-solid-nodule" and slug("../x y") == "x-y"


def test_a_list_of_files_that_nobody_wrote_is_refused_at_once(write, tmp_path):
    path = write(tmp_path / "result")
    record = json.loads(path.read_text(encoding="utf-8"))
    for times, word in ((2, "twice"), (20_000, "length")):
        path.write_text(json.dumps({**record, "files": record["files"] * times}), encoding="utf-8")
        with pytest.raises(UnreadableError, match=word):
            checked_files(tmp_path / "result")
