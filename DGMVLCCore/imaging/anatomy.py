"""Body, lungs and airway from the CT itself, by classical means."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.resample import resize_in_plane
from DGMVLCCore.imaging.volume import Orientation, Volume

BODY, LEFT, RIGHT, AIRWAY = 1, 2, 3, 4
NAMES = {BODY: "body", LEFT: "left lung", RIGHT: "right lung", AIRWAY: "airway"}
WORKING_MM = 1.5
AIR_HU, SKIN_HU, GAS_HU = -400.0, -350.0, -945.0
AIRWAY_HU = -930.0  # lung pockets behind the heart are as round, but hold vessels
MIN_LUNG_CM2 = 12.0
ONE_LUNG_MM = 200.0  # a field of view that shows less lung across than this shows one lung
DEFECT_CM2 = 16.0  # what a nodule or mass leaves out of a slice of lung; a diaphragm dome is larger


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Labels on a scan's own grid: 0 outside, 1 body, 2 left lung, 3 right lung, 4 airway; uint8
    (D,H,W). `notes` say what is uncertain or out of view."""

    labels: np.ndarray
    origin: str = "classical"
    notes: tuple[str, ...] = ()

    @property
    def body(self) -> np.ndarray:
        """Everything inside the skin, bool (D,H,W)."""
        return self.labels > 0

    @property
    def lungs(self) -> np.ndarray:
        """Both lungs with what fills them, bool (D,H,W)."""
        return (self.labels == LEFT) | (self.labels == RIGHT)

    @property
    def left(self) -> np.ndarray:
        """The patient's left lung, bool (D,H,W)."""
        return self.labels == LEFT

    @property
    def right(self) -> np.ndarray:
        """The patient's right lung, bool (D,H,W)."""
        return self.labels == RIGHT

    @property
    def airway(self) -> np.ndarray:
        """Trachea and main bronchi, bool (D,H,W)."""
        return self.labels == AIRWAY

    def reoriented(self, turn: Orientation) -> Anatomy:
        """The same labels in the canonical order of axes."""
        return replace(self, labels=np.ascontiguousarray(turn.apply(self.labels)))


def _disk(radius_px: float) -> np.ndarray:
    n = int(np.ceil(radius_px))
    y, x = np.mgrid[-n : n + 1, -n : n + 1]
    return (y * y + x * x <= radius_px**2 + 0.1)[None]


def _close(mask: np.ndarray, radius_px: float) -> np.ndarray:
    """Per-slice closing that does not shrink at the image border."""
    n = int(np.ceil(radius_px)) + 1
    padded = np.pad(mask, ((0, 0), (n, n), (n, n)))
    out = np.stack(
        [
            ndimage.distance_transform_edt(~plane) <= radius_px if plane.any() else plane
            for plane in padded
        ]
    )
    out = np.stack(
        [
            ndimage.distance_transform_edt(plane) > radius_px if plane.any() else plane
            for plane in out
        ]
    )
    return out[:, n:-n, n:-n] | mask


def _largest(mask: np.ndarray) -> np.ndarray:
    parts, count = ndimage.label(mask)
    if not count:
        return mask
    return parts == np.bincount(parts.ravel())[1:].argmax() + 1


def find_body(hu: np.ndarray, pixel_mm: float) -> np.ndarray:
    """Body without table, clothes and air; bool (D,H,W); per slice the largest opened component,
    holes filled."""
    tissue = ndimage.binary_opening(hu > SKIN_HU, _disk(3.0 / pixel_mm))
    body = np.stack([_largest(plane) for plane in tissue])
    body = _close(body, 4.0 / pixel_mm)
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in body])
    return filled | _cut_lung(hu, filled, pixel_mm)


def _cut_lung(hu: np.ndarray, body: np.ndarray, pixel_mm: float) -> np.ndarray:
    """Lung that the field of view cuts off: dark parts at the image border that are denser than
    room air."""
    out = np.zeros_like(body)
    for z, plane in enumerate(hu):
        parts, count = ndimage.label(
            ndimage.binary_opening(~body[z] & (plane <= SKIN_HU), _disk(2.0)[0])
        )
        if not count:
            continue
        areas = np.bincount(parts.ravel(), minlength=count + 1)[1:] * pixel_mm**2 / 100
        medians = ndimage.median(plane, parts, range(1, count + 1))
        for index in (
            np.nonzero((areas > 10) & (np.asarray(medians) > -940) & (np.asarray(medians) < -600))[
                0
            ]
            + 1
        ):
            part = parts == index
            around = ndimage.binary_dilation(part, iterations=3) & ~part
            # Foam of the table is as dark, but the body does not enclose it.
            if (body[z] & around).sum() > 0.5 * around.sum():
                out[z] |= part
    return out


def find_airway(hu: np.ndarray, body: np.ndarray, pixel_mm: float) -> np.ndarray:
    """Trachea and main bronchi: round, central, very dark parts of a slice, followed from slice to
    slice."""
    airway = np.zeros(hu.shape, bool)
    previous: np.ndarray | None = None
    for z in range(len(hu) - 1, -1, -1):
        if not body[z].any():
            continue
        parts, count = ndimage.label((hu[z] < -850) & body[z])
        columns = np.nonzero(body[z].any(0))[0]
        middle, width = columns.mean(), np.ptp(columns) + 1
        found = np.zeros(hu.shape[1:], bool)
        for index, box in enumerate(ndimage.find_objects(parts), 1):
            part = parts[box] == index
            area = part.sum() * pixel_mm**2
            tall, wide = part.shape
            round_enough = part.mean() > 0.5 and 0.4 < tall / wide < 2.5
            centre = (box[1].start + box[1].stop) / 2
            central = abs(centre - middle) < (0.12 if previous is None else 0.2) * width
            follows = (
                previous is not None
                and (ndimage.binary_dilation(previous[box], iterations=3) & part).any()
            )
            dark = np.median(hu[z][box][part]) < AIRWAY_HU
            if 50 <= area <= 900 and dark and round_enough and central and (follows or area > 90):
                found[box] |= part
        if found.any():
            airway[z], previous = found, found
    return ndimage.binary_dilation(airway, _disk(1.0)) & (hu < -500)


def _lung_air(hu: np.ndarray, body: np.ndarray, airway: np.ndarray, voxel_ml: float) -> np.ndarray:
    """Air of the lungs: large dark components inside the body that are not gas in gut or airway."""
    air = (hu < AIR_HU) & body & ~airway
    parts, count = ndimage.label(ndimage.binary_opening(air, _disk(1.0)))
    if not count:
        return np.zeros_like(air)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:] * voxel_ml
    core = ndimage.binary_erosion(parts > 0, _disk(1.0))
    medians = ndimage.median(hu, np.where(core, parts, 0), range(1, count + 1))
    keep = [
        i + 1
        for i in range(count)
        if sizes[i] > 0.03 * sizes.max() and sizes[i] > 3 and medians[i] > GAS_HU
    ]
    core = np.isin(parts, keep)
    return core | (ndimage.binary_dilation(core, _disk(1.0)) & air)


def _bridges(box: tuple[slice, ...], middle: float, span: float) -> bool:
    """True when a part reaches far to both sides of the middle."""
    return box[2].start < middle - 0.2 * span and box[2].stop > middle + 0.2 * span


def split_lungs(lungs: np.ndarray) -> np.ndarray:
    """Left and right by eroding until two parts stand apart, then by nearness; (D,H,W) of 0, LEFT,
    RIGHT."""
    columns = np.nonzero(lungs.any((0, 1)))[0]
    middle = (columns[0] + columns[-1]) / 2
    span = float(np.ptp(columns))
    seeds, bridge = lungs, []
    for _ in range(6):
        parts, count = ndimage.label(seeds)
        sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
        boxes = ndimage.find_objects(parts)
        # A part that reaches far to both sides of the middle still joins both lungs.
        bridge = [
            i
            for i in range(count)
            if sizes[i] > 0.01 * lungs.sum() and _bridges(boxes[i], middle, span)
        ]
        if not bridge:
            break
        seeds = ndimage.binary_erosion(seeds, _disk(1.0))
    parts, count = ndimage.label(seeds)
    if not count:
        parts, count = ndimage.label(lungs)
    centres = ndimage.center_of_mass(parts > 0, parts, range(1, count + 1))
    side = np.array([0, *(RIGHT if c[2] < middle else LEFT for c in centres)], np.uint8)[parts]
    if bridge:  # still joined (thick slices): the middle column divides what erosion could not
        joined = np.isin(
            parts,
            [i + 1 for i in range(count) if _bridges(ndimage.find_objects(parts)[i], middle, span)],
        )
        x = np.arange(lungs.shape[2])[None, None]
        side[joined] = np.where(x < middle, RIGHT, LEFT).astype(np.uint8)[
            np.zeros_like(parts)[joined], 0, np.nonzero(joined)[2]
        ]
    if (seeds != lungs).any():
        nearest = ndimage.distance_transform_edt(
            side == 0, return_distances=False, return_indices=True
        )
        side = side[tuple(nearest)]
    return np.where(lungs, side, 0).astype(np.uint8)


def _defects(lung: np.ndarray, tissue: np.ndarray, medial_low: bool, pixel_mm: float) -> np.ndarray:
    """One lung, one slice: holes, and dents that have lung on their medial side (nodules at the
    chest wall).

    Args:
        medial_low: True when small x is medial (left lung).
    """
    from skimage.morphology import convex_hull_image

    if lung.sum() < 20:
        return np.zeros_like(lung)
    hull = convex_hull_image(lung)
    has_medial = np.logical_or.accumulate(lung if medial_low else lung[:, ::-1], axis=1)
    has_medial = has_medial if medial_low else has_medial[:, ::-1]
    holes = ndimage.binary_fill_holes(lung) & ~lung
    candidates = (holes | (hull & has_medial & ~lung)) & tissue
    return ndimage.binary_opening(candidates, _disk(2.5 / pixel_mm)[0]) | (holes & tissue)


def _small_defects(defects: np.ndarray, pixel_mm: float) -> np.ndarray:
    """Defects that stay small in every slice they pass through: nodules do, the dome of the
    diaphragm does not."""
    parts, count = ndimage.label(defects)
    if not count:
        return defects
    largest = np.zeros(count + 1)
    for plane in parts:
        largest = np.maximum(largest, np.bincount(plane.ravel(), minlength=count + 1))
    keep = largest * pixel_mm**2 / 100 <= DEFECT_CM2
    keep[0] = False
    return keep[parts]


def _complete(
    side: np.ndarray, hu: np.ndarray, body: np.ndarray, airway: np.ndarray, pixel_mm: float
) -> np.ndarray:
    """Give each lung back its vessels, nodules and masses."""
    out = np.zeros_like(side)
    inner = ndimage.binary_erosion(body, _disk(4.0 / pixel_mm))
    for label in (LEFT, RIGHT):
        lung = _close(side == label, 5.0 / pixel_mm)
        tissue = inner & (hu < 200)
        defects = np.stack(
            [_defects(plane, tissue[z], label == LEFT, pixel_mm) for z, plane in enumerate(lung)]
        )
        lung |= _small_defects(defects, pixel_mm)
        # Calcium inside a nodule is no tissue by its HU, but lies in the lung.
        holes = np.stack([ndimage.binary_fill_holes(plane) for plane in lung]) & ~lung
        lung |= holes & ~ndimage.binary_opening(holes, _disk(3.0 / pixel_mm))
        out[lung & body & ~airway & (out == 0) & ((side == 0) | (side == label))] = label
    return out


def _sides(air: np.ndarray, tissue: np.ndarray) -> np.ndarray:
    """LEFT and RIGHT lung of the lungs' air; a single lung is told by the tissue beside it. Arrays
    (D,H,W) at the working spacing."""
    columns = np.nonzero(air.any((0, 1)))[0]
    if np.ptp(columns) * WORKING_MM >= ONE_LUNG_MM:
        return split_lungs(air)
    # Heart and spine lie towards the patient's left of a right lung.
    medial_high = np.nonzero(tissue.any(0))[1].mean() > columns.mean()
    return np.where(air, RIGHT if medial_high else LEFT, 0).astype(np.uint8)


def segment_anatomy(volume: Volume) -> Anatomy:
    """Find body, left and right lung and airway by thresholds and shapes; products use
    `models.anatomy`, which falls back on this.

    Args:
        volume: CT in HU, any orientation, (D,H,W).

    Returns:
        labels on the volume's own grid.

    Raises:
        UnsuitableInputError: no lungs in view.
    """
    scan, turn = volume.canonical()
    dz, dy, dx = scan.spacing
    size = tuple(max(int(round(n * s / WORKING_MM)), 16) for n, s in zip(scan.shape[1:], (dy, dx)))
    hu = resize_in_plane(np.clip(scan.array, -1024, 1500), size)  # type: ignore[arg-type]
    body = find_body(hu, WORKING_MM)
    airway = find_airway(hu, body, WORKING_MM)
    voxel_ml = WORKING_MM**2 * dz / 1000
    air = _lung_air(hu, body, airway, voxel_ml)
    largest_cm2 = float(air.sum((1, 2)).max(initial=0)) * WORKING_MM**2 / 100
    if largest_cm2 < MIN_LUNG_CM2:
        raise UnsuitableInputError(
            f"No lungs are in view (the largest lung area of a slice is {largest_cm2:.0f} cm²); "
            "load a chest CT, or give a lung segmentation."
        )
    side = _complete(_sides(air, body & (hu > -200)), hu, body, airway, WORKING_MM)
    labels = np.zeros(scan.shape, np.uint8)
    for mask, label in (
        (body, BODY),
        (airway, AIRWAY),
        (side == LEFT, LEFT),
        (side == RIGHT, RIGHT),
    ):
        labels[resize_in_plane(mask.astype(np.float32), scan.shape[1:]) > 0.5] = label
    return Anatomy(turn.restore(labels))
