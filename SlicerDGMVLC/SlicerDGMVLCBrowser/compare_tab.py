"""The tab that sets hypotheses side by side: which ones, one button, the ranking with its
intervals, the layer to look at."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SlicerDGMVLCLib.records import Fields, asFields, readRecord
from SlicerDGMVLCPresenters.case import DRAWN
from SlicerDGMVLCPresenters.comparison import CLEAR, read_comparison, splitWords
from SlicerDGMVLCPresenters.requests import Compared
from trame.widgets import html
from trame.widgets import vuetify3 as v3

from .controls import FEW_WORDS, button, option, run_or_cancel, text_field, toggle

if TYPE_CHECKING:
    from .app import Viewer


class Comparing:
    """What the tab's controls do; scan, report, region and quality are those of the tab Edit."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer, self.state, self.desk = viewer, viewer.state, viewer.desk
        self.state.change("compare_chosen", "compare_words")(self._on_words)
        self.state.change("compare_layer")(lambda **_: self.show())

    def _on_words(self, **_: Any) -> None:
        """The chosen hypotheses, then the typed ones; none means those of the finding's own
        list."""
        chosen = [str(name) for name in self.state.compare_chosen or []]
        self.desk.hypotheses = chosen + splitWords(str(self.state.compare_words or ""))
        self.viewer.refresh()

    async def start_or_cancel(self) -> None:
        """The one button: compare, or stop."""
        viewer, desk = self.viewer, self.desk
        if desk.work.busy:
            viewer.jobs.cancel()
            return
        scan = desk.case.scan
        if scan is None or desk.why_not_compare():
            return
        if desk.case.region.origin == DRAWN and not viewer.drawing.save():
            return
        viewer.unsay()
        edit = viewer.jobs.request(scan, "comparison")
        request = asFields(edit.comparing(desk.hypotheses))
        await viewer.jobs.task("compare", request, self._answered)

    def _answered(self, answer: Fields) -> None:
        now = time.strftime("%H:%M")
        try:
            record, paths = read_comparison(Path(readRecord(Compared, answer).record))
        except (OSError, ValueError) as error:
            self.viewer.say(f"The comparison cannot be shown: {error}")
            return
        titles = [each.title for each in record.hypotheses]
        made = self.desk.add_comparison(
            record, [(title, str(path), now) for title, path in zip(titles, paths)]
        )
        try:
            for result, path in zip(made, paths):
                self.viewer.stage.load_run(result.number, path, result.title)
        except (OSError, ValueError) as error:
            for result in made:
                self.desk.remove_result(result.number)
                self.viewer.stage.remove_run(result.number)
            self.viewer.say(f"The comparison cannot be shown: {error}")

    def show(self) -> None:
        """The original and every hypothesis, in the chosen layer."""
        layer = self.state.compare_layer
        self.desk.show_comparison(layer if layer in ("counterfactual", "difference") else "")
        self.viewer.refresh()


def _hypotheses() -> None:
    with html.Section(classes="step"):
        html.Div("Hypotheses", classes="step-title mb-2")
        with v3.VChipGroup(
            v_model=("compare_chosen",), multiple=True, column=True, classes="compare-chips"
        ):
            v3.VChip(
                "{{ name }}",
                v_for=f"name in [...known, '{CLEAR}']",
                key="name",
                value=("name",),
                size="small",
                filter=True,
                variant="outlined",
            )
        text_field(
            "compare_words",
            hint="own words, separated by commas",
            named="Hypotheses in your own words",
            classes="mt-2 compare-words",
            maxlength=FEW_WORDS,
        )
        html.Div(
            "Two to six. With none chosen, the report's finding brings its own list. Scan, "
            "report, region and quality are those of the tab Edit.",
            classes="faint mt-2",
        )


def _hypothesis_row() -> None:
    with html.Div(classes="hypothesis-head"):
        html.Span("{{ row.name }}")
        html.Span(
            "told apart",
            v_show="row.apart",
            classes="tag tag-present",
            title="Both networks set it apart from the first",
        )
    html.Div(
        "asks {{ row.asked }} · agreement {{ row.agreement || '–' }} · {{ row.change }}",
        classes="faint",
        title=(
            "Change that the words ask for beyond the first one's, with its 95 % interval; "
            "agreement 0–1; mean change inside the region"
        ),
    )


def _ranking(work: Comparing) -> None:
    with html.Section(classes="step", v_show="compare_rows.length"):
        html.Div("How well they fit the voxels", classes="step-title mb-2")
        html.P("{{ compare_sentence }}", classes="compare-sentence")
        with html.Div(v_for="row in compare_rows", key="row.name", classes="hypothesis-row"):
            _hypothesis_row()
        html.Div("{{ compare_note }}", classes="faint mt-1 mb-2")
        with toggle("compare_layer", classes="wide"):
            option("counterfactual", "Counterfactuals", classes="layer-counterfactual")
            option("difference", "Differences", classes="layer-difference")
        button("Show side by side", work.show, classes="mt-2 show-hypotheses")


def build_compare(viewer: Viewer) -> None:
    """The tab Compare."""
    work = Comparing(viewer)
    with html.Div(classes="panel-scroll"):
        _hypotheses()
        _ranking(work)
    with html.Div(classes="run"):
        start = work.start_or_cancel
        run_or_cancel("Compare", "mdi-compare", start, "compare_why", "compare-button")
