"""A warm pipeline for many jobs: weights, language encoder and the last scan stay in memory."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from DGMVLCCore._resources import resource
from DGMVLCCore.editing.memory import ScanMemory
from DGMVLCCore.editing.pipeline import HOLE_FILLER, WEIGHTS, CounterfactualPipeline
from DGMVLCCore.editing.preview import Preview, preview_slice, rows_to_edit
from DGMVLCCore.editing.result import EditPlan
from DGMVLCCore.errors import Cancelled, OutputError, UsageError
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.jobs.edit import MARGIN_MM, Request, run_counterfactual
from DGMVLCCore.jobs.propose import Proposed, propose
from DGMVLCCore.language.prompts import denial_prompt, present_prompt
from DGMVLCCore.results.segmentation import proposal_segments, save_segmentation

log = logging.getLogger(__name__)
Cancel = Callable[[], bool]
R = TypeVar("R", bound=Request)


def _is(kind: type, value: Any) -> bool:
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def _slices(value: Any) -> tuple[int, int]:
    if (
        not isinstance(value, list | tuple)
        or len(value) != 2
        or not all(_is(int, v) for v in value)
    ):
        raise ValueError
    return value[0], value[1]


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
        raise ValueError
    return tuple(value)


def _exactly(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not _is(kind, value):
            raise ValueError
        return value

    return read


def _path(value: Any) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError
    return Path(value)


_READERS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "Path": (_path, "a path"),
    "str": (_exactly(str), "text"),
    "int": (_exactly(int), "a whole number"),
    "bool": (_exactly(bool), "true or false"),
    "tuple[int, int]": (_slices, "two whole numbers [first, last)"),
    "tuple[str, ...]": (_words, "a list of texts"),
}


def request_from_json(fields: Any, **defaults: Any) -> Request:
    """A counterfactual's request from its fields as JSON holds them; as `read_request`."""
    return read_request(fields, Request, **defaults)


def read_request(fields: Any, kind: type[R], **defaults: Any) -> R:
    """A request of the class `kind` from its fields as JSON holds them: paths as text, slices as
    [a, b] or null.

    Raises:
        UsageError: an unknown, missing or wrong field; the sentence names it.
    """
    if not isinstance(fields, dict):
        raise UsageError("The request must be an object with the fields of a request.")
    known = {field.name: field for field in dataclasses.fields(kind)}
    if unknown := sorted(set(fields) - set(known)):
        raise UsageError(
            f"The request has the unknown field {unknown[0]}; known are: {', '.join(known)}."
        )
    values = dict(defaults)
    for name, value in fields.items():
        type_, _, optional = str(known[name].type).partition(" | ")
        if value is None and optional == "None":
            values[name] = None
            continue
        read, wanted = _READERS.get(type_, (lambda v: v, ""))
        try:
            values[name] = read(value)
        except ValueError:
            raise UsageError(
                f"The request's field {name} must be {wanted}{' or null' if optional else ''}, "
                f"not {value!r:.60}."
            ) from None
    needed = [
        name
        for name, field in known.items()
        if field.default is dataclasses.MISSING and name not in values
    ]
    if needed:
        raise UsageError(f"The request lacks the field {needed[0]}.")
    return kind(**values)


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
            self._pipes[folder] = CounterfactualPipeline.from_pretrained(folder)
        return self._pipes[folder]

    def hole_filler(self, weights: Path | None = None) -> CounterfactualPipeline:
        """As `pipeline`, by default the shipped hole-filling denoiser."""
        return self.pipeline(weights or resource(HOLE_FILLER))

    def warm_up(self) -> None:
        """Load weights and encoder and encode every finding's sentences, before anybody waits."""
        pipe = self.pipeline()
        for term in pipe.findings:
            pipe.encoder.encode([present_prompt(term), denial_prompt(term)])
        pipe.encoder.encode(["", "Spiculated nodule."])

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


def region_facts(found: Proposed) -> dict[str, Any]:
    """Volume, score and a sentence on a proposal."""
    location, score = found.region.location, found.region.score
    return {
        "volume_ml": location.volume_ml,
        "score": score,
        "sentence": f"Proposed for “{found.finding.term}”: {location.volume_ml:.1f} ml, "
        f"{location.diameter_mm:.0f} mm, fit {score:.2f} of 1; an edit also takes "
        f"{MARGIN_MM:.0f} mm of lung around it. Check it before you press Apply.",
    }
