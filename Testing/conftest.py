"""Shared phantoms; and in CI (CI=true) a skipped test fails the run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from DGMVLCCore.imaging.volume import Volume

if "PYTEST_XDIST_WORKER" in os.environ:  # tests run side by side: each computes on one core
    os.environ["OMP_NUM_THREADS"] = "1"

if TYPE_CHECKING:
    from DGMVLCCore.results.comparison import Comparison


def chest(
    shape=(12, 112, 128), spacing=(4.0, 2.5, 2.5), nodule: bool = False, seed: int = 0
) -> Volume:
    """A phantom chest in canonical LPS order: body, two lungs with vessels, trachea, table; int16
    HU."""
    d, h, w = shape
    z, y, x = np.mgrid[:d, :h, :w].astype(np.float32)
    rng = np.random.default_rng(seed)
    hu = np.full(shape, -1000.0, np.float32)
    body = ((y - h * 0.48) / (h * 0.36)) ** 2 + ((x - w / 2) / (w * 0.43)) ** 2 < 1
    hu[body] = 40
    hu[:, int(h * 0.9) : int(h * 0.93)] = 200  # table
    for side in (-1, 1):
        lung = ((y - h * 0.48) / (h * 0.25)) ** 2 + (
            (x - w / 2 - side * w * 0.21) / (w * 0.16)
        ) ** 2 < 1
        hu[lung] = -860
        for _ in range(14):
            vy, vx = (
                h * 0.48 + rng.normal(0, h * 0.1),
                w / 2 + side * w * (0.21 + rng.normal(0, 0.06)),
            )
            hu[lung & ((y - vy) ** 2 + (x - vx) ** 2 < 1.5)] = 10
    hu[((y - h * 0.42) ** 2 + (x - w / 2) ** 2) < 10] = -1000  # trachea
    if nodule:
        ball = (
            ((z - d / 2) * spacing[0]) ** 2
            + ((y - h * 0.48) * spacing[1]) ** 2
            + ((x - w * 0.71) * spacing[2]) ** 2
        )
        hu[ball < 13**2] = 35
    hu += rng.normal(0, 12, shape)
    affine = np.diag([spacing[2], spacing[1], spacing[0], 1.0])
    affine[:3, 3] = (-w * spacing[2] / 2, -h * spacing[1] / 2, -300.0)
    return Volume(np.rint(np.clip(hu, -1024, 3000)).astype(np.float32), affine)


def comparison_record(names: tuple[str, ...]) -> Comparison:
    """What a comparison's record says of hypotheses, invented, the first one in front."""
    from msgspec import convert

    from DGMVLCCore.results.comparison import Comparison

    rows = [
        {
            "name": name,
            "sentence": f"{name.capitalize()}.",
            "term": name,
            "asked_hu": 10.0 + 5 * i,
            "more_hu": 5.0 * i,
            "low": 3.0 * i,
            "high": 7.0 * i,
            "agreement": 0.9 - 0.2 * i,
            "lead": 2.5 * i,
            "apart": i > 0,
            "mean_change_hu": -100.0,
            "mean_uncertainty_hu": 5.0,
        }
        for i, name in enumerate(names)
    ]
    ranking = {
        "distinguishable": True,
        "sentence": f"“{names[0]}” fits these voxels best.",
        "note": "No probability of disease.",
        "noises": 6,
        "slices": 2,
    }
    between = [[0.0 if i == j else 40.0 for j in range(len(names))] for i in range(len(names))]
    place = {"side": "left", "zone": None, "centre_mm": (0, 0, 0), "volume_ml": 1, "diameter_mm": 9}
    record = {"hypotheses": rows, "between_hu": between, "location": place, "ranking": ranking}
    return convert(record | {"settings": {"seed": 1}}, Comparison)


def review_region(number: int, status: str) -> dict:
    """A region as `review.json` holds it, invented."""
    return {
        "number": number,
        "score": 0.9,
        "place": "in the left lung",
        "slice": 5,
        "slices": [4, 8],
        "voxels": 300,
        "change_hu": 612.0,
        "change_low_hu": 540.0,
        "change_high_hu": 700.0,
        "mean_hu": 20.0,
        "places": 214,
        "phrases": [{"term": "nodule", "agreement": 0.97}],
        "picture": f"region-{number}.png",
        "location": {
            "side": "left",
            "zone": None,
            "centre_mm": [10.0, 5.0, -280.0],
            "volume_ml": 9.2,
            "diameter_mm": 26.0,
        },
        "check": {"status": status, "finding": None, "sentence": "Not mentioned in the report."},
        "outline": f"region-{number}.seg.nrrd",
    }


def look_by_hand(session, identifier: str) -> None:
    """Write a study's analysis without the network: a region not mentioned, one reported, and
    emphysema that was not seen."""
    from DGMVLCCore.errors import DGMVLCError
    from DGMVLCCore.results.segmentation import Segment, save_segmentation
    from DGMVLCCore.review.files import NOTICE, SCHEMA_VERSION, write_json
    from DGMVLCCore.review.worklist import load_study

    study, place, masks = session.study(identifier), session.folder / "studies" / identifier, []
    place.mkdir()
    base = {
        "schema_version": SCHEMA_VERSION,
        "kind": "review of a study",
        "notice": NOTICE,
        "weights": {"name": "none", "sha256": ""},
        "study": identifier,
        "sha256": study.sha256,
        "series": None,
        "problem": None,
        "report_notes": [],
    }
    try:
        volume = load_study(study, session.root)
    except DGMVLCError as error:
        write_json(
            place / "review.json",
            {**base, "report": "", "regions": [], "report_check": [], "problem": str(error)},
        )
        return
    d, h, w = volume.shape
    for number, left in ((1, 0.656), (2, 0.234)):
        mask = np.zeros(volume.shape, bool)
        mask[
            d // 3 : 2 * d // 3,
            int(0.41 * h) : int(0.56 * h),
            int(left * w) : int((left + 0.11) * w),
        ] = True
        masks.append(mask)
        save_segmentation(
            [Segment(mask, f"region {number}", (0.95, 0.7, 0.2))],
            volume,
            place / f"region-{number}.seg.nrrd",
        )
    save_segmentation(
        [
            Segment(mask, f"region {layer + 1}", (0.95, 0.7, 0.2), layer)
            for layer, mask in enumerate(masks)
        ],
        volume,
        place / "regions.seg.nrrd",
    )
    write_json(
        place / "review.json",
        {
            **base,
            "report": "No pleural effusion.",
            "regions": [review_region(1, "not mentioned"), review_region(2, "reported")],
            "report_check": [
                {
                    "term": "emphysema",
                    "text": "emphysema",
                    "span": [0, 9],
                    "region": None,
                    "status": "not seen",
                    "sentence": "The report names emphysema; no region found fits it.",
                }
            ],
        },
    )


def reviewed_folder(folder: Path, volume: Volume, waiting: bool = False) -> tuple[Path, Path]:
    """A folder with a study that was looked at, one that cannot be read and perhaps one that waits;
    returns it and its session's folder."""
    from DGMVLCCore.imaging.io import save_volume
    from DGMVLCCore.review.decisions import ReviewSession

    root = folder / "studies"
    root.mkdir()
    for name in ("case", *(["later"] if waiting else [])):
        save_volume(volume, root / f"{name}.nrrd")
        (root / f"{name}.txt").write_text("No pleural effusion.", encoding="utf-8")
    (root / "bad.nrrd").write_bytes(b"NRRD0004\nnothing")
    session = ReviewSession.create(root, folder / "studies-review")
    look_by_hand(session, "case")
    return root, session.folder


@contextmanager
def without_figures() -> Iterator[None]:
    """Results whose pictures nobody looks at: a few bytes in their place."""
    from DGMVLCCore.report import comparison
    from DGMVLCCore.report import edit as results

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "save_figure", lambda result, path: path.write_bytes(b"no figure"))
        patch.setattr(
            comparison,
            "save_comparison_figure",
            lambda results, record, path: path.write_bytes(b"no figure"),
        )
        yield


def shards_in(
    folder: Path, *, phrases: int = 120, airway: bool = False, nodules: bool = True
) -> Path:
    """Training shards of one synthetic patient (and four square nodules of readers); text states
    are random, the encoder has its own tests."""
    from DGMVLCCore.simulation.phrases import phrase_bank

    rng, labels = np.random.default_rng(0), np.ones((9, 160, 160), np.uint8)
    labels[:, 20:140, 10:75], labels[:, 20:140, 85:150] = 3, 2
    if airway:
        labels[:, 70:80, 77:83], labels[:, :5] = 4, 0
    hu = np.where(labels > 1, -860, 40) + rng.normal(0, 15, labels.shape)
    np.savez(
        folder / "scan-volumes-a.npz",
        hu=hu.astype(np.int16),
        labels=labels,
        spacing=np.array([4.0, 1.6, 1.6]),
        unclear=np.zeros(9, bool),
        noise=np.array([15.0, 0.6]),
    )
    bank = phrase_bank(np.random.default_rng(0), phrases)
    lengths = np.full(len(bank) + 1, 4)
    np.savez(
        folder / "phrases.npz",
        tokens=rng.standard_normal((lengths.sum(), 384)).astype(np.float16),
        lengths=lengths,
        pooled=rng.standard_normal((len(lengths), 384)).astype(np.float16),
        phrases=np.array([json.dumps(vars(p)) for p in bank]),
    )
    if not nodules:
        np.savez(folder / "nodules.npz", hu=np.zeros((0, 3, 48, 48), np.int16))
        return folder
    mask = np.zeros((4, 3, 48, 48), np.uint8)
    mask[..., 20:28, 20:28] = 1
    np.savez(
        folder / "nodules.npz",
        hu=np.where(mask > 0, 30, -860).astype(np.int16),
        mask=mask,
        kind=np.array(["smooth_nodule"] * 4),
        side=np.array(["left"] * 4),
        size_mm=np.full(4, 8.0),
    )
    return folder


@pytest.fixture(scope="session")
def make_shards():
    """`shards_in`: folder and what differs -> the folder."""
    return shards_in


@pytest.fixture(scope="session")
def no_figures():
    return without_figures


@pytest.fixture(scope="session")
def make_record():
    return comparison_record


@pytest.fixture(scope="session")
def make_review():
    return reviewed_folder


@pytest.fixture(scope="session")
def make_chest():
    return chest


@pytest.fixture(scope="session")
def phantom() -> Volume:
    return chest()


@pytest.fixture(scope="session")
def phantom_with_nodule() -> Volume:
    return chest(nodule=True)


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if (
        os.environ.get("CI") == "true"
        and reporter
        and reporter.stats.get("skipped")
        and session.exitstatus == 0
    ):
        reporter.write_line(
            f"CI counts {len(reporter.stats['skipped'])} skipped test(s) as a failure."
        )
        session.exitstatus = 1
