"""What an edit costs: parameters, FLOPs, passes, memory and time, on one phantom that is the same
for all."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.evaluation.benchmark.records import Json, Measured, Times
from DGMVLCCore.evaluation.benchmark.seed_unet import VOXELS, unet_times
from DGMVLCCore.evaluation.benchmark.variants import VARIANTS, Variant, edit
from DGMVLCCore.evaluation.cases import Case
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.denoiser import ANATOMY_CHANNELS, Conditions
from DGMVLCCore.simulation.insert import Lesion

SLICES, SIDE, SPACING = 8, 128, (2.5, 0.7, 0.7)
WORDS = 8
STATUS = Path("/proc/self/status")


def peak_mb() -> float:
    """Largest resident memory of this process so far, MB."""
    if STATUS.exists():
        # Not getrusage: there a new process begins with its parent's maximum.
        line = next(
            line
            for line in STATUS.read_text(encoding="utf-8").splitlines()
            if line.startswith("VmHWM")
        )
        return float(line.split()[1]) * 1024 / 1e6  # the kernel says kB and means 1024 bytes
    found = psutil.Process().memory_info()
    return float(getattr(found, "peak_wset", found.rss)) / 1e6


def phantom() -> Case:
    """Lungs of everyday size with a ball of denser tissue through eight slices; its region is
    128x128 pixels a slice, nothing is resampled."""
    rng, shape = np.random.default_rng(0), (SLICES + 2, 384, 384)
    labels = np.ones(shape, np.uint8)
    labels[:, 80:304, 48:180], labels[:, 80:304, 204:336] = 3, 2
    true = np.where(labels > 1, -860, 40) + rng.normal(0, 20, shape)
    y, x = np.mgrid[:384, :384]
    mask = np.zeros(shape, bool)
    mask[1:-1] = (y - 192) ** 2 + (x - 114) ** 2 < 22**2
    soft = np.zeros(shape, np.float32)
    soft[1:-1] = (y - 192) ** 2 + (x - 114) ** 2 < 12**2
    volume = Volume(np.rint(true).astype(np.float32), np.diag([*SPACING[::-1], 1.0]))
    scan = volume.with_array(np.where(soft > 0, 30, volume.array).astype(np.float32))
    lesion = Lesion(scan.array, soft, soft > 0, "smooth_nodule", "nodule", "right", "middle", 17.0)
    return Case("phantom", "phantom", volume, scan, Anatomy(labels, origin="phantom"), lesion, mask)


def blank_conditions(model: Any, side: int = SIDE) -> Conditions:
    """Zeros in the shape that one slice's conditions have."""
    import torch

    width, scan = model.config["text_dim"], model.config["scan_dim"]
    return Conditions(
        torch.zeros(1, 3, side, side),
        torch.ones(1, 3, side, side),
        torch.zeros(1, ANATOMY_CHANNELS, side, side),
        torch.ones(1, 2),
        torch.zeros(1, WORDS, width),
        torch.ones(1, WORDS, dtype=torch.bool),
        torch.zeros(1, width),
        torch.zeros(1, scan) if scan else None,
    )


def flops(model: Any) -> float:
    """Floating-point operations of one pass over a slice of 128x128 pixels (multiply and add count
    as two)."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 1, SIDE, SIDE), torch.ones(1), blank_conditions(model))
    return float(counter.get_total_flops())


class Passes:
    """Counts what goes through a network: slices, and pixels."""

    def __init__(self, model: Any) -> None:
        self.slices, self.pixels = 0, 0
        self.handle = model.register_forward_hook(self._count)

    def _count(self, model: Any, inputs: tuple[Any, ...], output: Any) -> None:
        self.slices += len(inputs[0])
        self.pixels += inputs[0].numel()


def _find(name: str) -> Variant:
    return next(variant for variant in VARIANTS if variant.name == name)


def _load(weights: str | None) -> CounterfactualPipeline:
    return CounterfactualPipeline.from_pretrained(weights).to("cpu")


def measure_job(spec: Json) -> Measured:
    """Of one variant: parameters, FLOPs a pass, passes an edited slice, peak memory of the process
    before and after an edit.

    Args:
        spec: "variant" (name), "weights" (folder; null means the shipped ones).
    """
    pipe, case, variant = _load(spec["weights"]), phantom(), _find(spec["variant"])
    loaded, passes = psutil.Process().memory_info().rss / 1e6, Passes(pipe.model)
    edit(variant, pipe, case, 0)
    passes.handle.remove()
    peak = peak_mb()
    return {
        "parameters": sum(p.numel() for p in pipe.model.parameters()),
        "flops": flops(pipe.model),
        "passes": passes.slices / SLICES,
        "pixels_a_slice": passes.pixels / passes.slices,
        "loaded_mb": round(loaded, 1),
        "peak_mb": round(peak, 1),
        "sha256": pipe.weights_sha256,
    }


def time_job(spec: Json) -> Times:
    """Seconds of an edit of eight slices, every variant in turn, so that a busy moment of the
    machine falls on all alike.

    Args:
        spec: "weights" (variant -> folder or null), "repeats", "calls" (of the U-Net of the seed's
            stated size; 0 for none).

    Returns:
        "edits": variant -> seconds of each repeat. "unet": see `unet_times`, null without calls.
    """
    pipes, case = {name: _load(weights) for name, weights in spec["weights"].items()}, phantom()
    seconds: dict[str, list[float]] = {name: [] for name in pipes}
    for turn in range(spec["repeats"] + 1):
        for name, pipe in pipes.items():
            started = time.perf_counter()
            edit(_find(name), pipe, case, turn)
            if turn:  # the first warms up
                seconds[name].append(time.perf_counter() - started)
    return {
        "edits": seconds,
        "unet": unet_times(spec["calls"]) if spec["calls"] else None,
        "voxels": VOXELS,
    }
