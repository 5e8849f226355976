"""The Review tab: a folder's worklist, the regions of the chosen study, decisions by keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from SlicerDGMVLCPresenters.keys import REVIEW_KEYS
from trame.widgets import html
from trame.widgets import vuetify3 as v3

from .controls import ROW, aria, button, lines, row_buttons, text_field, work_bar

if TYPE_CHECKING:
    from .app import Viewer

# what the fields hold; the server's state follows a fast typist late
OPEN = "[review_folder, review_session]"


def _folder(viewer: Viewer) -> None:
    with html.Section(classes="step"):
        open_folder = (viewer.review.open, OPEN)
        text_field(
            "review_folder",
            hint="folder of studies, then Enter",
            named="Folder of studies",
            classes="review-folder",
            entered=open_folder,
            disabled=("running",),
        )
        with html.Div(classes=ROW):
            text_field(
                "review_session",
                hint="session folder (FOLDER-review)",
                named="Session folder",
                classes="review-session",
                entered=open_folder,
                disabled=("running",),
            )
            button(
                "Open",
                open_folder,
                color="primary",
                disabled=("running || !review_folder",),
                classes="review-open-button",
            )
        html.Div(
            "Scans or DICOM folders, each with its report beside it (text, RTF, HTML, PDF, Word). "
            "Decisions are saved in the session folder at every step.",
            v_show="!review_open",
            classes="faint mt-2",
        )


def _worklist(viewer: Viewer) -> None:
    with html.Section(classes="step", v_show="review_open"):
        html.Div(
            "{{ review_counted }}",
            classes="faint mb-2 review-progress",
        )
        v3.VProgressLinear(
            model_value=("100 * review_progress.decided / Math.max(review_progress.regions, 1)",),
            height=3,
            color="success",
            classes="mb-2",
        )
        with (
            html.Div(classes="review-list"),
            row_buttons(
                "review_studies",
                "id",
                ("['review-row', {'review-chosen': review_study === row.id}]",),
                (viewer.beside(viewer.review.look), "[row.id]"),
                title=("row.name",),
                disabled=("running || scan_busy",),
            ),
        ):
            html.Span("{{ row.id }}", classes="review-name")
            html.Span(
                "{{ row.unreported }} not reported", v_show="row.unreported", classes="tag tag-warn"
            )
            html.Span("{{ row.words }}", classes=("['tag', 'review-state-' + row.state]",))


def _notes(viewer: Viewer) -> None:
    lines("review_notes", "faint mb-1 review-note")
    v3.VSelect(
        v_show="review_series.length > 1",
        model_value=("review_chosen",),
        label="Series",
        classes="my-2 review-series",
        disabled=("running",),
        items=("review_series.map((title, index) => ({title, value: index + 1}))",),
        update_modelValue=(viewer.review.choose_series, "[$event]"),
    )


def _regions(viewer: Viewer) -> None:
    with html.Section(classes="step", v_show="review_study"):
        _notes(viewer)
        html.Div(
            "{{ review_nothing }}",
            classes="faint",
            v_show="review_nothing && !running",
        )
        classes = (
            "['review-region', {'review-chosen': review_region === row.number}, "
            "row.verdict && 'review-' + row.verdict]"
        )
        choose = (viewer.review.choose, "[row.number]")
        with (
            html.Div(classes="review-list"),
            row_buttons("review_regions", "number", (classes,), choose, title=("row.sentence",)),
        ):
            _region()
        _report()


def _region() -> None:
    """One region: its size, where it is, how it differs, what it agrees with, its verdict."""
    with html.Div(classes="d-flex align-center ga-2"):
        html.Span("{{ row.number }}", classes="step-number")
        html.Span("{{ row.size }}", classes="review-name")
        html.Span("{{ row.volume }}", classes="faint")
        v3.VSpacer()
        html.Span(
            "{{ row.verdict || (row.earlier && row.earlier + ' on an earlier scan') }}",
            v_show="row.verdict || row.earlier",
            classes="tag",
        )
    html.Div("{{ row.place }} · {{ row.change }}", classes="faint text-left")
    html.Div(
        "{{ row.phrases }}",
        classes="faint text-left",
        title="Agreement of findings with the region, 0 to 1; no probability of disease",
    )
    with html.Div(classes="d-flex ga-1 mt-1"):
        html.Span("{{ row.tag }}", classes=("['tag', row.alert ? 'tag-warn' : 'tag-present']",))
        v3.VIcon(
            "mdi-comment-outline", v_show="row.comment", size="x-small", title=("row.comment",)
        )


def _report() -> None:
    """The report, and what it names that no region shows."""
    with html.Div(v_show="review_study && report", classes="mt-2"):
        html.Div("Report", classes="card-title")
        html.Div("{{ report }}", classes="review-report")
    with html.Div(v_show="review_unseen.length", classes="mt-2"):
        html.Div("Reported, not seen", classes="card-title")
        lines("review_unseen", "faint mb-1 review-unseen")


def _decide(viewer: Viewer) -> None:
    with html.Div(v_show="review_region", classes="run"):
        with html.Div(classes="d-flex ga-2"):
            review = viewer.review
            button(
                "Accept",
                (review.verdict, "['accepted', review_study]"),
                color="success",
                classes="review-accept flex-grow-1",
            )
            reject = (review.verdict, "['rejected', review_study]")
            button("Reject", reject, classes="review-reject flex-grow-1")
            button(
                "Undo",
                viewer.beside(review.undo),
                disabled=("!review_undo",),
                title=("review_undo && 'Take back: ' + review_undo",),
                classes="review-undo flex-grow-1",
            )
            button("Next", (viewer.beside(review.step), "[1]"), classes="flex-grow-1")
        v3.VTextarea(
            v_model=("review_comment",),
            rows=1,
            max_rows=4,
            auto_grow=True,
            maxlength=2000,
            placeholder="Comment; saved when you leave the field (Esc)",
            classes="review-comment mt-2",
            blur=(viewer.review.save_comment, "[$event.target.value, review_study, review_region]"),
            **aria("Comment on the region"),
        )
        with html.Div(classes="review-legend mt-2"):
            for key, what in REVIEW_KEYS:
                with html.Span():
                    for one in key.split():
                        html.Kbd(one)
                    html.Span(what)


def _export(viewer: Viewer) -> None:
    with html.Div(v_show="review_open", classes="run"):
        with html.Div(v_show="running", classes="mb-2"):
            work_bar()
            with html.Div(classes="d-flex justify-space-between align-center faint mt-1"):
                html.Span("{{ stage }}")
                button(
                    "Cancel",
                    viewer.jobs.cancel,
                    size="x-small",
                    variant="text",
                    disabled=("cancelling",),
                )
        button(
            "Export report, table and accepted regions",
            viewer.review.export,
            block=True,
            prepend_icon="mdi-download",
            disabled=("running",),
            classes="review-export",
        )
        html.A(
            "{{ file.title }}",
            v_for="file in review_exported",
            key="file.path",
            href=("file.address",),
            title=("file.path",),
            classes="review-file",
            download=True,
        )
        html.Div(
            "Regions are what does not fit a clear lung of this patient; they are no diagnosis.",
            classes="faint mt-2",
        )


def build_review(viewer: Viewer) -> None:
    """The whole tab."""
    with html.Div(classes="panel-scroll"):
        _folder(viewer)
        _worklist(viewer)
        _regions(viewer)
    _decide(viewer)
    _export(viewer)
