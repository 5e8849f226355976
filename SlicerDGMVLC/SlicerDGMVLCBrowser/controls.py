"""The controls of the page, each made in one way.

A name is that of a field of the page's state; `click` and `entered` are a function of the viewer, a
pair (function, its arguments as the page writes them) or a line of JavaScript. `more` goes to the
element: classes, `v_show`, `disabled` with the `title` that says why not.
"""

from __future__ import annotations

from typing import Any

from trame.widgets import html
from trame.widgets import vuetify3 as v3

ROW = "d-flex ga-2 mt-2"
FEW_WORDS = 300  # characters of a field for a few words
ENTER = [("keyup_enter", "keyup.enter")]  # an event trame does not list


def aria(label: str) -> dict[str, list[str]]:
    """The attribute that names an element which shows no words."""
    return {"raw_attrs": [f'aria-label="{label}"']}


def button(label: str, click: Any, **more: Any) -> None:
    """A small button with words."""
    v3.VBtn(label, click=click, **{"size": "small", "variant": "tonal", **more})


def icon_button(icon: str, title: str, click: Any, label: str = "", **more: Any) -> None:
    """A button with an icon; `label` is its name where `title` says more than that."""
    look = {"size": "small", "variant": "text", **more}
    v3.VBtn(icon=icon, click=click, title=title, **aria(label or title), **look)


def main_button(label: str, click: Any, classes: str, **more: Any) -> None:
    """The button of the next step, as wide as the panel."""
    v3.VBtn(label, block=True, color="primary", click=click, classes=classes, **more)


def text_field(
    name: str,
    label: str | None = None,
    hint: str | None = None,
    named: str = "",
    entered: Any = None,
    **more: Any,
) -> None:
    """A line to type into, with a label on its rim, or a hint within and a name to be read out."""
    if named:
        more |= aria(named)
    if entered is not None:
        more |= {"__events": ENTER, "keyup_enter": entered}
    v3.VTextField(v_model=(name,), label=label, placeholder=hint, **more)


def number_field(name: str, label: str, width_px: int, **more: Any) -> None:
    """A narrow field for a number."""
    classes = name.replace("_", "-")
    style = f"max-width: {width_px}px"
    text_field(name, label, type="number", style=style, classes=classes, **more)


def choice(name: str, items: str, label: str | None = None, **more: Any) -> None:
    """One of several; `items` as the page writes them."""
    v3.VSelect(v_model=(name,), items=(items,), label=label, **more)


def switch(name: str, label: str, **more: Any) -> None:
    """On or off."""
    v3.VSwitch(v_model=(name,), label=label, **more)


def slider(name: str, low: Any, high: Any, step: float, named: str, **more: Any) -> None:
    """A number between `low` and `high`."""
    look = {"density": "compact", **more}
    v3.VSlider(
        v_model=(name,), min=low, max=high, step=step, hide_details=True, **aria(named), **look
    )


def toggle(name: str, acts: bool = True, **more: Any) -> v3.VBtnToggle:
    """A row of buttons of which one is down; its `option`s are made within it.

    Args:
        acts: whether a click changes the field; else it only says which one is down.
    """
    bound = {"v_model": (name,), "mandatory": True} if acts else {"model_value": (name,)}
    look = {"density": "compact", "variant": "outlined", "divided": True}
    return v3.VBtnToggle(**bound, **look, **more)


def option(value: str, label: str, **more: Any) -> None:
    """One button of a `toggle`."""
    v3.VBtn(label, value=value, size="small", **more)


def row_buttons(rows: str, key: str, classes: Any, click: Any, **more: Any) -> html.Button:
    """A button a `row` of a list, of any content."""
    return html.Button(
        v_for=f"row in {rows}",
        key=f"row.{key}",
        type="button",
        classes=classes,
        click=click,
        **more,
    )


def note(name: str, classes: str = "faint mt-1", when: str = "") -> None:
    """A sentence of the state, shown while there is one."""
    html.Div(f"{{{{ {name} }}}}", v_show=when or name, classes=classes)


def lines(name: str, classes: str, element: type = html.Div) -> None:
    """The sentences of a list of the state."""
    element("{{ line }}", v_for=f"(line, index) in {name}", key="index", classes=classes)


def work_bar(**more: Any) -> None:
    """How far the work is."""
    v3.VProgressLinear(
        model_value=("100 * share",),
        indeterminate=("share === 0",),
        height=5,
        rounded=True,
        color="primary",
        **more,
    )


def run_or_cancel(label: str, icon: str, click: Any, why_not: str, classes: str) -> None:
    """The one large button that starts the work of a tab or stops it, and how far the work is.

    Args:
        why_not: the field that says why the work cannot start.
    """
    v3.VBtn(
        f"{{{{ running ? (cancelling ? 'Stopping …' : 'Cancel') : '{label}' }}}}",
        block=True,
        size="large",
        click=click,
        color=("running ? 'error' : 'primary'",),
        variant=("running ? 'tonal' : 'flat'",),
        disabled=(f"(!running && !!{why_not}) || cancelling",),
        classes=classes,
        prepend_icon=(f"running ? 'mdi-stop' : '{icon}'",),
    )
    with html.Div(v_show="running", classes="mt-2"):
        work_bar()
        with html.Div(classes="d-flex justify-space-between faint mt-1"):
            html.Span("{{ stage }}", classes="stage-text")
            html.Span("{{ time_left }}")
    reason = f"faint mt-1 {why_not.replace('_', '-')}"
    note(why_not, reason, f"!running && {why_not}")
