"""A warm pipeline for many jobs: weights, language encoder and the last scan stay in memory."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from msgspec import Struct

from DGMVLCCore.editing.memory import ScanMemory
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.preview import Preview, preview_slice, rows_to_edit
from DGMVLCCore.editing.result import EditPlan
from DGMVLCCore.errors import Cancelled, OutputError, UsageError
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.jobs.edit import MARGIN_MM, Request, run_counterfactual
from DGMVLCCore.jobs.propose import Proposed, propose
from DGMVLCCore.language.prompts import denial_prompt, present_prompt
from DGMVLCCore.models.networks import WEIGHTS
from DGMVLCCore.report.drawing import save, sheet
from DGMVLCCore.results.segmentation import proposal_segments, save_segmentation

Cancel = Callable[[], bool]


PIPELINES_KEPT = 2


class Session:
    """Runs requests one after another on a pipeline that stays warm; not thread-safe."""

    def __init__(self) -> None:
        self.memory = ScanMemory()
        self._pipes: dict[Path, CounterfactualPipeline] = {}

    def pipeline(self, weights: Path | None = None) -> CounterfactualPipeline:
        """A weights folder's pipeline (default: the shipped editor), loaded unless it is among the
        last two."""
        folder = weights or resource(WEIGHTS)
        if folder not in self._pipes:
            while len(self._pipes) >= PIPELINES_KEPT:
                self._pipes.pop(next(iter(self._pipes)))
            loaded = next(iter(self._pipes.values()), None)
            shared = (loaded.encoder, loaded.alignment) if loaded else ()
            self._pipes[folder] = CounterfactualPipeline.from_pretrained(folder, *shared)
        return self._pipes[folder]

    def warm_up(self) -> None:
        """Load weights and encoder, encode every finding's sentences and draw nothing once, before
        anybody waits."""
        pipe = self.pipeline()
        for term in pipe.findings:
            pipe.encoder.encode([present_prompt(term), denial_prompt(term)])
        pipe.encoder.encode(["", "Spiculated nodule."])
        save(lambda: sheet(1, 1, (1, 1), "A")[0], BytesIO(), "warm-up")  # matplotlib and its fonts

    def run(
        self,
        request: Request,
        progress: Callable[[str, float], None] | None = None,
        should_cancel: Cancel | None = None,
        on_plan: Callable[[int], None] | None = None,
        on_preview: Callable[[Preview], None] | None = None,
    ) -> Path:
        """A counterfactual; returns the path of `result.json`.

        Args:
            on_plan: gets the number of slices to edit.
            on_preview: gets the preview; none is made without it.
        """

        def planned(
            pipe: CounterfactualPipeline, volume: Volume, anatomy: Anatomy, plan: EditPlan
        ) -> None:
            if on_plan:
                on_plan(len(rows_to_edit(volume.orientation().apply(plan.mask), request.slices)))
            if on_preview and (
                shown := preview_slice(
                    pipe,
                    volume,
                    anatomy,
                    plan,
                    slices=request.slices,
                    seed=request.seed,
                )
            ):
                on_preview(shown)

        return run_counterfactual(
            request,
            progress,
            self.pipeline(request.weights),
            should_cancel=should_cancel,
            memory=self.memory,
            on_plan=planned,
        )

    def region(
        self,
        request: Request,
        progress: Callable[[str, float], None] | None = None,
        should_cancel: Cancel | None = None,
    ) -> Proposed:
        """Propose a region and write it to `request.out` as a segmentation.

        Raises:
            OutputError: it cannot be written, or is there already and may not be replaced.
        """
        out = request.out
        if not out.name.endswith(".seg.nrrd"):
            raise UsageError(
                "The region is written as a segmentation, so its name must end in .seg.nrrd, "
                f"not {out.name}."
            )
        if out.exists() and not request.overwrite:
            raise OutputError(f"{out} exists already; choose another name or allow overwriting.")
        found = propose(
            request,
            progress,
            self.pipeline(request.weights),
            should_cancel=should_cancel,
            memory=self.memory,
        )
        if should_cancel and should_cancel():
            raise Cancelled("Cancelled; nothing was written.")
        save_segmentation(
            proposal_segments(found.finding.term, [(found.region.mask, found.region.score)]),
            found.volume,
            out,
        )
        return found


class RegionProposed(Struct, frozen=True):
    """A proposed region for a viewer: where it was written, and what to know of it."""

    path: str
    volume_ml: float
    score: float
    sentence: str


def region_proposed(found: Proposed, path: Path) -> RegionProposed:
    """A proposal that was written to `path`."""
    location, score = found.region.location, found.region.score
    sentence = (
        f"Proposed for “{found.finding.term}”: {location.volume_ml:.1f} ml, "
        f"{location.diameter_mm:.0f} mm, fit {score:.2f} of 1; an edit also takes "
        f"{MARGIN_MM:.0f} mm of lung around it. "
    ) + (
        f"The editor sees no {found.finding.term} there, so a run would refuse it; choose or draw "
        "another region."
        if found.evidence is not None and found.evidence.absent
        else "Check it before the run."
    )
    return RegionProposed(str(path), location.volume_ml, score, sentence)
