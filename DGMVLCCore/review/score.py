"""Where the list of regions ends: the score from which one is shown."""

from __future__ import annotations

import json
from dataclasses import dataclass

from DGMVLCCore.errors import UnreadableError
from DGMVLCCore.ground.resources import resource

SCORE = "review-score.json"


@dataclass(frozen=True)
class Shown:
    """Where the list of regions ends.

    Args:
        shown_from: the score from which a region is shown, set on validation patients by
            `Testing/Benchmarks/fit_review.py`. weights_sha256: of the finder it was set with.
    """

    shown_from: float
    weights_sha256: str


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
