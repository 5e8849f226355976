"""Cases with known truth: a simulated lesion in a real scan, whose untouched voxels are the true
counterfactual."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import ndimage

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.imaging.masks import lesion_region
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.language.prompts import absent_prompt, present_prompt
from DGMVLCCore.models.anatomy import find_anatomy
from DGMVLCCore.simulation.insert import KINDS, Lesion, insert_lesion
from DGMVLCCore.simulation.patch import ScanPatch, clear, estimate_noise, lungs_of
from DGMVLCCore.training.examples import TrainingScan

SLAB = 7
MARGIN_MM = 6.0
TRIES = 200
SAMPLE_PATIENT = "LIDC-IDRI-0001"


@dataclass(frozen=True, eq=False)
class Case:
    """A scan slab of a held-out patient without (`true`) and with (`scan`) a lesion.

    Args:
        true, scan: canonical, HU, (D,H,W). anatomy: on the same grid. lesion: in the voxels of the
            slab.
        mask: bool (D,H,W), the edit mask: the lesion with a margin of 6 mm, inside the lungs.
    """

    name: str
    patient: str
    true: Volume
    scan: Volume
    anatomy: Anatomy
    lesion: Lesion
    mask: np.ndarray

    @property
    def source(self) -> str:
        """The plain sentence that says the finding, without side or zone."""
        return present_prompt(self.lesion.term)

    @property
    def target(self) -> str:
        """The plain sentence that denies the finding."""
        return absent_prompt(self.lesion.term)

    @property
    def contrast_hu(self) -> float:
        """Mean absolute change that the lesion made inside its own mask, HU."""
        return float(np.abs(self.scan.array - self.true.array)[self.lesion.mask].mean())


def place_lesion(
    scan: TrainingScan,
    affine: np.ndarray,
    name: str,
    patient: str,
    kind: str,
    seed: int,
    *,
    slab: int = SLAB,
    free: np.ndarray | None = None,
) -> Case:
    """Put one lesion into a slab of a scan; the place is drawn until the lung there is clear.

    Args:
        affine: of the whole scan, (4,4). free: bool (D,H,W), where a lesion may be; anywhere in the
            lungs when None.

    Raises:
        UnsuitableInputError: no clear place was found.
    """
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    for _ in range(TRIES):
        z = int(rng.choice(np.nonzero(~scan.unclear)[0]))
        low = int(np.clip(z - slab // 2, 0, max(len(scan.hu) - slab, 0)))
        if lesion := _lesion_in(scan, slice(low, low + slab), kind, rng, free):
            return _case(scan, affine, name, patient, lesion, slice(low, low + slab))
    raise UnsuitableInputError(
        f"No clear lung for a {kind.replace('_', ' ')} was found in {patient} in {TRIES} "
        "tries; take another seed."
    )


def _case(
    scan: TrainingScan, affine: np.ndarray, name: str, patient: str, lesion: Lesion, part: slice
) -> Case:
    """The slices `part` of a scan with their lesion as a case of known truth."""
    hu, anatomy = scan.hu[part].astype(np.float32), Anatomy(scan.labels[part], origin="shard")
    moved = affine.copy()
    moved[:3, 3] = (affine @ np.array([0, 0, part.start, 1.0]))[:3]
    with_lesion = np.rint(lesion.hu)
    # A lesion's soft edge may reach beyond the lung's outline; whatever it changed is part of the
    # hole, so that the truth is the scan outside it.
    region = lesion_region(lesion.mask, anatomy, _spacing(scan), MARGIN_MM)
    mask = region | (with_lesion != hu)
    true = Volume(hu, moved)
    return Case(name, patient, true, true.with_array(with_lesion), anatomy, lesion, mask)


def _spacing(scan: TrainingScan) -> tuple[float, float, float]:
    dz, dy, dx = map(float, scan.spacing)
    return dz, dy, dx


def _lesion_in(
    scan: TrainingScan,
    part: slice,
    kind: str,
    rng: np.random.Generator,
    free: np.ndarray | None,
) -> Lesion | None:
    """A lesion in a slab of a scan; None when the lung there is not clear."""
    hu, labels = scan.hu[part].astype(np.float32), scan.labels[part]
    if scan.unclear[part].any() or not np.isin(labels[len(labels) // 2], (2, 3)).any():
        return None
    lungs = lungs_of(labels)
    if free is not None:
        lungs *= free[part]
    edges = (scan.zone_edges[0] - part.start, scan.zone_edges[1] - part.start)
    patch = ScanPatch(hu, lungs, _spacing(scan), edges, scan.noise)
    lesion = insert_lesion(patch, kind, rng)
    large = lesion.mask.sum((1, 2)).max() >= 20
    return lesion if large and clear(hu, lesion.mask, lungs > 0) else None


def make_case(path: Path, kind: str, seed: int, slab: int = SLAB) -> Case:
    """One case from a shard `scan-*.npz`."""
    scan = TrainingScan.load(path)
    dz, dy, dx = map(float, scan.spacing)
    return place_lesion(
        scan,
        np.diag([dx, dy, dz, 1.0]),
        f"{path.stem}-{kind}-{seed}",
        path.stem.split("-", 2)[2],
        kind,
        seed,
        slab=slab,
    )


def make_cases(
    shards: Path,
    source: str = "native",
    kinds: tuple[str, ...] = KINDS,
    seeds: int = 1,
    slab: int = SLAB,
) -> Iterator[Case]:
    """Every kind in every patient of a shard folder."""
    for seed in range(seeds):
        for kind in kinds:
            for path in sorted(shards.glob(f"scan-{source}-*.npz")):
                yield make_case(path, kind, seed, slab)


@lru_cache(maxsize=1)
def load_sample() -> tuple[Volume, np.ndarray, Anatomy]:
    """The sample scan cropped to its lungs: canonical volume, its real nodule (bool), anatomy; all
    (D,H,W)."""
    whole = load_volume(resource("sample/ct.nrrd"))
    nodule = load_labels(resource("sample/nodule.nrrd"), whole).union()
    scan, turn = whole.canonical()
    labels, nodule = (
        find_anatomy(whole).reoriented(turn).labels,
        np.ascontiguousarray(turn.apply(nodule)),
    )
    ys, xs = np.nonzero(np.isin(labels, (2, 3)).any(0))
    box = tuple(slice(max(int(v.min()) - 16, 0), int(v.max()) + 17) for v in (ys, xs))
    affine = scan.affine.copy()
    affine[:3, 3] = (scan.affine @ np.array([box[1].start, box[0].start, 0, 1.0]))[:3]
    cut = (slice(None), *box)
    return Volume(scan.array[cut].copy(), affine), nodule[cut].copy(), Anatomy(labels[cut].copy())


def sample_case(kind: str, seed: int, slab: int = SLAB) -> Case:
    """A simulated lesion in the sample scan, at least 20 mm away from its real nodule."""
    volume, nodule, anatomy = load_sample()
    far = ndimage.distance_transform_edt(~nodule, sampling=volume.spacing) > 20
    third = len(volume.array) / 3
    scan = TrainingScan(
        volume.array,
        anatomy.labels,
        np.array(volume.spacing),
        np.zeros(len(volume.array), bool),
        estimate_noise(volume.array, anatomy.body, volume.spacing),
        (third, 2 * third),
    )
    return place_lesion(
        scan,
        volume.affine,
        f"sample-{kind}-{seed}",
        SAMPLE_PATIENT,
        kind,
        seed,
        slab=slab,
        free=far,
    )
