"""A region of an MR or X-ray picture made anew as a sentence says, in the picture's stored units (a
demonstration)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from DGMVLCCore.editing.memory import file_facts, input_facts
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.result import EditPlan
from DGMVLCCore.errors import UnsuitableInputError, UsageError, WeightsError
from DGMVLCCore.ground.devices import choose_device
from DGMVLCCore.imaging.anatomy import BODY, Anatomy
from DGMVLCCore.imaging.io import read_scan
from DGMVLCCore.imaging.labels import load_region
from DGMVLCCore.imaging.profiles import PLAIN
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.jobs.edit import check_options, require_slices
from DGMVLCCore.jobs.progress import guarded, memory_named
from DGMVLCCore.jobs.requests import Request
from DGMVLCCore.language.encoder import MAX_TOKENS
from DGMVLCCore.report.fill import RECORD, write_fill

Progress = Callable[[str, float], None]


def whole_picture(volume: Volume) -> Anatomy:
    """Anatomy of a picture whose anatomy nobody knows: all of it is body."""
    return Anatomy(np.full(volume.shape, BODY, np.uint8), origin=f"none for {volume.modality}")


def _plan(request: Request, volume: Volume, pipe: CounterfactualPipeline) -> EditPlan:
    """The edit: in mode replace the region is filled as the target says, in mode shift it goes from
    the report's sentence to the target's."""
    said = " ".join(request.report_text.split())
    target = request.target or said or PLAIN[volume.modality]
    source = said if request.mode == "shift" else ""
    if request.mode == "shift" and (not said or request.target is None):
        raise UsageError(
            "The mode shift needs the picture's own sentence (--report) and the other one "
            "(--target)."
        )
    for text in (source, target):
        if pipe.encoder.count_tokens(text) > MAX_TOKENS:
            raise UnsuitableInputError(
                f"The sentence “{text[:60]} …” is longer than the {MAX_TOKENS} tokens the "
                "network reads; shorten it."
            )
    if request.mask is None:
        raise UsageError(
            f"Give the region as a segmentation (--mask); in {volume.modality} none is proposed."
        )
    region = load_region(request.mask, volume, request.segment)
    return EditPlan(region, source, target, "", False, request.mode, hidden=region)


def _scan(request: Request) -> Volume:
    """The picture, checked.

    Raises:
        WeightsError: it is a CT. UsageError: the slices are not within it.
    """
    volume = read_scan(request.image, request.modality, request.reading)
    if volume.modality not in PLAIN:
        raise WeightsError(
            f"{request.image.name} is {volume.modality}, but the weights are for another "
            "modality; say which the picture is (--modality), "
            "or give weights for CT."
        )
    require_slices(request, volume)
    return volume


def run_fill(
    request: Request,
    progress: Progress | None = None,
    pipe: CounterfactualPipeline | None = None,
    *,
    should_cancel: Callable[[], bool] | None = None,
) -> Path:
    """Do the whole job; returns the path of `fill.json`.

    Args:
        request: as for `run_counterfactual`; `report_text` is the picture's sentence and may be
            empty. progress: gets (stage, share done).

    Raises:
        WeightsError: the weights are for another modality than the picture. Other DGMVLCErrors:
            every refusal, with its sentence; nothing was written.
    """
    tell = guarded(progress, should_cancel)
    check_options(request, RECORD)
    tell("loading", 0.0)
    device, volume = choose_device(request.device), _scan(request)
    pipe = (
        pipe or CounterfactualPipeline.from_pretrained(request.weights, modality=volume.modality)
    ).to(device)
    plan = _plan(request, volume, pipe)
    with memory_named(device):
        asked = {name: getattr(request, name) for name in ("noises", "steps", "seed", "slices")}
        result = pipe(volume, plan, anatomy=whole_picture(volume), callback=tell, **asked)
    tell("writing", 0.0)
    path = write_fill(
        result,
        request.out,
        inputs=input_facts(file_facts(request.image), request.mask, None),
        weights={"name": pipe.weights, "sha256": pipe.weights_sha256},
        overwrite=request.overwrite,
    )
    if progress:
        progress("writing", 1.0)
    return path
