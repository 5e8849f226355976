"""The common lung frame: every scan on one grid, and its lungs in regions by side, zone and
distance to the pleura."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import LEFT, RIGHT, Anatomy
from DGMVLCCore.imaging.labels import LabelMap
from DGMVLCCore.imaging.resample import crop, resize_in_plane
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.imaging.zones import MIN_THIRDS_MM, ZONES, thirds_in_view, zone_edges
from DGMVLCCore.models.anatomy import find_anatomy

PIXEL_MM, SLICE_MM = (
    2.0,
    5.0,
)  # texture and shares depend on the grid, so all scans come to about the same one
MARGIN_MM, MULTIPLE, MIN_SIDE = 14.0, 16, 128
SIDES = {"left": LEFT, "right": RIGHT}
BANDS = (
    (2.0, 10.0, "2–10 mm"),
    (10.0, 25.0, "10–25 mm"),
    (25.0, np.inf, "> 25 mm"),
)  # the first 2 mm are half chest wall
REGIONS = (
    "both lungs",
    *(
        f"{side} {zone} zone, {band[2]} from the pleura"
        for side in SIDES
        for zone in ZONES
        for band in BANDS
    ),
)
STATISTICS = ("mean_hu", "sd_hu", "share_below_-950", "share_above_-600")
MIN_ML = 2.0


@dataclass(frozen=True, eq=False)
class PatientScan:
    """The lungs of a patient in the common frame.

    Args:
        name: the patient's id. hu: int16 (D,H,W) HU, canonical axes, cropped to the lungs; H and W
            multiples of 16.
        labels: uint8 (D,H,W) anatomy. spacing: (z,y,x) mm.
    """

    name: str
    hu: np.ndarray
    labels: np.ndarray
    spacing: tuple[float, float, float]

    @property
    def lungs(self) -> np.ndarray:
        """Both lungs, bool (D,H,W)."""
        return np.isin(self.labels, (LEFT, RIGHT))


def _every(scan: Volume) -> int:
    return max(1, round(SLICE_MM / scan.spacing[0]))


def _thinned(scan: Volume) -> Volume:
    """Every n-th slice, about 5 mm apart."""
    every = _every(scan)
    affine = scan.affine.copy()
    affine[:3, 2] *= every
    return scan.with_array(np.ascontiguousarray(scan.array[::every]), affine=affine)


def patient_scan(name: str, volume: Volume, anatomy: Anatomy | None = None) -> PatientScan:
    """A scan (HU, any orientation) in the common frame.

    Args:
        anatomy: on the scan's own grid; found in the scan when None.

    Raises:
        UnsuitableInputError: no lungs in view, or too little of them for thirds.
    """
    scan, turn = volume.canonical()
    thin = _thinned(scan)
    every = round(thin.spacing[0] / scan.spacing[0])
    labels = (
        turn.apply(anatomy.labels)[::every] if anatomy is not None else find_anatomy(thin).labels
    )
    lungs = np.isin(labels, (LEFT, RIGHT))
    if not lungs.any() or not thirds_in_view(zone_edges(lungs), thin.spacing[0]):
        raise UnsuitableInputError(
            f"{name} shows less than {MIN_THIRDS_MM:g} mm of lung from base to apex, too little "
            "for zones."
        )
    dz, dy, dx = thin.spacing
    size = tuple(
        max(round(n * mm / max(PIXEL_MM, mm)), 1) for n, mm in zip(thin.shape[1:], (dy, dx))
    )
    hu, labels = resize_in_plane(thin.array, size, order=1), resize_in_plane(labels, size, order=0)
    spacing = (dz, thin.shape[1] * dy / size[0], thin.shape[2] * dx / size[1])
    rows = np.nonzero(np.isin(labels, (LEFT, RIGHT)).any((1, 2)))[0]
    part = slice(max(int(rows[0]) - 1, 0), int(rows[-1]) + 2)
    box = _box(np.asarray(np.isin(labels, (LEFT, RIGHT)).any(0)), spacing)
    return PatientScan(
        name,
        np.rint(crop(hu[part], box, -1024)).astype(np.int16),
        crop(labels[part], box, 0).astype(np.uint8),
        spacing,
    )


def masked_scan(
    name: str, volume: Volume, labels: LabelMap, understand: Callable[[LabelMap, Volume], Anatomy]
) -> PatientScan:
    """As `patient_scan` with the anatomy of a mask on the scan's grid, which is understood on the
    few slices that are kept."""
    scan, turn = volume.canonical()
    thin, every = _thinned(scan), _every(scan)
    kept = {
        part: np.ascontiguousarray(turn.apply(mask)[::every])
        for part, mask in labels.segments.items()
    }
    anatomy = understand(LabelMap({part: mask for part, mask in kept.items() if mask.any()}), thin)
    whole = np.zeros(scan.shape, np.uint8)
    whole[::every] = anatomy.labels
    return patient_scan(name, scan, Anatomy(whole, anatomy.origin))


def _box(shadow: np.ndarray, spacing: tuple[float, float, float]) -> tuple[int, int, int, int]:
    """In-plane box around the lungs' shadow (H,W) with a margin, sides multiples of 16."""
    out = []
    for axis, step in ((1, spacing[1]), (0, spacing[2])):
        found = np.nonzero(shadow.any(axis))[0]
        length = np.ptp(found) + 1 + 2 * MARGIN_MM / step
        side = max(int(np.ceil(length / MULTIPLE)) * MULTIPLE, MIN_SIDE)
        low = int((found[0] + found[-1] + 1 - side) // 2)
        out += [low, low + side]
    return out[0], out[1], out[2], out[3]


def region_labels(scan: PatientScan) -> np.ndarray:
    """uint8 (D,H,W): 0, or the number in `REGIONS` of the voxel's region (1 …); zones are thirds of
    the lung in view, distance is in the slice."""
    lungs = scan.lungs
    low, high = zone_edges(lungs)
    z = np.arange(len(lungs))[:, None, None]
    zone = (z >= low).astype(np.uint8) + (z >= high)
    # From the middle of a voxel to the lung's edge, which lies half a voxel before the first voxel
    # outside.
    depth = (
        np.stack(
            [ndimage.distance_transform_edt(plane, sampling=scan.spacing[1:]) for plane in lungs]
        )
        - scan.spacing[1] / 2
    )
    out = np.zeros(lungs.shape, np.uint8)
    for side, label in enumerate(SIDES.values()):
        for band, (near, far, _) in enumerate(BANDS):
            here = (scan.labels == label) & (depth > near) & (depth <= far)
            out[here] = (1 + side * 9 + band + 3 * np.broadcast_to(zone, out.shape))[here]
    return out


def region_means(values: np.ndarray, regions: np.ndarray, voxel_ml: float) -> np.ndarray:
    """(R,) mean of `values` (…) over each of `REGIONS`, NaN where a region holds less than 2 ml;
    `regions` as `region_labels`, of one shape with it."""
    count = np.bincount(regions.ravel(), minlength=len(REGIONS)).astype(float)
    total = np.bincount(regions.ravel(), values.ravel(), minlength=len(REGIONS))
    count[0], total[0] = count[1:].sum(), total[1:].sum()
    return np.where(count * voxel_ml >= MIN_ML, total / np.maximum(count, 1), np.nan)


def lung_statistics(scan: PatientScan) -> np.ndarray:
    """(R,S) of each of `REGIONS` and `STATISTICS`: mean and SD in HU, shares 0..1; NaN where a
    region is too small."""
    regions, hu = region_labels(scan), scan.hu.astype(np.float64)
    inside = regions > 0
    regions, hu, ml = regions[inside], hu[inside], float(np.prod(scan.spacing) / 1000)
    mean = region_means(hu, regions, ml)
    square = region_means(hu**2, regions, ml)
    return np.stack(
        [
            mean,
            np.sqrt(np.maximum(square - mean**2, 0)),
            region_means(hu < -950, regions, ml),
            region_means(hu > -600, regions, ml),
        ],
        axis=1,
    )
