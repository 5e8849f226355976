"""The tab “Teach”: choose cases, find the finding, name it, see the answer; or read for a study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from .controls import (
    button,
    choice,
    lines,
    main_button,
    note,
    number_field,
    slider,
    switch,
    text_field,
    work_bar,
)

if TYPE_CHECKING:
    from .app import Viewer

# What is typed last reaches the server with the click, not perhaps after it.
CHOSEN = (
    "{folder: teach_folder, query: teach_query, finding: teach_finding, subtlety: teach_subtlety, "
    "number: teach_number, own: teach_own}"
)


# what stands in for the choice of a finding and of its subtlety
IN_WORDS = ("!!teach_query || !!teach_folder",)


def _choose(viewer: Viewer) -> None:
    with html.Section(classes="step", v_show="!teach_on && !teach_study_on"):
        html.Div("Cases", classes="step-title mb-2")
        html.Div(
            "A finding is put into clear lung: find it, name it, see the answer.",
            classes="faint mb-3",
        )
        _which_cases()
        _where_from()
        main_button(
            "Start",
            (viewer.teach.start, f"[{CHOSEN}]"),
            "teach-start mt-3",
            disabled=("running || scan_busy",),
        )


def _which_cases() -> None:
    """The finding, how subtle, how many; or in words."""
    findings = "[{title: 'all findings', value: ''}, ...known]"
    classes = "teach-finding mb-3"
    choice("teach_finding", findings, "Finding", classes=classes, disabled=IN_WORDS)
    with html.Div(classes="d-flex ga-2 mb-3"):
        subtleties = "['', 'obvious', 'typical', 'subtle']"
        named = ".map((s) => ({title: s || 'any', value: s}))"
        choice("teach_subtlety", subtleties + named, "Subtlety", disabled=IN_WORDS)
        given = ("!!teach_folder",)
        number_field("teach_number", "Number", 92, min=1, max=50, disabled=given)
    text_field(
        "teach_query",
        hint="or in words: reticulation in both lower zones",
        named="Cases in words",
        clearable=True,
        maxlength=200,
        classes="teach-query mb-3",
    )


def _where_from() -> None:
    """The opened scan or the sample; or a folder of cases that were made before."""
    switch(
        "teach_own",
        "From the opened scan, taken to be clear",
        disabled=("!scan_path || !!teach_folder",),
    )
    attention = "Show attention in the answer (takes longer)"
    switch("teach_attention", attention, classes="teach-attention")
    text_field(
        "teach_folder",
        hint="or the path of a folder of cases",
        named="Folder of cases",
        clearable=True,
        classes="teach-folder mt-1",
    )


def _case(viewer: Viewer) -> None:
    """One case: its mark, its name, the answer."""
    with html.Section(classes="step", v_show="teach_on && !teach_done"):
        html.Div(
            "{{ teach_title }}",
            classes="step-title teach-place mb-1",
        )
        note("teach_understood", "faint mb-3")
        html.Div("{{ teach_place }}", classes="teach-mark mb-3")
        choice(
            "teach_named",
            "teach_choices",
            "What is it?",
            classes="teach-named mb-3",
            disabled=("teach_shown",),
        )
        main_button(
            "Reveal",
            (viewer.teach.reveal, "[teach_named, teach_attention]"),
            "teach-reveal",
            v_show="!teach_shown",
            disabled=("running || !!teach_why",),
        )
        _answer(viewer)


def _answer(viewer: Viewer) -> None:
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
    shown = {"v_show": "teach_shown", "disabled": ("running",)}
    main_button("Next", viewer.teach.presenter.next, "teach-next mt-3", **shown)


def _score() -> None:
    with html.Section(classes="step", v_show="teach_done"):
        html.Div("{{ teach_title }}", classes="step-title mb-2")
        lines("teach_score", "teach-score-line")
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


def _end(viewer: Viewer) -> None:
    with html.Section(classes="step", v_show="teach_on"):
        button(
            "{{ teach_done ? 'New cases' : 'End' }}",
            viewer.teach.presenter.end,
            variant="text",
            classes="teach-end",
            disabled=("running",),
        )


def _study(viewer: Viewer) -> None:
    with html.Section(classes="step", v_show="!teach_on"):
        switch("teach_study", "Reader study", classes="teach-study", disabled=("teach_study_on",))
        with html.Div(v_show="teach_study && !teach_study_on"):
            _begin_study(viewer)
        with html.Div(v_show="teach_study_on"):
            _reading(viewer)
        note("teach_study_note", "faint mt-2 teach-study-note")


def _begin_study(viewer: Viewer) -> None:
    """Which study is read, and by whom."""
    text_field(
        "teach_study_folder",
        hint="path of the study's folder",
        named="Folder of the study",
        classes="teach-study-folder mt-1 mb-2",
    )
    text_field("teach_reader", "Reader", maxlength=40, classes="teach-reader mb-2")
    main_button(
        "Begin or go on",
        (viewer.teach.begin_study, "[teach_study_folder, teach_reader]"),
        "teach-begin",
        disabled=("running || scan_busy || !teach_study_folder || !teach_reader",),
    )


def _reading(viewer: Viewer) -> None:
    """One item of a study: where it would be, and how sure the reader is."""
    html.Div("{{ teach_title }}", classes="step-title teach-asked mb-1")
    html.Div("{{ teach_mode }}", classes="faint mb-3")
    html.Div("{{ teach_place }}", classes="teach-mark mb-3")
    html.Div(
        "How sure, from 0 (not there) to 100 (there): {{ teach_confidence }}",
        classes="teach-confidence-text",
    )
    look = {"density": None, "classes": "teach-confidence mb-3"}
    slider("teach_confidence", 0, 100, 1, "Confidence", **look)
    save = (viewer.teach.save_reading, "[teach_confidence]")
    main_button("Save and next", save, "teach-save", disabled=("running",))
    button(
        "Pause",
        viewer.teach.presenter.end,
        variant="text",
        classes="teach-pause mt-2",
        disabled=("running",),
    )


def build_teach(viewer: Viewer) -> None:
    """The whole tab."""
    with html.Div(classes="panel-scroll teach"):
        _choose(viewer)
        _case(viewer)
        _score()
        _end(viewer)
        _study(viewer)
    with html.Div(classes="run", v_show="running"):
        html.Div("{{ stage }}", classes="faint")
        work_bar(classes="my-2")
        button("Cancel", viewer.jobs.cancel, variant="text", disabled=("cancelling",))
