"""An edit of a region by an editor: its noises, its sentences, its progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from DGMVLCCore.editing.finish import Progress, counted, described
from DGMVLCCore.editing.result import EditPlan, Settings
from DGMVLCCore.editing.sampler import Text
from DGMVLCCore.editing.see_through import SMOOTH_MM, STEPS, Answer, EditPredictor, RegionEditor
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.noise import volume_noise
from DGMVLCCore.models.region import Region


class Editing(Protocol):
    """What of a `CounterfactualPipeline` an edit needs."""

    def edit_predictor(self) -> EditPredictor:
        """The editor's network."""

    def text(self, sentence: str) -> Text:
        """A sentence as the network reads it."""

    def capacity(self, region: Region) -> int:
        """Slices of a region that the network takes at once."""


def edit_through(
    pipe: Editing,
    region: Region,
    scan: Volume,
    anatomy: Anatomy,
    mask: np.ndarray,
    plan: EditPlan,
    settings: Settings,
    callback: Progress | None = None,
    should_cancel: Callable[[], bool] | None = None,
) -> Answer:
    """A region edited through its own voxels by an editor, once for each noise; what the plan hides
    is made anew.

    *Shift* adds what target and source sentence differ by, so equal texts cancel exactly.
    """
    correlation = described(settings, region, scan, anatomy, mask)
    noises, steps = int(settings["noises"]), min(int(settings["steps"]), STEPS)
    settings |= {"steps": steps, "guidance": 1.0}
    shape, seed = (len(scan.array), *region.hu.shape[1:]), int(settings["seed"]) * 1000
    part = slice(*region.rows)
    fields = [volume_noise(shape, correlation, seed + draw)[part] for draw in range(noises)]
    hidden = None if plan.hidden is None else region.inside(plan.hidden)
    smooth_mm = SMOOTH_MM if settings.get("smooth_z") else 0.0
    rows, sentences = int(region.mask.any((1, 2)).sum()), [plan.target]
    if plan.mode == "shift":
        sentences.append(plan.source)
    total = len(sentences) * rows * (1 + noises * steps)
    on_slices = counted(total, callback, should_cancel)
    answers = [
        RegionEditor(
            pipe.edit_predictor(),
            region,
            pipe.text(sentence),
            capacity=pipe.capacity(region),
            on_slice=lambda count: on_slices(count)(1, 1),
        ).edit(fields, steps, hidden=hidden, smooth_mm=smooth_mm)
        for sentence in sentences
    ]
    if callback:  # slices without an opaque part were counted, but had nothing more to do
        callback("editing", 1.0)
    answer = answers[0]
    if plan.mode == "shift":
        answer = replace(answer, hu=region.hu + answer.hu - answers[1].hu)
    settings["invented_share"] = round(float(answer.invented[region.mask].mean()), 4)
    return answer
