"""Does the picture move the way the words do, and not the way other words do?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from DGMVLCCore.editing.alignment import AlignmentPipeline
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume

Words = tuple[str, str]


def text_alignment(
    look: AlignmentPipeline,
    original: Volume,
    made: Volume,
    anatomy: Anatomy,
    mask: np.ndarray,
    words: Words,
    shuffled: Sequence[Words],
) -> dict[str, float]:
    """Directional similarity cos(ΔI, ΔT) (Gal et al. 2022) of an edit in the dual encoder, with the
    shuffled-prompt control.

    The dual encoder also guards the edit in use (an edit against its words gives no image), so this
    is no independent judge; the probe is.

    Args:
        original, made: CT in HU on one grid. mask: bool (D,H,W), the edit. words: (source, target)
            of the edit.
        shuffled: (source, target) of the other cases; those equal to `words` are left out.

    Returns:
        `direction`, its mean over the shuffled words `shuffled`, and `above`: share of them that
        fit the edit worse. Without other words only the first.
    """
    before, after = (look.region_vector(volume, anatomy, mask) for volume in (original, made))
    own = look.direction(before, after, *words)
    others = [look.direction(before, after, *pair) for pair in sorted(set(shuffled) - {words})]
    return {"direction": own} | (
        {
            "shuffled": float(np.mean(others)),
            "above": float(np.mean([own > value for value in others])),
        }
        if others
        else {}
    )
