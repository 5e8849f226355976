"""The density of what was invented: that of the clear lung around it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from DGMVLCCore.editing.see_through import IN_PLANE, Answer
from DGMVLCCore.imaging.masks import box_around
from DGMVLCCore.models.region import Region

RING = 8  # pixels around a core whose lung speaks for it; 5 to 12 differ little
LUNG_HU = -600.0  # what is denser is a vessel or another finding
UNASKED = 0.1  # a smaller share of change is none
LEAST_VOXELS = 40
MOST_HU = 150.0


def at_clear_density(answer: Answer, region: Region) -> Answer:
    """An answer whose invented cores are no denser than the clear lung around them, for words that
    ask for clear lung.

    A flow of few steps ends near the mean of all that may lie in a core; vessels count in it, so
    that a nodule leaves a grey ghost. In every sample each core is lowered until its median is that
    of the lung around it that is seen and stays, by `MOST_HU` at most; nothing becomes thinner than
    air. A core with too little of such lung around it stays as it is.
    """
    invented, lungs = answer.invented, region.lungs
    stays = lungs & (answer.first.change < UNASKED) & (region.hu < LUNG_HU)
    stays &= ~ndimage.binary_dilation(invented, IN_PLANE)
    hu, (cores, count) = answer.hu.copy(), ndimage.label(invented)
    for number in range(1, count + 1):
        box = box_around(cores == number, (0, RING, RING))
        core = cores[box] == number
        around = stays[box] & ndimage.binary_dilation(core, IN_PLANE, iterations=RING)
        if around.sum() < LEAST_VOXELS:
            continue
        clear = np.median(region.hu[box][around])
        inside = core & lungs[box] if (core & lungs[box]).any() else core
        for made in (sample[box] for sample in hu):
            lower = made[core] - np.clip(np.median(made[inside]) - clear, 0, MOST_HU)
            made[core] = np.minimum(made[core], np.maximum(lower, region.scale.outside))
    return replace(answer, hu=hu)
