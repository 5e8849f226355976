"""The abnormality map and its regions on phantoms, and a whole session with the shipped weights on
the sample."""

import json

import jsonschema
import numpy as np
import pytest

from detection import ScanRow, froc, hits
from DGMVLCCore.cli import main
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.imaging.io import load_volume, save_volume
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.models.region import Region
from DGMVLCCore.results import records
from DGMVLCCore.review.abnormality import against_own
from DGMVLCCore.review.candidates import change_of, peaks
from perceptron import fit_perceptron

SCHEMAS = records.SCHEMAS


def test_values_are_measured_against_the_own_lung():
    lung = np.zeros((2, 4, 4), bool)
    lung[:, 1:3, 1:3] = True
    values = np.where(lung, np.arange(32.0).reshape(2, 4, 4), 1e6)
    scaled = against_own(values, lung, 0.1)
    assert np.median(scaled[lung]) == pytest.approx(0) and np.allclose(
        against_own(values * 5 + 700, lung, 0.1)[lung], scaled[lung]
    )
    assert np.abs(against_own(np.where(lung, 3.0, 0.0), lung, 15.0)[lung]).max() == 0, (
        "a flat lung does not divide by zero"
    )


def test_every_peak_is_taken_once_with_its_surroundings():
    values = np.zeros((5, 20, 20), np.float32)
    values[2, 4:7, 4:7], values[2, 5, 5] = 0.6, 0.9
    values[3, 14, 14] = 0.5
    found = peaks(values, (4.0, 4.0, 4.0), floor=0.2)
    assert [(mask.sum(), round(peak, 2)) for mask, peak in found] == [(9, 0.9), (1, 0.5)]
    assert (
        peaks(values, (4.0, 4.0, 4.0), floor=0.95) == []
        and len(peaks(values, (4.0, 4.0, 4.0), floor=0.2, most=1)) == 1
    )


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


def test_the_small_perceptron_learns_what_a_line_cannot():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 2))
    true = (x[:, 0] * x[:, 1]) > 0

    def right(hidden):
        made = fit_perceptron(x, true, np.ones(len(x)), hidden=hidden, ridge=1e-4)
        z = (x - made["mean"]) / np.array(made["scale"])
        inner = np.tanh(z @ np.array(made["hidden"]).reshape(-1, 2).T + made["hidden_bias"])
        return float(
            ((np.concatenate([inner, z], 1) @ made["slope"] + made["bias"] > 0) == true).mean()
        )

    assert right(8) > 0.9 > 0.7 > right(0)


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
    for name in ("abnormality.nrrd", region["picture"]):
        assert (reviewed / "session" / "studies" / "case" / name).stat().st_size > 1000


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
    from DGMVLCCore.review.analyse import cell_volume

    region = Region(
        np.zeros((12, 64, 64), np.float32),
        None,
        None,
        (4.0, 2.5, 2.5),
        (0, 12),
        (10, 74, 20, 84),
        True,
    )
    values = np.zeros((12, 16, 16), np.float32)
    made = cell_volume(phantom_with_nodule, region, values)
    first = phantom_with_nodule.affine @ np.array([20 + 1.5, 10 + 1.5, 0, 1])
    assert np.allclose(made.affine[:3, 3], first[:3]) and np.allclose(
        made.spacing, (4.0, 10.0, 10.0)
    )
