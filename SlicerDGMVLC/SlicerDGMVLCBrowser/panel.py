"""The panel on the left, in the order of the work: scan, report, finding, region, what to show,
run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from . import offers
from .cases import build_recent
from .compare_tab import build_compare
from .draw_tools import build_draw_tools
from .form import build_form
from .review_tab import build_review
from .teach_tab import build_teach

if TYPE_CHECKING:
    from .app import Viewer


KEYS = [("keyup_enter", "keyup.enter")]  # an event trame does not list


@contextmanager
def _step(number: int, title: str, **attributes: str) -> Iterator[None]:
    with html.Section(classes="step", **attributes):
        with html.Div(classes="step-head"):
            html.Span(str(number), classes="step-number")
            html.Span(title, classes="step-title")
        yield


def _scan(viewer: Viewer) -> None:
    with _step(1, "Scan"):
        with html.Div(v_show="scan_name", classes="chosen"):
            html.Div("{{ scan_name }}", classes="chosen-name", title=("scan_path",))
            html.Div("{{ scan_facts }}", classes="faint")
            html.Div("Finding the lungs …", v_show="prepared === 'asked'", classes="faint")
            html.Div("{{ scan_note }}", v_show="scan_note", classes="faint scan-note")
        with html.Div(classes="d-flex ga-2 flex-wrap"):
            v3.VBtn(
                "Sample",
                size="small",
                variant="tonal",
                color="primary",
                prepend_icon="mdi-image-search-outline",
                click=viewer.open_sample,
                disabled=("scan_busy || running",),
                classes="open-sample",
                title="The scan that comes with the program, with its report",
            )
            v3.VBtn(
                "Browse",
                size="small",
                variant="tonal",
                prepend_icon="mdi-folder-open-outline",
                click=(viewer.files.browse, "['', 'scan']"),
                disabled=("scan_busy || running",),
                classes="open-browse",
                title="A file or a DICOM folder on this machine",
            )
            v3.VBtn(
                "Upload",
                size="small",
                variant="tonal",
                prepend_icon="mdi-upload",
                click="utils.dgmvlc.pick('upload-files')",
                disabled=("scan_busy || running",),
                title="One image file, or all files of one DICOM series",
            )
            html.Input(
                id="upload-files",
                type="file",
                multiple=True,
                style="display: none",
                change="utils.dgmvlc.upload($event.target.files); $event.target.value = ''",
            )
        with html.Div(classes="d-flex ga-2 mt-2"):
            v3.VTextField(
                v_model=("scan_typed",),
                placeholder="or type a path, then Enter",
                classes="scan-path",
                __events=KEYS,
                keyup_enter=(viewer.open_path, "[scan_typed]"),
                disabled=("scan_busy || running",),
                raw_attrs=['aria-label="Path of a scan"'],
            )
        offers.build(viewer)
        build_recent()
        v3.VProgressLinear(
            v_show="scan_busy || upload_share",
            indeterminate=("scan_busy",),
            model_value=("100 * upload_share",),
            height=3,
            color="primary",
            classes="mt-2",
        )


def _report() -> None:
    with _step(2, "Report"):
        v3.VTextarea(
            v_model=("report",),
            rows=4,
            max_rows=9,
            auto_grow=True,
            placeholder="Paste the report (English)",
            classes="report",
            raw_attrs=['aria-label="Report"'],
            spellcheck="false",
            maxlength=100000,
        )
        html.Div("{{ report_note }}", v_show="report_note", classes="faint mt-1 report-note")


def _finding() -> None:
    classes = (
        "['finding', {'finding-chosen': finding === row.number, 'finding-faint': !row.taught || "
        "row.presence === 'absent'}]"
    )
    with (
        _step(3, "Finding", v_show="findings.length"),
        html.Div(classes="findings", raw_attrs=['role="listbox"']),
        html.Button(
            v_for="row in findings",
            key="row.number",
            type="button",
            raw_attrs=['role="option"'],
            classes=(classes,),
            title=("row.sentence",),
            click="finding = row.number",
        ),
    ):
        with html.Div(classes="d-flex align-center ga-2"):
            html.Span("{{ row.phrase }}", classes="finding-phrase")
            html.Span(
                "not taught",
                v_show="!row.taught",
                classes="tag tag-warn",
                title="The weights do not know this finding",
            )
        with html.Div(classes="d-flex ga-1 flex-wrap mt-1"):
            html.Span("{{ row.place || 'no side said' }}", classes="tag")
            html.Span("{{ row.size }}", v_show="row.size", classes="tag")
            html.Span("{{ row.certainty }}", classes=("['tag', 'tag-' + row.presence]",))


def _region(viewer: Viewer) -> None:
    with _step(4, "Region", v_show="scan_name"):
        with v3.VBtnToggle(
            v_model=("region_from",),
            mandatory=True,
            density="compact",
            variant="outlined",
            divided=True,
            classes="wide",
        ):
            v3.VBtn(
                "Proposed",
                value="proposed",
                size="small",
                click="region_path = ''",
                title="Found from the finding by the reading pass",
            )
            v3.VBtn(
                "From a file",
                value="file",
                size="small",
                click="region_path = ''",
                title="A segmentation (.seg.nrrd, .nrrd, NIfTI)",
            )
            v3.VBtn(
                "Draw",
                value="drawn",
                size="small",
                classes="draw-region",
                title="Draw it, or correct the one that is shown",
            )
        with html.Div(v_show="region_from === 'proposed'", classes="mt-2"):
            v3.VBtn(
                "Show the proposed region",
                size="small",
                variant="tonal",
                loading=("region_busy",),
                disabled=("running || !!cannot_propose",),
                title=("cannot_propose",),
                click=viewer.propose_region,
                classes="propose",
            )
        html.Div("{{ region_note }}", v_show="region_note", classes="faint mt-1 region-note")
        build_draw_tools()
        with html.Div(v_show="region_from === 'file'", classes="mt-2"):
            html.Div(
                "{{ region_path.split(/[\\\\/]/).pop() }}",
                v_show="region_path",
                classes="chosen-name mb-2",
                title=("region_path",),
            )
            with html.Div(classes="d-flex ga-2"):
                v3.VTextField(
                    v_model=("region_typed",),
                    placeholder="type a path, then Enter",
                    raw_attrs=['aria-label="Path of the segmentation"'],
                    classes="region-path",
                    __events=KEYS,
                    keyup_enter="region_path = region_typed; region_typed = ''",
                )
                v3.VBtn(
                    icon="mdi-folder-open-outline",
                    size="small",
                    variant="tonal",
                    click=(viewer.files.browse, "['', 'mask']"),
                    title="Browse",
                    raw_attrs=['aria-label="Browse for a segmentation"'],
                )
            v3.VTextField(
                v_model=("region_segment",),
                placeholder="segment (all when empty)",
                classes="mt-2",
                raw_attrs=['aria-label="Name of the segment"'],
            )


def _what(viewer: Viewer) -> None:
    with _step(5, "Show", v_show="finding"):
        with v3.VBtnToggle(
            v_model=("what",),
            mandatory=True,
            density="compact",
            variant="outlined",
            divided=True,
            classes="wide",
        ):
            v3.VBtn("Without it", value="without", size="small")
            v3.VBtn("Instead …", value="instead", size="small")
        v3.VTextField(
            v_show="what === 'instead'",
            v_model=("target",),
            placeholder="e.g. ground-glass opacity",
            classes="mt-2 target",
            maxlength=300,
            raw_attrs=['aria-label="What to show instead"'],
        )
        build_form(viewer)


def _run(viewer: Viewer) -> None:
    with html.Div(classes="run"):
        v3.VBtn(
            "{{ running ? (cancelling ? 'Stopping …' : 'Cancel') : 'Run' }}",
            block=True,
            size="large",
            click=viewer.run_or_cancel,
            color=("running ? 'error' : 'primary'",),
            variant=("running ? 'tonal' : 'flat'",),
            disabled=("(!running && !!cannot_run) || cancelling",),
            classes="run-button",
            prepend_icon=("running ? 'mdi-stop' : 'mdi-play'",),
        )
        with html.Div(v_show="running", classes="mt-2"):
            v3.VProgressLinear(
                model_value=("100 * share",),
                indeterminate=("share === 0",),
                height=5,
                rounded=True,
                color="primary",
            )
            with html.Div(classes="d-flex justify-space-between faint mt-1"):
                html.Span("{{ stage }}", classes="stage-text")
                html.Span("{{ time_left }}")
        html.Div(
            "{{ cannot_run }}", v_show="!running && cannot_run", classes="faint mt-1 cannot-run"
        )
        html.Div(
            "{{ preflight }}",
            v_show="!running && preflight && !cannot_run",
            classes="faint mt-1 preflight",
        )
        html.Div(
            "The edit process is starting …",
            v_show="worker === 'starting' && !running",
            classes="faint mt-1",
        )


def _files(viewer: Viewer) -> None:
    with v3.VDialog(v_model=("files_open",), max_width=640), v3.VCard(classes="files"):
        with html.Div(classes="files-head"):
            html.Div(
                "{{ files_for === 'mask' ? 'Choose a segmentation' : 'Choose a scan, or a folder "
                "with one DICOM series' }}",
                classes="step-title",
            )
            v3.VTextField(
                v_model=("files_folder",),
                __events=KEYS,
                keyup_enter=(viewer.files.browse, "[files_folder]"),
                classes="mt-2",
                raw_attrs=['aria-label="Folder"'],
            )
        with html.Div(classes="files-list"):
            with html.Button(
                type="button",
                classes="file",
                click=(
                    viewer.files.browse,
                    "[files_folder.replace(/[\\/\\\\][^\\/\\\\]+[\\/\\\\]?$/, '') || '/']",
                ),
            ):
                v3.VIcon("mdi-arrow-up", size="small")
                html.Span("up")
            with html.Button(
                v_for="file in files",
                key="file.path",
                type="button",
                classes="file",
                click="file.folder ? trigger('browse', [file.path]) : trigger('pick', [file.path])",
            ):
                v3.VIcon(
                    "{{ file.folder ? 'mdi-folder-outline' : 'mdi-file-outline' }}", size="small"
                )
                html.Span("{{ file.name }}", classes="flex-grow-1 text-left")
                html.Span("{{ file.size }}", classes="faint")
        html.Div("{{ files_note }}", v_show="files_note", classes="faint pa-3")
        with html.Div(classes="d-flex pa-3 ga-2 justify-end"):
            v3.VBtn(
                "Open this folder as a DICOM series",
                v_show="files_for === 'scan'",
                size="small",
                variant="tonal",
                click="trigger('pick', [files_folder])",
            )
            v3.VBtn("Close", size="small", variant="text", click="files_open = false")


def _edit(viewer: Viewer) -> None:
    with html.Div(classes="panel-scroll"):
        _scan(viewer)
        _report()
        _finding()
        _region(viewer)
        _what(viewer)
    _run(viewer)


# name, title, what builds it: a tab of the panel each, in the order of the page
TABS: tuple[tuple[str, str, Callable[[Viewer], None]], ...] = (
    ("edit", "Edit", _edit),
    ("compare", "Compare", build_compare),
    ("review", "Review", build_review),
    ("teach", "Teach", build_teach),
)


def build_panel(viewer: Viewer) -> None:
    """All tabs of the work, and the file dialog."""
    if len(TABS) > 1:
        with v3.VTabs(v_model=("tab",), density="compact", grow=True, classes="panel-tabs"):
            for name, title, _ in TABS:
                v3.VTab(title, value=name, classes=f"tab-{name}")
    for name, _, build in TABS:
        with html.Div(v_show=f"tab === '{name}'", classes="panel-tab"):
            build(viewer)
    _files(viewer)
