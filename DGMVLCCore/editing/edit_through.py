"""An edit of a region by an editor: its noises, its sentences, its progress."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from DGMVLCCore.editing.clear_density import at_clear_density
from DGMVLCCore.editing.sampler import Text
from DGMVLCCore.editing.see_through import SMOOTH_MM, STEPS, Answer, EditPredictor, RegionEditor
from DGMVLCCore.editing.work import Work
from DGMVLCCore.models.region import Region


class Editing(Protocol):
    """What of a `CounterfactualPipeline` an edit needs."""

    def edit_predictor(self) -> EditPredictor:
        """The editor's network."""

    def text(self, sentence: str) -> Text:
        """A sentence as the network reads it."""

    def capacity(self, region: Region) -> int:
        """Slices of a region that the network takes at once."""


def edit_through(pipe: Editing, work: Work) -> Answer:
    """A region edited through its own voxels by an editor, once for each noise; what the plan hides
    is made anew.

    *Shift* adds what target and source sentence differ by, so equal texts cancel exactly.
    """
    region, plan, settings = work.region, work.plan, work.settings
    field, steps = work.fields(), min(int(settings["steps"]), STEPS)
    settings |= {"steps": steps, "guidance": 1.0}
    fields = [field(draw) for draw in range(work.noises)]
    hidden = None if plan.hidden is None else region.inside(plan.hidden)
    smooth_mm = SMOOTH_MM if settings.get("smooth_z") else 0.0
    sentences = [plan.target, plan.source] if plan.mode == "shift" else [plan.target]
    total = len(sentences) * len(region.filled) * (1 + work.noises * steps)
    on_slices = work.counted(total)
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
    if work.callback:  # slices without an opaque part were counted, but had nothing more to do
        work.callback("editing", 1.0)
    answer = answers[0]
    if plan.mode == "shift":
        answer = replace(answer, hu=region.hu + answer.hu - answers[1].hu)
    elif plan.removes and hidden is None:
        answer = at_clear_density(answer, region)
    settings["invented_share"] = round(float(answer.invented[region.mask].mean()), 4)
    return answer
