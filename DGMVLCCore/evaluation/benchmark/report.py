"""The record of a benchmark as Markdown, as a table for spreadsheets, and as one figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from DGMVLCCore.evaluation.benchmark.records import Benchmark, Line, Plain
from DGMVLCCore.evaluation.benchmark.variants import GAN_RATE
from DGMVLCCore.evaluation.benchmark.verdict import SCORES
from DGMVLCCore.evaluation.figures import CHARTED
from DGMVLCCore.evaluation.markdown import cell, table
from DGMVLCCore.evaluation.pooled import REALISM_NOTE
from DGMVLCCore.evaluation.tables import Figure
from DGMVLCCore.report.drawing import chart, save
from DGMVLCCore.results.csv_table import csv_text
from DGMVLCCore.training.recipe import Recipe

LIMITS = (
    "Equal training means the same minutes on one thread of one machine, the same shards, widths "
    "and batch: a variant with cheaper steps takes more of them. "
    "It does not show where each would end with much more training. "
    f"GANs learn at a rate of {GAN_RATE:g}, the others at {Recipe.learning_rate:g}; no rate was "
    "tuned.",
    "Lesions are simulated, in few patients; intervals resample patients. One sample an edit, no "
    "mean over noises.",
    "Text faithfulness: the probe sees no lesion where the sentence denies it and sees one where "
    "it states it, same hole and noise. "
    "A network that hears no text cannot do both.",
    "Memory is the largest resident memory of a process that does nothing else, with Python, the "
    "language and the vision encoder in it.",
)
COLOURS = {"denoiser": "#2a9d8f", "gan": "#c9603a", "volume": "#4a7fc1"}


def _number(value: float | None, scale: float = 1.0, digits: str = ".3g") -> str:
    return "–" if value is None else format(value / scale, digits)


def _costs(lines: list[Line]) -> str:
    header = (
        "variant",
        "parameters, M",
        "GFLOPs a pass, 128x128",
        "passes an edit",
        "training steps",
        "training, s",
        "training memory, MB",
        "inference memory, MB (loaded)",
        "s a slice, median [range] n",
    )
    rows = []
    for line in lines:
        costs, training, timed = line["costs"], line["training"], line["costs"]["seconds_a_slice"]
        rows.append(
            [
                line["title"],
                _number(costs["parameters"], 1e6),
                _number(costs["flops"], 1e9),
                _number(costs["passes"]),
                _number(training["steps"], digits=".0f"),
                _number(training["seconds"], digits=".0f"),
                _number(training["train_peak_mb"], digits=".0f"),
                f"{costs['peak_mb']:.0f} ({costs['loaded_mb']:.0f})",
                f"{timed['value']:.3g} [{timed['low']:.3g}–{timed['high']:.3g}] n={timed['n']}",
            ]
        )
    return table(header, rows)


def _scores(lines: list[Line]) -> str:
    header = ("variant", *(title for title, _ in SCORES.values()), "ranked")
    return table(
        header,
        [
            [
                line["title"],
                *(cell(line["scores"][key]) for key in SCORES),
                "yes" if line["ranked"] else f"no: {line['why']}",
            ]
            for line in lines
        ],
    )


def markdown(record: Benchmark, figure: str) -> str:
    """benchmark.md."""
    lines, budget, unet = record.lines, record.budget, record.seed_unet
    length = f"{budget['steps']} steps" if budget["steps"] else f"{budget['minutes']:g} minutes"
    who = (
        f"{record.cases} cases with known truth in {', '.join(record.patients)} (part "
        f"“{record.part}”)"
    )
    notes = [f"- {line['title']}: {line['note']}." for line in lines if line["note"]] + [
        f"- {line}" for line in record.left_out
    ]
    few = "Fewer than eight patients: every interval is exploratory."
    parts = [
        "# Benchmark of generators\n",
        f"**{record.notice}**\n",
        f"{who}. Each trained variant had {length} on one thread, widths "
        f"{', '.join(map(str, budget['widths']))}, batch {budget['batch']}, "
        f"seed {budget['seed']}. "
        f"{few if record.exploratory else ''}\n",
        f"![benchmark]({figure})\n",
        "## What each is good for\n",
        table(
            ("variant", "made from the ranks below; * = its interval meets no other's"),
            [(line["title"], line["good_for"]) for line in lines],
        ),
        "## Quality\n",
        _scores(lines),
        f"{REALISM_NOTE}\n",
        "## Cost\n",
        _costs(lines),
        "\n".join(notes) + "\n",
    ]
    if unet:
        faster = [(line["title"], f"{unet['faster'][line['name']]:g}") for line in lines]
        parts += [
            "## Against 3D sampling in 250 steps\n",
            f"{unet['sentence']}\n",
            table(("variant", "times faster a sample"), faster),
        ]
    return "\n".join([*parts, "## Limits\n", *(f"- {limit}" for limit in LIMITS)]) + "\n"


def csv_table(record: Benchmark) -> str:
    """benchmark.csv: a variant a row; of every score the value, the limits of its interval and
    n."""
    plain: tuple[Plain, ...] = ("parameters", "flops", "passes", "loaded_mb", "peak_mb")
    columns = [
        "variant",
        "trained_here",
        *plain,
        "seconds_a_slice",
        "training_steps",
        "training_seconds",
        "training_peak_mb",
        *(f"{key}{end}" for key in SCORES for end in ("", "_low", "_high", "_n")),
        "ranked",
        "good_for",
    ]
    rows = []
    for line in record.lines:
        figures = [line["scores"][key] for key in SCORES]
        values = [
            line["name"],
            line["trained_here"],
            *(line["costs"][key] for key in plain),
            line["costs"]["seconds_a_slice"]["value"],
            line["training"]["steps"],
            line["training"]["seconds"],
            line["training"]["train_peak_mb"],
            *(
                value
                for found in figures
                for value in (found["value"], *(found.get("ci95") or (None, None)), found["n"])
            ),
            line["ranked"],
            line["good_for"],
        ]
        rows.append(dict(zip(columns, values)))
    return csv_text(columns, rows)


def draw(record: Benchmark, path: Path) -> None:
    """Quality against time, with intervals: MAE and texture error; pale where a variant does not
    rank."""
    about = "benchmark, figures measured on synthetic lesions"
    save(lambda: _against_time(record), path, about)


def _against_time(record: Benchmark) -> Any:
    figure, axes = chart(2, (13, 6))
    for axis, (score, label) in zip(axes, CHARTED):
        for line in record.lines:
            _point(axis, line, line["scores"][score])
        axis.set_xscale("log")
        axis.margins(x=0.25)
        axis.set_xlabel("seconds a slice of 128x128 (log scale)")
        axis.set_ylabel(label)
    figure.suptitle(
        f"Generators at equal training on {record.cases} cases with known truth, part "
        f"“{record.part}”; diamonds: not trained at equal "
        "minutes; bars: 95 % interval over patients. Research use only.",
        fontsize=9,
    )
    return figure


def _point(axis: Any, line: Line, score: Figure) -> None:
    """A variant's score with its interval over the seconds it takes."""
    value, seconds = score["value"], line["costs"]["seconds_a_slice"]["value"]
    if value is None:
        return
    how = {
        "color": COLOURS.get(line["name"].split("-")[0], "#555555"),
        "alpha": 1.0 if line["ranked"] else 0.35,
    }
    axis.plot([seconds] * 2, score.get("ci95") or (value, value), linewidth=1.2, **how)
    axis.plot([seconds], [value], "o" if line["trained_here"] else "D", markersize=6, **how)
    words, where = f"{line['title']} (n={score['n']})", (seconds, value)
    axis.annotate(words, where, xytext=(6, 4), textcoords="offset points", fontsize=8)
