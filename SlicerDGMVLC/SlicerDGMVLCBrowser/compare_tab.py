"""The tab that sets hypotheses side by side: which ones, one button, the ranking with its
intervals, the layer to look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from SlicerDGMVLCLib.comparison import CLEAR, splitWords, whyNotCompare
from trame.widgets import html
from trame.widgets import vuetify3 as v3

from .comparisons import Comparison, load_comparison, show_comparison

if TYPE_CHECKING:
    from .app import Viewer

INPUTS = (
    "compare_chosen",
    "compare_words",
    "scan_name",
    "finding",
    "findings",
    "region_path",
    "region_from",
)


class Comparing:
    """What the tab's controls do; scan, report, region and quality are those of the tab Edit."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer, self.state = viewer, viewer.state
        self._shown: Comparison | None = None
        self.state.change(*INPUTS)(self._judge)
        self.state.change("compare_layer")(lambda **_: self.show())

    def words(self) -> list[str]:
        """The chosen hypotheses, then the typed ones; none means those of the finding's own
        list."""
        return [str(name) for name in self.state.compare_chosen or []] + splitWords(
            str(self.state.compare_words or "")
        )

    def _why_not(self) -> str:
        state = self.state
        row = next((row for row in state.findings if row["number"] == state.finding), None)
        if not state.scan_name:
            return "Open a scan first (tab Edit)."
        if not (self.words() or row):
            return "Choose two hypotheses or more, or a finding of the report."
        if row and not row["taught"] and not (self.words() and state.region_path):
            return (
                f"The weights were not taught “{row['term']}”; choose another finding (tab Edit)."
            )
        if not row and not state.region_path:
            return "The region is missing: choose a segmentation or a finding (tab Edit)."
        return whyNotCompare(self.words()) if self.words() else ""

    def _judge(self, **_: Any) -> None:
        self.state.compare_why = self._why_not()

    async def start_or_cancel(self) -> None:
        """The one button: compare, or stop."""
        viewer, state = self.viewer, self.state
        if state.running:
            viewer.jobs.cancel()
            return
        self._judge()
        if viewer.stage.scan is None or state.compare_why:
            return
        with state:
            state.message, state.advice = "", ""
        request = {
            name: value
            for name, value in viewer.jobs.request(viewer.stage.scan.path).items()
            if name != "target"
        }
        out = viewer.workspace.new("results", "comparison")
        await viewer.jobs.task(
            "compare", {**request, "hypotheses": self.words(), "out": str(out)}, self._answered
        )

    def _answered(self, answer: dict[str, Any]) -> None:
        try:
            self._shown = load_comparison(self.viewer.stage, Path(str(answer["record"])))
        except (OSError, ValueError, KeyError) as error:
            self.viewer.say(f"The comparison cannot be shown: {error}")
            return
        ranking = self._shown.record["ranking"]
        with self.state as state:
            state.compare_rows, state.compare_sentence, state.compare_note = (
                self._shown.rows,
                ranking["sentence"],
                ranking["note"],
            )
        self.show()

    def show(self) -> None:
        """The original and every hypothesis, in the chosen layer."""
        if self._shown is None:
            return
        role = (
            self.state.compare_layer
            if self.state.compare_layer in ("counterfactual", "difference")
            else "counterfactual"
        )
        if not show_comparison(self.viewer.stage, self._shown, role):
            self._shown = None
            with self.state as state:
                state.compare_rows, state.compare_sentence, state.compare_note = [], "", ""


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
        v3.VTextField(
            v_model=("compare_words",),
            placeholder="own words, separated by commas",
            classes="mt-2 compare-words",
            maxlength=300,
            raw_attrs=['aria-label="Hypotheses in your own words"'],
        )
        html.Div(
            "Two to six. With none chosen, the report's finding brings its own list. Scan, "
            "report, region and quality are those of the tab Edit.",
            classes="faint mt-2",
        )


def _ranking(work: Comparing) -> None:
    with html.Section(classes="step", v_show="compare_rows.length"):
        html.Div("How well they fit the voxels", classes="step-title mb-2")
        html.P("{{ compare_sentence }}", classes="compare-sentence")
        with html.Div(v_for="row in compare_rows", key="row.name", classes="hypothesis-row"):
            with html.Div(classes="hypothesis-head"):
                html.Span("{{ row.name }}")
                html.Span(
                    "told apart",
                    v_show="row.apart",
                    classes="tag tag-present",
                    title="Both networks set it apart from the first",
                )
            html.Div(
                "error {{ row.error }} · agreement {{ row.agreement || '–' }} · {{ row.change }}",
                classes="faint",
                title=(
                    "Denoising error beside the first one's with its 95 % interval; agreement 0–1; "
                    "mean change inside the region"
                ),
            )
        html.Div("{{ compare_note }}", classes="faint mt-1 mb-2")
        with v3.VBtnToggle(
            v_model=("compare_layer",),
            mandatory=True,
            density="compact",
            variant="outlined",
            divided=True,
            classes="wide",
        ):
            v3.VBtn(
                "Counterfactuals",
                value="counterfactual",
                size="small",
                classes="layer-counterfactual",
            )
            v3.VBtn("Differences", value="difference", size="small", classes="layer-difference")
        v3.VBtn(
            "Show side by side",
            size="small",
            variant="tonal",
            classes="mt-2 show-hypotheses",
            click=work.show,
        )


def build_compare(viewer: Viewer) -> None:
    """The tab Compare."""
    work = Comparing(viewer)
    with html.Div(classes="panel-scroll"):
        _hypotheses()
        _ranking(work)
    with html.Div(classes="run"):
        v3.VBtn(
            "{{ running ? (cancelling ? 'Stopping …' : 'Cancel') : 'Compare' }}",
            block=True,
            size="large",
            click=work.start_or_cancel,
            color=("running ? 'error' : 'primary'",),
            variant=("running ? 'tonal' : 'flat'",),
            disabled=("(!running && !!compare_why) || cancelling",),
            classes="compare-button",
            prepend_icon=("running ? 'mdi-stop' : 'mdi-compare'",),
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
                html.Span("{{ stage }}")
                html.Span("{{ time_left }}")
        html.Div(
            "{{ compare_why }}", v_show="!running && compare_why", classes="faint mt-1 compare-why"
        )
