"""Below the views: overlays, the result in words with its checks, the list of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from .controls import choice, icon_button, lines, slider, switch

if TYPE_CHECKING:
    from .app import Viewer

OVERLAYS = (
    (
        "attention",
        "Attention",
        "attention",
        "Graded segments on the original: where the network reads the finding",
    ),
    ("heat", "Heat map", "heat", "The same, continuous, on the original"),
    ("change", "Change map", "change", "Where the words ask for a change, on the original"),
    (
        "invented",
        "Invented (hatched)",
        "invented",
        "Made from noise, where the scan shows nothing through the finding; the rest is the "
        "patient's own, seen through",
    ),
    (
        "uncertainty",
        "Uncertainty",
        "uncertainty",
        "Standard deviation between the samples, on the counterfactual",
    ),
    ("mask", "Edit region", "mask", "Outline; every voxel outside it is the patient's own"),
)
RUN_STEPS = (
    ("undo", "mdi-undo", "Take the last run back (Ctrl Z)"),
    ("redo", "mdi-redo", "The run that was taken back (Ctrl Y)"),
)


def _overlays() -> None:
    with html.Div(classes="card overlays"):
        html.Div("Overlays", classes="card-title")
        for name, label, has, title in OVERLAYS:
            with html.Div(classes="overlay", v_show=f"has.{has}", title=title):
                switch(f"show_{name}", label, classes=f"switch-{name}")
                off = (f"!show_{name}",)
                slider(f"opacity_{name}", 0, 1, 0.05, f"Opacity of {label}", disabled=off)
        several = "maps.length > 1 && show_heat"
        choice("map", "maps", "Heat map of", v_show=several, classes="mt-1")


def _words() -> None:
    with html.Div(classes="card words"):
        html.Div("{{ plan }}", classes="card-title")
        lines("explanation", "explanation", html.P)
        with (
            html.Div(classes="gates"),
            html.Div(
                v_for="gate in gates",
                key="gate.name",
                classes=("['gate', gate.passed ? 'gate-ok' : 'gate-bad']",),
                title=("gate.sentence",),
            ),
        ):
            v3.VIcon(
                "{{ gate.passed ? 'mdi-check' : 'mdi-alert' }}", size="x-small", classes="mr-1"
            )
            html.Span("{{ gate.name }}: {{ gate.words }}")


def _run_row(viewer: Viewer) -> None:
    """A run by its time and title, with a warning when a check failed, and its removal."""
    with html.Button(
        type="button",
        classes="run-name",
        click=(viewer.show_run, "[run.number]"),
        title=("run.title",),
    ):
        html.Span("{{ run.when }}", classes="faint mr-2")
        html.Span("{{ run.title }}")
    v3.VIcon("mdi-alert", v_show="!run.ok", size="x-small", color="warning", title="A check failed")
    remove = (viewer.remove_run, "[run.number]")
    icon_button("mdi-delete-outline", "Remove this run", remove, size="x-small")


def _runs(viewer: Viewer) -> None:
    with html.Div(classes="card runs"):
        with html.Div(classes="d-flex align-center"):
            html.Div("Runs", classes="card-title flex-grow-1")
            for name, icon, title in RUN_STEPS:
                icon_button(
                    icon,
                    title,
                    f"trigger('run_{name}')",
                    size="x-small",
                    disabled=(f"!run_{name} || running",),
                    classes=f"run-{name}",
                )
        with html.Div(
            v_for="run in runs",
            key="run.number",
            classes=("['run-row', {'run-shown': shown_run === run.number}]",),
        ):
            _run_row(viewer)


def build_results(viewer: Viewer) -> None:
    """The row below the views; it is there as soon as there is a run."""
    with html.Div(v_show="runs.length || run_redo", classes="below"):
        with html.Div(v_show="shown_run", classes="below-shown"):
            _overlays()
            _words()
        _runs(viewer)
