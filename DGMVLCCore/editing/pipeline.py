"""The counterfactual in one call: scan + plan -> edited scan, difference, uncertainty, gates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from DGMVLCCore.editing import sampler
from DGMVLCCore.editing.alignment import AlignmentPipeline
from DGMVLCCore.editing.compose import residual
from DGMVLCCore.editing.edit_through import edit_through
from DGMVLCCore.editing.finish import finish
from DGMVLCCore.editing.result import CounterfactualResult, EditPlan, Settings
from DGMVLCCore.editing.see_through import EditPredictor
from DGMVLCCore.editing.tiles import TiledPredictor, WindowPlan, announce, joined, plan_for
from DGMVLCCore.editing.work import Progress, Work
from DGMVLCCore.errors import UnsuitableInputError, WeightsError
from DGMVLCCore.ground.devices import computes_bf16
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.masks import rows_around
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.language.encoder import LanguageEncoder
from DGMVLCCore.models.anatomy import find_anatomy
from DGMVLCCore.models.checks import move, weights_folder
from DGMVLCCore.models.denoiser import Conditions, Denoiser
from DGMVLCCore.models.editor import Editor
from DGMVLCCore.models.networks import WEIGHTS, load_generator
from DGMVLCCore.models.region import Region, cut_region
from DGMVLCCore.models.units import to_units

BATCH = {"cpu": 16, "cuda": 128, "mps": 32}
Group = tuple[
    list[tuple[int, int]], Tensor, Conditions
]  # (noise, slice) pairs, image, what is known
ONE_PASS = {
    "network": "one pass",
    "steps": 1,
    "guidance": 1.0,
}  # what a one-pass network does, whatever was asked


class CounterfactualPipeline:
    """Edits a chest CT as a sentence says, inside a mask, and leaves every other voxel alone.

    Example:
        >>> pipe = CounterfactualPipeline.from_pretrained()
        >>> result = pipe(volume, plan)
        >>> result.difference  # HU, counterfactual − original
    """

    def __init__(
        self,
        model: Denoiser,
        encoder: LanguageEncoder,
        weights_sha256: str = "",
        weights: str = "",
        alignment: AlignmentPipeline | None = None,
    ) -> None:
        self.model, self.encoder, self.alignment = model.eval(), encoder, alignment
        self.weights_sha256, self.weights = weights_sha256, weights
        self.device = torch.device("cpu")

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path | None = None,
        encoder: LanguageEncoder | None = None,
        alignment: AlignmentPipeline | None = None,
        modality: str = "CT",
    ) -> CounterfactualPipeline:
        """Load weights from a folder (the shipped ones by default); nothing is downloaded.

        Args:
            alignment: the dual encoder that proposes regions and checks edits; the shipped one by
                default, none for other modalities than CT.
            modality: what the weights must be for: "CT", "MR" or "XR".

        Raises:
            WeightsError: missing, altered, of another architecture or modality, or trained with
                another dual encoder.
        """
        folder = weights_folder(path, WEIGHTS)
        model, sha256 = load_generator(folder)
        if (made_for := model.config.get("modality", "CT")) != modality:
            raise WeightsError(
                f"The weights in {folder} are for {made_for}, but {modality} is to be edited; "
                "give weights of that modality (--weights)."
            )
        encoder = encoder or LanguageEncoder()
        if modality != "CT":
            return cls(model, encoder, sha256, folder.name)
        alignment = alignment or AlignmentPipeline.from_pretrained(encoder=encoder)
        trained_with = model.config["vision_sha256"]
        if trained_with and trained_with != alignment.model.scan_sha256():
            raise WeightsError(
                f"The weights in {folder} were trained with another dual encoder than "
                f"{alignment.weights}; give both from one release."
            )
        return cls(model, encoder, sha256, folder.name, alignment)

    def save_pretrained(self, path: str | Path) -> None:
        """Write weights (fp16) and configuration as a folder."""
        copy: Any = type(self.model).from_config(self.model.config)
        copy.load_state_dict({name: value.cpu() for name, value in self.model.state_dict().items()})
        copy.half().save_pretrained(str(path))

    def to(self, device: str | torch.device) -> CounterfactualPipeline:
        """Move to a device ("cpu", "cuda:0", "mps")."""
        move(self.model, device)
        self.device = torch.device(device)
        if self.alignment is not None:
            self.alignment.to(device)
        return self

    @property
    def modality(self) -> str:
        """What the weights were trained on: "CT", "MR" or "XR"."""
        return str(self.model.config.get("modality", "CT"))

    @property
    def findings(self) -> tuple[str, ...]:
        """Terms the weights were taught."""
        return tuple(self.model.config["findings"])

    @property
    def one_pass(self) -> bool:
        """True for the adversarial network, which makes its image at once and judges no voxels."""
        return bool(getattr(self.model, "one_pass", False))

    @property
    def sees(self) -> bool:
        """True for an editor, which works through the region's own voxels."""
        return isinstance(self.model, Editor)

    def require_times(self, what: str) -> None:
        """Refuse what only a network that answers at every time of the flow can do.

        Raises:
            UnsuitableInputError: these weights are a one-pass network's.
        """
        if self.one_pass:
            raise UnsuitableInputError(
                f"The one-pass network {self.weights} makes images and reads none, so it gives "
                f"no {what}; use an editor's or a denoiser's weights."
            )

    def require_sight(self, what: str) -> None:
        """Refuse what only a network that works through the region's own voxels can do.

        Raises:
            UnsuitableInputError: these weights are no editor's.
        """
        if not self.sees:
            raise UnsuitableInputError(
                f"The weights {self.weights} fill holes and read no voxels of them, so they give "
                f"no {what}; use an editor's weights."
            )

    def text(self, sentence: str) -> sampler.Text:
        """One sentence as (1,L,T) states, (1,L) mask, (1,T) pooled on the device."""
        states = self.encoder.encode([sentence])
        return tuple(
            torch.from_numpy(x).to(self.device) for x in (states.tokens, states.mask, states.pooled)
        )  # type: ignore[return-value]

    def predictor(self) -> sampler.Predictor:
        """What fills the whole mask, in bf16 where the processor has it."""
        return sampler.Predictor(self.model, self.native_bf16)

    def edit_predictor(self) -> EditPredictor:
        """The editor, in bf16 where the processor has it."""
        return EditPredictor(self.model, self.native_bf16)  # type: ignore[arg-type]

    @property
    def native_bf16(self) -> bool:
        """True where the device computes in bf16 itself."""
        return computes_bf16(self.device.type)

    def capacity(self, region: Region, plan: WindowPlan | None = None) -> int:
        """Slices of a region, or of the windows over it, that the network takes at once on this
        device."""
        pixels = (
            region.hu[0].size if plan is None else int(np.prod(plan.shape(region.hu.shape)[1:]))
        )
        return max(int(BATCH[self.device.type] * (128 * 128) / pixels), 1)

    def batches(
        self, region: Region, rows: list[int]
    ) -> Iterator[tuple[list[int], Tensor, Conditions]]:
        """Slices of a region in batches: rows, image (B,1,S,T) in model units, image conditions."""
        size = self.capacity(region)
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            image = torch.from_numpy(to_units(region.hu[part], region.scale))[:, None].to(
                self.device
            )
            slices, which = np.unique(
                part, return_inverse=True
            )  # samples of one slice share its conditions
            cond = region.conditions([int(row) for row in slices]).to(self.device)
            if self.model.scan is not None and self.alignment is not None:
                cond.scan = self.alignment.model.scan_embedding(cond)
            index = torch.from_numpy(which).to(self.device)
            own = cond.map(lambda value, index=index: value[index])  # type: ignore[misc]
            yield part, image, own

    def _batched(self, region: Region, rows: list[int], noises: int) -> Iterator[Group]:
        """(noise, slice) pairs in batches: samples of one slice share one, so that an edit of few
        slices keeps the processor as busy as one of many."""
        pairs = [(draw, row) for draw in range(noises) for row in rows]
        for part, image, cond in self.batches(region, [row for _, row in pairs]):
            group, pairs = pairs[: len(part)], pairs[len(part) :]
            yield group, image, cond

    def stack(self, region: Region, rows: list[int]) -> tuple[Tensor, Conditions]:
        """Slices of a region as one batch: image (D,1,S,T) in model units, image conditions."""
        _, images, conditions = zip(*self.batches(region, rows))
        return torch.cat(images), joined(conditions)

    def __call__(
        self,
        volume: Volume,
        plan: EditPlan,
        *,
        anatomy: Anatomy | None = None,
        noises: int = 8,
        steps: int = 10,
        seed: int = 0,
        guidance: float = 1.5,
        slices: tuple[int, int] | None = None,
        draw: int | None = None,
        tiles: bool = False,
        smooth_z: bool = False,
        callback: Progress | None = None,
        should_cancel: Callable[[], bool] | None = None,
    ) -> CounterfactualResult:
        """Edit a scan.

        Args:
            volume: CT in HU (for weights of another modality, that one in stored units), any
                orientation. plan: what to change and where.
            anatomy: on the scan's own grid; found in the scan when None.
            noises: independent noise fields; their spread is the uncertainty, their medoid the
                counterfactual.
            slices: canonical (feet to head) slice range the edit is limited to.
            draw: number of the noise that makes the counterfactual, for edits that are compared
                under the same one; the medoid when None.
            tiles: keep the scan's own spacing however large the region is; it is then computed in
                overlapping tiles.
            smooth_z: let an editor's change map run smoothly from slice to slice.
            callback: gets ("editing", share done). should_cancel: asked between steps.

        Raises:
            UnsuitableInputError: empty mask. WeightsError: the scan is of another modality than the
                weights. DeviceError: not enough memory for the tiles. Cancelled: `should_cancel`
                said so.
        """
        self._require_fit(volume, smooth_z)
        scan, turn = volume.canonical()
        anatomy = (anatomy or find_anatomy(volume)).reoriented(turn)
        mask = _edit_mask(np.ascontiguousarray(turn.apply(plan.mask)) & anatomy.body, slices)
        sampling = {"noises": noises, "steps": steps, "seed": seed, "guidance": guidance}
        network = {"device": str(self.device), "network": type(self.model).__name__}
        extent = {"mode": plan.mode, "slices": slices, **network, "tiles": tiles}
        settings: Settings = {**sampling, **extent, "smooth_z": smooth_z}
        if plan.source == plan.target:
            return _unchanged(volume, plan, settings)
        if base := self.model.config.get("base_sha256"):
            settings["base_sha256"] = base  # the result's weights are then the layers along z alone
        region = cut_region(scan, anatomy, mask, rows_around(mask), whole=tiles)
        if plan.hidden is not None:
            plan = replace(plan, hidden=turn.apply(plan.hidden))
        work = Work(region, scan, anatomy, mask, plan, settings, callback, should_cancel)
        edited = edit_through(self, work) if self.sees else None
        deltas = edited.hu - region.hu if edited else _differences(self.sample(work), region)
        deltas = np.where(region.mask, deltas, 0).astype(np.float32)
        return finish(volume, work, deltas, draw, edited)

    def _require_fit(self, volume: Volume, smooth_z: bool) -> None:
        """Raise WeightsError when the weights are not for this scan, or cannot do what is asked."""
        if volume.modality != self.modality:
            raise WeightsError(
                f"The weights {self.weights} are for {self.modality}, but the scan is "
                f"{volume.modality}; give weights of that modality."
            )
        if smooth_z:
            self.require_sight("smooth change along z (--smooth-z)")

    def sample(self, work: Work) -> np.ndarray:
        """Edited regions, one for each noise: float32 (N,D,S,T) in model units.

        A one-pass network replaces in one pass, and shifts by what two passes from the same noise
        differ by: the scan plus target minus source.
        """
        region, plan, settings = work.region, work.plan, work.settings
        if self.sees:
            return to_units(edit_through(self, work).hu, region.scale)
        settings |= ONE_PASS if self.one_pass else {}
        field = lru_cache(maxsize=1)(work.fields())  # one of them is as large as the scan
        predict, groups, pairs = self._groups(work)
        steps = int(settings["steps"])
        step_of = work.counted(pairs * steps)
        source, target, empty = self.text(plan.source), self.text(plan.target), self.text("")
        out = np.repeat(to_units(region.hu, region.scale)[None], work.noises, axis=0)
        for group, image, cond in groups:
            noise = torch.stack([field(draw)[row] for draw, row in group])[:, None].to(self.device)
            common = {"steps": steps, "guidance": settings["guidance"]}
            common["on_step"] = step_of(len(group))
            if plan.mode == "shift":
                common["start"] = 1.0 if self.one_pass else sampler.SHIFT_START
                edited = sampler.shift(predict, image, noise, cond, source, target, **common)
            else:
                edited = sampler.replace(predict, image, noise, cond, target, empty, **common)
            for (draw, row), made in zip(group, edited[:, 0]):
                out[draw, row] = made.float().cpu().numpy()
        return out

    def _groups(self, work: Work) -> tuple[sampler.Predict, Iterator[Group], int]:
        """What predicts, the (noise, slice) pairs in groups, and how many pairs there are; a stack
        that is computed in windows is a group of its own for each noise."""
        region, noises, predict = work.region, work.noises, self.predictor()
        windows = plan_for(self.model, region.hu.shape, bool(work.settings.get("tiles")))
        if windows is None:
            rows = region.filled
            return predict, self._batched(region, rows, noises), noises * len(rows)
        rows, capacity = list(range(len(region.hu))), self.capacity(region, windows)
        memory = announce(windows, region.hu.shape, capacity, noises, self.device)
        work.settings.update(windows=vars(windows), memory_mb=memory)
        image, cond = self.stack(region, rows)
        stacks = (([(draw, row) for row in rows], image, cond) for draw in range(noises))
        return TiledPredictor(predict, windows, capacity), stacks, noises * len(rows)


def _edit_mask(mask: np.ndarray, slices: tuple[int, int] | None) -> np.ndarray:
    """The mask's voxels, bool (D,H,W), in the chosen canonical slices.

    Raises:
        UnsuitableInputError: there are none.
    """
    if slices is not None:
        mask[: slices[0]] = False
        mask[slices[1] :] = False
    if not mask.any():
        raise UnsuitableInputError(
            "The edit mask holds no voxel of the body in the chosen slices; choose another region."
        )
    return mask


def _differences(samples: np.ndarray, region: Region) -> np.ndarray:
    """Samples of a region (N,D,S,T) in model units -> what they change of it, HU."""
    # The shift's reference is the clipped scan it started from, so that no change is exactly no
    # change.
    start = region.hu.clip(region.scale.low, None)
    return np.stack([residual(each, start, region.scale) for each in samples])


def _unchanged(volume: Volume, plan: EditPlan, settings: Settings) -> CounterfactualResult:
    """The scan itself, where the words ask for no change."""
    note = "Source and target sentences are equal, so the scan is returned unchanged."
    same, zero = volume.array.copy(), np.zeros(volume.shape, np.float32)
    made = volume.with_array(volume.array.copy())
    settings["note"] = note
    return CounterfactualResult(volume, made, same, zero, plan.mask, plan, [], settings)
