"""All scores of one case: every method's fill against the truth, and what only the model itself can
be asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.result import EditPlan
from DGMVLCCore.evaluation import metrics
from DGMVLCCore.evaluation.cases import Case
from DGMVLCCore.evaluation.hole import Hole
from DGMVLCCore.evaluation.inception import Inception
from DGMVLCCore.evaluation.rim import within_places
from DGMVLCCore.evaluation.tables import Scores
from DGMVLCCore.models.probe import Probe

CROP_MM = 18.0  # what the Fréchet radiomics distance looks at, and a little more
LEFT_IN_PLACE = "lesion left in place"


@dataclass(frozen=True, eq=False)
class Judge:
    """What scores a fill; the probe is held out: it never guides an edit. `inception` is a user's
    own network for one more Fréchet distance."""

    probe: Probe
    inception: Inception | None = None

    def probed(self, case: Case, made: np.ndarray) -> float:
        """The probe's logit that a lesion is in the case's mask; above 0 it says present."""
        return self.probe.score(made, case.mask, case.anatomy.lungs, case.scan.spacing)

    def score(self, case: Case, made: np.ndarray, places: np.ndarray) -> Scores:
        """Scores of one method's scan (D,H,W) HU for one case; `places` are the gradients of the
        mask's rim on untouched places (`untouched_rims`)."""
        true, mask, lungs = case.true.array, case.mask, case.anatomy.lungs
        inside = mask & lungs
        outside = np.abs(made - case.scan.array)[~mask]
        return {
            "mae_hu": metrics.mae(made, true, mask),
            "psnr_db": metrics.psnr(made, true, mask),
            "ssim": metrics.ssim(made, true, mask),
            "ms_ssim": metrics.ms_ssim(made, true, mask),
            **texture(made, true, inside),
            "hu_w1": metrics.hu_w1(made, true, mask),
            "changed_share": metrics.minimality(made, case.scan.array, mask),
            "rim": within_places(made, places, mask, lungs),
            "probe": self.probed(case, made),
            "outside_hu": float(outside.max(initial=0)),
        }


def texture(made: np.ndarray, true: np.ndarray, inside: np.ndarray) -> dict[str, float | None]:
    """Texture inside the lung part of the mask; `texture_error` is the one figure of the headline.

    texture_error = (|ln sd_ratio| + W1 of the gradient histograms / mean gradient of the true scan)
    / 2: 0 for the truth, about 1 for a blur.
    """
    scores = metrics.texture_error(made, true, inside)
    gy, gx = np.gradient(true, axis=(1, 2))
    typical = float(np.hypot(gy, gx)[inside].mean())
    error = 0.5 * (
        abs(float(np.log(max(scores["sd_ratio"], 1e-3))))
        + scores["gradient_w1"] / max(typical, 1e-6)
    )
    return {
        **scores,
        "texture_error": error,
        "log_spectral_db": metrics.log_spectral_distance(made, true, inside),
    }


def composition_hu(pipe: CounterfactualPipeline, case: Case, steps: int, seed: int) -> float:
    """Largest change in HU of a shift between equal sentences, with the shortcut for equal
    sentences left out."""
    hole, plan = (
        Hole.cut(case),
        EditPlan(case.mask, case.source, case.source, case.lesion.term, mode="shift"),
    )
    made = hole.filled(*hole.samples(pipe, plan, seed, noises=1, steps=steps))
    return float(np.abs(made - case.scan.array).max())


def crop_box(mask: np.ndarray, spacing: tuple[float, float, float]) -> tuple[slice, slice, slice]:
    """All slices, and in the slice the mask with a margin."""
    _, ys, xs = np.nonzero(mask)
    cut = [
        slice(max(int(at.min() - CROP_MM / mm), 0), int(at.max() + CROP_MM / mm) + 2)
        for at, mm in zip((ys, xs), spacing[1:])
    ]
    return slice(None), cut[0], cut[1]


def kept_arrays(
    case: Case, fills: dict[str, np.ndarray], extra: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """What figures and the scores over all cases need, cropped around the mask; fills are named
    "fill:METHOD"."""
    box = crop_box(case.mask, case.scan.spacing)
    arrays = {
        "true": case.true.array,
        "scan": case.scan.array,
        **{f"fill:{name}": made for name, made in fills.items()},
        **extra,
    }
    out = {name: array[box].astype(np.float32) for name, array in arrays.items()}
    out |= {
        "mask": case.mask[box],
        "lungs": case.anatomy.lungs[box],
        "lesion": case.lesion.mask[box],
        "spacing": np.array(case.scan.spacing),
    }
    return out
