"""The page: work on the left, views in the middle, result below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from SlicerDGMVLCPresenters.keys import KEYS
from trame.ui.html import DivLayout
from trame.ui.vuetify3 import VAppLayout
from trame.widgets import client, html
from trame.widgets import vuetify3 as v3

from .controls import aria, button, icon_button, option, slider, toggle
from .panel import build_panel
from .results import build_results

if TYPE_CHECKING:
    from .app import Viewer

VIEWS = "views"  # name of the template
NOTICE = "Research use only; not a medical device"
LAYOUTS = (
    ("columns", "Compare", "Original, counterfactual and difference"),
    ("rows", "+ coronal", "With a coronal row"),
)
READOUT = ("original", "counterfactual", "difference")
POINTERS = (
    ("window", "mdi-contrast-circle", "Drag: window and level (V)"),
    ("ruler", "mdi-ruler", "Drag: length (L)"),
    ("area", "mdi-vector-circle", "Drag: mean and spread of an area (M)"),
)
SLABS = ((0, "Slice"), (10, "MIP 10 mm"), (20, "MIP 20 mm"), (30, "MIP 30 mm"))


def _bar(viewer: Viewer) -> None:
    with v3.VAppBar(height=52, flat=True, classes="bar"):
        about_panel = "Show or hide the panel"
        icon_button("mdi-menu", about_panel, "panel = !panel", "Panel", classes="ml-2")
        html.Img(src="dgmvlc/favicon.svg", classes="logo", alt="")
        html.Span("DGM-VLC", classes="brand")
        html.Span("{{ header }}", classes="scan-name", title=("scan_facts",))
        v3.VSpacer()
        _looks(viewer)
        _case_buttons()
        html.Span(NOTICE, classes="notice mr-4")


def _looks(viewer: Viewer) -> None:
    """The window, and which views are shown."""
    with toggle("preset", classes="mr-3", v_show="scan_name"):
        for preset in ("lung", "mediastinum", "bone"):
            # the listener hears of another one alone; a dragged window is taken back by the same
            again = {"click": "trigger('preset')", "classes": f"preset-{preset}"}
            option(preset, preset.capitalize(), **again)
    with toggle("layout", acts=False, classes="mr-3", v_show="runs.length"):
        planes = "The scan alone, in three planes"
        option("scan", "Scan", click=viewer.show_scan, title=planes)
        for layout, label, title in LAYOUTS:
            run = f"[shown_run || (runs[0] || {{}}).number, '{layout}']"
            option(layout, label, click=(viewer.show_run, run), title=title)


def _case_buttons() -> None:
    """Save the scene, keep the case, fit the views, show the keys."""
    button(
        "Save scene",
        "utils.dgmvlc.save()",
        prepend_icon="mdi-download",
        classes="mr-3 save",
        v_show="runs.length && !saving",
        title="A .mrb file that 3D Slicer opens",
    )
    button(
        "Stop saving",
        "trigger('stop_saving')",
        prepend_icon="mdi-loading mdi-spin",
        classes="mr-3 stop-saving",
        v_show="saving",
        title="The scene is being written; press to stop it",
    )
    client.ClientStateChange(value="saving", change="saving || utils.dgmvlc.saved(scene_address)")
    icon_button(
        "mdi-content-save-outline",
        "Keep this case on this machine, to go on another day",
        "trigger('keep')",
        "Keep this case",
        v_show="scan_name",
        disabled=("running",),
        classes="keep",
    )
    icon_button(
        "mdi-fit-to-screen-outline",
        "Fit the views (F)",
        "trigger('fit')",
        "Fit the views",
        v_show="layout !== 'empty'",
        classes="fit",
    )
    icon_button("mdi-help-circle-outline", "Keys (?)", "help = true", "Keys", classes="mr-2")


def _help() -> None:
    """The card of keys."""
    with (
        v3.VDialog(v_model=("help",), max_width=560),
        v3.VCard(classes="help pa-5", title="Keys"),
        html.Table(),
    ):
        for keys, what in KEYS:
            with html.Tr():
                with html.Td():
                    html.Kbd(keys)
                html.Td(what)


def _message(viewer: Viewer) -> None:
    with (
        html.Div(
            v_show="message",
            classes=("['message', 'message-' + message_kind]",),
            raw_attrs=['role="alert"'],
        ),
        html.Div(classes="d-flex align-center"),
    ):
        with html.Div(classes="flex-grow-1"):
            html.Span("{{ message }}", classes="message-text")
            html.Span(" {{ advice }}", classes="message-advice", v_show="advice")
        close = "message = ''; advice = ''"
        icon_button("mdi-close", "Close", close, "Close the message", size="x-small")


def _views(viewer: Viewer) -> None:
    with html.Div(classes="stage"):
        with html.Div(v_show="layout === 'empty'", classes="welcome"):
            html.Img(src="dgmvlc/favicon.svg", alt="", style="width: 72px")
            html.H2("What would this chest CT look like without the finding?")
            html.P("Open a scan on the left, or look at the sample first.")
            v3.VBtn(
                "Open the sample",
                color="primary",
                size="large",
                prepend_icon="mdi-image-search-outline",
                click=viewer.beside(viewer.opening.sample),
                loading=("scan_busy",),
                classes="sample-large",
            )
        with html.Div(v_show="layout !== 'empty'", classes="grid"):
            client.ServerTemplate(name=VIEWS)
    _strip(viewer)


def _strip(viewer: Viewer) -> None:
    """Below the views: slices with the change along them, what the mouse does, what it says."""
    with html.Div(v_show="layout !== 'empty'", classes="strip"):
        html.Span(
            "Slice {{ slice }} / {{ slices_of }}",
            classes="strip-slice",
            title="Wheel, or arrow keys; Page keys move by ten",
        )
        with html.Div(classes="strip-slider"):
            slider("slice", 1, ("Math.max(slices_of, 1)",), 1, "Slice")
            html.Div(
                classes="strip-changes",
                style=("{background: changes}",),
                title="Where the scan is changed, or the region lies",
            )
        _pointers()
        html.Span("{{ window_words }}", classes="strip-window", title="Drag with the left button")
        html.Span("{{ measured }}", v_show="measured", classes="strip-measured")
        with html.Div(classes="readout"):
            html.Span("{{ readout.place || 'Point at a voxel' }}", classes="readout-place")
            for name in READOUT:
                with html.Span(v_show=f"readout.{name}", classes=f"readout-{name}"):
                    html.Span(name, classes="readout-label")
                    html.Span("{{ readout." + name + " }}", classes="readout-value")


def _pointers() -> None:
    """To the largest change, what dragging does, the thickness of the slab."""
    icon_button(
        "mdi-target",
        "To the largest change (G)",
        "trigger('to_change')",
        "To the largest change",
        size="x-small",
        v_show="peak",
        classes="to-change",
    )
    with toggle("pointer", classes="pointers"):
        for value, icon, title in POINTERS:
            v3.VBtn(
                icon=icon,
                value=value,
                size="x-small",
                title=title,
                classes=f"pointer-{value}",
                **aria(title),
            )
    v3.VSelect(
        v_model=("slab",),
        items=(str([{"title": t, "value": v} for v, t in SLABS]),),
        classes="slab",
        title="Highest HU of a slab (S)",
        **aria("Slab"),
    )


def build_page(viewer: Viewer) -> VAppLayout:
    """The whole page of a viewer."""
    # Other views are another template; in the page's own, the page would be made anew under
    # whoever is typing, whose letters would be lost.
    with DivLayout(viewer.server, VIEWS, connect_parent=False) as views:
        viewer.stage.views.layouts.initialize_layout_grid(views)
    with VAppLayout(viewer.server, vuetify_config=THEME) as layout:
        layout.root.theme = "dgmvlc"
        _bar(viewer)
        _help()
        html.Div(
            "The viewer needs a window of 800 pixels or more; make it wider. " + NOTICE + ".",
            classes="small-screen",
        )
        with v3.VNavigationDrawer(
            v_model=("panel",),
            width=368,
            permanent=True,
            classes="panel",
            disable_resize_watcher=True,
        ):
            build_panel(viewer)
        with v3.VMain(classes="main"), html.Div(classes="column"):
            _message(viewer)
            _views(viewer)
            build_results(viewer)
    return layout


THEME = {
    "theme": {
        "themes": {
            "dgmvlc": {
                "dark": True,
                "colors": {
                    "background": "#0d1216",
                    "surface": "#141b21",
                    "surface-variant": "#22303a",
                    "on-surface-variant": "#c9d6de",
                    "primary": "#5aa7d6",
                    "secondary": "#8fa3b0",
                    "error": "#e0705f",
                    "warning": "#e6b04a",
                    "success": "#6fb98a",
                    "info": "#5aa7d6",
                    **{f"on-{name}": "#0d1216" for name in ("primary", "error", "success")},
                },
            }
        }
    },
    "defaults": {
        "VBtn": {"style": "text-transform: none; letter-spacing: 0"},
        **{
            name: {"variant": "outlined", "density": "compact", "hideDetails": True}
            for name in ("VTextField", "VTextarea", "VSelect")
        },
        "VSwitch": {"density": "compact", "hideDetails": True, "color": "primary"},
        "VSlider": {"color": "primary", "thumbSize": 14, "trackSize": 3},
    },
}
