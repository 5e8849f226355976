"""Checks that can fail: side, place, size, tissue, evidence, vessels, and what was named."""

import numpy as np
import pytest

from DGMVLCCore.editing.asked import (
    Evidence,
    evidence_of,
    other_places,
    resampled,
    top_share,
)
from DGMVLCCore.editing.checks import (
    changed_gate,
    evidence_gate,
    place_gate,
    refuse_other_side,
    size_gate,
    tissue_gate,
    vessels_gate,
)
from DGMVLCCore.editing.result import CounterfactualResult, EditPlan
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.imaging.zones import Location, locate
from DGMVLCCore.language.parser import parse_report


def finding(text):
    return parse_report(text)[0]


def location(side="left", zone="lower", diameter_mm=9.0):
    return Location(side, zone, (0.0, 0.0, 0.0), 1.0, diameter_mm)


def test_the_wrong_side_is_refused_with_both_words():
    said = finding("Nodule in the right lung.")
    with pytest.raises(UnsuitableInputError, match=r"right.*lies in the left lung"):
        refuse_other_side(said, location("left"))
    refuse_other_side(said, location("right"))
    refuse_other_side(said, location("bilateral"))
    refuse_other_side(finding("Nodule."), location("left"))


@pytest.mark.parametrize(
    ("text", "zone", "passed"),
    [
        ("Nodule in the left upper lobe.", "upper", True),
        ("Nodule in the left upper lobe.", "middle", True),
        ("Nodule in the left upper lobe.", "lower", False),
        ("Nodule in the left lower lobe.", "upper", False),
        ("Nodule in the left lower lobe.", "middle", True),
    ],
)
def test_the_named_lobe_against_the_regions_third(text, zone, passed):
    gate = place_gate(finding(text), location(zone=zone))
    assert gate.passed == passed and (passed or zone in gate.sentence)


def test_no_place_named_or_no_thirds_in_view_is_no_check():
    assert place_gate(finding("Nodule."), location()) is None
    assert place_gate(finding("Nodule in the left upper lobe."), location(zone=None)) is None


def test_a_six_centimetre_mass_is_not_a_nine_millimetre_vessel():
    said = finding("A 60 mm nodule in the left lung.")
    assert not size_gate(said, 9.0).passed and "60 mm" in size_gate(said, 9.0).sentence
    assert size_gate(said, 50.0).passed and size_gate(finding("Nodule."), 9.0) is None


@pytest.mark.parametrize(
    ("text", "wide", "passed"),
    [
        ("A 30 mm nodule in the left lung.", 30, True),
        ("A 30 mm nodule in the left lung.", 12, False),
        ("A 6 mm nodule in the left lung.", 30, False),
        ("A nodule in the left lung.", 12, None),
    ],
)
def test_taking_a_vessel_away_is_not_taking_the_named_mass_away(text, wide, passed):
    scan = Volume(np.full((5, 60, 60), -850, np.float32), np.diag([1.0, 1.0, 3.0, 1.0]))
    mask = np.zeros(scan.shape, bool)
    mask[1:4, 5:55, 5:55] = True  # the region is as large as the report says in every case
    change = np.zeros(scan.shape, np.float32)
    change[2, 10 : 10 + wide, 10 : 10 + wide] = 0.9
    change[2, 50:53, 50:53] = 0.9  # a bit beside it is not the finding
    plan = EditPlan(mask, "Nodule.", "No nodule.", "nodule", finding=finding(text))
    result = CounterfactualResult(scan, scan, scan.array, scan.array, mask, plan, change=change)
    gate = changed_gate(result)
    if passed is None:
        assert gate is None
    else:
        assert gate.passed == passed and gate.value == pytest.approx(wide, abs=1.5)
        assert passed or "may be something else" in gate.sentence


def test_a_region_in_the_heart_is_told(phantom):
    anatomy = segment_anatomy(phantom)
    lung = np.zeros(phantom.shape, bool)
    lung[6, 50:56, 90:96] = True
    heart = np.zeros(phantom.shape, bool)
    heart[6, 50:56, 61:66] = True
    assert anatomy.lungs[lung].all() and not anatomy.lungs[heart].any()
    assert tissue_gate(lung, anatomy, phantom).passed
    gate = tissue_gate(heart, anatomy, phantom)
    assert not gate.passed and "mediastinum" in gate.sentence
    assert locate(lung, anatomy, phantom).side == "left"


def test_evidence_is_compared_with_this_patients_other_places():
    seen = Evidence(0.9, 0.8, 1.0, 0.05, 0.4, 12)
    assert seen.stands_out and not seen.absent and evidence_gate(seen).passed
    diffuse = Evidence(0.7, 0.6, 0.8, 0.3, 0.9, 12)
    assert not diffuse.absent and not evidence_gate(diffuse).passed
    assert Evidence(0.2, 0.1, 0.3, 0.0, 0.1, 12).absent
    unsure = Evidence(0.51, 0.41, 0.54, 0.0, 0.1, 12)
    assert unsure.stands_out and not unsure.absent
    gate = evidence_gate(unsure)
    assert not gate.passed and "41% to 54%" in gate.sentence
    assert evidence_gate(Evidence(0.9, 0.9, 0.9, None, None, 0)).passed


def test_the_top_tenth_speaks_for_a_region():
    change = np.zeros((10, 10))
    change[0] = 1
    assert top_share(change.ravel()) == 1 and top_share(change[5:].ravel()) == 0
    assert top_share(np.zeros(0)) == 0


def test_evidence_is_the_mean_of_both_networks_with_an_interval_over_slices():
    none, all_ = np.zeros(20), np.ones(20)
    assert evidence_of([(all_, none)]) == 0.5 and evidence_of([(all_, all_), (none, none)]) == 1
    assert resampled([(all_,), (np.ones(30),)], np.random.default_rng(0)) == (1, 1)
    low, high = resampled([(none, none), (all_, none)], np.random.default_rng(0))
    assert low == 0 and high == 0.5


def test_other_places_lie_in_the_lungs_and_not_on_the_region():
    lungs = np.zeros((2, 60, 60), bool)
    lungs[:, 5:55, 5:25] = True
    mask = np.zeros_like(lungs)
    mask[:, 10:16, 10:16] = True
    shifts = other_places(mask, lungs, np.random.default_rng(0))
    assert shifts
    for shift in shifts:
        moved = np.roll(mask, shift, (1, 2))
        assert lungs[moved].mean() >= 0.95 and not (moved & mask).any()
    assert other_places(lungs, lungs, np.random.default_rng(0)) == []


def test_vessels_that_go_with_the_finding_are_told():
    rng = np.random.default_rng(0)
    hu = rng.normal(-850, 10, (2, 64, 64)).astype(np.float32)
    hu[:, ::8] = -200
    mask, lesion = np.ones(hu.shape, bool), np.zeros(hu.shape, bool)
    lesion[:, 24:40, 24:40] = True
    hazy = hu + 200 * lesion
    assert vessels_gate(hazy, hu, mask, lesion, (2.0, 0.8, 0.8)).passed
    wiped = np.where(mask, np.float32(-850), hazy)
    gate = vessels_gate(hazy, wiped, mask, lesion, (2.0, 0.8, 0.8))
    assert not gate.passed and gate.value < 20
    nothing = np.full_like(hu, -850)
    assert vessels_gate(nothing, nothing, mask, lesion, (2.0, 0.8, 0.8)) is None
