"""The tab “Teach”: choose cases, find the finding, name it, see the answer; or read for a study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trame.widgets import html
from trame.widgets import vuetify3 as v3

if TYPE_CHECKING:
    from .app import Viewer

# What is typed last reaches the server with the click, not perhaps after it.
CHOSEN = (
    "{folder: teach_folder, query: teach_query, finding: teach_finding, subtlety: teach_subtlety, "
    "number: teach_number, own: teach_own}"
)


def _choose(viewer: Viewer) -> None:
    with html.Section(classes="step", v_show="!teach_on && !teach_study_on"):
        html.Div("Cases", classes="step-title mb-2")
        html.Div(
            "A finding is put into clear lung: find it, name it, see the answer.",
            classes="faint mb-3",
        )
        v3.VSelect(
            v_model=("teach_finding",),
            label="Finding",
            items=("[{title: 'all findings', value: ''}, ...known]",),
            classes="teach-finding mb-3",
            disabled=("!!teach_query || !!teach_folder",),
        )
        with html.Div(classes="d-flex ga-2 mb-3"):
            v3.VSelect(
                v_model=("teach_subtlety",),
                label="Subtlety",
                items=(
                    "['', 'obvious', 'typical', 'subtle'].map((s) => ({title: s || 'any', value: "
                    "s}))",
                ),
                disabled=("!!teach_query || !!teach_folder",),
            )
            v3.VTextField(
                v_model=("teach_number",),
                label="Number",
                type="number",
                min=1,
                max=50,
                style="max-width: 92px",
                classes="teach-number",
                disabled=("!!teach_folder",),
            )
        v3.VTextField(
            v_model=("teach_query",),
            placeholder="or in words: reticulation in both lower zones",
            clearable=True,
            maxlength=200,
            classes="teach-query mb-3",
            raw_attrs=['aria-label="Cases in words"'],
        )
        v3.VSwitch(
            v_model=("teach_own",),
            label="From the opened scan, taken to be clear",
            disabled=("!scan_path || !!teach_folder",),
            density="compact",
        )
        v3.VSwitch(
            v_model=("teach_attention",),
            label="Show attention in the answer (takes longer)",
            density="compact",
            classes="teach-attention",
        )
        v3.VTextField(
            v_model=("teach_folder",),
            placeholder="or the path of a folder of cases",
            clearable=True,
            classes="teach-folder mt-1",
            raw_attrs=['aria-label="Folder of cases"'],
        )
        v3.VBtn(
            "Start",
            block=True,
            color="primary",
            classes="teach-start mt-3",
            disabled=("running || scan_busy",),
            click=(viewer.teach.start, f"[{CHOSEN}]"),
        )


def _question(viewer: Viewer) -> None:
    with html.Section(classes="step", v_show="teach_on && !teach_done"):
        html.Div(
            "Case {{ teach_case.number }} of {{ teach_case.of }}",
            classes="step-title teach-place mb-1",
        )
        html.Div("{{ teach_understood }}", classes="faint mb-3", v_show="teach_understood")
        html.Div(
            "{{ teach_mark ? 'Marked: ' + teach_mark : 'Click where it is; click again to move "
            "the mark.' }}",
            classes="teach-mark mb-3",
        )
        v3.VSelect(
            v_model=("teach_named",),
            label="What is it?",
            items=("teach_choices",),
            classes="teach-named mb-3",
            disabled=("teach_shown",),
        )
        v3.VBtn(
            "Reveal",
            block=True,
            color="primary",
            classes="teach-reveal",
            v_show="!teach_shown",
            click=(viewer.teach.reveal, "[teach_named, teach_attention]"),
            disabled=("running || !teach_named || (teach_named !== 'no finding' && !teach_mark)",),
        )
        html.Div(
            "{{ teach_words }}",
            v_show="teach_shown",
            raw_attrs=['role="status"'],
            classes=("['teach-words', teach_right ? 'teach-right' : 'teach-wrong']",),
        )
        html.Div(
            "Orange outline: the finding. Shaded: where the network looks when it reads the "
            "finding's name.",
            v_show="teach_shown && teach_has_heat",
            classes="faint mt-2",
        )
        v3.VBtn(
            "Next",
            block=True,
            color="primary",
            classes="teach-next mt-3",
            v_show="teach_shown",
            click=viewer.teach.next,
            disabled=("running",),
        )
    with html.Section(classes="step", v_show="teach_done"):
        html.Div("Score", classes="step-title mb-2")
        html.Div(
            "{{ line }}",
            v_for="(line, index) in teach_score",
            key="index",
            classes="teach-score-line",
        )
        with (
            html.Div(classes="mt-3 teach-review"),
            html.Div(v_for="row in teach_review", key="row.case", classes="d-flex ga-2 mb-2"),
        ):
            v3.VIcon(
                "{{ row.right ? 'mdi-check' : 'mdi-close' }}",
                size="small",
                color=("row.right ? 'success' : 'error'",),
            )
            html.Span("{{ row.words }}", classes="faint")
    with html.Section(classes="step", v_show="teach_on"):
        v3.VBtn(
            "{{ teach_done ? 'New cases' : 'End' }}",
            size="small",
            variant="text",
            classes="teach-end",
            click=viewer.teach.end,
            disabled=("running",),
        )


def _study(viewer: Viewer) -> None:
    with html.Section(classes="step", v_show="!teach_on"):
        v3.VSwitch(
            v_model=("teach_study",),
            label="Reader study",
            classes="teach-study",
            disabled=("teach_study_on",),
            density="compact",
        )
        with html.Div(v_show="teach_study && !teach_study_on"):
            v3.VTextField(
                v_model=("teach_study_folder",),
                placeholder="path of the study's folder",
                classes="teach-study-folder mt-1 mb-2",
                raw_attrs=['aria-label="Folder of the study"'],
            )
            v3.VTextField(
                v_model=("teach_reader",), label="Reader", maxlength=40, classes="teach-reader mb-2"
            )
            v3.VBtn(
                "Begin or go on",
                block=True,
                color="primary",
                classes="teach-begin",
                click=(viewer.teach.begin_study, "[teach_study_folder, teach_reader]"),
                disabled=("running || scan_busy || !teach_study_folder || !teach_reader",),
            )
        with html.Div(v_show="teach_study_on"):
            html.Div("Is there {{ teach_item.asked }}?", classes="step-title teach-asked mb-1")
            html.Div("{{ teach_item.mode }} · {{ teach_left }} to read", classes="faint mb-3")
            html.Div(
                "{{ teach_mark ? 'Marked: ' + teach_mark : 'Click where it would be most "
                "likely.' }}",
                classes="teach-mark mb-3",
            )
            html.Div(
                "How sure, from 0 (not there) to 100 (there): {{ teach_confidence }}",
                classes="teach-confidence-text",
            )
            v3.VSlider(
                v_model=("teach_confidence",),
                min=0,
                max=100,
                step=1,
                hide_details=True,
                classes="teach-confidence mb-3",
                raw_attrs=['aria-label="Confidence"'],
            )
            v3.VBtn(
                "Save and next",
                block=True,
                color="primary",
                classes="teach-save",
                disabled=("running",),
                click=(viewer.teach.save_reading, "[teach_confidence]"),
            )
            v3.VBtn(
                "Pause",
                size="small",
                variant="text",
                classes="teach-pause mt-2",
                click=viewer.teach.end,
                disabled=("running",),
            )
        html.Div(
            "{{ teach_study_note }}",
            v_show="teach_study_note",
            classes="faint mt-2 teach-study-note",
        )


def build_teach(viewer: Viewer) -> None:
    """The whole tab."""
    with html.Div(classes="panel-scroll teach"):
        _choose(viewer)
        _question(viewer)
        _study(viewer)
    with html.Div(classes="run", v_show="running"):
        html.Div("{{ stage }}", classes="faint")
        v3.VProgressLinear(
            model_value=("100 * share",),
            indeterminate=("share === 0",),
            height=5,
            rounded=True,
            color="primary",
            classes="my-2",
        )
        v3.VBtn(
            "Cancel",
            size="small",
            variant="text",
            click=viewer.jobs.cancel,
            disabled=("cancelling",),
        )
