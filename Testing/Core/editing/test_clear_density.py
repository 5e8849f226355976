"""An invented core is no denser than the clear lung around it, and nothing else is touched."""

import numpy as np

from DGMVLCCore.editing.clear_density import MOST_HU, at_clear_density
from DGMVLCCore.editing.see_through import Answer, FirstPass
from DGMVLCCore.models.region import Region


def answered(core_hu, lung_hu=-850.0, label=2, change_around=0.0):
    """Two noises of a region whose core, 8x8 pixels in each of 3 slices, was invented."""
    hu = np.full((3, 32, 32), lung_hu, np.float32)
    invented = np.zeros(hu.shape, bool)
    invented[:, 12:20, 12:20] = True
    change = np.where(invented, 1, change_around).astype(np.float32)
    made = np.where(invented, np.float32(core_hu), hu)
    made[:, 15, 15] += 300  # a vessel in the core
    answer = Answer(np.stack([made, made - 10]), invented, FirstPass(hu, change, None))
    labels = np.full(hu.shape, label, np.uint8)
    return answer, Region(
        hu, np.ones_like(invented), labels, (2.5, 0.8, 0.8), (0, 3), (0,) * 4, True
    )


def core_medians(answer):
    return [float(np.median(sample[answer.invented])) for sample in answer.hu]


def test_a_grey_core_becomes_as_clear_as_the_lung_around_it():
    answer, region = answered(-760.0)
    better = at_clear_density(answer, region)
    assert core_medians(better) == [-850, -850]
    assert np.ptp(better.hu[0][answer.invented]) == 300, "what is in the core keeps its contrast"
    assert np.array_equal(better.hu[:, ~answer.invented], answer.hu[:, ~answer.invented])
    assert core_medians(answer) == [-760, -770], "the answer given is left alone"


def test_a_dark_core_stays_and_a_dense_one_is_lowered_only_so_far():
    assert core_medians(at_clear_density(*answered(-900.0))) == [-900, -910]
    assert core_medians(at_clear_density(*answered(-500.0))) == [-500 - MOST_HU, -510 - MOST_HU]


def test_nothing_becomes_thinner_than_air():
    answer, region = answered(-760.0)
    answer.hu[:, 1, 14, 14] = -1000
    assert at_clear_density(answer, region).hu.min() == region.scale.outside


def test_without_clear_lung_around_a_core_stays():
    for case in (
        answered(-760.0, label=1),
        answered(-760.0, lung_hu=-400.0),
        answered(-760.0, change_around=0.5),
    ):
        assert core_medians(at_clear_density(*case)) == [-760, -770]
