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
from trame.widgets import vuetify3 as v3

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
    v3.VTextField(v_model=(name,), label=label, classes=name.replace("_", "-"), **more)


def build_form(viewer: Viewer) -> None:
    """Quality, device and threads; clinical facts; slices to edit."""
    with html.Div(classes="d-flex ga-2 mt-2"):
        v3.VSelect(v_model=("quality",), label="Quality", classes="quality", items=("qualities",))
        v3.VBtn(
            "{{ more ? 'Less' : 'More' }}",
            variant="text",
            size="small",
            classes="more align-self-center",
            click="more = !more",
            title="Slices, clinical facts, device, threads",
        )
    with html.Div(v_show="more", classes="form"):
        with html.Div(classes="d-flex ga-2 mt-2"):
            _field("slices_from", "From slice")
            _field("slices_to", "to slice", placeholder=("String(slices_whole || '')",))
        with html.Div(classes="d-flex ga-2 mt-2"):
            _field("clinical_age", "Age")
            for name, label, items in (("sex", "Sex", SEXES), ("smoking", "Smoking", SMOKING)):
                v3.VSelect(
                    v_model=(f"clinical_{name}",),
                    label=label,
                    items=(str(list(items)),),
                    clearable=True,
                    classes=f"clinical-{name}",
                )
        with html.Div(classes="d-flex ga-2 mt-2"):
            _field("clinical_pack_years", "Pack-years")
            _field("clinical_other", "Other clinical facts", maxlength=300)
        with html.Div(classes="d-flex ga-2 mt-2"):
            v3.VSelect(
                v_model=("device",),
                label="Device",
                items=(
                    "[{title: 'automatic', value: ''}, ...devices.map((d) => ({title: d, value: "
                    "d}))]",
                ),
            )
            v3.VSelect(
                v_model=("threads",),
                label="Threads",
                items=("thread_choices",),
                disabled=("running",),
                classes="threads",
                title="The edit process starts anew with so many",
            )
    html.Div("{{ form_note }}", v_show="form_note", classes="faint mt-1 form-note")
