"""Sampling with the editor: the hazy part in one step, the opaque core hidden and sampled."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from DGMVLCCore.models.denoiser import Conditions
from DGMVLCCore.models.editor import Editor, composed
from DGMVLCCore.models.units import CT_SCALE, smooth_fill, to_hu, to_units

OPAQUE_HU = -450.0  # denser, and the scan shows nothing of what lies behind
ASKED = 0.5  # a share of change from which on an opaque voxel is hidden
IDLE = 0.03  # a smaller share is none: clear tissue comes back as it was
STEPS = 4
IN_PLANE = ndimage.generate_binary_structure(2, 1)[None]


@dataclass(eq=False)
class Seen:
    """Consecutive slices as the editor takes them.

    Args:
        hu: float32 (D,S,T) HU. edit: bool (D,S,T). lungs: bool (D,S,T).
        cond: the conditions of these slices with nothing hidden.
    """

    hu: np.ndarray
    edit: np.ndarray
    lungs: np.ndarray
    cond: Conditions

    def hiding(self, hidden: np.ndarray) -> Conditions:
        """The conditions with `hidden` (D,S,T) bool filled smoothly from around it."""
        filled = [to_units(smooth_fill(*each)) for each in zip(self.hu, hidden, self.lungs)]
        return replace(
            self.cond,
            context=stacked_around(np.stack(filled)),
            hidden=stacked_around(hidden.astype(np.float32)),
        )


def stacked_around(slices: np.ndarray) -> Tensor:
    """(D,S,T) -> (D,3,S,T): each slice between the one below and the one above."""
    padded = np.concatenate([slices[:1], slices, slices[-1:]])
    return torch.from_numpy(np.stack([padded[:-2], padded[1:-1], padded[2:]], axis=1))


@dataclass(eq=False)
class Answer:
    """What an edit gives.

    Args:
        hu: float32 (samples,D,S,T) HU, the source outside the edit mask. change: float32 (D,S,T),
            0..1, of the first pass. hidden: bool (D,S,T), invented rather than seen through.
        attention: (D,S/4*T/4,1+L) of the first pass.
    """

    hu: np.ndarray
    change: np.ndarray
    hidden: np.ndarray
    attention: Tensor | None


@torch.inference_mode()
def edit_slices(
    editor: Editor, seen: Seen, generator: torch.Generator, samples: int = 1, steps: int = STEPS
) -> Answer:
    """Edit slices as their text says.

    Args:
        samples: of the hidden part; what is seen through has one answer.
        steps: of the rectified flow in the hidden part.
    """
    source = seen.cond.context[:, 1:2]
    cond = replace(seen.cond, hidden=torch.zeros_like(seen.cond.context))
    first = editor(source, torch.ones(len(source)), cond)
    change = torch.sigmoid(first.change).numpy()[:, 0] * seen.edit
    change[change < IDLE] = 0
    hidden = opaque_core(seen.hu, seen.edit, change)
    # The difference is added, so that what lies beyond the model's range is not clipped.
    result = seen.hu + change * (first.target - source).numpy()[:, 0] * CT_SCALE.half
    results = np.repeat(result[None], samples, axis=0)
    if hidden.any():
        covered = seen.hiding(hidden)
        for k in range(samples):
            noise = torch.randn(source.shape, generator=generator)
            made = to_hu(fill_hidden(editor, source, covered, noise, steps).numpy()[:, 0])
            results[k][hidden] = made[hidden]
    return Answer(results.astype(np.float32), change, hidden, first.attention)


def opaque_core(hu: np.ndarray, edit: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Where a change is asked for and the source shows nothing through it, (D,S,T) bool."""
    core = edit & (change > ASKED) & (hu > OPAQUE_HU)
    core = ndimage.binary_opening(core, IN_PLANE)  # a vessel that is one voxel wide stays seen
    return ndimage.binary_dilation(core, IN_PLANE) & edit & (change > IDLE)


def fill_hidden(
    editor: Editor, source: Tensor, covered: Conditions, noise: Tensor, steps: int
) -> Tensor:
    """Slices (D,1,S,T) in model units whose hidden part is integrated from `noise` (rectified flow,
    Euler steps)."""
    hidden = covered.hidden[:, 1:2]  # type: ignore[index]
    times = torch.linspace(1, 0, steps + 1)
    x_t = torch.where(hidden > 0, noise, source)
    for now, then in zip(times[:-1], times[1:]):
        edit = editor(x_t, now.expand(len(source)), covered)
        flow = then / now * x_t + (1 - then / now) * edit.target
        x_t = torch.where(hidden > 0, flow, source)
    return composed(edit, covered.context[:, 1:2], hidden)
