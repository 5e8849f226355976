"""A stack of any size in overlapping windows under one noise: the windows' answers are blended at
every step, so there are no seams.

MultiDiffusion (Bar-Tal et al. 2023), with the weights falling smoothly to every border that another
window covers.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import psutil
import torch
from torch import Tensor

from DGMVLCCore.editing.sampler import Predictor
from DGMVLCCore.errors import DeviceError
from DGMVLCCore.models.denoiser import Conditions
from DGMVLCCore.models.region import MAX_NATIVE_SIDE, MAX_SIDE, MULTIPLE
from DGMVLCCore.models.volume_denoiser import VolumeDenoiser

log = logging.getLogger(__name__)
SIDE_OVERLAP = 64  # pixels; more than the U-Net's finer levels see
# Of a voxel of the stack, of one of each sample, and of one in the network at the default widths;
# measured, rounded up.
STACK_BYTES, SAMPLE_BYTES, WINDOW_BYTES = 120, 8, 400
Window = tuple[slice, slice, slice]


@dataclass(frozen=True)
class WindowPlan:
    """Windows over a stack (D,H,W).

    Args:
        depth, overlap: slices of a window, and how many of them the next one shares.
        side, side_overlap: the same in the slice, pixels, multiples of 16.
    """

    depth: int
    overlap: int
    side: int
    side_overlap: int = SIDE_OVERLAP

    def shape(self, stack: Sequence[int]) -> tuple[int, int, int]:
        """Size of every window of a stack (D,H,W): a small stack makes them smaller."""
        return min(self.depth, stack[0]), min(self.side, stack[1]), min(self.side, stack[2])

    def windows(self, stack: Sequence[int]) -> list[Window]:
        """All windows, from the first slice to the last; together they cover the stack."""
        sizes = self.shape(stack)
        starts = [
            spread(n, size, overlap, step)
            for n, size, overlap, step in zip(
                stack,
                sizes,
                (self.overlap, self.side_overlap, self.side_overlap),
                (1, MULTIPLE, MULTIPLE),
            )
        ]
        return [
            (slice(z, z + sizes[0]), slice(y, y + sizes[1]), slice(x, x + sizes[2]))
            for z in starts[0]
            for y in starts[1]
            for x in starts[2]
        ]

    def weight(self, stack: Sequence[int]) -> Tensor:
        """Weight of every voxel of a window, shaped (depth,1,H,W)."""
        z, y, x = (
            ramp(n, overlap)
            for n, overlap in zip(
                self.shape(stack), (self.overlap, self.side_overlap, self.side_overlap)
            )
        )
        return z[:, None, None, None] * y[:, None] * x


def spread(length: int, size: int, overlap: int, step: int) -> list[int]:
    """First indices of windows, multiples of `step`, evenly spread over `length` with at least
    about `overlap` in common."""
    count = int(np.ceil((length - size) / (size - overlap))) + 1 if length > size else 1
    return [round(value / step) * step for value in np.linspace(0, length - size, count)]


def ramp(size: int, overlap: int) -> Tensor:
    """(size,) 1 in the middle, falling as a squared sine towards both borders over `overlap`;
    nowhere 0."""
    if overlap < 1:
        return torch.ones(size)
    inside = torch.arange(size) + 0.5
    return (
        torch.sin(torch.pi / 2 * (torch.minimum(inside, size - inside) / overlap).clamp(max=1)) ** 2
    )


def plan_for(model: torch.nn.Module, stack: Sequence[int], tiles: bool) -> WindowPlan | None:
    """Windows in which a network edits a stack (D,H,W); None when it takes slices one by one,
    whole.

    Args:
        tiles: also cut the slices, into squares of the largest side that is kept at native spacing.
    """
    side = MAX_NATIVE_SIDE if tiles else MAX_SIDE
    if isinstance(model, VolumeDenoiser):
        depth = int(model.config["depth"])
        return WindowPlan(depth, depth // 2, side)
    return WindowPlan(1, 0, side) if max(stack[1:]) > side else None


def memory_mb(plan: WindowPlan, stack: Sequence[int], capacity: int, noises: int = 1) -> int:
    """Memory that a stack (D,H,W), its samples and the windows computed at once (`capacity` slices
    or one window) take, MB, beside the weights."""
    depth, height, width = plan.shape(stack)
    return round(
        (
            (STACK_BYTES + SAMPLE_BYTES * noises) * float(np.prod(stack))
            + WINDOW_BYTES * max(capacity, depth) * height * width
        )
        / 1e6
    )


def announce(
    plan: WindowPlan, stack: Sequence[int], capacity: int, noises: int, device: torch.device
) -> int:
    """Log how a stack (D,H,W) will be computed; returns the memory it will take, MB.

    Raises:
        DeviceError: the device has not that much left.
    """
    needed = memory_mb(plan, stack, capacity, noises)
    free = (
        torch.cuda.mem_get_info(device)[0]
        if device.type == "cuda"
        else psutil.virtual_memory().available
    ) / 1e6
    log.info(
        "%d slices of %d x %d pixels in %d windows of %d x %d x %d, about %d MB",
        *stack,
        len(plan.windows(stack)),
        *plan.shape(stack),
        needed,
    )
    if needed > free:
        raise DeviceError(
            f"The edit needs about {needed} MB and {device} has {free:.0f} MB left; take fewer "
            "slices (--slices A:B), "
            "leave out --native, or take another device."
        )
    return needed


def joined(parts: Sequence[Conditions]) -> Conditions:
    """Conditions of several batches as those of one."""
    names = [name for name, value in vars(parts[0]).items() if value is not None]
    return Conditions(
        **{name: torch.cat([getattr(part, name) for part in parts]) for name in names}
    )


def cut(cond: Conditions, window: Window) -> Conditions:
    """Conditions of a window of the stack."""
    rows, y, x = window
    image = {name: getattr(cond, name)[rows, :, y, x] for name in ("context", "mask", "anatomy")}
    return Conditions(
        **image,
        **{
            name: value[rows]
            for name, value in vars(cond).items()
            if name not in image and value is not None
        },
    )


@dataclass
class TiledPredictor:
    """A `Predictor` for a whole stack (D,1,H,W) of consecutive slices, computed in windows.

    Args:
        predict: answers a batch of windows. plan: the windows. capacity: slices computed at once,
            where a window has no more.

    Windows without a voxel of the mask are left out: nothing there is used. There is no attention
    map.
    """

    predict: Predictor
    plan: WindowPlan
    capacity: int

    def __call__(self, x_t: Tensor, t: float, cond: Conditions) -> tuple[Tensor, None]:
        """(D,1,H,W) -> clean (D,1,H,W) float32, where no window lies the smooth fill."""
        stack = (len(x_t), *x_t.shape[2:])
        weight, depth = self.plan.weight(stack).to(x_t.device), self.plan.shape(stack)[0]
        windows = [window for window in self.plan.windows(stack) if cond.mask[:, 1][window].any()]
        total, weights = torch.zeros_like(x_t), torch.zeros_like(x_t)
        at_once = max(self.capacity // depth, 1)
        for start in range(0, len(windows), at_once):
            group = windows[start : start + at_once]
            noisy = torch.cat([x_t[rows, :, y, x] for rows, y, x in group])
            clean, _ = self.predict(
                noisy, t, joined([cut(cond, window) for window in group]), depth
            )
            for (rows, y, x), part in zip(group, clean.split(depth)):
                total[rows, :, y, x] += weight * part
                weights[rows, :, y, x] += weight
        return torch.where(
            weights > 0, total / weights.clamp_min(1e-12), cond.context[:, 1:2]
        ), None
