"""Data folder -> shards: scans with anatomy and noise, real nodules, and a bank of encoded phrases,
by the frozen split."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import numpy as np
from scipy import ndimage

from DGMVLCCore.errors import OutputError, UnreadableError
from DGMVLCCore.ground.whole import clean
from DGMVLCCore.imaging.anatomy import AIRWAY, BODY, split_lungs
from DGMVLCCore.results.folders import LITTER, replaced_folder
from DGMVLCCore.simulation.patch import estimate_noise
from DGMVLCCore.training.splits import load_splits

log = logging.getLogger(__name__)
SHARD = re.compile(r"(scan-(volumes|native)-.+|nodules|phrases|look-alikes)\.npz")


def _label_slices(hu: np.ndarray, lung: np.ndarray) -> np.ndarray:
    """Body, left and right lung, airway (D,H,W) uint8 from HU and a lung mask; x ascends to the
    patient's left."""
    labels = np.zeros(hu.shape, np.uint8)
    sides = split_lungs(lung > 0)
    for z, (plane, inside) in enumerate(zip(hu, lung > 0)):
        body = ndimage.binary_opening(plane > -450, iterations=2) | inside
        parts, _ = ndimage.label(body)
        keep = parts == (np.bincount(parts.ravel())[1:].argmax() + 1)
        body = ndimage.binary_fill_holes(keep)
        labels[z][body] = BODY
        labels[z][body & ~inside & (plane < -850)] = AIRWAY
        labels[z][inside] = sides[z][inside]
    return labels


def _unclear_slices(name: str, scan: dict[str, np.ndarray]) -> np.ndarray:
    """(D,) True for slices with labelled disease: no 'clear lung' is ever claimed there."""
    unclear = np.zeros(len(scan["hu"]), bool)
    if "infection" in scan:
        unclear |= scan["infection"] > 0
    if "lesion" in scan:
        unclear |= scan["lesion"].any((1, 2))
    if "boxes_i_x0y0x1y1" in scan:
        unclear[np.unique(scan["boxes_i_x0y0x1y1"][:, 0]).astype(int)] = True
    return unclear


def _infected_sides(scan: dict[str, np.ndarray]) -> np.ndarray:
    """(D,2) left and right lung: 1 infected, 0 not, -1 nobody said."""
    sides = np.full((len(scan["hu"]), 2), -1, np.int8)
    if "infection_lobes" in scan:
        lobes = np.asarray(scan["infection_lobes"]) > 0  # LLL, LUL, RLL, RML, RUL
        sides = np.stack(
            [np.any(lobes[:, :2], axis=1), np.any(lobes[:, 2:], axis=1)], axis=1
        ).astype(np.int8)
        sides[(scan["infection"] > 0) & ~np.any(lobes, axis=1)] = -1
    return sides


def _tumour(scan: dict[str, np.ndarray]) -> np.ndarray:
    """bool (D,H,W): the outlined tumour, or the ellipse in each tumour box."""
    mask = np.zeros(scan["hu"].shape, bool)
    if "lesion" in scan:
        mask |= scan["lesion"] > 0
    _, height, width = scan["hu"].shape
    y, x = np.ogrid[:height, :width]
    for z, x0, y0, x1, y1 in scan.get("boxes_i_x0y0x1y1", np.zeros((0, 5))):
        mask[int(z)] |= ((2 * y - y0 - y1) / (y1 - y0)) ** 2 + (
            (2 * x - x0 - x1) / (x1 - x0)
        ) ** 2 <= 1
    return mask


def build_scan(
    path: Path, native: bool, reference: dict[str, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """One scan of the data folder as a training record: hu, labels, spacing, unclear, noise,
    infected sides, tumour.

    Args:
        path: `volumes/*.npz` or `native/*.npz`. native: spacing is the scanner's own.
        reference: the same patient's `volumes` record; gives native slices their disease labels.
    """
    with np.load(path) as file:
        scan = {key: file[key] for key in file.files}
    spacing = scan["spacing_mm"].astype(float)
    in_plane = spacing[1:] if native else np.array([1.6, 1.6])
    z_mm = scan["z_index"] * spacing[0]
    step = float(np.median(np.diff(z_mm)))
    unclear = _unclear_slices(path.stem, scan)
    if reference is not None and "boxes_i_x0y0x1y1" in reference:
        boxed = reference["z_index"][np.unique(reference["boxes_i_x0y0x1y1"][:, 0]).astype(int)]
        unclear |= np.isin(scan["z_index"], boxed)
    labels = _label_slices(scan["hu"], scan["lung"])
    noise = estimate_noise(scan["hu"].astype(np.float32), labels > 0, (step, *in_plane))
    return {
        "hu": scan["hu"],
        "labels": labels,
        "spacing": np.array([step, *in_plane]),
        "unclear": unclear,
        "noise": np.array([noise.sd_hu, noise.correlation_mm]),
        "infected": _infected_sides(scan),
        "tumour": _tumour(scan),
    }


def _nodules(folder: Path, part: str) -> dict[str, np.ndarray]:
    """Real nodules of one split: hu (N,3,48,48), mask, kind name and diameter; nodules without
    reader words are left out."""
    splits = load_splits()
    rows = [
        json.loads(line)
        for line in (folder / "nodules.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    with np.load(folder / "nodules.npz") as file:
        hu, mask = file["hu"][:, :, 1:49, 1:49], file["mask"][:, :, 1:49, 1:49]
    keep = [
        i
        for i, row in enumerate(rows)
        if row.get("attributes") and splits.lidc_patients[row["patient_id"]] == part
    ]

    def kind(row: dict) -> str:
        texture = row["attributes"]["texture"]
        if texture < 2:
            return "ground_glass"
        if texture < 4:
            return "part_solid_nodule"
        return "spiculated_nodule" if row["attributes"]["spiculation"] >= 3 else "smooth_nodule"

    return {
        "hu": hu[keep],
        "mask": mask[keep],
        "kind": np.array([kind(rows[i]) for i in keep]),
        "side": np.array([rows[i]["side"] or "" for i in keep]),
        "patient": np.array([rows[i]["patient_id"] for i in keep]),
        "size_mm": np.array([rows[i]["attributes"]["diameter_mm"] for i in keep], np.float32),
    }


def _phrases(count: int, seed: int) -> dict[str, np.ndarray]:
    """The encoded phrase bank."""
    from DGMVLCCore.language.bank import bank_of
    from DGMVLCCore.language.encoder import LanguageEncoder
    from DGMVLCCore.simulation.phrases import TERMS, WEAK_TERMS, phrase_bank

    phrases = phrase_bank(np.random.default_rng(seed), count, TERMS + WEAK_TERMS)
    return bank_of(phrases, LanguageEncoder())


def build_shards(
    data: Path, out: Path, part: str = "train", phrases: int = 1000, seed: int = 0
) -> list[Path]:
    """Write the shards of one split (a few tens of MB) that training needs, and nothing else.

    Raises:
        UnreadableError: the data folder does not have the expected layout. OutputError: `out` holds
            other things than shards, or cannot be written; earlier shards stay then.
    """
    train = Path(data) / "train" if (Path(data) / "train").is_dir() else Path(data)
    if not (train / "volumes").is_dir():
        raise UnreadableError(
            f"{data} holds no train/volumes folder; Docs/training.md shows the expected layout."
        )
    _check_free(out)
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    with replaced_folder(out) as folder:
        names = _write_shards(train, folder, part, phrases, seed)
    return [out / name for name in names]


def _check_free(out: Path) -> None:
    """Refuse a folder that holds other things than shards.

    Raises:
        OutputError: it does.
    """
    clean(out)
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; choose another folder.")
    for path in sorted(out.iterdir()) if out.is_dir() else ():
        if not SHARD.fullmatch(path.name) and path.name not in LITTER:
            raise OutputError(
                f"{out} holds {path.name}, which is no training shard, so it is not overwritten; "
                "choose another folder."
            )


def _write_shards(train: Path, out: Path, part: str, phrases: int, seed: int) -> list[str]:
    """All shards of a split into an empty folder; returns their names."""
    splits, written = load_splits(), []
    for path in sorted((train / "volumes").glob("*.npz")):
        if splits.volumes.get(path.stem) != part:
            continue
        with np.load(path) as file:
            reference = {key: file[key] for key in file.files if key != "hu"}
        for source, record in (("volumes", None), ("native", reference)):
            target = out / f"scan-{source}-{path.stem}.npz"
            arrays = build_scan(train / source / path.name, source == "native", record)
            np.savez_compressed(target, **arrays)  # type: ignore[arg-type]
            written.append(target.name)
            log.info("wrote %s", target.name)
    for name, arrays in (("nodules", _nodules(train, part)), ("phrases", _phrases(phrases, seed))):
        np.savez_compressed(out / f"{name}.npz", **arrays)  # type: ignore[arg-type]
        written.append(f"{name}.npz")
    return written
