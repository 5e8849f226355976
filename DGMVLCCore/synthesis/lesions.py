"""A lesion made by the generator in clear lung of a real scan: the place and shape are drawn, the
voxels are the network's, and it is checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from DGMVLCCore.editing.agreement import agreement_of
from DGMVLCCore.editing.asked import Evidence, change_evidence
from DGMVLCCore.editing.gates import quality_gates
from DGMVLCCore.editing.insertion import hidden_for
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.result import CounterfactualResult, EditPlan
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import LEFT, RIGHT, Anatomy
from DGMVLCCore.imaging.masks import dilate_mm
from DGMVLCCore.imaging.volume import Orientation, Volume
from DGMVLCCore.imaging.zones import zone_edges, zone_region
from DGMVLCCore.language.prompts import absent_prompt, denial_prompt, said_plainly
from DGMVLCCore.results.manifest import GateFact
from DGMVLCCore.simulation.insert import NODULES, TERM_OF_KIND, draw_size, insert_lesion
from DGMVLCCore.simulation.patch import ScanPatch, estimate_noise
from DGMVLCCore.synthesis.orders import Order
from DGMVLCCore.synthesis.records import LesionFacts, Presence

MARGIN_MM, PLACES, TRIES = 3.0, 60, 4
# of its ball a nodule shows at least, or the size that was ordered would not be the one there
WHOLE_SHARE = 0.5
DENSE_HU, MOST_DENSE, MIN_VOXELS = (
    -500.0,
    0.1,
    12,
)  # clear lung: under a tenth of it denser than vessels leave it
VISIBLE_HU = 50.0  # the lesion's voxels change by more on average, or nobody would see it
NEEDED = (
    "direction",
    "words and image",
)  # a visible rim is recorded, an edit against its words is not taken


@dataclass(frozen=True, eq=False)
class Made:
    """An accepted lesion.

    Args:
        result: the edit. lesion: bool (D,H,W) on the scan's grid, the shape that was drawn. facts:
            what the manifest says of it.
    """

    result: CounterfactualResult
    lesion: np.ndarray
    facts: LesionFacts


def _kind(order: Order) -> str:
    """The simulated shape that stands for a finding's region."""
    if order.finding == "nodule":
        return "spiculated_nodule" if order.spiculated else "smooth_nodule"
    return next(kind for kind, term in TERM_OF_KIND.items() if term == order.finding)


def draw_region(
    scan: Volume, anatomy: Anatomy, order: Order, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """A lesion-shaped region in clear lung of the ordered side and zone: bool (D,H,W) on the
    canonical scan's grid, and its size in mm.

    Raises:
        UnsuitableInputError: no clear lung of that size was found there.
    """
    kind = _kind(order)
    allowed = zone_region(anatomy, scan, order.side, order.zone)
    places = np.argwhere(allowed)
    if not len(places):
        place = " ".join(filter(None, (order.side, order.zone)))
        raise UnsuitableInputError(
            f"The scan shows no lung in the {place} place that was ordered; leave side and zone "
            "open."
        )
    patch_at = _patches(scan, anatomy)
    for _ in range(PLACES):
        size = order.size_mm or draw_size(kind, rng)
        z, y, x = (int(v) for v in places[rng.integers(len(places))])
        part, patch = patch_at(z, int(np.ceil(0.8 * size / scan.spacing[0])) + 2)
        centre = (float(z - part.start), float(y), float(x))
        shape = insert_lesion(patch, kind, rng, centre=centre, size_mm=size).mask
        ball = np.pi / 6 * size**3 / float(np.prod(scan.spacing)) if kind in NODULES else 0.0
        whole = (
            shape.sum() >= max(MIN_VOXELS, WHOLE_SHARE * ball) and allowed[part][shape].mean() > 0.9
        )
        if whole and (scan.array[part][shape] > DENSE_HU).mean() < MOST_DENSE:
            region = np.zeros(scan.shape, bool)
            region[part] = shape
            return region, float(size)
    size_words = f" of {order.size_mm:g} mm" if order.size_mm else ""
    raise UnsuitableInputError(
        f"No clear lung for {order.finding}{size_words} was found in {PLACES} places; "
        "order a smaller one, or leave side and zone open."
    )


def _patches(scan: Volume, anatomy: Anatomy) -> Callable[[int, int], tuple[slice, ScanPatch]]:
    """What gives the slices up to a reach from one, as the simulation takes them."""
    sides = np.where(anatomy.labels == LEFT, 1, np.where(anatomy.labels == RIGHT, 2, 0))
    lungs, edges = sides.astype(np.uint8), zone_edges(anatomy.lungs)
    noise = estimate_noise(scan.array, anatomy.body, scan.spacing)

    def patch_at(z: int, reach: int) -> tuple[slice, ScanPatch]:
        part = slice(max(z - reach, 0), min(z + reach + 1, len(lungs)))
        here = (edges[0] - part.start, edges[1] - part.start)
        return part, ScanPatch(scan.array[part], lungs[part], scan.spacing, here, noise)

    return patch_at


def _evidence(
    pipe: CounterfactualPipeline, result: CounterfactualResult, anatomy: Anatomy, seed: int
) -> Evidence:
    """Does the network see in the made voxels what it was told to make?"""
    denial = denial_prompt(result.plan.term)
    scan = result.counterfactual
    return change_evidence(pipe, scan, anatomy, result.mask, denial, seed=seed)


def make_lesion(
    pipe: CounterfactualPipeline,
    volume: Volume,
    anatomy: Anatomy,
    order: Order,
    seed: list[int],
    *,
    steps: int = 10,
    judge: CounterfactualPipeline | None = None,
) -> Made:
    """Draw a region, generate the finding in it, and take it when the network sees it there and the
    change goes the way of the words.

    Args:
        volume: CT in HU, any orientation. anatomy: on its grid. seed: numbers that decide
            everything drawn.
        judge: the editor that looks for the finding in what a `pipe` of another kind made; `pipe`
            itself by default.

    Raises:
        UnsuitableInputError: no clear place, or none of `TRIES` samples was accepted.
    """
    scan, turn = volume.canonical()
    straight, rng = anatomy.reoriented(turn), np.random.default_rng(seed)
    sentence = said_plainly(order.finding, ("spiculated",) if order.spiculated else ())
    reasons: list[str] = []
    for attempt in range(1, TRIES + 1):
        lesion, size = draw_region(scan, straight, order, rng)
        number = int(rng.integers(2**31))
        plan = _plan(order.finding, sentence, lesion, scan, straight)
        result = _sample(pipe, scan, plan, straight, steps, number % 1_000_000)
        evidence = _evidence(judge or pipe, result, straight, number % 1000)
        if failed := _failed(result, lesion, evidence):
            reasons.append(", ".join(failed))
            continue
        measured = _measured(result, lesion, evidence)
        facts = LesionFacts(sentence, round(size, 1), attempt, reasons, *measured)
        return Made(_turned_back(result, volume, turn), turn.restore(lesion), facts)
    raise UnsuitableInputError(
        f"None of {TRIES} samples of {order.finding} was accepted (failed: "
        f"{'; '.join(reasons)}); order another size or place."
    )


def _sample(
    pipe: CounterfactualPipeline,
    scan: Volume,
    plan: EditPlan,
    anatomy: Anatomy,
    steps: int,
    seed: int,
) -> CounterfactualResult:
    """One sample of a plan with its agreement and its checks."""
    result = pipe(scan, plan, anatomy=anatomy, noises=1, steps=steps, seed=seed)
    if pipe.alignment is not None:
        result.agreement = agreement_of(pipe.alignment, result, anatomy)
    result.gates = quality_gates(result, anatomy)
    return result


def _plan(
    finding: str, sentence: str, lesion: np.ndarray, scan: Volume, anatomy: Anatomy
) -> EditPlan:
    """The edit that puts a finding where `lesion`, bool (D,H,W), was drawn."""
    mask = dilate_mm(lesion, scan.spacing, MARGIN_MM) & anatomy.lungs
    hidden = hidden_for(finding, lesion, mask, scan.spacing)
    return EditPlan(mask, absent_prompt(finding), sentence, finding, removes=False, hidden=hidden)


def _failed(result: CounterfactualResult, lesion: np.ndarray, evidence: Evidence) -> list[str]:
    """Names of the checks that a sample does not pass; lesion: bool (D,H,W)."""
    failed = [gate.name for gate in result.gates if gate.name in NEEDED and not gate.passed]
    unseen = ["presence"] if evidence.absent or not evidence.stands_out else []
    faint = abs(float(result.difference[lesion].mean())) < VISIBLE_HU
    return [*failed, *unseen, *(["visible"] if faint else [])]


def _measured(
    result: CounterfactualResult, lesion: np.ndarray, evidence: Evidence
) -> tuple[Presence, list[GateFact], float, int]:
    """What the last fields of `LesionFacts` say of an accepted lesion."""
    presence = Presence(evidence.value, evidence.low, evidence.high)
    gates = [GateFact(**asdict(gate)) for gate in result.gates]
    return presence, gates, float(result.difference[lesion].mean()), int(lesion.sum())


def _turned_back(
    result: CounterfactualResult, volume: Volume, turn: Orientation
) -> CounterfactualResult:
    """A result of the canonical scan on the grid of the scan as it was read."""
    return CounterfactualResult(
        volume,
        volume.with_array(turn.restore(result.counterfactual.array)),
        turn.restore(result.mean),
        turn.restore(result.uncertainty),
        turn.restore(result.mask),
        result.plan,
        result.gates,
        result.settings,
    )
