"""From the panel's choices to the session's jobs; keeps the files that the worker reads until the
scene is closed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .logic import (
    Exchange,
    Job,
    axialPosition,
    checkSpace,
    describe,
    makeCompareRequest,
    makeRequest,
    makeRunFolder,
    sliceRange,
)
from .parameters import Parameters

OUTPUT_SETTING = "DGMVLC/OutputFolder"
Chosen = list[tuple[int, dict[str, Any]]]  # 1-based number and finding


class Orders:
    """Makes jobs. Every method raises ValueError (a choice the core cannot take) or OSError (a file
    that cannot be written).

    Args:
        settings: QSettings. temporaryPath: where results go unless the user chooses. note: gets a
            sentence on what was done to the region.
    """

    def __init__(
        self, scene: Any, settings: Any, temporaryPath: str, note: Callable[[str], None]
    ) -> None:
        self._scene, self._settings, self._temporaryPath, self._note = (
            scene,
            settings,
            temporaryPath,
            note,
        )
        self._exchange: Exchange | None = None

    @property
    def folder(self) -> Path:
        """Folder that gets the runs' folders."""
        chosen = self._settings.value(OUTPUT_SETTING)
        return Path(str(chosen)) if chosen else Path(self._temporaryPath) / "DGM-VLC"

    @folder.setter
    def folder(self, path: str | Path) -> None:
        self._settings.setValue(OUTPUT_SETTING, str(path))

    def path(self, name: str) -> Path:
        """A new file name that goes with the scene."""
        self._exchange = self._exchange or Exchange()
        return self._exchange.path(name)

    def newFolder(self, what: str) -> Path:
        """A folder name that is not taken; not made."""
        return makeRunFolder(self.folder, what)

    def runs(self, parameters: Parameters, chosen: Chosen) -> list[Job]:
        """A counterfactual a finding."""
        volume = parameters.inputVolume
        slices = sliceRange(parameters, axialPosition(self._scene, volume))
        image, mask = self._export(parameters)
        jobs: list[Job] = []
        taken: list[Path] = []
        for number, finding in chosen:
            out = makeRunFolder(self.folder, finding["term"], taken=taken)
            taken.append(out)
            jobs.append(
                Job(
                    number,
                    describe(parameters, finding["term"]),
                    makeRequest(parameters, number, image, mask, slices, out),
                    volume.GetID(),
                )
            )
        checkSpace(self.folder, volume)
        return jobs

    def comparison(self, parameters: Parameters, hypotheses: list[str], chosen: Chosen) -> Job:
        """Hypotheses of the region; its answer names `comparison.json`."""
        image, mask = self._export(parameters)
        slices = sliceRange(parameters, axialPosition(self._scene, parameters.inputVolume))
        out = makeRunFolder(self.folder, "comparison")
        request = makeCompareRequest(
            parameters, hypotheses, chosen[0][0] if chosen else None, image, mask, slices, out
        )
        checkSpace(self.folder, parameters.inputVolume)
        return Job(0, "comparison", request, parameters.inputVolume.GetID())

    def proposal(self, parameters: Parameters, number: int) -> dict[str, Any]:
        """The request for a region of finding `number`."""
        self._exchange = self._exchange or Exchange()
        image = self._exchange.volume(parameters.inputVolume)
        return makeRequest(
            parameters, number, image, None, None, self._exchange.path("proposed.seg.nrrd")
        )

    def _export(self, parameters: Parameters) -> tuple[Path, Path | None]:
        self._exchange = self._exchange or Exchange()
        image = self._exchange.volume(parameters.inputVolume)
        if not parameters.regionNode:
            return image, None
        mask, note = self._exchange.segment(
            parameters.regionNode, parameters.regionSegment, parameters.inputVolume
        )
        if note:
            self._note(note)
        return image, mask

    def close(self) -> None:
        """Remove the files."""
        exchange, self._exchange = self._exchange, None
        if exchange:
            exchange.close()
