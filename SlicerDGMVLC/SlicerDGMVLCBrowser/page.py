"""The page: work on the left, views in the middle, result below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from SlicerDGMVLCPresenters.keys import KEYS
from trame.ui.vuetify3 import VAppLayout
from trame.widgets import html
from trame.widgets import vuetify3 as v3

from .panel import build_panel
from .results import build_results

if TYPE_CHECKING:
    from .app import Viewer

NOTICE = "Research use only; not a medical device"
POINTERS = (
    ("window", "mdi-contrast-circle", "Drag: window and level (V)"),
    ("ruler", "mdi-ruler", "Drag: length (L)"),
    ("area", "mdi-vector-circle", "Drag: mean and spread of an area (M)"),
)
SLABS = ((0, "Slice"), (10, "MIP 10 mm"), (20, "MIP 20 mm"), (30, "MIP 30 mm"))


def _bar(viewer: Viewer) -> None:
    with v3.VAppBar(height=52, flat=True, classes="bar"):
        v3.VBtn(
            icon="mdi-menu",
            size="small",
            variant="text",
            classes="ml-2",
            click="panel = !panel",
            title="Show or hide the panel",
            raw_attrs=['aria-label="Panel"'],
        )
        html.Img(src="dgmvlc/favicon.svg", classes="logo", alt="")
        html.Span("DGM-VLC", classes="brand")
        html.Span("{{ header }}", classes="scan-name", title=("scan_facts",))
        v3.VSpacer()
        with v3.VBtnToggle(
            v_model=("preset",),
            mandatory=True,
            density="compact",
            variant="outlined",
            divided=True,
            classes="mr-3",
            v_show="scan_name",
        ):
            for preset in ("lung", "mediastinum", "bone"):
                v3.VBtn(preset.capitalize(), value=preset, size="small", classes=f"preset-{preset}")
        with v3.VBtnToggle(
            model_value=("layout",),
            density="compact",
            variant="outlined",
            divided=True,
            classes="mr-3",
            v_show="runs.length",
        ):
            v3.VBtn(
                "Scan",
                value="scan",
                size="small",
                click=viewer.show_scan,
                title="The scan alone, in three planes",
            )
            v3.VBtn(
                "Compare",
                value="columns",
                size="small",
                click=(viewer.show_run, "[shown_run || (runs[0] || {}).number, 'columns']"),
                title="Original, counterfactual and difference",
            )
            v3.VBtn(
                "+ coronal",
                value="rows",
                size="small",
                click=(viewer.show_run, "[shown_run || (runs[0] || {}).number, 'rows']"),
                title="With a coronal row",
            )
        v3.VBtn(
            "Save scene",
            prepend_icon="mdi-download",
            size="small",
            variant="tonal",
            classes="mr-3 save",
            loading=("saving",),
            v_show="runs.length",
            click="trigger('save').then((address) => address && utils.dgmvlc.download(address))",
            title="A .mrb file that 3D Slicer opens",
        )
        v3.VBtn(
            icon="mdi-content-save-outline",
            size="small",
            variant="text",
            v_show="scan_name",
            disabled=("running",),
            click="trigger('keep')",
            classes="keep",
            title="Keep this case on this machine, to go on another day",
            raw_attrs=['aria-label="Keep this case"'],
        )
        v3.VBtn(
            icon="mdi-fit-to-screen-outline",
            size="small",
            variant="text",
            v_show="layout !== 'empty'",
            click="trigger('fit')",
            classes="fit",
            title="Fit the views (F)",
            raw_attrs=['aria-label="Fit the views"'],
        )
        v3.VBtn(
            icon="mdi-help-circle-outline",
            size="small",
            variant="text",
            click="help = true",
            classes="mr-2",
            title="Keys (?)",
            raw_attrs=['aria-label="Keys"'],
        )
        html.Span(NOTICE, classes="notice mr-4")


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
        v3.VBtn(
            icon="mdi-close",
            size="x-small",
            variant="text",
            click="message = ''; advice = ''",
            title="Close",
            raw_attrs=['aria-label="Close the message"'],
        )


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
                click=viewer.open_sample,
                loading=("scan_busy",),
                classes="sample-large",
            )
        with html.Div(v_show="layout !== 'empty'", classes="grid"):
            viewer.stage.views.layouts.initialize_layout_grid(viewer.ui)
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
            v3.VSlider(
                v_model=("slice",),
                min=1,
                max=("Math.max(slices_of, 1)",),
                step=1,
                hide_details=True,
                density="compact",
                raw_attrs=['aria-label="Slice"'],
            )
            html.Div(
                classes="strip-changes",
                style=("{background: changes}",),
                title="Where the scan is changed, or the region lies",
            )
        v3.VBtn(
            icon="mdi-target",
            size="x-small",
            variant="text",
            v_show="peak",
            click="trigger('to_change')",
            classes="to-change",
            title="To the largest change (G)",
            raw_attrs=['aria-label="To the largest change"'],
        )
        with v3.VBtnToggle(
            v_model=("pointer",),
            mandatory=True,
            density="compact",
            variant="outlined",
            divided=True,
            classes="pointers",
        ):
            for value, icon, title in POINTERS:
                v3.VBtn(
                    icon=icon,
                    value=value,
                    size="x-small",
                    title=title,
                    classes=f"pointer-{value}",
                    raw_attrs=[f'aria-label="{title}"'],
                )
        v3.VSelect(
            v_model=("slab",),
            items=(str([{"title": t, "value": v} for v, t in SLABS]),),
            classes="slab",
            title="Highest HU of a slab (S)",
            raw_attrs=['aria-label="Slab"'],
        )
        html.Span("{{ window_words }}", classes="strip-window", title="Drag with the left button")
        html.Span("{{ measured }}", v_show="measured", classes="strip-measured")
        with html.Div(classes="readout"):
            html.Span("{{ readout.place || 'Point at a voxel' }}", classes="readout-place")
            for name, label in (
                ("original", "original"),
                ("counterfactual", "counterfactual"),
                ("difference", "difference"),
            ):
                with html.Span(v_show=f"readout.{name}", classes=f"readout-{name}"):
                    html.Span(label, classes="readout-label")
                    html.Span("{{ readout." + name + " }}", classes="readout-value")


def build_page(viewer: Viewer) -> VAppLayout:
    """The whole page of a viewer."""
    with VAppLayout(viewer.server, vuetify_config=THEME) as layout:
        viewer.ui = layout
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
