"""What of the lungs is in view, and whether the scan lies as its header says."""

from __future__ import annotations

import numpy as np

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import AIR_HU, AIRWAY, LEFT, MIN_LUNG_CM2, NAMES, RIGHT, Anatomy

MISSING = 0.06  # of the other lung: less of a lung than this counts as none
CUT_CM2, CUT_MM = 40.0, 30.0  # lung in the first or last slice; lung along the image's border
BONE_HU, BONE_MM2, TALL_MM = 300.0, 200.0, 150.0


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


def _turned(labels: np.ndarray, hu: np.ndarray, spacing: tuple[float, float, float]) -> list[str]:
    """What of the header does not fit the patient: the spine lies at the back, the trachea at the
    top."""
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
    airway = np.nonzero((labels == AIRWAY).any((1, 2)))[0]
    tall = np.ptp(rows) * spacing[0] > TALL_MM
    if tall and len(airway) and airway.mean() < rows[0] + 0.35 * np.ptp(rows):
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
