"""A weighted logistic regression, with one small hidden layer when asked: small enough to need no
library and to be stored as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import optimize, special


def _unpack(
    values: np.ndarray, inputs: int, hidden: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Flat parameters -> hidden weights (H,F), hidden bias (H,), slope over (hidden, inputs),
    bias."""
    first = values[: hidden * inputs].reshape(hidden, inputs)
    rest = values[hidden * inputs :]
    return first, rest[:hidden], rest[hidden:-1], float(rest[-1])


def fit_perceptron(
    features: np.ndarray,
    true: np.ndarray,
    weights: np.ndarray,
    *,
    hidden: int = 0,
    ridge: float = 1e-2,
    steps: int = 150,
    seed: int = 0,
) -> dict[str, Any]:
    """Fit P(true) = sigmoid(slope · [tanh(W x + b), x] + bias), x standardised; without a hidden
    layer this is logistic regression.

    Args:
        features: (N,F). true: (N,) bool. weights: (N,) of the samples, their sum does not matter.
            ridge: penalty on squared weights, relative to the mean loss.

    Returns:
        mean, scale (F), hidden (H,F), hidden_bias (H), slope (H+F), bias: lists and a number.
    """
    share = weights / weights.sum()
    mean = share @ features
    scale = np.sqrt(share @ (features - mean) ** 2).clip(1e-3)
    x, sign, count = (features - mean) / scale, np.where(true, 1.0, -1.0), features.shape[1]

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        first, first_bias, slope, bias = _unpack(values, count, hidden)
        inner = np.tanh(x @ first.T + first_bias)
        margin = sign * (inner @ slope[:hidden] + x @ slope[hidden:] + bias)
        pull = -share * sign * special.expit(-margin)
        back = (pull[:, None] * slope[:hidden]) * (1 - inner**2)
        kept = (values[: hidden * count] ** 2).sum() / max(hidden, 1) + (slope**2).sum()
        gradient = np.concatenate(
            [
                (back.T @ x + 2 * ridge * first / max(hidden, 1)).ravel(),
                back.sum(0),
                pull @ inner + 2 * ridge * slope[:hidden],
                pull @ x + 2 * ridge * slope[hidden:],
                [pull.sum()],
            ]
        )
        return float(share @ np.logaddexp(0, -margin) + ridge * kept), gradient

    start = np.zeros(hidden * count + hidden + hidden + count + 1)
    rng = np.random.default_rng(seed)
    start[: hidden * count] = rng.normal(0, 1 / np.sqrt(count), hidden * count)
    start[hidden * count + hidden : hidden * count + 2 * hidden] = rng.normal(0, 0.1, hidden)
    first, first_bias, slope, bias = _unpack(
        optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": steps}).x,
        count,
        hidden,
    )
    return {
        "mean": mean.round(5).tolist(),
        "scale": scale.round(5).tolist(),
        "hidden": first.round(4).tolist(),
        "hidden_bias": first_bias.round(4).tolist(),
        "slope": slope.round(4).tolist(),
        "bias": round(bias, 5),
    }
