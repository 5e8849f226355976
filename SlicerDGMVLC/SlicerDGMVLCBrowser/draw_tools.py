"""The drawing tools of the region, as Slicer's Segment Editor names them."""

from __future__ import annotations

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from .controls import button, icon_button, number_field, slider, switch

MOUSE = (
    ("paint", "mdi-brush", "Paint (P)"),
    ("erase", "mdi-eraser", "Erase (E)"),
    ("draw", "mdi-lasso", "Draw: a closed line (D)"),
    ("ellipse", "mdi-ellipse-outline", "Ellipse (O)"),
)
STEPS = (("undo", "mdi-undo", "Undo (Ctrl Z)"), ("redo", "mdi-redo", "Redo (Ctrl Y)"))
WHOLE = (
    ("fill", "Fill between slices", "Slices between two drawn ones get the shape between them"),
    ("grow", "Grow", "By so many mm, in space"),
    ("shrink", "Shrink", "By so many mm, in space"),
    ("threshold", "Keep these HU", "Only voxels of these HU stay"),
    ("largest", "Largest part", "Only the largest connected part stays"),
    ("islands", "Drop specks", "Parts below 0.1 ml go"),
    ("clear", "Clear", "Nothing is drawn any more"),
)


def _tool(name: str) -> str:
    return f"trigger('draw', ['{name}'])"


def _mouse() -> None:
    """Tools that follow the mouse, undo and redo, the brush."""
    with html.Div(classes="d-flex ga-1 align-center"):
        for name, icon, title in MOUSE:
            icon_button(
                icon,
                title,
                _tool(name),
                variant=(f"draw_tool === '{name}' ? 'flat' : 'tonal'",),
                color=(f"draw_tool === '{name}' ? 'primary' : undefined",),
                classes=f"draw-{name}",
            )
        v3.VSpacer()
        for name, icon, title in STEPS:
            unless = (f"!draw_{name}",)
            icon_button(icon, title, _tool(name), disabled=unless, classes=f"draw-{name}")
    slider("draw_radius", 1, 30, 0.5, "Radius of the brush, mm", label="Brush, mm")
    with html.Div(classes="d-flex ga-2 align-center"):
        switch("draw_ball", "Ball", title="Over several slices")
        inside = "The brush adds only voxels of these HU"
        switch("draw_inside", "Only these HU", title=inside)


def _locks() -> None:
    """What no tool may draw into."""
    with html.Div(classes="d-flex ga-2 align-center"):
        switch(
            "lock_vessels",
            "Keep vessels",
            classes="lock-vessels",
            title="No tool adds thin dense structures",
        )
        switch(
            "lock_outside",
            "Keep to the lungs",
            classes="lock-outside",
            disabled=("prepared !== 'ready'",),
            title="No tool adds the mediastinum, the heart or the chest wall",
        )


def _whole() -> None:
    """Tools of the whole region, and their numbers."""
    with html.Div(classes="d-flex ga-2 my-2"):
        number_field("draw_low", "from HU", 92)
        number_field("draw_high", "to HU", 92)
        number_field("draw_mm", "mm", 72)
    with html.Div(classes="d-flex ga-1 flex-wrap"):
        for name, label, title in WHOLE:
            button(label, _tool(name), size="x-small", title=title, classes=f"draw-{name}")


def build_draw_tools() -> None:
    """Tools of the mouse, of the whole region, undo and redo."""
    classes = ("['mt-2', 'draw-tools', draw_open && 'draw-open']",)
    with html.Div(v_show="region_from === 'drawn'", classes=classes):
        _mouse()
        _locks()
        _whole()
