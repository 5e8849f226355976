"""A stand-in for a reader: does the difference image help a channelised Hotelling observer find
subtle lesions?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.evaluation.tables import Channel, Figures, Gain, ReaderRow, Third
from DGMVLCCore.models.probe import FULLEST, SQUARE, square
from DGMVLCCore.stats import central, roc_area

CHANNELS = 10
LOWEST, GROWTH, BAND = (
    0.015,
    1.4,
    1.67,
)  # cycles a mm; the dense difference-of-Gaussian channels of Abbey & Barrett 2001
SHRINKAGE = 0.1  # of the covariance towards its mean variance; few cases, twenty channels
SPECIFICITY = 0.9
THIRDS: tuple[Third, ...] = ("subtle", "middle", "obvious", "all")
EXPLORATORY = 8


def channels() -> np.ndarray:
    """Ten rotationally symmetric channels as templates (10,96,96) for pixels of 1 mm, centred on
    the square."""
    at = np.fft.fftfreq(SQUARE)
    radius, out = np.hypot(at[:, None], at[None]), []
    for j in range(CHANNELS):
        sigma = LOWEST * GROWTH**j
        passed = np.exp(-0.5 * (radius / (BAND * sigma)) ** 2) - np.exp(
            -0.5 * (radius / sigma) ** 2
        )
        template = np.fft.fftshift(np.fft.ifft2(passed).real)
        out.append(template / np.linalg.norm(template))
    return np.stack(out)


def _channel_outputs(
    scan: np.ndarray,
    made: np.ndarray,
    mask: np.ndarray,
    lungs: np.ndarray,
    spacing: tuple[float, float, float],
) -> np.ndarray:
    """Means over the fullest slices, (channels, 2): of the scan and of the difference."""
    inside, beside, templates = mask & lungs, lungs & ~mask, channels()
    area, seen = inside.sum((1, 2)), []
    for z in np.nonzero(area >= FULLEST * area.max())[0]:
        # The chest wall is no part of the task; left in, its edge drowns every channel.
        level = float(scan[z][beside[z] if beside[z].any() else inside[z]].mean())
        before, after = (
            square(np.where(lungs[z], hu[z], level), inside[z], spacing)[0] for hu in (scan, made)
        )
        planes = np.stack([before, after - before])
        seen.append(np.tensordot(templates, planes, ((1, 2), (1, 2))))
    return np.mean(seen, 0)


def reader_row(
    scan: np.ndarray,
    made: np.ndarray,
    mask: np.ndarray,
    lungs: np.ndarray,
    spacing: tuple[float, float, float],
    *,
    patient: str,
    case: str,
    present: bool,
    contrast_hu: float,
) -> ReaderRow:
    """What the observer sees of one case: channel outputs of the scan and of the counterfactual
    difference, mean over the fullest slices.

    Args:
        scan: HU (D,H,W), with the lesion or without it. made: its counterfactual, asked for by the
            same mask and words in both.
        mask, lungs: bool (D,H,W). spacing: (z,y,x) mm. contrast_hu: of the lesion, also for the
            case without it, which belongs to it.

    Raises:
        UnsuitableInputError: no part of the mask lies in the lungs.
    """
    if not (mask & lungs).any():
        raise UnsuitableInputError(
            "The observer's mask holds no voxel of the lungs; give a mask inside them."
        )
    outputs = _channel_outputs(scan, made, mask, lungs, spacing)
    return {
        "patient": patient,
        "case": case,
        "present": bool(present),
        "contrast_hu": float(contrast_hu),
        "scan": outputs[:, 0].tolist(),
        "difference": outputs[:, 1].tolist(),
    }


def _features(rows: Sequence[ReaderRow], names: tuple[Channel, ...]) -> np.ndarray:
    return np.array([[value for name in names for value in row[name]] for row in rows])


def hotelling(
    rows: Sequence[ReaderRow], names: tuple[Channel, ...]
) -> tuple[np.ndarray, float, float]:
    """Template of the observer trained on rows, and mean and SD of its score on those without
    lesion.

    Raises:
        UnsuitableInputError: fewer than two rows with or without lesion.
    """
    parts = [
        _features([row for row in rows if row["present"] is present], names)
        for present in (True, False)
    ]
    if min(map(len, parts)) < 2:
        raise UnsuitableInputError(
            "The observer needs two or more cases with and without lesion to be trained on; give "
            "more patients."
        )
    covariance = np.mean([np.cov(part.T) for part in parts], 0)
    size = np.sqrt(np.diag(covariance)) + 1e-12
    scaled = covariance / np.outer(size, size)
    scaled = (1 - SHRINKAGE) * scaled + SHRINKAGE * np.eye(len(scaled))
    template = np.linalg.solve(scaled, (parts[0].mean(0) - parts[1].mean(0)) / size) / size
    scores = parts[1] @ template
    return template, float(scores.mean()), float(scores.std() + 1e-12)


def observer_scores(rows: Sequence[ReaderRow], names: tuple[Channel, ...]) -> np.ndarray:
    """Scores (N,) in SDs of cases without lesion; trained for each patient on all the others."""
    out = np.zeros(len(rows))
    for patient in sorted({row["patient"] for row in rows}):
        at = [i for i, row in enumerate(rows) if row["patient"] == patient]
        others = [row for row in rows if row["patient"] != patient]
        template, mean, sd = hotelling(others, names)
        out[at] = (_features([rows[i] for i in at], names) @ template - mean) / sd
    return out


def _pair(rows: Sequence[ReaderRow], scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    present = np.array([row["present"] for row in rows], bool)
    return scores[present], scores[~present]


def _compare(
    rows: Sequence[ReaderRow], alone: np.ndarray, both: np.ndarray, kept: np.ndarray
) -> dict[str, float]:
    """AUC of the kept rows with the scan alone and with both; share of their lesions found where
    nine tenths of all without lesion are passed."""
    out: dict[str, float] = {}
    for name, scores in (("alone", alone), ("both", both)):
        positive, negative = _pair([rows[i] for i in kept], scores[kept])
        limit = np.quantile(_pair(rows, scores)[1], SPECIFICITY)
        out |= {
            f"auc_{name}": float(roc_area(positive, negative)),
            f"found_{name}": float((positive > limit).mean()),
        }
    out["gain"] = out["auc_both"] - out["auc_alone"]
    if out["found_alone"] > 0:
        out["relative_found"] = out["found_both"] / out["found_alone"] - 1
    return out


def _interval(
    rows: Sequence[ReaderRow],
    alone: np.ndarray,
    both: np.ndarray,
    third: np.ndarray,
    draws: int,
    seed: int,
) -> dict[str, list[float] | None]:
    """95 % intervals of `_compare`, resampling patients; alone and both are compared on the same
    patients in each draw."""
    groups: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        groups.setdefault(row["patient"], []).append(i)
    rng, names, found = np.random.default_rng(seed), sorted(groups), []
    for _ in range(draws):
        at = np.array([i for name in rng.choice(names, len(names)) for i in groups[name]])
        kept = np.nonzero(third[at])[0]
        if len(kept):
            found.append(_compare([rows[i] for i in at], alone[at], both[at], kept))
    keys = sorted({key for values in found for key in values})
    return {key: list(central([v[key] for v in found if key in v])) for key in keys}


def _figures(
    rows: Sequence[ReaderRow],
    alone: np.ndarray,
    both: np.ndarray,
    third: np.ndarray,
    draws: int,
    seed: int,
) -> Figures:
    """What `_compare` gives for one third of the rows, with n and interval."""
    kept = np.nonzero(third)[0]
    limits = _interval(rows, alone, both, third, draws, seed)
    n = sum(bool(rows[int(i)]["present"]) for i in kept)
    return {
        key: {"value": value, "n": n, "ci95": limits.get(key)}
        for key, value in _compare(rows, alone, both, kept).items()
    }


def reader_gain(
    rows: Sequence[ReaderRow],
    *,
    draws: int = 1000,
    seed: int = 0,
) -> Gain:
    """AUC of the observer with the scan alone and with scan + difference, by third of lesion
    contrast.

    Args:
        rows: of `reader_row`, each case once with and once without its lesion.

    Returns:
        For "subtle", "middle", "obvious" and "all": `auc_alone`, `auc_both`, `gain`, and
        `found_alone`, `found_both`, `relative_found` (share of lesions found at a specificity of
        0.9, and how much larger it is with the difference), each {"value", "n" (lesions), "ci95"};
        besides `patients` and `exploratory` (below eight patients).

    Raises:
        UnsuitableInputError: a case without its partner, or one patient only.
    """
    _require_partners(rows)
    patients = len({row["patient"] for row in rows})
    alone = observer_scores(rows, ("scan",))
    both = observer_scores(rows, ("scan", "difference"))
    contrast = np.array([row["contrast_hu"] for row in rows])
    present = [row["contrast_hu"] for row in rows if row["present"]]
    rank = np.searchsorted(np.quantile(present, (1 / 3, 2 / 3)), contrast, side="left")
    exploratory = patients < EXPLORATORY
    out: Gain = {"patients": patients, "exploratory": exploratory, "specificity": SPECIFICITY}
    for index, name in enumerate(THIRDS):
        third = rank == index if name != "all" else np.ones(len(rows), bool)
        if third.any():
            out[name] = _figures(rows, alone, both, third, draws, seed)
    return out


def _require_partners(rows: Sequence[ReaderRow]) -> None:
    """Refuse cases without their partner."""
    cases: dict[str, set[bool]] = {}
    for row in rows:
        cases.setdefault(row["case"], set()).add(row["present"])
    if not cases or any(len(seen) < 2 for seen in cases.values()):
        raise UnsuitableInputError(
            "The observer needs every case with and without its lesion; some lack their partner."
        )
