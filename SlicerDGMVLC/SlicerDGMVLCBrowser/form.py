"""The form of clinical facts and of the slices to edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from SlicerDGMVLCPresenters.clinical import (
    FIELDS,
    SEXES,
    SMOKING,
    clinical_words,
    slice_range,
    why_not_clinical,
)
from trame.widgets import html

from .controls import FEW_WORDS, ROW, button, choice, note, text_field

if TYPE_CHECKING:
    from .app import Viewer


class Form:
    """What stands in the form belongs to the open case.

    Args:
        viewer: whose desk and page it uses.
    """

    NAMES = (*(f"clinical_{name}" for name in FIELDS), "slices_from", "slices_to")

    def __init__(self, viewer: Viewer) -> None:
        self.viewer, self.state = viewer, viewer.state

    def clear(self) -> None:
        """Another scan is open."""
        chosen = ("clinical_sex", "clinical_smoking")
        with self.state as state:
            state.update({name: None if name in chosen else "" for name in self.NAMES})
            state.form_note = ""

    def changed(self, **_: Any) -> None:
        """The form as it stands now, into the case."""
        state, case = self.state, self.viewer.desk.case
        given = {name: str(state[f"clinical_{name}"] or "") for name in FIELDS}
        wrong = why_not_clinical(given)
        count = case.scan.slices if case.scan else 0
        slices, strange = slice_range(state.slices_from, state.slices_to, count)
        case.clinical, case.slices = {} if wrong else given, slices
        said = clinical_words(case.clinical)
        case.form_wrong = wrong or strange
        with state:
            state.form_note = case.form_wrong or (f"Recorded: {said}." if said else "")
        self.viewer.refresh()


def _field(name: str, label: str, **more: Any) -> None:
    text_field(name, label, classes=name.replace("_", "-"), **more)


def _clinical_facts() -> None:
    with html.Div(classes=ROW):
        _field("clinical_age", "Age")
        for name, label, values in (("sex", "Sex", SEXES), ("smoking", "Smoking", SMOKING)):
            facts = {"classes": f"clinical-{name}", "clearable": True}
            choice(f"clinical_{name}", str(list(values)), label, **facts)
    with html.Div(classes=ROW):
        _field("clinical_pack_years", "Pack-years")
        _field("clinical_other", "Other clinical facts", maxlength=FEW_WORDS)


def _machine() -> None:
    with html.Div(classes=ROW):
        devices = "[{title: 'automatic', value: ''}, ...devices.map((d) => ({title: d, value: d}))]"
        choice("device", devices, "Device")
        choice(
            "threads",
            "thread_choices",
            "Threads",
            disabled=("running",),
            classes="threads",
            title="The edit process starts anew with so many",
        )


def build_form() -> None:
    """Quality, device and threads; clinical facts; slices to edit."""
    with html.Div(classes=ROW):
        choice("quality", "qualities", "Quality", classes="quality")
        button(
            "{{ more ? 'Less' : 'More' }}",
            "more = !more",
            variant="text",
            classes="more align-self-center",
            title="Slices, clinical facts, device, threads",
        )
    with html.Div(v_show="more", classes="form"):
        with html.Div(classes=ROW):
            _field("slices_from", "From slice")
            _field("slices_to", "to slice", hint=("String(slices_whole || '')",))
        _clinical_facts()
        _machine()
    note("form_note", "faint mt-1 form-note")
