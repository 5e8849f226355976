"""Lungs, airway and body on phantoms; edit masks in mm; refusals."""

import numpy as np
import pytest

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import LEFT, RIGHT, segment_anatomy
from DGMVLCCore.imaging.labels import LabelMap
from DGMVLCCore.imaging.lung_labels import anatomy_from_labels
from DGMVLCCore.imaging.masks import dilate_mm, lesion_region, lung_region
from DGMVLCCore.imaging.volume import Orientation
from DGMVLCCore.imaging.zones import locate, zone_region


def truth(volume):
    """The phantom's lungs with all that is in them."""
    d, h, w = volume.shape
    _, y, x = np.mgrid[:d, :h, :w]
    sides = [
        ((y - h * 0.48) / (h * 0.25)) ** 2 + ((x - w / 2 - side * w * 0.21) / (w * 0.16)) ** 2 < 1
        for side in (-1, 1)
    ]
    return sides[0], sides[1]


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def nodule(volume):
    z, y, x = np.mgrid[: volume.shape[0], : volume.shape[1], : volume.shape[2]]
    d, h, w = volume.shape
    return ((z - d / 2) * 4.0) ** 2 + ((y - h * 0.48) * 2.5) ** 2 + (
        (x - w * 0.71) * 2.5
    ) ** 2 < 12**2


def test_lungs_sides_body_and_airway(phantom_with_nodule):
    anatomy = segment_anatomy(phantom_with_nodule)
    right, left = truth(phantom_with_nodule)
    assert dice(anatomy.right, right) > 0.95 and dice(anatomy.left, left) > 0.95
    assert anatomy.lungs[nodule(phantom_with_nodule)].mean() > 0.99
    assert anatomy.airway.any() and not (anatomy.airway & anatomy.lungs).any()
    table = np.zeros(phantom_with_nodule.shape, bool)
    table[:, int(112 * 0.9) : int(112 * 0.93)] = True
    assert not (anatomy.body & table).any()


@pytest.mark.parametrize("axes, flips", [((0, 1, 2), (0, 1)), ((1, 0, 2), ()), ((2, 1, 0), (2,))])
def test_other_orientations_give_the_same_lungs(phantom, axes, flips):
    turn = Orientation(axes, flips)
    turned = phantom.with_array(turn.restore(phantom.array))
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for canonical, original in enumerate(axes):
        matrix[:, 2 - original] = phantom.affine[:, 2 - canonical] * (
            -1 if canonical in flips else 1
        )
    matrix[:, 3] = (0, 0, 0, 1)
    object.__setattr__(turned, "affine", matrix)
    assert np.array_equal(
        turn.apply(segment_anatomy(turned).labels), segment_anatomy(phantom).labels
    )


def test_no_lungs_is_said(phantom):
    solid = phantom.with_array(np.where(phantom.array > -950, 40, phantom.array).astype(np.float32))
    with pytest.raises(UnsuitableInputError, match="No lungs"):
        segment_anatomy(solid)


def test_padding_and_single_slices(phantom):
    padded = phantom.array.copy()
    padded[:, :4] = -3024
    assert segment_anatomy(phantom.with_array(padded)).lungs.any()
    one = phantom.with_array(phantom.array[5:6])
    assert dice(segment_anatomy(one).lungs[0], segment_anatomy(phantom).lungs[5]) > 0.97


def test_dilation_is_euclidean_in_mm():
    mask = np.zeros((9, 21, 21), bool)
    mask[4, 10, 10] = True
    z, y, x = np.mgrid[:9, :21, :21]
    ball = ((z - 4) * 2.5) ** 2 + ((y - 10) * 0.7) ** 2 + ((x - 10) * 0.7) ** 2 <= 5.0**2
    assert np.array_equal(dilate_mm(mask, (2.5, 0.7, 0.7), 5.0), ball)


def test_edit_masks(phantom_with_nodule):
    anatomy, volume = segment_anatomy(phantom_with_nodule), phantom_with_nodule
    lesion = nodule(volume)
    region = lesion_region(lesion, anatomy, volume.spacing, 6.0)
    assert (region | ~lesion).all() and region.sum() > lesion.sum()
    assert not (region & ~anatomy.lungs & ~lesion).any()
    assert np.array_equal(lung_region(anatomy, "left"), anatomy.left)
    for mask, word in (
        (np.zeros(volume.shape, bool), "empty"),
        (~anatomy.body & (volume.array < -900), "outside the body"),
    ):
        with pytest.raises(UnsuitableInputError, match=word):
            lesion_region(mask, anatomy, volume.spacing)


def test_zones_and_location(phantom_with_nodule, make_chest):
    tall = make_chest(spacing=(8.0, 2.5, 2.5))
    anatomy = segment_anatomy(tall)
    upper = zone_region(anatomy, tall, "left", "upper")
    assert np.nonzero(upper.any((1, 2)))[0].min() >= 8 and not (upper & anatomy.right).any()
    anatomy = segment_anatomy(phantom_with_nodule)
    assert np.array_equal(
        zone_region(anatomy, phantom_with_nodule, "left", "upper"), anatomy.left
    ), "48 mm of lung have no honest thirds"
    place = locate(nodule(phantom_with_nodule), anatomy, phantom_with_nodule)
    assert place.side == "left" and place.diameter_mm == pytest.approx(24, abs=4)
    assert place.volume_ml == pytest.approx(4 / 3 * np.pi * 1.2**3, rel=0.15)


def test_a_given_segmentation_replaces_ours(phantom):
    right, left = truth(phantom)
    anatomy = anatomy_from_labels(
        LabelMap(
            {"lung_upper_lobe_left": left, "lung_middle_lobe_right": right, "heart": left & right}
        ),
        phantom,
    )
    assert (anatomy.labels[left] == LEFT).all() and (anatomy.labels[right] == RIGHT).all()
    numbered = anatomy_from_labels(
        LabelMap({"label 10": left, "label 13": right, "label 51": left & right}), phantom
    )
    assert np.array_equal(numbered.lungs, anatomy.lungs)
    with pytest.raises(UnsuitableInputError, match="no left or right lung"):
        anatomy_from_labels(LabelMap({"liver": left}), phantom)
