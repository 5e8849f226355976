"""A map of what does not fit a clear lung of this patient, on cells of 4x4 working pixels.

Two looks are joined: how well each finding's sentence fits a cell (dual encoder, one pass over the
scan for all findings), and how far the
cell's HU lie from this patient's own lung. Both are measured against the patient's own lungs
(median and spread), so that a scan with thick
lungs or a soft kernel does not light up as a whole. A perceptron, fitted on training patients with
simulated lesions, joins them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage, special

from DGMVLCCore.editing.find import cell_logits
from DGMVLCCore.errors import UnreadableError
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.language.prompts import said_plainly
from DGMVLCCore.models.alignment import AlignmentPipeline
from DGMVLCCore.models.denoiser import PATCH
from DGMVLCCore.models.region import Region

Progress = Callable[[str, float], None]
SCORE = "review-score.json"
VESSEL_MM = 5.0  # an opening of this width takes most vessels away and leaves nodules
MIN_LUNG = 0.25  # share of lung a cell needs
AROUND = (0.7, 1.0, 1.0)  # cells, Gaussian sigma (z,y,x)
CLIP_HU = (-1024.0, 100.0)
EXTRA = (
    "most agreement",
    "over clear lung",
    "density",
    "opened density",
    "darkness",
    "texture",
    "depth",
)


@dataclass(eq=False)
class Cells:
    """The lungs of a scan, cell by cell.

    Args:
        region: the lungs on the working grid (D,S,T). lung: bool (D,h,w), cells that count.
        logits: float32 (K,D,h,w) of `terms`. features: float32 (F,D,h,w), named by `names`.
    """

    region: Region
    lung: np.ndarray
    terms: tuple[str, ...]
    logits: np.ndarray
    features: np.ndarray
    names: tuple[str, ...]


def _to_cells(values: np.ndarray, how: Callable[..., np.ndarray] = np.mean) -> np.ndarray:
    """(D,S,T) -> (D,S/4,T/4) by a statistic of each 4x4 square."""
    d, s, t = values.shape
    return how(values.reshape(d, s // PATCH, PATCH, t // PATCH, PATCH), axis=(2, 4))


def against_own(values: np.ndarray, lung: np.ndarray, least: float) -> np.ndarray:
    """Values in units of this patient's own spread: (v - median) / (1.48 MAD), over the lung's
    cells; the spread is at least `least`."""
    own = values[..., lung]
    middle = np.median(own, axis=-1)
    spread = 1.4826 * np.median(np.abs(own - middle[..., None]), axis=-1)
    shape = (*middle.shape, *(1,) * lung.ndim)
    return (values - middle.reshape(shape)) / np.maximum(spread, least).reshape(shape)


def density_features(region: Region, lung: np.ndarray) -> np.ndarray:
    """(5,D,h,w): mean HU, HU without thin vessels, darkness, texture (each against the patient's
    own lung), depth under the pleura (10 mm = 1)."""
    inside = np.isin(region.labels, (2, 3))
    hu = np.clip(region.hu, *CLIP_HU)
    middle = float(np.median(hu[inside]))
    hu = np.where(inside, hu, middle)  # the chest wall is no finding
    width = max(int(round(VESSEL_MM / region.spacing[1])), 3)
    opened = np.stack([ndimage.grey_opening(plane, (width, width)) for plane in hu])
    mean, plain = _to_cells(hu), _to_cells(opened, np.max)
    darkness = -ndimage.gaussian_filter(mean, (0, 1.0, 1.0))
    texture = np.sqrt(np.maximum(_to_cells(hu**2) - mean**2, 0))
    measured = against_own(np.stack([mean, plain, darkness, texture]), lung, 15.0)
    depth = np.stack(
        [
            ndimage.distance_transform_edt(plane, sampling=region.spacing[1:])
            if plane.any()
            else plane
            for plane in inside
        ]
    )
    return np.concatenate(
        [np.clip(measured, -4, 12), np.minimum(_to_cells(depth) / 10.0, 2.0)[None]]
    ).astype(np.float32)


def look_at_cells(
    pipe: AlignmentPipeline, scan: Volume, anatomy: Anatomy, callback: Progress | None = None
) -> Cells:
    """Everything the map is made from.

    Args:
        scan: canonical CT. anatomy: on the same grid.

    Raises:
        UnsuitableInputError: no lung in view.
    """
    terms = pipe.findings
    region, logits = cell_logits(
        pipe,
        scan,
        anatomy,
        [*(said_plainly(term) for term in terms), said_plainly("clear lung")],
        callback=callback,
    )
    lung = _to_cells(np.isin(region.labels, (2, 3)).astype(np.float32)) >= MIN_LUNG
    own = np.clip(against_own(logits, lung, 0.5), -4, 12)
    most = own[:-1].max(0)
    features = np.concatenate(
        [
            logits[:-1].clip(-10, 10),
            own[:-1],
            np.stack([most, (logits[:-1].max(0) - logits[-1]).clip(-12, 12)]),
            density_features(region, lung),
        ]
    ).astype(np.float32)
    names = (
        *(f"{term}: logit" for term in terms),
        *(f"{term}: against own lung" for term in terms),
        *EXTRA,
    )
    return Cells(
        region,
        lung,
        terms,
        logits[:-1],
        np.concatenate([features, _around(features, lung)]),
        (*names, *(f"{name}, around" for name in names)),
    )


def _around(features: np.ndarray, lung: np.ndarray) -> np.ndarray:
    """Each feature's mean over the lung's cells around (Gaussian): a lesion goes on beside and
    above, a vessel cut across does not."""
    weight = ndimage.gaussian_filter(lung.astype(np.float32), AROUND) + 1e-3
    return np.stack(
        [ndimage.gaussian_filter(one * lung, AROUND) / weight for one in features]
    ).astype(np.float32)


@dataclass(frozen=True)
class Score:
    """The map from features to 0..1, as `Testing/Benchmarks/fit_review.py` fits it.

    Args:
        names: features it takes. mean, scale: (F,) their standardisation. hidden, hidden_bias:
            (H,F), (H,). slope: (H+F,) of hidden units and inputs.
        weights_sha256: of the dual encoder it was fitted with. shown_from: the peak from which a
            region is shown, about one false region a scan
            on validation patients.
    """

    names: tuple[str, ...]
    mean: np.ndarray
    scale: np.ndarray
    hidden: np.ndarray
    hidden_bias: np.ndarray
    slope: np.ndarray
    bias: float
    weights_sha256: str
    shown_from: float = 0.5

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Score:
        """From the fields of `Resources/review-score.json`."""
        arrays = {
            name: np.asarray(fields[name], np.float32)
            for name in ("mean", "scale", "hidden", "hidden_bias", "slope")
        }
        count = len(fields["names"])
        arrays["hidden"] = arrays["hidden"].reshape(-1, count)
        return cls(
            tuple(fields["names"]),
            **arrays,
            bias=float(fields["bias"]),
            weights_sha256=str(fields["weights_sha256"]),
            shown_from=float(fields.get("shown_from", 0.5)),
        )

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """(F,...) features -> (...) scores 0..1."""
        x = (features.reshape(len(features), -1) - self.mean[:, None]) / self.scale[:, None]
        units = len(self.hidden)
        value = self.slope[units:] @ x + self.bias
        if units:
            value = value + self.slope[:units] @ np.tanh(
                self.hidden @ x + self.hidden_bias[:, None]
            )
        return special.expit(value).reshape(features.shape[1:]).astype(np.float32)


def load_score() -> Score:
    """The shipped score of cells.

    Raises:
        UnreadableError: the file is not there or damaged.
    """
    try:
        return Score.from_fields(json.loads(resource(SCORE).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreadableError(
            f"The file {SCORE} of this installation is damaged; install dgmvlc again."
        ) from error


def abnormality(cells: Cells, score: Score) -> np.ndarray:
    """The map: float32 (D,h,w) 0..1 on the cells, 0 outside the lungs.

    Raises:
        UnreadableError: the score was fitted on other features.
    """
    if cells.names != score.names:
        raise UnreadableError(
            f"{SCORE} was fitted for another dual encoder; fit it again with "
            "Testing/Benchmarks/fit_review.py."
        )
    out = np.zeros(cells.lung.shape, np.float32)
    out[cells.lung] = score(cells.features[:, cells.lung])
    return out
