"""Known truth: lesions are where and what they say, seeded, in the lung, with the scan's noise."""

import numpy as np
import pytest

from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.simulation.insert import (
    HELD_OUT_KIND,
    INFILTRATE,
    KINDS,
    MASS,
    OPACITY,
    PATCHY_HAZE,
    TERM_OF_KIND,
    insert_lesion,
)
from DGMVLCCore.simulation.patch import NoiseModel, ScanPatch, estimate_noise
from DGMVLCCore.simulation.phrases import (
    HELD_OUT_FAMILY,
    SIZES_MM,
    TERMS,
    compatible,
    phrase_bank,
    say,
)
from DGMVLCCore.simulation.texture import random_field, scan_noise
from DGMVLCCore.simulation.tissue import thin
from DGMVLCCore.training.splits import load_splits

SPACING = (3.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def patch():
    rng = np.random.default_rng(0)
    lungs = np.zeros((7, 128, 128), np.uint8)
    lungs[:, 10:110, 12:116] = 2
    hu = np.where(lungs > 0, -860.0, 40.0)
    hu[:, 40:44, 20:100] = 20.0  # a vessel
    noise = NoiseModel(20.0, 0.6)
    return ScanPatch(
        (hu + scan_noise(hu.shape, noise, SPACING, rng)).astype(np.float32),
        lungs,
        SPACING,
        (2.0, 4.0),
        noise,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(patch, kind):
    size = 25.0
    lesion = insert_lesion(patch, kind, np.random.default_rng(3), size_mm=size)
    again = insert_lesion(patch, kind, np.random.default_rng(3), size_mm=size)
    assert np.array_equal(lesion.hu, again.hu)
    assert np.array_equal(lesion.hu[lesion.soft == 0], patch.hu[lesion.soft == 0])
    assert lesion.mask.sum() > 50 and lesion.mask[patch.lungs == 0].mean() < 0.05
    assert lesion.term == TERM_OF_KIND[kind] and lesion.side == "right"
    change = (lesion.hu - patch.hu)[lesion.soft > 0.5].mean()
    assert change < -20 if kind == "emphysema" else change > 20


@pytest.mark.parametrize("kind", [PATCHY_HAZE, OPACITY])
def test_haze_of_any_texture_is_ground_glass_for_training_alone(patch, kind):
    assert kind not in KINDS
    for seed in range(6):
        haze = insert_lesion(patch, kind, np.random.default_rng(seed), centre=(3, 60, 60))
        assert haze.term == "ground-glass opacity"
        assert np.array_equal(haze.hu[haze.soft == 0], patch.hu[haze.soft == 0])
        inside = (haze.soft > 0.3) & (patch.lungs > 0) & (patch.hu < -700)
        assert not inside.any() or (haze.hu - patch.hu)[inside].mean() > 15


def test_an_infiltrate_is_denser_than_haze_and_called_consolidation(patch):
    assert INFILTRATE not in KINDS
    rise = {INFILTRATE: [], OPACITY: []}
    for kind, found in rise.items():
        for seed in range(6):
            made = insert_lesion(patch, kind, np.random.default_rng(seed), centre=(3, 60, 60))
            inside = (made.soft > 0.3) & (patch.lungs > 0) & (patch.hu < -700)
            found.append((made.hu - patch.hu)[inside].mean() if inside.any() else np.nan)
            assert np.array_equal(made.hu[made.soft == 0], patch.hu[made.soft == 0])
    assert made.term == "ground-glass opacity"
    assert np.nanmean(rise[INFILTRATE]) > np.nanmean(rise[OPACITY]) + 100


def test_a_mass_is_a_large_nodule_for_training_alone(patch):
    assert MASS not in KINDS
    for seed in range(4):
        mass = insert_lesion(patch, MASS, np.random.default_rng(seed), centre=(3, 60, 60))
        assert mass.term == "nodule" and 30 <= mass.size_mm <= 90
        assert np.array_equal(mass.hu[mass.soft == 0], patch.hu[mass.soft == 0])
        assert mass.hu[(mass.soft > 0.9) & (patch.lungs > 0)].mean() > -120


def test_vessels_stay_visible_through_ground_glass(patch):
    lesion = insert_lesion(
        patch,
        "ground_glass",
        np.random.default_rng(1),
        centre=(3, 42, 60),
        size_mm=40,
        contrast=1.0,
    )
    inside = (lesion.soft > 0.6) & (patch.lungs > 0)
    vessel = inside & (patch.hu > -100)
    lung = inside & (patch.hu < -700)
    assert vessel.any() and lesion.hu[vessel].mean() - lesion.hu[lung].mean() > 250
    assert 100 < (lesion.hu - patch.hu)[lung].mean() < 650


def test_size_is_the_diameter(patch):
    lesion = insert_lesion(
        patch, "smooth_nodule", np.random.default_rng(2), centre=(3, 75, 60), size_mm=20
    )
    area = (lesion.soft[3] > 0.5).sum()
    assert 2 * np.sqrt(area / np.pi) == pytest.approx(20, rel=0.3)


def test_noise_is_measured_and_made_alike():
    truth = NoiseModel(24.0, 0.7)
    rng = np.random.default_rng(0)
    hu = 45 + scan_noise((8, 160, 160), truth, SPACING, rng)
    found = estimate_noise(hu, np.ones(hu.shape, bool), SPACING)
    assert found.sd_hu == pytest.approx(24, rel=0.15) and found.correlation_mm == pytest.approx(
        0.7, rel=0.2
    )


def test_fields_are_standardised_and_as_smooth_as_said():
    field = random_field((6, 96, 96), 6.0, SPACING, np.random.default_rng(0))
    assert field.mean() == pytest.approx(0, abs=1e-3) and field.std() == pytest.approx(1, abs=1e-2)
    rough = random_field((6, 96, 96), 2.0, SPACING, np.random.default_rng(0))
    assert np.abs(np.diff(field, axis=2)).mean() < 0.6 * np.abs(np.diff(rough, axis=2)).mean()


def test_bad_calls(patch):
    with pytest.raises(UsageError, match="unknown_kind|no lesion kind"):
        insert_lesion(patch, "unknown_kind", np.random.default_rng(0))
    empty = ScanPatch(patch.hu, np.zeros_like(patch.lungs), SPACING, (2.0, 4.0), patch.noise)
    with pytest.raises(UnsuitableInputError, match="no lung"):
        insert_lesion(empty, "smooth_nodule", np.random.default_rng(0))


def test_phrase_bank_teaches_everything_but_what_is_held_out():
    bank = phrase_bank(np.random.default_rng(0), 400)
    assert len(bank) == 400 == len({p.text for p in bank})
    assert {(p.term, p.present) for p in bank} == {(t, b) for t in TERMS for b in (True, False)}
    assert all(p.family != HELD_OUT_FAMILY and "lobulated" not in p.text.lower() for p in bank)
    held = load_splits().held_out
    assert held == {"lesion_kind": HELD_OUT_KIND, "phrase_family": HELD_OUT_FAMILY}


def test_phrases_say_nothing_false(patch):
    rng = np.random.default_rng(0)
    lesion = insert_lesion(patch, "smooth_nodule", rng, size_mm=12)
    for _ in range(200):
        phrase = say("nodule", rng, present=True, side="right", zone="upper", size_mm=12)
        said = phrase.text.lower()
        assert ("right" in said or "lobe" in said) or phrase.side is None
        assert (phrase.size_mm is None) == ("12 mm" not in said)
    assert not compatible(say("nodule", rng, present=True, side="left", family="report"), lesion)


def test_no_patient_is_in_two_parts():
    splits = load_splits()
    assert sum(part == "test" for part in splits.volumes.values()) >= 4
    parts = list(splits.lidc_patients.values())
    assert parts.count("test") / len(parts) == pytest.approx(0.2, abs=0.03)
    assert splits.lidc_patients["LIDC-IDRI-0001"] == "test"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_seen_and_its_mask_stays_in_the_lung(patch, kind):
    for seed in range(4):
        lesion = insert_lesion(patch, kind, np.random.default_rng(seed), size_mm=30)
        assert not lesion.mask[patch.lungs == 0].any()
        assert np.abs(lesion.hu - patch.hu)[lesion.soft > 0.5].mean() > 40


@pytest.mark.parametrize(
    "kind", ["smooth_nodule", "lobulated_nodule", "spiculated_nodule", "part_solid_nodule"]
)
def test_every_nodule_is_as_large_as_it_says(patch, kind):
    areas = [
        (
            insert_lesion(
                patch, kind, np.random.default_rng(s), centre=(3, 75, 60), size_mm=20
            ).soft[3]
            > 0.5
        ).sum()
        for s in range(12)
    ]
    assert np.median(2 * np.sqrt(np.array(areas) / np.pi)) == pytest.approx(20, rel=0.15)


def test_fluid_reaches_the_chest_wall():
    """Half-air voxels just outside the lung mask are filled too, so no dark line is left behind the
    fluid."""
    lungs = np.zeros((5, 96, 96), np.uint8)
    lungs[:, 10:80, 10:86] = 1
    hu = np.where(lungs > 0, -850.0, 40.0).astype(np.float32)
    hu[:, 80:81, 10:86] = -400.0
    scan = ScanPatch(hu, lungs, SPACING, (1.0, 3.0), NoiseModel(10.0, 0.7))
    lesion = insert_lesion(
        scan, "effusion", np.random.default_rng(0), centre=(2, 70, 48), size_mm=20
    )
    assert lesion.hu[2, 76:84, 30:66].min() > -120


def test_thin_lines_grow_paler_on_coarse_grids_not_sparser():
    fine, coarse = thin(0.9, (3.0, 0.6, 0.6)), thin(0.9, (3.0, 2.0, 2.0))
    assert (
        coarse[0] > fine[0]
        and coarse[1] < fine[1]
        and fine[0] * fine[1] == pytest.approx(coarse[0] * coarse[1])
    )


def test_bank_says_every_size_about_equally_often():
    sizes = [p.size_mm for p in phrase_bank(np.random.default_rng(0), 900) if p.size_mm]
    counts = [sizes.count(float(size)) for size in SIZES_MM]
    assert min(counts) >= 4 and max(counts) <= 3 * min(counts)


def test_plural_findings_agree_with_their_verb():
    rng = np.random.default_rng(0)
    texts = {
        say("honeycombing", rng, present=present, family=family).text
        for present in (True, False)
        for family in ("report", "question", "dictation")
        for _ in range(40)
    }
    assert not any(
        "cysts is" in t or "is no honeycomb cysts" in t or "cysts looks" in t for t in texts
    )
