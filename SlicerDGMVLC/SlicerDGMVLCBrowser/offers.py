"""A scan that was refused because something about it must be said by a person: what the page offers
to say, and the scan read with it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from SlicerDGMVLCPresenters.requests import Reading
from trame.widgets import html

from .controls import button, choice, row_buttons
from .scan_facts import Refusal

if TYPE_CHECKING:
    from .app import Viewer

ORIENTATIONS = ("LPS", "RAS", "LAS", "RPS", "LPI", "RAI", "LAI", "RPI")
# what must be said -> the sentence when it was not
WHICH = {
    "series": "Choose the series.",
    "orientation": "Choose where the axes x, y and z run to (L left, P back, S head).",
    "untilt": "",
}


def offer(state: Any, path: str, refusal: Refusal) -> None:
    """Offer to read a refused scan otherwise; nothing when that would not help."""
    with state:
        state.scan_offer = refusal.option if refusal.option in WHICH else ""
        state.scan_offered, state.scan_choice = path, ""
        state.series = [asdict(row) for row in refusal.series]


def withdraw(state: Any) -> None:
    """Another scan is opened."""
    with state:
        state.scan_offer, state.series = "", []


def chosen(state: Any) -> Reading | None:
    """How the offered scan is to be read; None when nothing usable was chosen."""
    said = str(state.scan_choice or "").strip()
    if state.scan_offer == "untilt":
        return Reading(untilt=True)
    if state.scan_offer == "series" and said.isdecimal() and len(said) < 7:
        return Reading(series=int(said))
    if state.scan_offer == "orientation" and said in ORIENTATIONS:
        return Reading(orientation=said)
    return None


def build(viewer: Viewer) -> None:
    """The row under the path of a scan."""
    with (
        html.Div(v_show="scan_offer", classes="scan-offer"),
        html.Div(classes="d-flex ga-2 mt-2 align-center"),
    ):
        choice(
            "scan_choice",
            str(list(ORIENTATIONS)),
            "x, y, z run to",
            v_show="scan_offer === 'orientation'",
            classes="offer-orientation",
        )
        button(
            "{{ scan_offer === 'untilt' ? 'Open it resampled to a straight grid' : 'Open' }}",
            viewer.beside(viewer.opening.offered),
            v_show="scan_offer !== 'series'",
            disabled=("scan_busy || running",),
            classes="offer-open",
        )
    with (
        html.Div(v_show="scan_offer === 'series'", classes="offer-series mt-2"),
        row_buttons(
            "series",
            "number",
            "file series-row",
            (viewer.beside(viewer.opening.series), "[row.number]"),
            disabled=("scan_busy || running",),
        ),
    ):
        html.Img(src=("row.picture",), alt="", classes="series-picture")
        html.Span("{{ row.words }}", classes="flex-grow-1 text-left")
