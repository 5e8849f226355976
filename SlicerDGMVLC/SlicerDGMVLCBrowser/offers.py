"""A scan that was refused because something about it must be said by a person: what the page offers
to say, and the scan read with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trame.widgets import html

from .controls import button, choice, row_buttons

if TYPE_CHECKING:
    from .app import Viewer

ORIENTATIONS = ("LPS", "RAS", "LAS", "RPS", "LPI", "RAI", "LAI", "RPI")
# what must be said -> the sentence when it was not
WHICH = {
    "series": "Choose the series.",
    "orientation": "Choose where the axes x, y and z run to (L left, P back, S head).",
    "untilt": "",
}


def offer(state: Any, path: str, option: str, series: list[dict[str, Any]]) -> None:
    """Offer to read a refused scan with `option`; nothing when it is none of them."""
    with state:
        state.scan_offer = option if option in WHICH else ""
        state.scan_offered, state.scan_choice, state.series = path, "", series


def withdraw(state: Any) -> None:
    """Another scan is opened."""
    with state:
        state.scan_offer, state.series = "", []


def chosen(state: Any) -> dict[str, Any] | None:
    """Arguments of `open_path`; None when nothing usable was chosen."""
    said = str(state.scan_choice or "").strip()
    if state.scan_offer == "untilt":
        return {"untilt": True}
    if state.scan_offer == "series" and said.isdecimal() and len(said) < 7:
        return {"series": int(said)}
    if state.scan_offer == "orientation" and said in ORIENTATIONS:
        return {"orientation": said}
    return None


def as_fields(series: int | None, how: dict[str, Any]) -> dict[str, Any]:
    """Fields of the worker's requests about a scan that was read so."""
    return {**({"series": series} if series else {}), **how}


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
            viewer.open_offered,
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
            (viewer.open_series, "[row.number]"),
            disabled=("scan_busy || running",),
        ),
    ):
        html.Img(src=("row.picture",), alt="", classes="series-picture")
        html.Span("{{ row.words }}", classes="flex-grow-1 text-left")
