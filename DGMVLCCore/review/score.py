"""How strongly the denials together ask for a change of a region; for ranking, no probability of
disease.

Shape, density, place and size of a candidate, joined by a perceptron that was fitted on training
patients, ranked validation patients no better: on the scans it learned from, the editor leaves
vessels alone that it takes for findings elsewhere, so nothing can be fitted there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from DGMVLCCore.errors import UnreadableError
from DGMVLCCore.ground.resources import resource

SCORE = "review-score.json"
ALONE = {"nodule": 1.0, "ground-glass opacity": 0.9, "emphysema": 0.8}  # the strongest counts
BESIDE = {"consolidation": 0.5}  # added: what both denials ask for is seldom a vessel
MOST = max(ALONE.values()) + sum(BESIDE.values())


@dataclass(frozen=True)
class Shown:
    """Where the list of regions ends.

    Args:
        shown_from: the score from which a region is shown, set on validation patients by
            `Testing/Benchmarks/fit_review.py`. weights_sha256: of the editor it was set with.
    """

    shown_from: float
    weights_sha256: str


def strength(peaks: np.ndarray, terms: tuple[str, ...]) -> np.ndarray:
    """Scores (N,), 0..1, of candidates from the most change that each denial asks for in them.

    Args:
        peaks: (N,K), 0..1. terms: the K findings denied.
    """
    alone = np.array([ALONE.get(term, 0.0) for term in terms])
    beside = np.array([BESIDE.get(term, 0.0) for term in terms])
    return ((peaks * alone).max(1) + peaks @ beside) / MOST


def load_shown() -> Shown:
    """The shipped operating point.

    Raises:
        UnreadableError: the file is not there or damaged.
    """
    try:
        fields = json.loads(resource(SCORE).read_text(encoding="utf-8"))
        return Shown(float(fields["shown_from"]), str(fields["weights_sha256"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreadableError(
            f"The file {SCORE} of this installation is damaged; install dgmvlc again."
        ) from error
