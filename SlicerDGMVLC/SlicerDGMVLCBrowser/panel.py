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
from .controls import (
    FEW_WORDS,
    ROW,
    aria,
    button,
    icon_button,
    note,
    option,
    row_buttons,
    run_or_cancel,
    text_field,
    toggle,
)
from .draw_tools import build_draw_tools
from .form import build_form
from .review_tab import build_review
from .teach_tab import build_teach

if TYPE_CHECKING:
    from .app import Viewer


@contextmanager
def _step(number: int, title: str, **attributes: str) -> Iterator[None]:
    with html.Section(classes="step", **attributes):
        with html.Div(classes="step-head"):
            html.Span(str(number), classes="step-number")
            html.Span(title, classes="step-title")
        yield


BUSY = ("scan_busy || running",)


def _scan(viewer: Viewer) -> None:
    with _step(1, "Scan"):
        with html.Div(v_show="scan_name", classes="chosen"):
            html.Div("{{ scan_name }}", classes="chosen-name", title=("scan_path",))
            html.Div("{{ scan_facts }}", classes="faint")
            html.Div("Finding the lungs …", v_show="prepared === 'asked'", classes="faint")
            note("scan_note", "faint scan-note")
        with html.Div(classes="d-flex ga-2 flex-wrap"):
            _scan_buttons(viewer)
        with html.Div(classes=ROW):
            text_field(
                "scan_typed",
                hint="or type a path, then Enter",
                named="Path of a scan",
                classes="scan-path",
                entered=(viewer.beside(viewer.opening.path), "[scan_typed]"),
                disabled=BUSY,
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
        button(
            "Stop opening",
            "trigger('stop_opening')",
            v_show="scan_busy",
            size="x-small",
            variant="text",
            classes="stop-opening",
        )


def _scan_buttons(viewer: Viewer) -> None:
    """Where a scan may come from: the program, this machine, the machine of the browser."""
    button(
        "Sample",
        viewer.beside(viewer.opening.sample),
        color="primary",
        prepend_icon="mdi-image-search-outline",
        disabled=BUSY,
        classes="open-sample",
        title="The scan that comes with the program, with its report",
    )
    button(
        "Browse",
        (viewer.files.browse, "['', 'scan']"),
        prepend_icon="mdi-folder-open-outline",
        disabled=BUSY,
        classes="open-browse",
        title="A file or a DICOM folder on this machine",
    )
    button(
        "Upload",
        "utils.dgmvlc.pick('upload-files')",
        prepend_icon="mdi-upload",
        disabled=BUSY,
        title="One image file, or all files of one DICOM series",
    )
    html.Input(
        id="upload-files",
        type="file",
        multiple=True,
        style="display: none",
        change="utils.dgmvlc.upload($event.target.files); $event.target.value = ''",
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
            spellcheck="false",
            maxlength=100000,
            **aria("Report"),
        )
        note("report_note", "faint mt-1 report-note")


def _finding() -> None:
    classes = (
        "['finding', {'finding-chosen': finding === row.number, 'finding-faint': !row.taught || "
        "row.presence === 'absent'}]"
    )
    with (
        _step(3, "Finding", v_show="findings.length"),
        html.Div(classes="findings", raw_attrs=['role="listbox"']),
        row_buttons(
            "findings",
            "number",
            (classes,),
            "finding = row.number",
            title=("row.sentence",),
            raw_attrs=['role="option"'],
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
        with toggle("region_from", classes="wide"):
            drop_file = "region_path = ''"
            proposed = "Found from the finding by the reading pass"
            option("proposed", "Proposed", click=drop_file, title=proposed)
            formats = "A segmentation (.seg.nrrd, .nrrd, NIfTI)"
            option("file", "From a file", click=drop_file, title=formats)
            drawn = "Draw it, or correct the one that is shown"
            option("drawn", "Draw", classes="draw-region", title=drawn)
        with html.Div(v_show="region_from === 'proposed'", classes="mt-2"):
            button(
                "Show the proposed region",
                viewer.propose_region,
                loading=("region_busy",),
                disabled=("running || !!cannot_propose",),
                title=("cannot_propose",),
                classes="propose",
            )
        note("region_note", "faint mt-1 region-note")
        build_draw_tools()
        with html.Div(v_show="region_from === 'file'", classes="mt-2"):
            _region_file(viewer)


def _region_file(viewer: Viewer) -> None:
    """A segmentation from a file, and which of its segments."""
    html.Div(
        "{{ region_path.split(/[\\\\/]/).pop() }}",
        v_show="region_path",
        classes="chosen-name mb-2",
        title=("region_path",),
    )
    with html.Div(classes="d-flex ga-2"):
        text_field(
            "region_typed",
            hint="type a path, then Enter",
            named="Path of the segmentation",
            classes="region-path",
            entered="region_path = region_typed; region_typed = ''",
        )
        icon_button(
            "mdi-folder-open-outline",
            "Browse",
            (viewer.files.browse, "['', 'mask']"),
            "Browse for a segmentation",
            variant="tonal",
        )
    text_field(
        "region_segment",
        hint="segment (all when empty)",
        named="Name of the segment",
        classes="mt-2",
    )


def _what() -> None:
    with _step(5, "Show", v_show="finding"):
        with toggle("what", classes="wide"):
            option("without", "Without it")
            option("instead", "Instead …")
        text_field(
            "target",
            hint="e.g. ground-glass opacity",
            named="What to show instead",
            v_show="what === 'instead'",
            classes="mt-2 target",
            maxlength=FEW_WORDS,
        )
        build_form()


def _run(viewer: Viewer) -> None:
    with html.Div(classes="run"):
        run_or_cancel("Run", "mdi-play", viewer.run_or_cancel, "cannot_run", "run-button")
        free = "!running && preflight && !cannot_run"
        note("preflight", "faint mt-1 preflight", free)
        html.Div(
            "The edit process is starting …",
            v_show="worker === 'starting' && !running",
            classes="faint mt-1",
        )


def _files(viewer: Viewer) -> None:
    """The dialog that chooses a file or a folder of this machine."""
    with v3.VDialog(v_model=("files_open",), max_width=640), v3.VCard(classes="files"):
        with html.Div(classes="files-head"):
            html.Div(
                "{{ files_for === 'mask' ? 'Choose a segmentation' : 'Choose a scan, or a folder "
                "with one DICOM series' }}",
                classes="step-title",
            )
            text_field(
                "files_folder",
                named="Folder",
                entered=(viewer.files.browse, "[files_folder]"),
                classes="mt-2",
            )
        with html.Div(classes="files-list"):
            _folder_up(viewer)
            choose = "row.folder ? trigger('browse', [row.path]) : trigger('pick', [row.path])"
            with row_buttons("files", "path", "file", choose):
                v3.VIcon(
                    "{{ row.folder ? 'mdi-folder-outline' : 'mdi-file-outline' }}", size="small"
                )
                html.Span("{{ row.name }}", classes="flex-grow-1 text-left")
                html.Span("{{ row.size }}", classes="faint")
        note("files_note", "faint pa-3")
        with html.Div(classes="d-flex pa-3 ga-2 justify-end"):
            scan_only = "files_for === 'scan'"
            this_folder = "trigger('pick', [files_folder])"
            button("Open this folder as a DICOM series", this_folder, v_show=scan_only)
            button("Close", "files_open = false", variant="text")


def _folder_up(viewer: Viewer) -> None:
    parent = "[files_folder.replace(/[\\/\\\\][^\\/\\\\]+[\\/\\\\]?$/, '') || '/']"
    with html.Button(type="button", classes="file", click=(viewer.files.browse, parent)):
        v3.VIcon("mdi-arrow-up", size="small")
        html.Span("up")


def _edit(viewer: Viewer) -> None:
    with html.Div(classes="panel-scroll"):
        _scan(viewer)
        _report()
        _finding()
        _region(viewer)
        _what()
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
