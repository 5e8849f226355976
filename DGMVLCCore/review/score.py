"""How likely a candidate is one of the findings the score was fitted on, against the vessels and
other look-alikes of the same lungs; for ranking, no probability of disease."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from DGMVLCCore.errors import UnreadableError
from DGMVLCCore.ground.resources import resource

SCORE = "review-score.json"


@dataclass(frozen=True)
class Score:
    """The map from a candidate's features to 0..1, as `Testing/Benchmarks/fit_review.py` fits it.

    Args:
        names: features it takes. mean, scale: (F,) their standardisation. hidden, hidden_bias:
            (H,F), (H,). slope: (H+F,) of hidden units and inputs.
        weights_sha256: of the editor it was fitted with. shown_from: the score from which a region
            is shown, set on validation patients.
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
        """(N,F) features -> (N,) scores 0..1.

        Raises:
            UnreadableError: the score was fitted on other features.
        """
        if features.shape[1] != len(self.names):
            raise UnreadableError(
                f"{SCORE} was fitted on other features; fit it again with "
                "Testing/Benchmarks/fit_review.py."
            )
        x = ((features - self.mean) / self.scale).clip(-4, 4)
        units = len(self.hidden)
        value = x @ self.slope[units:] + self.bias
        if units:
            value = value + np.tanh(x @ self.hidden.T + self.hidden_bias) @ self.slope[:units]
        return np.asarray(special.expit(value), np.float32)


def load_score() -> Score:
    """The shipped score.

    Raises:
        UnreadableError: the file is not there or damaged.
    """
    try:
        return Score.from_fields(json.loads(resource(SCORE).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreadableError(
            f"The file {SCORE} of this installation is damaged; install dgmvlc again."
        ) from error
