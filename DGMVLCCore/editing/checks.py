"""Do report and region speak of the same thing, and did the edit keep what is not asked about?"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from DGMVLCCore.editing.asked import SEEN, Evidence
from DGMVLCCore.editing.result import CounterfactualResult, Gate
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.masks import box_around, share_near
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.imaging.zones import ZONES, Location, axial_diameter
from DGMVLCCore.language.findings import Finding

NEAR_LUNG_MM = 3.0
LEAST_LUNG_SHARE = 0.7
SIZE_FACTOR = 2.0  # a region's diameter may be off by that: readers measure one axis
ZONES_OF_LOBE = {
    "upper": ("middle", "upper"),
    "middle": ("lower", "middle"),
    "lingula": ("lower", "middle"),
    "lower": ("lower", "middle"),
}  # a lobe is no third of the lung: its oblique fissure crosses them
VESSEL_MM, VESSEL_HU = 3.0, 60.0  # width and contrast of what a top-hat calls a vessel
LEAST_KEPT, LEAST_VESSELS = 0.8, 60
CHANGED = 0.5
CHANGED_FACTOR = 1.5  # nearer than of a region: what changed has no margin and is no guess


def refuse_other_side(finding: Finding, location: Location) -> None:
    """No edit of a place that the report does not speak of.

    Raises:
        UnsuitableInputError: the report names one side, the region lies in the other lung.
    """
    sides = {finding.side, location.side}
    if sides == {"left", "right"}:
        raise UnsuitableInputError(
            f"The report says “{finding.text.strip()}” on the {finding.side}, but the region lies "
            f"in the {location.side} lung; correct the region or the report."
        )


def place_gate(finding: Finding, location: Location) -> Gate | None:
    """The region's third of the lung against the lobe or zone that the report names."""
    said = finding.zone or finding.lobe
    if said is None or location.zone is None:
        return None
    allowed = (str(finding.zone),) if finding.lobe is None else ZONES_OF_LOBE.get(finding.lobe, ())
    passed = location.zone in allowed
    words = f"{said} {'lobe' if finding.lobe else 'zone'}"
    sentence = (
        f"The region lies where the report says ({words})."
        if passed
        else f"The report says {words}, but the region lies in the {location.zone} third of the "
        "lung; read which of them is wrong."
    )
    value, *thirds = (ZONES.index(zone) + 1 for zone in (location.zone, *allowed))
    limit = f"{' or '.join(map(str, thirds))}: {words}"
    unit = "of 3 thirds from the base"
    return Gate("place", passed, float(value), limit, unit, sentence)


def _sized(name: str, what: str, said: float, size: float, factor: float, doubt: str) -> Gate:
    """A size (mm) against the one that the report names, which it may differ from by a factor."""
    low, high = said / factor, said * factor
    passed = bool(low <= size <= high)
    sentence = (
        f"{what} is about as large as the report says."
        if passed
        else f"The report says {said:g} mm, {what[0].lower()}{what[1:]} is {size:.0f} mm across; "
        f"it may be {doubt}."
    )
    return Gate(name, passed, round(size, 1), f"{low:.0f} to {high:.0f}", "mm", sentence)


def size_gate(finding: Finding, diameter_mm: float) -> Gate | None:
    """The marked region's diameter against the size that the report names."""
    if finding.size_mm is None:
        return None
    doubt = "another finding, or only part of it"
    return _sized("size", "The region", finding.size_mm, diameter_mm, SIZE_FACTOR, doubt)


def tissue_gate(lesion: np.ndarray, anatomy: Anatomy, volume: Volume) -> Gate:
    """How much of the marked region lies in or at the lungs, not in mediastinum, heart, wall or
    airway."""
    share = share_near(lesion, anatomy.lungs, volume.spacing, NEAR_LUNG_MM)
    passed = share >= LEAST_LUNG_SHARE
    sentence = (
        "The region lies in the lungs."
        if passed
        else f"{1 - share:.0%} of the region lie in mediastinum, heart, wall or airway, which the "
        "network was not taught to edit."
    )
    limit = f"at least {LEAST_LUNG_SHARE:.0%}"
    return Gate("share in the lungs", passed, round(100 * share, 1), limit, "%", sentence)


def evidence_gate(evidence: Evidence) -> Gate:
    """Whether the region surely looks like the finding, and more than other places of the same
    lungs."""
    passed = evidence.stands_out and evidence.sure
    places = f", {evidence.places} other places of these lungs" if evidence.places else ""
    limit = f"above {max(evidence.clear_high or 0.0, SEEN):.2f}{places}"
    if passed:
        sentence = "The region shows the finding more than other places of these lungs."
    elif evidence.stands_out:
        sentence = (
            f"The networks hardly see the finding in the region ({evidence.low:.0%} to "
            f"{evidence.high:.0%}); it may not be here."
        )
    else:
        sentence = (
            "Other places of these lungs look as much like the finding; it may be diffuse, or "
            "not here."
        )
    return Gate("finding in the region", passed, round(evidence.value, 2), limit, "", sentence)


def vessel_pixels(spacing: tuple[float, float, float]) -> int:
    """Width of what is called a vessel, pixels, odd."""
    return max(int(round(VESSEL_MM / spacing[1])) * 2 + 1, 3)


def vessel_contrast(hu: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """White top-hat (D,H,W) in the slice, HU: how far thin dense structures rise above the lung."""
    width = vessel_pixels(spacing)
    clipped = np.clip(hu, -1024, 200)
    return np.stack([ndimage.white_tophat(plane, size=(width, width)) for plane in clipped])


def vessels_gate(
    original: np.ndarray,
    edited: np.ndarray,
    mask: np.ndarray,
    lesion: np.ndarray,
    spacing: tuple[float, float, float],
) -> Gate | None:
    """Contrast of the region's vessels after the edit, over before; the lesion's own left out.

    Args:
        lesion: bool (D,H,W), where the network was asked for a change.
    """
    before = vessel_contrast(original, spacing)
    vessels = mask & ~lesion & (before > VESSEL_HU)
    if vessels.sum() < LEAST_VESSELS:
        return None
    kept = float(vessel_contrast(edited, spacing)[vessels].mean() / before[vessels].mean())
    passed = kept >= LEAST_KEPT
    sentence = (
        "The region's vessels stand as before."
        if passed
        else f"Only {kept:.0%} of the vessels' contrast is left; the edit took more than the "
        "finding."
    )
    limit = f"at least {LEAST_KEPT:.0%}"
    return Gate("vessels kept", passed, round(100 * kept, 1), limit, "%", sentence)


def named_gate(result: CounterfactualResult) -> Gate | None:
    """What the region looked like before, by the dual encoder, against what was named."""
    if result.agreement is None or not result.agreement.ranked or not result.plan.removes:
        return None
    ranked = [term for term, _ in result.agreement.ranked]
    passed = result.plan.term in ranked
    rank = ranked.index(result.plan.term) + 1 if passed else len(ranked) + 1
    sentence = (
        "What was taken away is what the report names."
        if passed
        else f"The region looked like “{ranked[0]}” rather than “{result.plan.term}”; what was "
        "taken away may not be what the report names."
    )
    limit = f"{len(ranked)} or better"
    return Gate("removed as named", passed, float(rank), limit, "by rank", sentence)


def changed_gate(result: CounterfactualResult) -> Gate | None:
    """The size of what was taken away against the size that the report names: a region as large
    as the finding may hold a vessel that is not.

    None without a size, without a change map, and where something was put in.
    """
    finding = result.plan.finding
    said = finding.size_mm if finding is not None else None
    if result.change is None or said is None or not result.plan.removes:
        return None
    turn = result.original.orientation()
    scan, _ = result.original.canonical()
    taken = turn.apply(result.change) > CHANGED
    parts, count = ndimage.label(taken[box_around(turn.apply(result.mask))])
    sizes = [axial_diameter(parts == part, scan.spacing) for part in range(1, count + 1)]
    doubt = "something else, such as a vessel, or only part of it"
    what, size = "What was taken away", max(sizes, default=0.0)
    return _sized("size of what changed", what, said, size, CHANGED_FACTOR, doubt)


def vessels_of(result: CounterfactualResult) -> Gate | None:
    """`vessels_gate` of a result of an editor; None from a network that sees no vessels."""
    if result.change is None:
        return None
    turn = result.original.orientation()
    scan, _ = result.original.canonical()
    original, edited, mask, change = (
        turn.apply(each)
        for each in (
            result.original.array,
            result.counterfactual.array,
            result.mask,
            result.change,
        )
    )
    reach = 2 * vessel_pixels(scan.spacing)  # an opening looks as far
    box = box_around(mask, (0, reach, reach))
    changed = change[box] > CHANGED
    return vessels_gate(original[box], edited[box], mask[box], changed, scan.spacing)
