"""The drawing tools of the region, as Slicer's Segment Editor names them."""

from __future__ import annotations

from trame.widgets import html
from trame.widgets import vuetify3 as v3

MOUSE = (
    ("paint", "mdi-brush", "Paint (P)"),
    ("erase", "mdi-eraser", "Erase (E)"),
    ("draw", "mdi-lasso", "Draw: a closed line (D)"),
    ("ellipse", "mdi-ellipse-outline", "Ellipse (O)"),
)
WHOLE = (
    ("fill", "Fill between slices", "Slices between two drawn ones get the shape between them"),
    ("grow", "Grow", "By so many mm, in space"),
    ("shrink", "Shrink", "By so many mm, in space"),
    ("threshold", "Keep these HU", "Only voxels of these HU stay"),
    ("largest", "Largest part", "Only the largest connected part stays"),
    ("islands", "Drop specks", "Parts below 0.1 ml go"),
    ("clear", "Clear", "Nothing is drawn any more"),
)


def _field(name: str, label: str, width: int) -> None:
    v3.VTextField(
        v_model=(name,),
        label=label,
        type="number",
        style=f"max-width: {width}px",
        classes=name.replace("_", "-"),
    )


def build_draw_tools() -> None:
    """Tools of the mouse, of the whole region, undo and redo."""
    classes = ("['mt-2', 'draw-tools', draw_open && 'draw-open']",)
    with html.Div(v_show="region_from === 'drawn'", classes=classes):
        with html.Div(classes="d-flex ga-1 align-center"):
            for name, icon, title in MOUSE:
                v3.VBtn(
                    icon=icon,
                    size="small",
                    variant=(f"draw_tool === '{name}' ? 'flat' : 'tonal'",),
                    color=(f"draw_tool === '{name}' ? 'primary' : undefined",),
                    click=f"trigger('draw', ['{name}'])",
                    title=title,
                    classes=f"draw-{name}",
                    raw_attrs=[f'aria-label="{title}"'],
                )
            v3.VSpacer()
            for name, icon, title in (
                ("undo", "mdi-undo", "Undo (Ctrl Z)"),
                ("redo", "mdi-redo", "Redo (Ctrl Y)"),
            ):
                v3.VBtn(
                    icon=icon,
                    size="small",
                    variant="text",
                    disabled=(f"!draw_{name}",),
                    click=f"trigger('draw', ['{name}'])",
                    title=title,
                    classes=f"draw-{name}",
                    raw_attrs=[f'aria-label="{title}"'],
                )
        v3.VSlider(
            v_model=("draw_radius",),
            min=1,
            max=30,
            step=0.5,
            hide_details=True,
            density="compact",
            label="Brush, mm",
            raw_attrs=['aria-label="Radius of the brush, mm"'],
        )
        with html.Div(classes="d-flex ga-2 align-center"):
            v3.VSwitch(v_model=("draw_ball",), label="Ball", title="Over several slices")
            v3.VSwitch(
                v_model=("draw_inside",),
                label="Only these HU",
                title="The brush adds only voxels of these HU",
            )
        with html.Div(classes="d-flex ga-2 align-center"):
            v3.VSwitch(
                v_model=("lock_vessels",),
                label="Keep vessels",
                classes="lock-vessels",
                title="No tool adds thin dense structures",
            )
            v3.VSwitch(
                v_model=("lock_outside",),
                label="Keep to the lungs",
                classes="lock-outside",
                disabled=("prepared !== 'ready'",),
                title="No tool adds the mediastinum, the heart or the chest wall",
            )
        with html.Div(classes="d-flex ga-2 my-2"):
            _field("draw_low", "from HU", 92)
            _field("draw_high", "to HU", 92)
            _field("draw_mm", "mm", 72)
        with html.Div(classes="d-flex ga-1 flex-wrap"):
            for name, label, title in WHOLE:
                v3.VBtn(
                    label,
                    size="x-small",
                    variant="tonal",
                    click=f"trigger('draw', ['{name}'])",
                    title=title,
                    classes=f"draw-{name}",
                )
