"""The abnormality map and its regions on phantoms, and a whole session with the shipped weights on
the sample."""

import json
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest
import torch

from detection import ScanRow, froc, hits
from DGMVLCCore.cli import main
from DGMVLCCore.errors import UnsuitableInputError, WeightsError
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.imaging.anatomy import Anatomy, segment_anatomy
from DGMVLCCore.imaging.io import load_volume, save_volume
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.models.finder import SLICES, TERMS, WINDOWS
from DGMVLCCore.models.region import Region
from DGMVLCCore.results import records
from DGMVLCCore.review.abnormality import Looked, look, peaks, thick_slices
from DGMVLCCore.review.analyse import cell_volume, find_regions
from DGMVLCCore.review.candidates import change_of
from Testing.conftest import chest

SCHEMAS = records.SCHEMAS


class DenseIsFound(torch.nn.Module):
    """Stands for the finder: whatever is denser than -300 HU in the middle slice is found."""

    def forward(self, planes):
        """All or nothing."""
        middle = planes[:, len(WINDOWS[:1]) * SLICES + SLICES // 2][:, None]
        low, high = WINDOWS[1]
        dense = middle > 2 * (-300 - low) / (high - low) - 1
        return torch.where(dense, 9.0, -9.0).repeat(1, 1 + len(TERMS), 1, 1)


def nodule_of(scan):
    """Where the phantom's nodule is."""
    z, y, x = np.mgrid[: scan.shape[0], : scan.shape[1], : scan.shape[2]]
    away = [
        (index - middle) * step
        for index, middle, step in zip(
            (z, y, x),
            (scan.shape[0] / 2, scan.shape[1] * 0.48, scan.shape[2] * 0.71),
            scan.spacing,
        )
    ]
    return np.sum(np.square(away), axis=0) < 13**2


@pytest.mark.parametrize("step", [4.0, 1.0])
def test_what_is_asked_for_lies_where_it_was_seen(step):
    scan = chest((12 if step > 2 else 46, 112, 128), (step, 2.5, 2.5), nodule=True)
    anatomy = segment_anatomy(scan)
    looked = look(scan, anatomy, finder=DenseIsFound())
    assert looked.thick == (1 if step > 2 else 4)
    nodule = nodule_of(scan) & anatomy.lungs
    asked = looked.to_scan(looked.map, scan.shape) > 0.5
    assert (asked & nodule).sum() > 0.5 * nodule.sum()
    found = [mask for mask, _ in peaks(looked.map)]
    best = max(found, key=lambda mask: (mask & (looked.region.hu > -300)).sum())
    back = looked.to_scan(best, scan.shape) > 0.5
    held = (back & nodule).sum()
    assert held > 0.5 * back.sum() and held > 0.3 * nodule.sum()


def test_a_network_without_a_change_map_cannot_review(phantom):
    pipe = SimpleNamespace(sees=False, weights="none", device="cpu")
    with pytest.raises(WeightsError, match="editor"):
        find_regions(pipe, phantom, segment_anatomy(phantom))


def test_without_a_lung_there_is_nothing_to_look_at(phantom):
    anatomy = segment_anatomy(phantom)
    with pytest.raises(UnsuitableInputError, match="no lung"):
        look(phantom, Anatomy(np.minimum(anatomy.labels, 1)), finder=DenseIsFound())


def test_every_peak_is_taken_once_with_its_surroundings():
    values = np.zeros((5, 20, 20), np.float32)
    values[2, 4:7, 4:7], values[2, 5, 5] = 0.6, 0.9
    values[3, 14, 14] = 0.5
    found = peaks(values, floor=0.2)
    assert [(mask.sum(), round(peak, 2)) for mask, peak in found] == [(9, 0.9), (1, 0.5)]
    assert peaks(values, floor=0.95) == [] and len(peaks(values, floor=0.2, most=1)) == 1


def test_a_change_is_against_places_of_the_same_shape(phantom_with_nodule):
    anatomy, hu = segment_anatomy(phantom_with_nodule), phantom_with_nodule.array
    nodule = (
        (hu > -300)
        & (np.indices(hu.shape)[2] > 80)
        & (np.abs(np.indices(hu.shape)[1] - 54) < 7)
        & (np.abs(np.indices(hu.shape)[2] - 91) < 7)
    )
    change = change_of(nodule, hu, anatomy.lungs, nodule)
    own = float(np.median(hu[anatomy.lungs & ~nodule]))
    assert (
        change.places >= 20
        and change.low < change.hu < change.high
        and abs(change.hu - (hu[nodule].mean() - own)) < 60
    )
    assert change.mean_hu == pytest.approx(float(hu[nodule].mean()))
    shifted = change_of(nodule, hu + 100, anatomy.lungs, nodule)
    assert shifted.hu == pytest.approx(change.hu, abs=1e-2), (
        "a scan with another offset has the same change"
    )
    everywhere = change_of(anatomy.lungs, hu, anatomy.lungs, anatomy.lungs)
    assert everywhere.low is None and everywhere.places == 0


def test_sensitivity_counts_lesions_once_and_false_regions_a_scan():
    lesion = np.zeros((4, 20, 20), bool)
    lesion[1:3, 5:11, 5:11] = True
    shifted, large = np.roll(lesion, 2, 2), np.ones_like(lesion)
    assert (
        hits(lesion, [lesion]) == [0]
        and hits(shifted, [lesion]) == [0]
        and hits(large, [lesion]) == []
        and hits(~lesion, [lesion]) == []
    )
    rows = [
        ScanRow("a", [(0.9, [0]), (0.8, []), (0.7, [0])], 2),
        ScanRow("b", [(0.85, []), (0.6, [0])], 1),
    ]
    scores = froc(rows, (0.25, 0.5, 1.0))
    assert [scores[rate]["sensitivity"] for rate in ("0.25", "0.5", "1")] == [0.333, 0.333, 0.667]


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory):
    """The sample scan around its nodule, with a report that does not mention it, through the
    command line."""
    root = tmp_path_factory.mktemp("review")
    (root / "studies").mkdir()
    scan = load_volume(resource("sample") / "ct.nrrd")
    save_volume(scan, root / "studies" / "case.nrrd")
    (root / "studies" / "case.txt").write_text(
        "No pleural effusion. There is a 150 mm nodule in the right lung.", encoding="utf-8"
    )
    assert main(["review", str(root / "studies"), "-o", str(root / "session"), "-q"]) == 0
    return root


def test_the_unreported_nodule_of_the_sample_is_pointed_at(reviewed):
    found = json.loads(
        (reviewed / "session" / "studies" / "case" / "review.json").read_text(encoding="utf-8")
    )
    jsonschema.validate(
        found, json.loads((SCHEMAS / "review-study.schema.json").read_text(encoding="utf-8"))
    )
    jsonschema.validate(
        json.loads((reviewed / "session" / "worklist.json").read_text(encoding="utf-8")),
        json.loads((SCHEMAS / "review-worklist.schema.json").read_text(encoding="utf-8")),
    )
    scan = load_volume(reviewed / "studies" / "case.nrrd")
    truth = load_labels(resource("sample") / "nodule.nrrd", scan).union()
    segments = load_labels(
        reviewed / "session" / "studies" / "case" / "regions.seg.nrrd", scan
    ).segments
    region = next(r for r in found["regions"] if hits(segments[f"region {r['number']}"], [truth]))
    assert (
        region["check"]["status"] == "not mentioned"
        and region["location"]["side"] == "left"
        and region["change_hu"] > 300
    )
    assert found["report_check"][0]["status"] == "denied"
    small = load_labels(reviewed / "session" / "studies" / "case" / region["outline"], scan)
    assert (small.union() == segments[f"region {region['number']}"]).all(), (
        "the small outline lies where the region is"
    )
    study = reviewed / "session" / "studies" / "case"
    for name in ("abnormality.nrrd", region["picture"]):
        assert (study / name).stat().st_size > 1000
    without = load_volume(study / region["without"])
    assert without.array.size < scan.array.size and region["denied"].startswith("No ")
    assert region["removed_hu"] < -100


def test_the_command_line_decides_exports_and_goes_on(reviewed, capsys):
    session = str(reviewed / "session")
    assert (
        main(["review", "-o", session, "--accept", "case/1", "--comment", "discuss", "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["verdict"] == "accepted"
    assert main(["review", "-o", session, "--resume", "--json"]) == 0, (
        "nothing changed, so nothing is looked at again"
    )
    assert json.loads(capsys.readouterr().out)["progress"]["decided"] == 1
    assert main(["review", "-o", session, "--export", str(reviewed / "out"), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    page = (reviewed / "out" / "review.html").read_text(encoding="utf-8")
    assert len(made["accepted"]) == 1 and "discuss" in page and "data:image/png" in page
    wrong = (
        (["review", "-o", session], 2),
        (["review", "-o", session, "--comment", "x"], 2),
        (["review", "-o", session, "--reject", "case/99"], 2),
        (["review", str(reviewed / "none"), "-o", str(reviewed / "s2")], 3),
        (["review", str(reviewed / "studies"), "-o", session], 6),
    )
    for arguments, code in wrong:
        assert main([*arguments, "-q"]) == code


def test_the_map_is_in_the_scans_place(phantom_with_nodule):
    region = Region(
        np.zeros((6, 64, 64), np.float32),
        None,
        None,
        (8.0, 2.5, 2.5),
        (0, 6),
        (10, 74, 20, 84),
        True,
    )
    lungs = segment_anatomy(phantom_with_nodule)
    found = np.zeros((6, 64, 64), np.float32)
    looked = Looked(region, 2, found, *thick_slices(phantom_with_nodule, lungs)[:2])
    made = cell_volume(phantom_with_nodule, looked)
    first = phantom_with_nodule.affine @ np.array([20 + 1.5, 10 + 1.5, 0.5, 1])
    assert np.allclose(made.affine[:3, 3], first[:3]) and np.allclose(
        made.spacing, (8.0, 10.0, 10.0)
    )
