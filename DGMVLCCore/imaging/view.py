"""What of the lungs is in view, and whether the scan lies as its header says."""

from __future__ import annotations

import numpy as np

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import AIR_HU, LEFT, MIN_LUNG_CM2, NAMES, RIGHT, Anatomy

MISSING = 0.06  # of the other lung: less of a lung than this counts as none
CUT_CM2, CUT_MM = 40.0, 30.0  # lung in the first or last slice; lung along the image's border
BONE_HU, BONE_MM2, TALL_MM = 300.0, 200.0, 150.0
# How much more of the room between the lungs' borders is not lung at the top than at the bottom:
# -.42 to -.11 in 25 whole training and validation scans, since heart and diaphragm lie below.
UPSIDE_DOWN = 0.1


def check_lungs(hu: np.ndarray, lungs: np.ndarray, mm: float) -> None:
    """Refuse a scan with hardly any aerated lung.

    Args:
        hu, lungs: HU and bool (D,h,w) at pixels of `mm`.

    Raises:
        UnsuitableInputError: no slice holds 12 cm² of it.
    """
    area = float(((hu < AIR_HU) & lungs).sum((1, 2)).max(initial=0)) * mm * mm / 100
    if area < MIN_LUNG_CM2:
        raise UnsuitableInputError(
            f"No lungs are in view (the largest lung area of a slice is {area:.0f} cm²); load a "
            "chest CT, or give a lung segmentation."
        )


def _cut_sides(lungs: np.ndarray, spacing: tuple[float, float, float]) -> list[str]:
    """Where the lungs leave a canonical scan."""
    area = spacing[1] * spacing[2] / 100
    borders = {
        "below": lungs[0].sum() * area > CUT_CM2,
        "above": lungs[-1].sum() * area > CUT_CM2,
        "in front": lungs[:, 0].sum(1).max() * spacing[2] > CUT_MM,
        "behind": lungs[:, -1].sum(1).max() * spacing[2] > CUT_MM,
        "at the image's left": lungs[:, :, 0].sum(1).max() * spacing[1] > CUT_MM,
        "at the image's right": lungs[:, :, -1].sum(1).max() * spacing[1] > CUT_MM,
    }
    return [name for name, cut in borders.items() if cut]


def _narrowing(lungs: np.ndarray) -> float:
    """How the share of what lies between the lungs' outer borders and is no lung changes from the
    lowest slice to the highest; `lungs` bool (D,H,W) with lung in the first and last slice."""
    from_left = np.maximum.accumulate(lungs, 2)
    from_right = np.maximum.accumulate(lungs[:, :, ::-1], 2)[:, :, ::-1]
    room, lung = (from_left & from_right).sum((1, 2)), lungs.sum((1, 2))
    wide = np.nonzero(room > 0.1 * room.max())[0]
    slope = np.polynomial.Polynomial.fit(wide, 1 - lung[wide] / room[wide], 1).convert().coef
    return float(slope[1] * (len(lungs) - 1)) if len(slope) > 1 else 0.0


def _turned(labels: np.ndarray, hu: np.ndarray, spacing: tuple[float, float, float]) -> list[str]:
    """What of the header does not fit the patient: the spine lies at the back, heart and diaphragm
    below."""
    lungs = Anatomy(labels).lungs
    rows, columns = np.nonzero(lungs.any((1, 2)))[0], np.nonzero(lungs.any((0, 1)))[0]
    middle, wide = (columns[0] + columns[-1]) / 2, np.ptp(columns) / 8
    band = slice(int(middle - wide), int(middle + wide) + 1)
    bone = np.nonzero(
        ((hu[rows[0] : rows[-1] + 1] > BONE_HU) & (labels[rows[0] : rows[-1] + 1] > 0))[:, :, band]
    )[1]
    wrong = []
    # The heart lies between, and may be as bright as bone.
    depths = np.repeat(np.arange(lungs.shape[1], dtype=np.int16), lungs.sum((0, 2)))
    front, back = np.percentile(depths, (15, 80))
    before, behind = (bone < front).sum(), (bone > back).sum()
    if before > 2 * behind and before * spacing[1] * spacing[2] > BONE_MM2:
        wrong.append("front and back")
    tall = np.ptp(rows) * spacing[0] > TALL_MM
    if tall and _narrowing(lungs[rows[0] : rows[-1] + 1]) > UPSIDE_DOWN:
        wrong.append("head and feet")
    return wrong


def view_notes(
    labels: np.ndarray, hu: np.ndarray, spacing: tuple[float, float, float]
) -> tuple[str, ...]:
    """Sentences on a lung that is missing, lungs that are cut, and axes that seem exchanged; labels
    and HU canonical (D,H,W)."""
    sizes = {label: int((labels == label).sum()) for label in (LEFT, RIGHT)}
    notes = []
    for label, other in ((LEFT, RIGHT), (RIGHT, LEFT)):
        if sizes[label] < MISSING * sizes[other]:
            notes.append(
                f"No {NAMES[label]} is in view (taken out, or outside the field of view); what is "
                "said of it is not known from this scan."
            )
    if not any(sizes.values()):
        return tuple(notes)
    if cut := _cut_sides(Anatomy(labels).lungs, spacing):
        notes.append(f"The lungs are not whole in this scan: they are cut {' and '.join(cut)}.")
    for pair in _turned(labels, hu, spacing):
        notes.append(
            f"The scan's header seems to exchange {pair}; check its orientation, since sides and "
            "zones depend on it."
        )
    return tuple(notes)
