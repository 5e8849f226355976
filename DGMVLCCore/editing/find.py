"""A sentence -> the regions of a scan it fits best, as segments to accept or edit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import ndimage, special

from DGMVLCCore.editing.alignment import LOOK_MM, AlignmentPipeline, slice_heights
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.imaging.zones import Location, locate, zone_region
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.prompts import said_plainly
from DGMVLCCore.models.denoiser import PATCH
from DGMVLCCore.models.region import Region, cut_region

Progress = Callable[[str, float], None]
FLOOR = 0.3  # below this everywhere the encoder does not see the finding
SHARE = 0.5  # a region reaches down to this share of its peak
NOTHING = -30.0  # logit of what was not looked at
SIZE_TOLERANCE = 0.7  # log2 of the size ratio that halves nothing yet
LOBE_ZONES = {
    "upper": ("upper", "middle"),
    "middle": ("middle", "lower"),
    "lingula": ("middle", "lower"),
    "lower": ("lower", "middle"),
}
DENSE_HU = {
    "nodule": -500.0,
    "consolidation": -500.0,
    "pleural effusion": -300.0,
    "part-solid nodule": -700.0,
}


@dataclass(frozen=True, eq=False)
class Proposal:
    """A region that may be what a sentence means.

    Args:
        mask: bool (D,H,W) on the scan's grid. score: 0..1, peak of the map times how well a stated
            size fits.
        agreement: 0..1, that the sentence is true of the region. location: side, zone, centre,
            size.
    """

    mask: np.ndarray
    score: float
    agreement: float
    location: Location


@dataclass(frozen=True, eq=False)
class Cells:
    """What the encoder saw of a scan's lungs, kept so that every sentence is answered at once.

    Args:
        region: the lungs' place on the working grid, without voxels. features: float16
            (D,E,h,w), unit vectors on cells
            of 4x4 working pixels. seen: bool (D,), slices that were looked at.
    """

    region: Region
    features: torch.Tensor
    seen: np.ndarray


def _lungs(
    scan: Volume, anatomy: Anatomy, rows: tuple[int, int] | None
) -> tuple[Region, list[int]]:
    """The lungs' working region and its slices with lung."""
    first, last = rows or (0, len(scan.array))
    lungs = np.zeros(scan.shape, bool)
    lungs[first:last] = anatomy.lungs[first:last]
    if not lungs.any():
        raise UnsuitableInputError(
            "The chosen slices show no lung, so there is nothing to look at; choose other slices."
        )
    spacing_mm = max(LOOK_MM, *scan.spacing[1:])
    region = cut_region(scan, anatomy, lungs, (first, last), spacing_mm=spacing_mm)
    return region, region.filled


def _looks(
    pipe: AlignmentPipeline,
    scan: Volume,
    anatomy: Anatomy,
    region: Region,
    wanted: list[int],
    callback: Progress | None,
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Slices in batches with their features (B,E,h,w)."""
    first, last = region.rows
    place, done = slice_heights(anatomy, scan)[first:last], 0
    for part in pipe.batches(region, wanted):
        look = pipe.look(region, part, place)
        found, _ = pipe.model(look, look.anatomy[:, :1])
        yield part, found
        done += len(part)
        if callback:
            callback("looking", done / len(wanted))


@torch.no_grad()
def look_at_cells(
    pipe: AlignmentPipeline, volume: Volume, anatomy: Anatomy, callback: Progress | None = None
) -> Cells:
    """One look at all lungs of a scan, for any sentence.

    Raises:
        UnsuitableInputError: the scan shows no lung.
    """
    scan, turn = volume.canonical()
    own = anatomy.reoriented(turn)
    region, wanted = _lungs(scan, own, None)
    height, width = region.hu.shape[1] // PATCH, region.hu.shape[2] // PATCH
    features: torch.Tensor | None = None
    for part, found in _looks(pipe, scan, own, region, wanted, callback):
        if features is None:
            shape = (len(region.hu), found.shape[1], height, width)
            features = torch.zeros(shape, dtype=torch.float16)
        features[part] = found.half().cpu()
    seen = np.zeros(len(region.hu), bool)
    seen[wanted] = True
    if features is None:  # `_lungs` refuses a scan without
        raise RuntimeError("no slice was looked at")
    frame = {name: getattr(region, name)[:0].copy() for name in ("hu", "mask", "labels")}
    return Cells(replace(region, **frame), features, seen)


@torch.no_grad()
def kept_logits(pipe: AlignmentPipeline, cells: Cells, sentences: list[str]) -> np.ndarray:
    """As `cell_logits`, of lungs that were looked at before: float32 (K,D,h,w)."""
    words, _ = pipe.text(sentences)
    shape = (len(sentences), len(cells.seen), *cells.features.shape[2:])
    coarse = np.full(shape, NOTHING, np.float32)
    for row in np.nonzero(cells.seen)[0]:
        found = cells.features[row].to(pipe.device).float()
        fit = torch.einsum("chw,kc->khw", found, words)
        coarse[:, row] = pipe.model.logit(fit, 0).cpu().numpy()
    return coarse


@torch.no_grad()
def cell_logits(
    pipe: AlignmentPipeline,
    scan: Volume,
    anatomy: Anatomy,
    sentences: list[str],
    *,
    rows: tuple[int, int] | None = None,
    callback: Progress | None = None,
) -> tuple[Region, np.ndarray]:
    """How well each sentence fits each cell of 4x4 working pixels in the lungs; one look at the
    scan serves all sentences.

    Args:
        scan: canonical. anatomy: on the same grid. sentences: plain ones. rows: slices [first,
            last); all when None.

    Returns:
        the lungs' working region, and float32 (K,D,h,w) logits on its cells, very negative in
        slices without lung.

    Raises:
        UnsuitableInputError: no lung in these slices.
    """
    region, wanted = _lungs(scan, anatomy, rows)
    words, _ = pipe.text(sentences)
    height, width = region.hu.shape[1] // PATCH, region.hu.shape[2] // PATCH
    coarse = np.full((len(sentences), len(region.hu), height, width), NOTHING, np.float32)
    for part, found in _looks(pipe, scan, anatomy, region, wanted, callback):
        fit = torch.einsum("bchw,kc->kbhw", found, words)
        coarse[:, part] = pipe.model.logit(fit, 0).cpu().numpy()
    return region, coarse


def heat_maps(
    pipe: AlignmentPipeline,
    volume: Volume,
    anatomy: Anatomy,
    sentences: list[str],
    *,
    rows: tuple[int, int] | None = None,
    cells: Cells | None = None,
    callback: Progress | None = None,
) -> list[np.ndarray]:
    """Where in the lungs each sentence is true.

    Args:
        sentences: plain ones, without side or zone. rows: canonical slices [first, last); all when
            None. cells: the whole scan's, when it was looked at already.

    Returns:
        a float32 (D,H,W) map 0..1 a sentence, on the scan's own grid, 0 outside lungs and rows.

    Raises:
        UnsuitableInputError: no lung in these slices.
    """
    scan, turn = volume.canonical()
    canonical = anatomy.reoriented(turn)
    if cells is None:
        region, logits = cell_logits(pipe, scan, canonical, sentences, rows=rows, callback=callback)
    else:
        region, logits = cells.region, kept_logits(pipe, cells, sentences)
    lungs = canonical.lungs.copy()
    lungs[: max(region.rows[0], rows[0] if rows else 0)] = False
    lungs[min(region.rows[1], rows[1] if rows else len(lungs)) :] = False
    maps = []
    for each in special.expit(logits):
        fine = np.stack(
            [ndimage.zoom(plane, PATCH, order=1, mode="nearest", grid_mode=True) for plane in each]
        )
        maps.append(turn.restore((region.to_scan(fine, scan.shape) * lungs).astype(np.float32)))
    return maps


def size_fit(said_mm: float | None, found_mm: float) -> float:
    """1 where no size is said or the region is about that large, falling with the ratio of both."""
    if not said_mm:
        return 1.0
    off = max(abs(np.log2(max(found_mm, 1.0) / said_mm)) - SIZE_TOLERANCE, 0.0)
    return float(np.exp(-off))


def zones_of(finding: Finding) -> tuple[str, ...]:
    """Thirds of the lung a finding may lie in by its lobe or zone; none when it names no height.

    The oblique fissure runs from the back of the upper third to the front of the base, so a lobe
    reaches into a second third; a zone that is said is that third.
    """
    if finding.lobe:
        return LOBE_ZONES[finding.lobe]
    return (finding.zone,) if finding.zone else ()


def same_place(finding: Finding, place: Location) -> bool:
    """True when a region lies where a finding is said to be; what one of both does not say, is no
    contradiction."""
    side = finding.side in (None, "bilateral", place.side) or place.side in (None, "bilateral")
    zones = zones_of(finding)
    return side and (not zones or place.zone is None or place.zone in zones)


def _allowed(anatomy: Anatomy, volume: Volume, finding: Finding) -> np.ndarray:
    """Where a finding may lie, bool (D,H,W)."""
    parts = [zone_region(anatomy, volume, finding.side, z) for z in zones_of(finding) or (None,)]
    return np.any(parts, axis=0)


def _shared_out(
    scored: list[tuple[float, np.ndarray, Location]], finding: Finding, others: Sequence[Finding]
) -> list[tuple[float, np.ndarray, Location]]:
    """Regions in the order they are proposed for a finding when others of its kind need one too:
    its own of the best assignment of regions to findings, then those left over, then theirs."""
    from scipy.optimize import linear_sum_assignment

    peaks = [score / size_fit(finding.size_mm, where.diameter_mm) for score, _, where in scored]
    worth = np.array(
        [[score for score, *_ in scored]]
        + [
            [
                peak * size_fit(f.size_mm, where.diameter_mm) * same_place(f, where)
                for peak, (*_, where) in zip(peaks, scored)
            ]
            for f in others
            if f.term == finding.term and f.presence == "present" and f != finding
        ]
    )
    pairs = {int(column): int(row) for row, column in zip(*linear_sum_assignment(-worth))}
    taken = {i: pairs[i] if i in pairs and worth[pairs[i], i] > 0 else None for i in pairs}
    rank = [
        0 if taken.get(i) == 0 else 1 if taken.get(i) is None else 2 for i in range(len(scored))
    ]
    return [scored[i] for i in sorted(range(len(scored)), key=lambda i: (rank[i], -scored[i][0]))]


def _grow_back(blob: np.ndarray, volume: Volume, anatomy: Anatomy, term: str) -> np.ndarray:
    """Dense findings get their own border: what is dense and joined to the blob within a cell
    around it."""
    threshold = DENSE_HU.get(term)
    if threshold is None:
        return blob
    where = np.argwhere(blob)
    reach = [1, *(int(np.ceil(PATCH * LOOK_MM / s)) for s in volume.canonical()[0].spacing[1:])]
    axes = max(reach)
    box = tuple(slice(max(a - axes, 0), b + axes + 1) for a, b in zip(where.min(0), where.max(0)))
    near = ndimage.binary_dilation(blob[box], iterations=max(1, axes // 2))
    dense = (volume.array[box] > threshold) & near & anatomy.lungs[box]
    parts, _ = ndimage.label(dense)
    kept = np.unique(parts[blob[box] & dense])
    grown = np.isin(parts, kept[kept > 0])
    if grown.sum() < 4:
        return blob
    out = np.zeros_like(blob)
    out[box] = ndimage.binary_closing(grown, iterations=1) | grown
    return out


def segments(
    heat: np.ndarray,
    allowed: np.ndarray,
    *,
    floor: float = FLOOR,
    share: float = SHARE,
    most: int = 8,
) -> list[tuple[np.ndarray, float]]:
    """Connected regions of a map around its peaks, the highest first: bool masks and their
    peaks."""
    values = np.where(allowed, heat, 0)
    parts, count = ndimage.label(values >= floor)
    if not count:
        return []
    peaks = np.asarray(ndimage.maximum(values, parts, range(1, count + 1)))
    found = []
    for index in np.argsort(-peaks)[:most]:
        part = (parts == index + 1) & (values >= share * peaks[index])
        inner, _ = ndimage.label(part)
        best = inner.ravel()[np.where(parts == index + 1, values, -1).argmax()]
        found.append((inner == best, float(peaks[index])))
    return found


def plain_sentence(pipe: AlignmentPipeline, finding: Finding) -> str:
    """The finding as the encoder was taught it; side, zone and size are looked after by where and
    how large the region may be.

    Raises:
        UnsuitableInputError: the encoder was never taught this finding.
    """
    if finding.taught not in pipe.findings:
        raise UnsuitableInputError(
            f"The dual encoder was never taught “{finding.term}”; it knows: "
            f"{', '.join(pipe.findings)}."
        )
    return said_plainly(finding.taught, finding.descriptors)


def find(
    pipe: AlignmentPipeline,
    volume: Volume,
    anatomy: Anatomy,
    finding: Finding,
    *,
    rows: tuple[int, int] | None = None,
    heat: np.ndarray | None = None,
    most: int = 5,
    others: Sequence[Finding] = (),
    cells: Cells | None = None,
    callback: Progress | None = None,
) -> list[Proposal]:
    """Segments that fit a finding, where it is said to lie, the best first; empty when the encoder
    sees none.

    Args:
        others: all findings of the report; each present one of this term has a region of its own.
        rows: canonical slices [first, last) to look at. heat: the finding's map, when it is there
            already. most: proposals at most. cells: what was seen of the scan, if it was looked at.

    Raises:
        UnsuitableInputError: the encoder was never taught this finding, or the slices show no lung.
    """
    sentence = plain_sentence(pipe, finding)
    if heat is None:
        heat = heat_maps(
            pipe, volume, anatomy, [sentence], rows=rows, cells=cells, callback=callback
        )[0]
    scored = []
    for blob, peak in segments(heat, _allowed(anatomy, volume, finding)):
        mask = _grow_back(blob, volume, anatomy, finding.taught)
        location = locate(mask, anatomy, volume)
        scored.append((peak * size_fit(finding.size_mm, location.diameter_mm), mask, location))
    best = _shared_out(scored, finding, others)[:most] if scored else []
    return [
        Proposal(mask, score, pipe.agreement(volume, anatomy, mask, [sentence])[0], location)
        for score, mask, location in best
    ]
