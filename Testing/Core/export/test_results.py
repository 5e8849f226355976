"""The result folder: whole or not there, exact on reading back, described by its manifest."""

import json

import numpy as np
import pytest
import SimpleITK as sitk

from DGMVLCCore.anatomy.segment import segment_anatomy
from DGMVLCCore.counterfactual.result import AttentionMap, CounterfactualResult, EditPlan, Gate
from DGMVLCCore.errors import OutputError, UnreadableError
from DGMVLCCore.export import results
from DGMVLCCore.export.manifest import read_manifest, sha256_of
from DGMVLCCore.export.results import slug, write_result
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.language.parser import parse_report

REPORT = "There is a 26 mm nodule in the left lung. No pleural effusion."


def make_result(volume):
    mask = np.zeros(volume.shape, bool)
    mask[4:8, 44:64, 80:100] = True
    edited = np.where(mask, np.minimum(volume.array, -840), volume.array)
    heat = np.zeros(volume.shape, np.float32)
    heat[5:7, 48:60, 85:95] = np.linspace(0.2, 0.95, 10)
    plan = EditPlan(mask, "Nodule.", "No nodule. Clear lung.", "nodule", finding=parse_report(REPORT)[0].to_dict())
    gate = Gate("rim gradient", False, 99.0, "1 to 2", "HU/voxel", "The border of the edit is visible; read the rim with care.")
    return CounterfactualResult(volume, volume.with_array(edited), edited, mask * np.float32(12.5), mask, plan, [gate],
                                {"seed": 3, "noises": 2, "z_correlation": np.float64(0.5)}, {"nodule": AttentionMap("nodule", heat)})


@pytest.fixture
def write(phantom_with_nodule, monkeypatch):
    monkeypatch.setattr(results, "make_scene", lambda manifest, scene: "no scene in this test")
    anatomy = segment_anatomy(phantom_with_nodule)

    def call(out, overwrite=False):
        return write_result(make_result(phantom_with_nodule), out, anatomy=anatomy, report=REPORT, findings=parse_report(REPORT),
                            inputs={"image": {"name": "a.nrrd", "sha256": "0" * 64}}, weights={"name": "w", "sha256": "1" * 64}, overwrite=overwrite)

    return call


def test_everything_is_there_and_exact(write, tmp_path, phantom_with_nodule):
    manifest = read_manifest(write(tmp_path / "out"))
    folder, result = tmp_path / "out", make_result(phantom_with_nodule)
    assert {p.name for p in folder.iterdir()} == {f["name"] for f in manifest["files"]} | {"result.json"}
    assert all(sha256_of(folder / f["name"]) == f["sha256"] for f in manifest["files"])
    original, edited, change = (load_volume(folder / f"{n}.nrrd", "MR") for n in ("original", "counterfactual", "difference"))
    assert np.array_equal(original.array, phantom_with_nodule.array) and original.same_grid(phantom_with_nodule)
    assert np.array_equal(change.array, edited.array - original.array) and change.stored_dtype == "int16"
    header = sitk.ReadImage(str(folder / "difference.nrrd"))
    assert header.GetMetaData("DGMVLC_Unit") == "HU" and "counterfactual - original" in header.GetMetaData("DGMVLC_Sign")
    assert "synthetic" in header.GetMetaData("DGMVLC_Notice")
    assert np.array_equal(load_labels(folder / "edit-mask.seg.nrrd", phantom_with_nodule).segments["edit mask"], result.mask)
    bands = load_labels(folder / "attention.seg.nrrd", phantom_with_nodule).segments
    heat = result.attention["nodule"].values
    assert np.array_equal(bands["nodule: high attention"], heat >= 0.75)
    assert np.array_equal(bands["nodule: low attention"], (heat >= 0.25) & (heat < 0.5))
    assert manifest["measures"]["max_change_outside_hu"] == 0 and manifest["findings"][1]["presence"] == "absent"
    assert "border of the edit is visible" in (folder / "explanation.txt").read_text()
    assert (folder / "figure.png").stat().st_size > 50_000
    assert manifest["notes"] == ["no scene in this test"]


def test_nothing_is_lost_or_half_written(write, tmp_path, monkeypatch):
    out = tmp_path / "out"
    write(out)
    first = (out / "result.json").read_text()
    with pytest.raises(OutputError, match="exists already"):
        write(out)
    for failure in (OSError(28, "No space left on device"), KeyboardInterrupt()):
        def fail(*_, failure=failure):
            raise failure

        monkeypatch.setattr(results, "save_figure", fail)
        with pytest.raises((OutputError, KeyboardInterrupt)):
            write(out, overwrite=True)
        assert (out / "result.json").read_text() == first and [p.name for p in tmp_path.iterdir()] == ["out"]
    monkeypatch.undo()


def test_only_our_own_results_are_overwritten(write, tmp_path):
    precious = tmp_path / "thesis"
    precious.mkdir()
    (precious / "chapter.txt").write_text("years of work")
    with pytest.raises(OutputError, match="no result of this program"):
        write(precious, overwrite=True)
    assert (precious / "chapter.txt").exists()
    with pytest.raises(OutputError, match="does not exist"):
        write(tmp_path / "no" / "where")
    write(tmp_path / "out")
    write(tmp_path / "out", overwrite=True)


def test_manifests_are_checked(write, tmp_path):
    path = write(tmp_path / "out")
    manifest = json.loads(path.read_text())
    for change in ({"schema_version": "9"}, {"synthetic": False}, {"files": []}, {"surprise": 1}):
        path.write_text(json.dumps({**manifest, **change}))
        with pytest.raises(UnreadableError, match="schema"):
            read_manifest(path)
    path.write_text("{")
    with pytest.raises(UnreadableError, match="readable"):
        read_manifest(path)


def test_file_names():
    assert slug("Part-solid nodule") == "part-solid-nodule" and slug("../x y") == "x-y"
