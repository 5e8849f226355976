"""One case: a finding put into clear lung by the simulation (known truth), or by the generator from
a sentence (asked for)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.masks import lesion_region
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.readers.design import SUBTLETIES, Spec
from DGMVLCCore.readers.records import CaseFacts, Truth
from DGMVLCCore.readers.source import SIDES, ClearScan
from DGMVLCCore.simulation.insert import insert_lesion
from DGMVLCCore.simulation.patch import clear
from DGMVLCCore.simulation.shapes import wall_distance

TRIES, GENERATOR_TRIES = 40, 3
MIN_VOXELS = 5  # of the lesion, in the slice that shows most of it
MARGIN_MM = 6.0
NEEDED = ("direction", "words and image")  # checks that a written finding must pass
SUBPLEURAL = ("reticulation", "honeycombing", "effusion")


@dataclass(frozen=True, eq=False)
class Made:
    """A case and its truth.

    Args:
        before, after: canonical scans without and with the finding; the same voxels outside
            `mask`'s surroundings.
        mask: bool (D,H,W), the finding; for the generator the region that it was asked to fill.
            labels: uint8 (D,H,W) anatomy before.
        truth: "inserted" (every voxel known), "asked" (a sentence given to the generator) or
            "none".
        facts: what else the key says.
    """

    spec: Spec
    source: str
    before: Volume
    after: Volume
    mask: np.ndarray
    labels: np.ndarray
    truth: Truth
    facts: CaseFacts = field(default_factory=dict)

    @property
    def anatomy(self) -> Anatomy:
        """The lungs as they were before the finding came in."""
        return Anatomy(self.labels, origin="before the finding")


def _centre(
    scan: ClearScan, spec: Spec, side: str, z: int, rng: np.random.Generator
) -> tuple[int, float, float] | None:
    """A lung voxel of slice z, deep enough for a small lesion, near the pleura for the kinds that
    lie there."""
    depth = wall_distance((scan.labels[z] == SIDES[side])[None], scan.volume.spacing)[0]
    size = spec.size_mm or 0.0
    points = np.argwhere(
        (depth > 1) & (depth < 12) if spec.kind in SUBPLEURAL else depth > min(size / 2, 8)
    )
    if not len(points):
        return None
    y, x = points[rng.integers(len(points))] + rng.uniform(-0.3, 0.3, 2)
    return z, float(y), float(x)


def _try(scan: ClearScan, spec: Spec, rng: np.random.Generator) -> Made | None:
    """One draw of a place; None when the lung there is not clear or the lesion falls out of it."""

    rows = scan.rows(spec.side, spec.zone)
    z = int(rows[rng.integers(len(rows))])
    part, before = scan.slab(z, rng)
    hu, mask, kind = before.array.astype(np.float32), np.zeros(before.shape, bool), str(spec.kind)
    for side in ("left", "right") if spec.side == "bilateral" else (spec.side,):
        place = _centre(scan, spec, side, z, rng)
        if place is None:
            return None
        patch = scan.patch(part, side)
        lesion = insert_lesion(
            patch,
            kind,
            rng,
            centre=(place[0] - part.start, *place[1:]),
            size_mm=spec.size_mm,
            contrast=SUBTLETIES[spec.subtlety or "typical"],
        )
        zone_ok = spec.zone in (None, lesion.zone)
        if (
            lesion.mask.sum((1, 2)).max() < MIN_VOXELS
            or not clear(patch.hu, lesion.mask, patch.lungs > 0)
            or not zone_ok
        ):
            return None
        hu += lesion.hu - patch.hu
        mask |= lesion.mask
    return Made(
        spec, scan.name, before, before.with_array(np.rint(hu)), mask, scan.labels[part], "inserted"
    )


def insert_case(scan: ClearScan, spec: Spec, rng: np.random.Generator) -> Made:
    """A simulated finding in a clear place of a scan; a scan as it is for a spec without a term.

    Raises:
        UnsuitableInputError: no clear place was found.
    """
    if spec.term is None:
        rows = scan.rows(spec.side, spec.zone)
        part, before = scan.slab(int(rows[rng.integers(len(rows))]), rng)
        return Made(
            spec, scan.name, before, before, np.zeros(before.shape, bool), scan.labels[part], "none"
        )
    for _ in range(TRIES):
        if made := _try(scan, spec, rng):
            return made
    where = (
        f"the {spec.side} lung{f', {spec.zone} zone' if spec.zone else ''}"
        if spec.side != "bilateral"
        else "both lungs"
    )
    raise UnsuitableInputError(
        f"No clear place for a {spec.size_mm:g} mm {spec.term} (voxels of "
        f"{scan.volume.spacing[1]:.1f} mm) was found in {where} of "
        f"{scan.name} in {TRIES} draws; ask for another size or place, or give another scan."
    )


def generate_case(
    pipe: Any, scan: ClearScan, spec: Spec, rng: np.random.Generator, noises: int = 4
) -> Made:
    """A finding written by the generator from a sentence, inside the shape that the simulation
    draws; `pipe` is a `CounterfactualPipeline`.

    Raises:
        UnsuitableInputError: no clear place, or the change ran against the words in every draw.
    """
    refused = ""
    for _ in range(GENERATOR_TRIES):
        drawn = insert_case(scan, spec, rng)
        if spec.term is None:
            return drawn
        seed = int(rng.integers(2**31))
        written, failed = _written(pipe, drawn, spec.term, noises, seed)
        if not failed:
            return written
        refused = failed[0]
    raise UnsuitableInputError(
        f"The generator wrote no {spec.term} into {scan.name} in {GENERATOR_TRIES} places "
        f"({refused}); ask for another finding or "
        "take the simulated cases."
    )


def _written(pipe: Any, drawn: Made, term: str, noises: int, seed: int) -> tuple[Made, list[str]]:
    """A drawn case with its finding written by the generator, and why it cannot be taken."""
    from DGMVLCCore.editing.agreement import agreement_of
    from DGMVLCCore.editing.gates import quality_gates
    from DGMVLCCore.editing.insertion import hidden_for
    from DGMVLCCore.editing.result import EditPlan
    from DGMVLCCore.language.prompts import absent_prompt, said_plainly

    spiculated = ("spiculated",) if drawn.spec.kind == "spiculated_nodule" else ()
    sentence = said_plainly(term, spiculated)
    region = lesion_region(drawn.mask, drawn.anatomy, drawn.before.spacing, MARGIN_MM)
    hidden = hidden_for(term, drawn.mask, region, drawn.before.spacing)
    plan = EditPlan(region, absent_prompt(term), sentence, term, removes=False, hidden=hidden)
    result = pipe(drawn.before, plan, anatomy=drawn.anatomy, noises=noises, seed=seed)
    result.agreement = agreement_of(pipe.alignment, result, drawn.anatomy)
    gates = quality_gates(result, drawn.anatomy)
    failed = [gate.sentence for gate in gates if gate.name in NEEDED and not gate.passed]
    facts = {
        "sentence": sentence,
        "checks": {gate.name: gate.passed for gate in gates},
        "agreement": round(result.agreement.target[1], 3),
    }
    made = replace(drawn, after=result.counterfactual, mask=region, truth="asked", facts=facts)
    return made, failed
