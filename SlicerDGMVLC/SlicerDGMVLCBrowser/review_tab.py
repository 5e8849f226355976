"""The Review tab: a folder's worklist, the regions of the chosen study, decisions by keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from SlicerDGMVLCLib.reading import REVIEW_KEYS
from trame.widgets import html
from trame.widgets import vuetify3 as v3

if TYPE_CHECKING:
    from .app import Viewer

KEYS = [("keyup_enter", "keyup.enter")]


# what the fields hold; the server's state follows a fast typist late
OPEN = "[review_folder, review_session]"


def _folder(viewer: Viewer) -> None:
    with html.Section(classes="step"):
        v3.VTextField(
            v_model=("review_folder",),
            placeholder="folder of studies, then Enter",
            classes="review-folder",
            __events=KEYS,
            keyup_enter=(viewer.review.open, OPEN),
            disabled=("running",),
            raw_attrs=['aria-label="Folder of studies"'],
        )
        with html.Div(classes="d-flex ga-2 mt-2"):
            v3.VTextField(
                v_model=("review_session",),
                placeholder="session folder (FOLDER-review)",
                classes="review-session",
                __events=KEYS,
                keyup_enter=(viewer.review.open, OPEN),
                disabled=("running",),
                raw_attrs=['aria-label="Session folder"'],
            )
            v3.VBtn(
                "Open",
                size="small",
                variant="tonal",
                color="primary",
                click=(viewer.review.open, OPEN),
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
            "{{ review_progress.studies }} {{ review_progress.studies === 1 ? 'study' : "
            "'studies' }} · "
            "{{ review_progress.decided }} of {{ review_progress.regions }} regions decided",
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
            html.Button(
                v_for="row in review_studies",
                key="row.id",
                type="button",
                classes=("['review-row', {'review-chosen': review_study === row.id}]",),
                click=(viewer.review.look, "[row.id]"),
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
    html.Div(
        "{{ note }}",
        v_for="(note, index) in review_notes",
        key="index",
        classes="faint mb-1 review-note",
    )
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
            "No region stood out.",
            classes="faint",
            v_show=(
                "!review_regions.length && !running && review_studies.some((row) => row.id === "
                "review_study && row.state === 'done')"
            ),
        )
        with (
            html.Div(classes="review-list"),
            html.Button(
                v_for="row in review_regions",
                key="row.number",
                type="button",
                click=(viewer.review.choose, "[row.number]"),
                title=("row.sentence",),
                classes=(
                    "['review-region', {'review-chosen': review_region === row.number}, "
                    "row.verdict && 'review-' + row.verdict]",
                ),
            ),
        ):
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
                html.Span(
                    "{{ row.tag }}", classes=("['tag', row.alert ? 'tag-warn' : 'tag-present']",)
                )
                v3.VIcon(
                    "mdi-comment-outline",
                    v_show="row.comment",
                    size="x-small",
                    title=("row.comment",),
                )
        with html.Div(v_show="review_study && report", classes="mt-2"):
            html.Div("Report", classes="card-title")
            html.Div("{{ report }}", classes="review-report")
        with html.Div(v_show="review_unseen.length", classes="mt-2"):
            html.Div("Reported, not seen", classes="card-title")
            html.Div(
                "{{ line }}",
                v_for="(line, index) in review_unseen",
                key="index",
                classes="faint mb-1 review-unseen",
            )


def _decide(viewer: Viewer) -> None:
    with html.Div(v_show="review_region", classes="run"):
        with html.Div(classes="d-flex ga-2"):
            v3.VBtn(
                "Accept",
                size="small",
                variant="tonal",
                color="success",
                click=(viewer.review.verdict, "['accepted']"),
                classes="review-accept flex-grow-1",
            )
            v3.VBtn(
                "Reject",
                size="small",
                variant="tonal",
                click=(viewer.review.verdict, "['rejected']"),
                classes="review-reject flex-grow-1",
            )
            v3.VBtn(
                "Undo",
                size="small",
                variant="tonal",
                click=viewer.review.undo,
                disabled=("!review_undo",),
                title=("review_undo && 'Take back: ' + review_undo",),
                classes="review-undo flex-grow-1",
            )
            v3.VBtn(
                "Next",
                size="small",
                variant="tonal",
                click=(viewer.review.step, "[1]"),
                classes="flex-grow-1",
            )
        v3.VTextarea(
            v_model=("review_comment",),
            rows=1,
            max_rows=4,
            auto_grow=True,
            maxlength=2000,
            placeholder="Comment; saved when you leave the field (Esc)",
            classes="review-comment mt-2",
            blur=(viewer.review.save_comment, "[$event.target.value]"),
            raw_attrs=['aria-label="Comment on the region"'],
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
            v3.VProgressLinear(
                model_value=("100 * share",),
                indeterminate=("share === 0",),
                height=5,
                rounded=True,
                color="primary",
            )
            with html.Div(classes="d-flex justify-space-between align-center faint mt-1"):
                html.Span("{{ stage }}")
                v3.VBtn(
                    "Cancel",
                    size="x-small",
                    variant="text",
                    click=viewer.jobs.cancel,
                    disabled=("cancelling",),
                )
        v3.VBtn(
            "Export report, table and accepted regions",
            block=True,
            size="small",
            variant="tonal",
            prepend_icon="mdi-download",
            click=viewer.review.export,
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
