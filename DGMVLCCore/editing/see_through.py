"""Sampling with the editor: the hazy part in one step, the opaque core hidden and sampled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from DGMVLCCore.editing.sampler import Text
from DGMVLCCore.editing.tiles import joined
from DGMVLCCore.imaging.masks import rows_of
from DGMVLCCore.models.denoiser import Conditions
from DGMVLCCore.models.editor import Edit, Editor
from DGMVLCCore.models.region import Region
from DGMVLCCore.models.units import to_hu, to_units

OPAQUE_HU = -450.0  # denser, and the scan shows nothing of what lies behind
ASKED = 0.5  # a share of change from which on an opaque voxel is hidden
GROWN = 2  # pixels around an opaque core, whose partial volume would stay as a ring
IDLE = 0.03  # a smaller share is none: clear tissue comes back as it was
# Steps from a share of the noise (the temperature of a flow: Kingma and Dhariwal, 2018). On
# validation patients four from all of it end in more grain than the scan's own and farther from
# the truth, two in a blur.
STEPS, TEMPERATURE = 3, 0.9
SMOOTH_MM = 2.5  # sigma along z of a change map that shall not differ from slice to slice
IN_PLANE = ndimage.generate_binary_structure(2, 1)[None]


@dataclass
class EditPredictor:
    """The editor under autocast: (x_t, t, conditions) -> `Edit` in float32."""

    model: Editor
    autocast: bool = False

    @torch.inference_mode()
    def __call__(self, x_t: Tensor, t: float, cond: Conditions) -> Edit:
        times = torch.full((len(x_t),), t, device=x_t.device)
        with torch.autocast(x_t.device.type, torch.bfloat16, enabled=self.autocast):
            edit = self.model(x_t, times, cond)
        return Edit(edit.target.float(), edit.change.float(), edit.attention)

    def changes(
        self,
        parts: Sequence[tuple[Region, list[int]]],
        text: Text,
        capacity: int,
        on_slice: Callable[[int], None] = lambda count: None,
    ) -> list[np.ndarray]:
        """The change that a text asks for in some slices of several regions, all of them seen:
        float32 (slices,S,T) a region, 0 outside its mask. Regions of one size share batches.

        Args:
            capacity: slices that the device takes at once. on_slice: called with the slices done.
        """
        out = [np.zeros((len(rows), *region.hu.shape[1:]), np.float32) for region, rows in parts]
        by_size: dict[tuple[int, ...], list[int]] = {}
        for index, (region, _) in enumerate(parts):
            by_size.setdefault(region.hu.shape[1:], []).append(index)
        for same in by_size.values():
            seen = [
                r.conditions(rows, np.zeros_like(r.mask))
                for r, rows in map(parts.__getitem__, same)
            ]
            cond = joined(seen).to(text[0].device).with_text(*text)
            ends = np.cumsum([len(parts[index][1]) for index in same])[:-1]
            asked = self._asked(cond, capacity, on_slice)
            for index, each in zip(same, np.split(asked, ends)):
                region, rows = parts[index]
                out[index] = each * region.mask[rows]
        return out

    def changes_under(
        self, region: Region, rows: list[int], texts: Sequence[Text], capacity: int
    ) -> np.ndarray:
        """The change that each text asks for in some slices of a region, all of it seen: float32
        (texts,slices,S,T), 0 outside its mask. Texts share batches.

        Args:
            capacity: slices that the device takes at once.
        """
        image = region.conditions(rows, np.zeros_like(region.mask)).to(texts[0][0].device)
        asked = self._asked(joined([image.with_text(*text) for text in texts]), capacity)
        return asked.reshape(len(texts), len(rows), *region.hu.shape[1:]) * region.mask[rows]

    def _asked(
        self, cond: Conditions, capacity: int, on_slice: Callable[[int], None] = lambda count: None
    ) -> np.ndarray:
        """The change asked for in slices that are all seen, (B,S,T); what is idle is 0."""
        read = []
        for start in range(0, len(cond.context), capacity):
            shown = slice(start, start + capacity)
            part = cond.map(lambda value, shown=shown: value[shown])  # type: ignore[misc]
            change = torch.sigmoid(self(part.context[:, 1:2], 1.0, part).change)
            read.append(change[:, 0].cpu().numpy())
            on_slice(len(change))
        asked = np.concatenate(read)
        return np.where(asked < IDLE, 0, asked)


Predict = Callable[[Tensor, float, Conditions], Edit]


@dataclass(eq=False)
class FirstPass:
    """What one step says of a region whose voxels are all seen.

    Args:
        target: float32 (D,S,T) HU as the words say. change: float32 (D,S,T), 0..1 in the mask, 0
            outside. attention: float32 (D,S/4,T/4) that went to words; None without that unit.
    """

    target: np.ndarray
    change: np.ndarray
    attention: np.ndarray | None


@dataclass(eq=False)
class Answer:
    """What an edit gives.

    Args:
        hu: float32 (N,D,S,T) HU, one for each noise; the source outside the edit mask.
        invented: bool (D,S,T), made from noise rather than seen through.
        first: the pass that saw everything.
    """

    hu: np.ndarray
    invented: np.ndarray
    first: FirstPass


class RegionEditor:
    """Edits one region as one text says.

    Args:
        predict: the network. text: (1,L,T) states, mask and pooled vector. capacity: slices that
            the device takes at once. on_slice: called with the number of slices done.
    """

    def __init__(
        self,
        predict: Predict,
        region: Region,
        text: Text,
        *,
        capacity: int = 16,
        on_slice: Callable[[int], None] = lambda count: None,
    ) -> None:
        self.predict, self.region, self.text = predict, region, text
        self.capacity, self.on_slice = capacity, on_slice
        self.device = text[0].device

    def groups(self, rows: Sequence[int]) -> Iterator[list[int]]:
        """Rows in groups that fit the device."""
        for start in range(0, len(rows), self.capacity):
            yield [int(row) for row in rows[start : start + self.capacity]]

    def seen(self, rows: list[int], hidden: np.ndarray) -> Conditions:
        """Conditions of slices with a part hidden, under the text, on the device."""
        return self.region.conditions(rows, hidden).to(self.device).with_text(*self.text)

    def look(self, rows_read: Sequence[int] | None = None) -> FirstPass:
        """One step with everything seen: target, change map and attention, of every slice with a
        mask or of those asked for; the others stay as they are."""
        region = self.region
        nothing = np.zeros_like(region.mask)
        target, change = region.hu.copy(), np.zeros(region.hu.shape, np.float32)
        attention: np.ndarray | None = None
        for rows in self.groups(region.filled if rows_read is None else rows_read):
            cond = self.seen(rows, nothing)
            edit = self.predict(cond.context[:, 1:2], 1.0, cond)
            residual = (edit.target - cond.context[:, 1:2])[:, 0].cpu().numpy()
            # The difference is added, so that what lies beyond the model's range is not clipped.
            target[rows] = region.hu[rows] + residual * region.scale.half
            change[rows] = torch.sigmoid(edit.change)[:, 0].cpu().numpy() * region.mask[rows]
            if edit.attention is not None:
                words = (1 - edit.attention[..., 0]).float().cpu().numpy()
                cells = words.reshape(len(rows), *(n // 4 for n in region.hu.shape[1:]))
                if attention is None:
                    attention = np.zeros((len(region.hu), *cells.shape[1:]), np.float32)
                attention[rows] = cells
            self.on_slice(len(rows))
        change[change < IDLE] = 0
        return FirstPass(target, change, attention)

    def edit(
        self,
        noises: Sequence[Tensor],
        steps: int = STEPS,
        *,
        hidden: np.ndarray | None = None,
        smooth_mm: float = 0.0,
    ) -> Answer:
        """See through what is hazy, sample what is opaque.

        Args:
            noises: (D,S,T) Gaussian fields, one a sample. steps: of the flow in the hidden part.
            hidden: bool (D,S,T), made anew without a look at it, and nothing else; None where the
                first pass shall say what is too dense to see through.
            smooth_mm: blur of the change map along z, so that it does not differ from slice to
                slice; no voxel's own structure is blurred.
        """
        region = self.region
        if hidden is None:
            first = self.look()
            if smooth_mm:
                change = along_z(first.change, region.mask, smooth_mm / region.spacing[0])
                first = replace(first, change=change)
            invented = opaque_core(region.hu, region.mask, first.change)
        else:
            first = FirstPass(region.hu, np.zeros(region.hu.shape, np.float32), None)
            invented = hidden & region.mask
        through = region.hu + first.change * (first.target - region.hu)
        samples = np.repeat(through[None], len(noises), axis=0)
        opaque = rows_of(invented)
        # Samples of one slice share a batch, so that few slices keep a device as busy as many.
        pairs = [(draw, row) for draw in range(len(noises)) for row in opaque]
        for start in range(0, len(pairs), self.capacity):
            draws, rows = map(list, zip(*pairs[start : start + self.capacity]))
            noise = torch.stack([noises[draw][row] for draw, row in zip(draws, rows)])
            made = self.fill(rows, invented, noise, steps)
            samples[draws, rows] = np.where(invented[rows], made, samples[draws, rows])
            self.on_slice(len(rows) * steps)
        return Answer(samples.astype(np.float32), invented, first)

    def fill(self, rows: list[int], invented: np.ndarray, noise: Tensor, steps: int) -> np.ndarray:
        """HU (B,S,T) of slices whose hidden part is integrated from `noise` (rectified flow, Euler
        steps); the rest is the source."""
        cond = self.seen(rows, invented)
        source = torch.from_numpy(to_units(self.region.hu[rows], self.region.scale))[:, None]
        source, hidden = source.to(self.device), cond.hidden[:, 1:2] > 0  # type: ignore[index]
        x_t = torch.where(hidden, TEMPERATURE * noise[:, None].to(self.device), source)
        for index in range(steps):
            now, then = 1 - index / steps, 1 - (index + 1) / steps
            target = self.predict(x_t, now, cond).target
            flow = then / now * x_t + (1 - then / now) * target
            x_t = torch.where(hidden, flow, source)
        return to_hu(x_t[:, 0].cpu().numpy(), self.region.scale)


def along_z(values: np.ndarray, mask: np.ndarray, sigma: float) -> np.ndarray:
    """Values (D,S,T) of a mask blurred along z within it; sigma in slices."""
    inside = ndimage.gaussian_filter1d(mask.astype(np.float32), sigma, axis=0)
    blurred = ndimage.gaussian_filter1d(values * mask, sigma, axis=0)
    return (blurred / np.maximum(inside, 1e-6) * mask).astype(np.float32)


def opaque_core(hu: np.ndarray, mask: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Where a change is asked for and the source shows nothing through it, (D,S,T) bool."""
    core = mask & (change > ASKED) & (hu > OPAQUE_HU)
    core = ndimage.binary_opening(core, IN_PLANE)  # a vessel that is one voxel wide stays seen
    return ndimage.binary_dilation(core, IN_PLANE, iterations=GROWN) & mask
