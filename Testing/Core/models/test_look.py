"""The shipped dual encoder on a phantom and on the sample: ranked findings, proposals, refusals."""

from dataclasses import replace

import numpy as np
import pytest

from DGMVLCCore.editing.alignment import AlignmentPipeline, slice_heights
from DGMVLCCore.editing.find import find, heat_maps, look_at_cells, segments, size_fit
from DGMVLCCore.errors import UnsuitableInputError, WeightsError
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.imaging.labels import load_region
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.prompts import wanted_finding


@pytest.fixture(scope="module")
def look():
    return AlignmentPipeline.from_pretrained()


@pytest.fixture(scope="module")
def sample():
    volume = load_volume(resource("sample") / "ct.nrrd")
    return volume, segment_anatomy(volume), load_region(resource("sample") / "nodule.nrrd", volume)


def finding(term="nodule", side=None, size=None):
    return Finding(term, "present", side, None, size, (), (0, 0), term, term)


def test_the_sample_s_nodule_is_found_and_named(look, sample):
    volume, anatomy, nodule = sample
    matches = look.explain(volume, anatomy, nodule)
    assert matches[0].term == "nodule" and {m.term for m in matches} == {
        *look.findings,
        "clear lung",
    }
    assert [m.agreement for m in matches] == sorted((m.agreement for m in matches), reverse=True)
    best = find(look, volume, anatomy, wanted_finding("33 mm nodule"), most=1)[0]
    assert (best.mask & nodule).sum() > 0.5 * best.mask.sum(), "the proposal lies on the nodule"
    away = np.roll(nodule, 90, axis=2) & anatomy.lungs
    if away.sum() > 500:
        assert (
            look.agreement(volume, anatomy, away, ["Nodule."])[0]
            < look.agreement(volume, anatomy, nodule, ["Nodule."])[0]
        )


def test_what_was_seen_once_answers_every_sentence(look, sample):
    volume, anatomy, _ = sample
    cells = look_at_cells(look, volume, anatomy)
    sentences = ["Nodule.", "Emphysema."]
    fresh = heat_maps(look, volume, anatomy, sentences)
    kept = heat_maps(look, volume, anatomy, sentences, cells=cells)
    assert all(np.abs(a - b).max() < 0.01 for a, b in zip(fresh, kept)), "half precision"
    assert np.abs(kept[0] - kept[1]).max() > 0.1, "each sentence has its own map"
    part = heat_maps(look, volume, anatomy, sentences[:1], rows=(4, 8), cells=cells)[0]
    assert not part[:4].any() and not part[8:].any()
    assert np.allclose(part[4:8], kept[0][4:8], atol=1e-4)


def test_an_unchanged_region_has_no_direction(look, sample):
    volume, anatomy, nodule = sample
    vector = look.region_vector(volume, anatomy, nodule)
    assert look.direction(vector, vector, "Nodule.", "No nodule. Clear lung.") == 0.0
    assert float(vector.norm()) == pytest.approx(1, abs=1e-4)


def test_a_region_of_one_voxel_still_counts(look, sample):
    volume, anatomy, nodule = sample
    dot = np.zeros_like(nodule)
    dot[tuple(np.argwhere(nodule).mean(0).astype(int))] = True
    assert np.isfinite(look.agreement(volume, anatomy, dot, ["Nodule."])[0])


def test_refusals(look, sample, tmp_path):
    volume, anatomy, nodule = sample
    with pytest.raises(UnsuitableInputError, match="never taught “pneumothorax”; it knows: nodule"):
        find(look, volume, anatomy, finding("pneumothorax"))
    with pytest.raises(UnsuitableInputError, match="empty"):
        look.region_vector(volume, anatomy, np.zeros_like(nodule))
    with pytest.raises(WeightsError, match="no weights"):
        AlignmentPipeline.from_pretrained(tmp_path)
    for text, word in (
        ("", "no finding"),
        ("the weather", "no finding"),
        ("nodule and emphysema", "several"),
        ("no nodule", "no finding"),
    ):
        with pytest.raises(UnsuitableInputError, match=word):
            wanted_finding(text)


def test_segments_are_connected_peaks_within_what_is_allowed():
    heat = np.zeros((1, 20, 20), np.float32)
    heat[0, 2:6, 2:6], heat[0, 12:15, 12:15], heat[0, 10, 2] = 0.9, 0.6, 0.2
    allowed = np.ones_like(heat, bool)
    (first, peak), (second, lower) = segments(heat, allowed)
    assert (
        first.sum() == 16
        and second.sum() == 9
        and peak == pytest.approx(0.9)
        and lower == pytest.approx(0.6)
    )
    allowed[:, :10] = False
    assert [mask.sum() for mask, _ in segments(heat, allowed)] == [9] and segments(
        heat * 0.1, allowed
    ) == []


def test_a_said_size_prefers_regions_of_that_size():
    assert (
        size_fit(None, 5) == 1 and size_fit(10, 12) == 1 and size_fit(10, 40) < size_fit(10, 20) < 1
    )


class _Sure:
    """A dual encoder that knows one finding and agrees to everything."""

    findings = ("ground-glass opacity",)

    def agreement(self, *_):
        return [1.0]


def spots(anatomy, *places):
    """A map with square spots in the left lung: (height 0..1, side in pixels, value)."""
    heat = np.zeros(anatomy.labels.shape, np.float32)
    rows = np.nonzero((anatomy.labels == 2).any((1, 2)))[0]
    for height, width, value in places:
        z = int(rows[0] + height * (rows[-1] - rows[0]))
        y, x = np.argwhere(anatomy.labels[z] == 2).mean(0).astype(int)
        heat[z, y - width // 2 : y + width // 2, x - width // 2 : x + width // 2] = value
    return heat


def test_findings_of_one_term_get_a_region_each(make_chest):
    volume = make_chest(spacing=(10.0, 2.5, 2.5))
    anatomy = segment_anatomy(volume)
    heat = spots(anatomy, (0.85, 14, 0.6), (0.15, 4, 0.9))
    large, small = (
        finding("ground-glass opacity", "left"),
        finding("ground-glass opacity", "left", 10),
    )

    def proposed(asked, *others):
        return find(_Sure(), volume, anatomy, asked, heat=heat, others=others)[0].location.zone

    assert proposed(large) == "lower" and proposed(small) == "lower", "each alone: the surest spot"
    assert proposed(large, small) == "upper" and proposed(small, large) == "lower"
    elsewhere = finding("ground-glass opacity", "right", 10)
    assert proposed(large, elsewhere) == "lower", "one of the other lung needs none of these"


def test_a_lobe_is_looked_for_in_the_thirds_it_reaches(make_chest):
    volume = make_chest(spacing=(10.0, 2.5, 2.5))
    anatomy = segment_anatomy(volume)
    for lobe, zone, seen in (
        ("lower", "lower", {"lower", "middle"}),
        ("upper", "upper", {"upper", "middle"}),
        ("lingula", "middle", {"middle", "lower"}),
        (None, "middle", {"middle"}),
        (None, None, {"upper", "middle", "lower"}),
    ):
        asked = replace(finding("ground-glass opacity", "left"), lobe=lobe, zone=zone)
        for height, place in ((0.1, "lower"), (0.5, "middle"), (0.9, "upper")):
            heat = spots(anatomy, (height, 4, 0.9))
            there = find(_Sure(), volume, anatomy, asked, heat=heat)
            assert [p.location.zone for p in there] == ([place] if place in seen else [])


def test_too_little_lung_tells_no_height(make_chest):
    short, tall = make_chest(), make_chest(spacing=(10.0, 2.5, 2.5))
    assert (slice_heights(segment_anatomy(short), short) == -1).all()
    heights = slice_heights(segment_anatomy(tall), tall)
    assert (np.diff(heights) >= 0).all() and heights[0] < 0.1 and heights[-1] > 0.9
