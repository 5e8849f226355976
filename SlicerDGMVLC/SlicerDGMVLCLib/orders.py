"""From the panel's choices to orders for the worker; keeps the files that the worker reads until
the scene is closed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from SlicerDGMVLCPresenters.desk import Desk
from SlicerDGMVLCPresenters.requests import CompareRequest, Prepare
from SlicerDGMVLCPresenters.work import LOOK, PREPARE, REGION, RUN, Order

from .logic import (
    Exchange,
    axialPosition,
    checkSpace,
    makeRequest,
    makeRunFolder,
    sliceRange,
)
from .parameters import Parameters, Slices
from .records import Fields, asFields

OUTPUT_SETTING = "DGMVLC/OutputFolder"


class Orders:
    """Makes orders. Every method raises ValueError (a choice the core cannot take) or OSError (a
    file that cannot be written).

    Args:
        desk: whose case the orders are for. settings: QSettings. temporaryPath: where results go
            unless the user chooses. note: gets a sentence on what was done to the region.
    """

    def __init__(
        self,
        desk: Desk,
        scene: Any,
        settings: Any,
        temporaryPath: str,
        note: Callable[[str], None],
    ) -> None:
        self._desk, self._scene, self._settings = desk, scene, settings
        self._temporaryPath, self._note = temporaryPath, note
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

    def slices(self, parameters: Parameters) -> tuple[int, int] | None:
        """Slices that a run would be limited to, as far as that does not hang on the views."""
        volume = parameters.inputVolume
        empty = volume is None or volume.GetImageData() is None
        if empty or parameters.slices is Slices.CURRENT:
            return None
        return sliceRange(parameters, (0.0, 0.0, 0.0))

    def runs(self, parameters: Parameters) -> list[Order]:
        """A counterfactual a chosen finding."""
        volume = parameters.inputVolume
        slices = sliceRange(parameters, axialPosition(self._scene, volume))
        image, mask = self._export(parameters)
        orders: list[Order] = []
        taken: list[Path] = []
        for row in self._desk.case.chosen(self._desk.known):
            taken.append(makeRunFolder(self.folder, row.term, taken=taken))
            request = makeRequest(parameters, row.number, image, mask, slices, taken[-1])
            more = {"title": row.term, "preview": parameters.preview}
            orders.append(self._desk.order(RUN, "", asFields(request), **more))
        checkSpace(self.folder, volume)
        return orders

    def comparison(self, parameters: Parameters) -> CompareRequest:
        """The request for the desk's hypotheses; its answer names `comparison.json`."""
        image, mask = self._export(parameters)
        slices = sliceRange(parameters, axialPosition(self._scene, parameters.inputVolume))
        out = makeRunFolder(self.folder, "comparison")
        case = self._desk.case
        request = makeRequest(parameters, case.finding, image, mask, slices, out)
        checkSpace(self.folder, parameters.inputVolume)
        return request.comparing(self._desk.hypotheses)

    def proposal(self, parameters: Parameters) -> Order:
        """A region of the chosen finding."""
        self._exchange = self._exchange or Exchange()
        image = self._exchange.volume(parameters.inputVolume)
        out = self._exchange.path("proposed.seg.nrrd")
        request = makeRequest(parameters, self._desk.case.finding, image, None, None, out)
        return self._desk.order(REGION, "", asFields(request), title="region")

    def preparation(self, parameters: Parameters, answered: Callable[[Fields], None]) -> Order:
        """Lungs and features of the scan, before a run asks for them."""
        self._exchange = self._exchange or Exchange()
        request = Prepare(
            image=str(self._exchange.volume(parameters.inputVolume)),
            out=str(self._exchange.path("anatomy.nrrd")),
            device=parameters.device or None,
        )
        return self._desk.order(PREPARE, "prepare", asFields(request), answered=answered)

    def reading(self, parameters: Parameters, answered: Callable[[Fields], None]) -> Order:
        """Where the network sees the chosen finding, before a run asks for it."""
        if parameters.slices is Slices.CURRENT:
            raise ValueError("Which slice a run will be of is not known before.")
        self._exchange = self._exchange or Exchange()
        image, out = self._exchange.volume(parameters.inputVolume), self._exchange.path("ahead")
        finding, slices = self._desk.case.finding, self._desk.case.slices
        request = makeRequest(parameters, finding, image, None, slices, out)
        return self._desk.order(LOOK, "read-ahead", asFields(request), answered=answered)

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
