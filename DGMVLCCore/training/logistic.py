"""A weighted logistic regression with a ridge, small enough to need no library for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import optimize, special


def fit_logistic(features: np.ndarray, true: np.ndarray, weights: np.ndarray, ridge: float = 1e-2) -> dict[str, Any]:
    """Fit P(true) = sigmoid(w · (x − mean) / scale + bias).

    Args:
        features: (N,F). true: (N,) bool. weights: (N,) of the samples, their sum does not matter. ridge: penalty on w², relative to the mean loss.

    Returns:
        mean, scale, weights (lists of F) and bias.
    """
    share = weights / weights.sum()
    mean = share @ features
    scale = np.sqrt(share @ (features - mean) ** 2).clip(1e-3)
    x, sign = (features - mean) / scale, np.where(true, 1.0, -1.0)

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (x @ values[:-1] + values[-1])
        pull = -share * sign * special.expit(-margin)
        value = float(share @ np.logaddexp(0, -margin) + ridge * (values[:-1] ** 2).sum())
        return value, np.append(pull @ x + 2 * ridge * values[:-1], pull.sum())

    best = optimize.minimize(loss, np.zeros(features.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
    return {"mean": [round(float(v), 5) for v in mean], "scale": [round(float(v), 5) for v in scale],
            "weights": [round(float(v), 5) for v in best[:-1]], "bias": round(float(best[-1]), 5)}
