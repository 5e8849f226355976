"""Endless examples for the lungs' network: slices of real scans as any scanner may show them, with
disease painted over; the label stays the healthy lung."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from DGMVLCCore.imaging.anatomy import AIRWAY, BODY, LEFT, RIGHT
from DGMVLCCore.models.lungs import GRID_MM, NEAR, STEP_MM, lung_channels
from DGMVLCCore.simulation.gross import Slices, paint_some, smooth_noise
from DGMVLCCore.training.examples import Example, TrainingScan, crop, stacked

SIDE = 128  # pixels
REACH = max(NEAR)
STEPS = np.arange(-REACH, REACH + 1)  # disease is painted on all slices of the reach
AIR_HU = -1000.0


def trachea_only(labels: np.ndarray) -> np.ndarray:
    """Labels (D,H,W) whose airway is trachea and main bronchi: gas elsewhere (gut, oesophagus,
    skin folds) becomes body."""
    parts, count = ndimage.label(labels == AIRWAY, np.ones((3, 3, 3)))
    lungs = np.isin(labels, (LEFT, RIGHT))
    columns = np.nonzero(lungs.any((0, 1)))[0]
    middle, rows = (columns[0] + columns[-1]) / 2, np.nonzero(lungs.any((1, 2)))[0]
    floor = rows[0] + 0.35 * np.ptp(rows)
    out = labels.copy()
    for index, box in enumerate(ndimage.find_objects(parts), 1):
        centre = (box[2].start + box[2].stop) / 2
        tall = box[0].stop - box[0].start
        if abs(centre - middle) > 0.16 * np.ptp(columns) or box[0].stop < floor or tall < 3:
            out[parts == index] = BODY
    return out


def coarse(scan: TrainingScan) -> tuple[np.ndarray, np.ndarray]:
    """HU and labels of a scan of 1.6 mm at the network's grid, (D,128,128) around its middle."""
    d, h, w = (n - n % 2 if axis else n for axis, n in enumerate(scan.hu.shape))
    hu = scan.hu[:, :h, :w].reshape(d, h // 2, 2, w // 2, 2).mean((2, 4), dtype=np.float32)
    labels = trachea_only(scan.labels)[:, :h, :w]
    shares = [(labels == label).reshape(d, h // 2, 2, w // 2, 2).mean((2, 4)) for label in range(5)]
    corner = ((h // 2 - SIDE) // 2, (w // 2 - SIDE) // 2)
    label = np.argmax(shares, 0).astype(np.uint8)
    return crop(hu, corner, SIDE, -1024.0), crop(label, corner, SIDE, 0)


def outside(
    hu: np.ndarray, body: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Slices (D,H,W) with what scanners show around the body: nothing, or noisy air with a table,
    blankets and a round field of view; and what is in view, bool (H,W)."""
    view = np.ones(hu.shape[1:], bool)
    if rng.random() < 0.2:
        return hu, view
    _, height, width = hu.shape
    room = AIR_HU + rng.uniform(-20, 30) + rng.uniform(2, 40) * rng.standard_normal(hu.shape)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    rows = np.nonzero(body.any((0, 2)))[0]
    if len(rows) and rng.random() < 0.75:
        bend = rng.uniform(0, 0.006) * (x - width / 2 + rng.uniform(-10, 10)) ** 2
        below = y - rows[-1] + bend - rng.uniform(-4, 8)
        if rng.random() < 0.1:  # prone: the table lies at the chest
            below = rows[0] - y + bend - rng.uniform(-4, 8)
        for _ in range(int(rng.integers(1, 4))):
            thick = rng.uniform(0.7, 3)
            room[:, (below > 0) & (below < thick)] = rng.uniform(-700, 300)
            room[:, (below > thick) & (below < thick + 6)] = rng.uniform(-1000, -850)
            below = below - rng.uniform(3, 12)
    if rng.random() < 0.4:  # blankets, tubes
        lumps = smooth_noise(hu.shape, 2.0, rng) > rng.uniform(1.2, 2.5)
        room[lumps] = rng.uniform(-950, -100)
    out = np.where(body, hu, room)
    if rng.random() < 0.4:
        radius = width / 2 * rng.uniform(0.85, 1.05)
        view = (y - height / 2) ** 2 + (x - width / 2) ** 2 <= radius**2
    return np.where(view, out, -1024.0), view


def emptied(hu: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Slices as above or below the lungs: tissue in their place, with gas as in stomach and
    gut."""
    lungs = np.isin(labels, (LEFT, RIGHT, AIRWAY))
    out = np.where(
        lungs, rng.uniform(20, 110) + rng.uniform(5, 40) * smooth_noise(hu.shape, 5, rng), hu
    )
    y, x = np.mgrid[: hu.shape[1], : hu.shape[2]]
    body = labels > 0
    places = np.argwhere(body.all(0))
    for _ in range(int(rng.integers(0, 5)) if len(places) else 0):
        centre = places[rng.integers(len(places))]
        a, b = rng.uniform(2, 16, 2)
        gas = (((y - centre[0]) / a) ** 2 + ((x - centre[1]) / b) ** 2 < 1) & body
        out = np.where(gas, rng.uniform(-1000, -850), out)
    return out + rng.uniform(3, 12) * rng.standard_normal(hu.shape)


def scanned(hu: np.ndarray, body: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Contrast in heart and vessels, metal with streaks, noise and a shift of the HU scale."""
    if rng.random() < 0.35:
        vessels = body & (hu > 10) & (hu < 120) & (smooth_noise(hu.shape, 5, rng) > 0.3)
        hu = hu + rng.uniform(40, 250) * ndimage.gaussian_filter(
            vessels.astype(np.float32), (0, 0.6, 0.6)
        )
    if rng.random() < 0.08 and body.any():
        y, x = np.mgrid[: hu.shape[1], : hu.shape[2]]
        places = np.argwhere(body)
        _, cy, cx = places[rng.integers(len(places))]
        far = np.hypot(y - cy, x - cx) + 1
        angle = np.arctan2(y - cy, x - cx)
        streaks = np.cos(rng.integers(3, 15) * angle + rng.uniform(0, 6)) ** 3
        hu = hu + rng.uniform(100, 1500) * streaks / far
        hu = np.where(far < rng.uniform(1.5, 4), 2800.0, hu)
    noise = rng.uniform(0, 60) * rng.random()
    rough = smooth_noise(hu.shape, float(rng.uniform(0.3, 1)), rng)
    return (hu + noise * rough) * rng.uniform(0.97, 1.03) + rng.uniform(-25, 25)


def bent(
    hu: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Slices and labels (D,H,W) pushed about in-plane, all slices alike: other bodies than the few
    there are."""
    push = smooth_noise((2, *hu.shape[1:]), float(rng.uniform(8, 20)), rng) * rng.uniform(0, 3)
    y, x = np.mgrid[: hu.shape[1], : hu.shape[2]] + push
    moved = np.stack([ndimage.map_coordinates(p, (y, x), order=1, cval=-1024.0) for p in hu])
    label = np.stack([ndimage.map_coordinates(p, (y, x), order=0) for p in labels])
    return moved, label


def turned(
    hu: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Both, zoomed, shifted (a field of view may cut the body), a little turned, mirrored; left
    stays the image's right."""
    angle = rng.normal(0, 0.09)
    zoom = np.exp(rng.uniform(np.log(0.8), np.log(1.3), 2))
    zoom[1] = zoom[0] * rng.uniform(0.93, 1.07)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * zoom
    shift = rng.normal(0, 9, 2) if rng.random() < 0.8 else rng.uniform(-40, 40, 2)
    middle = np.array(hu.shape[1:]) / 2
    offset = middle - turn @ (middle + shift)
    edge = {"mode": "constant", "cval": -1024.0}
    moved = np.stack([ndimage.affine_transform(p, turn, offset, order=1, **edge) for p in hu])
    label = ndimage.affine_transform(labels, turn, offset, order=0, mode="constant", cval=0)
    if rng.random() < 0.5:
        swap = np.array([0, BODY, RIGHT, LEFT, AIRWAY], np.uint8)
        moved, label = moved[:, :, ::-1], swap[label[:, ::-1]]
    if rng.random() < 0.05:
        moved, label = moved[:, ::-1], label[::-1]
    return moved, label


class LungMaker:
    """Draws the slices that the network sees with one, and its label.

    Scans with an outlined tumour are left out: their healthy lungs are not known, and they are what
    the network is measured on.
    """

    def __init__(self, shards: Path) -> None:
        scans = [TrainingScan.load(path) for path in sorted(shards.glob("scan-volumes-*.npz"))]
        self.scans = [
            (*coarse(scan), float(scan.spacing[0]))
            for scan in scans
            if scan.tumour is None or not scan.tumour.any()
        ]

    def example(self, rng: np.random.Generator) -> Example | None:
        """`planes` float32 (10,128,128) and `label` int64 (128,128)."""
        hu, labels, step = self.scans[rng.integers(len(self.scans))]
        apart = max(round(STEP_MM / step), 1) * (2 if rng.random() < 0.15 else 1)
        rows = np.clip(int(rng.integers(len(hu))) + apart * STEPS, 0, len(hu) - 1)
        planes, seen = hu[rows], labels[rows]
        if rng.random() < 0.7:
            planes, seen = bent(planes, seen, rng)
        body, truth = seen > 0, seen[REACH]
        if rng.random() < 0.1:
            planes = emptied(planes, seen, rng)
            truth = np.where(truth > 0, BODY, 0).astype(np.uint8)
        else:
            lungs = np.where(np.isin(seen, (LEFT, RIGHT)), seen, 0)
            spacing = (apart * step, GRID_MM, GRID_MM)
            planes = paint_some(Slices(planes, lungs, body, spacing), rng)
        seen_with = [REACH + n for n in NEAR]
        planes, body = planes[seen_with], body[seen_with]
        planes = scanned(planes, body, rng)
        planes, view = outside(planes, body, rng)
        truth = np.where(view, truth, 0).astype(np.uint8)
        if rng.random() < 0.15:  # thick slices
            planes[1:4] = ndimage.gaussian_filter1d(planes[1:4], rng.uniform(0.4, 0.9), axis=0)
        planes, truth = turned(planes.astype(np.float32), truth, rng)
        if rng.random() < 0.2:  # the first and last slices of a scan lack neighbours
            ends = ([0, 1, 2, 2, 2], [2, 2, 2, 3, 4], [0, 1, 2, 3, 3], [1, 1, 2, 3, 4])
            planes = planes[ends[rng.integers(len(ends))]]
        return {
            "planes": lung_channels(np.ascontiguousarray(planes)).astype(np.float32),
            "label": np.ascontiguousarray(truth).astype(np.int64),
        }

    def batches(self, batch: int, seed: Any) -> Iterator[Example]:
        """Endless batches of stacked examples."""
        return stacked(self.example, batch, seed)
