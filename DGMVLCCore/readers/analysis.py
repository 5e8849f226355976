"""A finished reader study -> ROC area, sensitivity, marks and time with and without the
counterfactual, with paired intervals."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.readers.quiz import TOLERANCE_MM, distance_mm
from DGMVLCCore.readers.readings import Reading, table_text
from DGMVLCCore.readers.records import NOTICE, AnalysisRecord, Washout, head
from DGMVLCCore.readers.study import MODES, Study
from DGMVLCCore.report.drawing import chart, save
from DGMVLCCore.results.folders import whole_folder
from DGMVLCCore.results.records import write_text, write_typed
from DGMVLCCore.stats import (
    Compared,
    Paired,
    Statistic,
    bootstrap,
    delong,
    paired,
    roc_area,
    roc_curve,
    sensitivity_at,
)

MARKER = "analysis.json"
SPECIFICITY = 0.8
UNTIMED = "Not every reading has a time, so times are not compared."
SCRIPTED = (
    "Readings by a scripted reader (a simulated observer with stated rules): these figures show "
    "that "
    "the machinery works and say nothing about people."
)


def _complete(study: Study) -> list[Reading]:
    """All readings of the plan.

    Raises:
        UnsuitableInputError: some are missing.
    """
    readings = [r for reader in study.record.readers for r in study.readings(reader)]
    have = {r.item for r in readings}
    if missing := [i for i in study.items if i not in have]:
        first = missing[0]
        raise UnsuitableInputError(
            f"{len(missing)} of {len(study.items)} readings are missing, the first: {first.case} "
            f"by {first.reader} in session "
            f"{first.session}; a paired analysis needs them all."
        )
    return readings


def _arrange(study: Study, readings: list[Reading], value: Any) -> np.ndarray:
    """(R,2,N): `value(reading)` of readers, conditions and cases in the order of the study."""
    readers, cases = (
        {r: i for i, r in enumerate(study.record.readers)},
        {c: i for i, c in enumerate(study.cases.ids)},
    )
    out = np.full((len(readers), 2, len(cases)), np.nan)
    for r in readings:
        out[readers[r.item.reader], MODES.index(r.item.mode), cases[r.item.case]] = value(r)
    return out


def _marks_right(study: Study, readings: list[Reading]) -> dict[Any, float]:
    """Reading -> 1.0 when its mark lies within the tolerance of the finding, else 0.0."""
    keys, right = study.cases.keys(), {}
    for case in study.cases.ids:
        if keys[case].term:
            mask, volume = study.cases.mask(case), study.cases.volume(case)
            for r in (r for r in readings if r.item.case == case):
                right[r.item] = float(
                    r.mark is not None and distance_mm(mask, volume, r.mark) <= TOLERANCE_MM
                )
    return right


def _washout(study: Study, readings: list[Reading]) -> Washout:
    """How many pairs of readings of a case lie a washout apart."""
    times: dict[tuple[str, str], list[Any]] = {}
    for r in readings:
        times.setdefault((r.item.reader, r.item.case), []).append(r)
    gaps = []
    for pair in times.values():
        first, second = sorted(pair, key=lambda r: r.item.session)
        gaps.append(
            (second.read_at - first.read_at).total_seconds() / 86400
            if first.read_at and second.read_at
            else math.nan
        )
    known = [g for g in gaps if math.isfinite(g)]
    days = study.record.washout_days
    close = sum(gap < days for gap in known)
    return Washout(days, len(gaps), len(known), close, round(min(known), 2) if known else None)


def analyse(
    study: Study, *, specificity: float = SPECIFICITY, draws: int = 2000, seed: int = 0
) -> AnalysisRecord:
    """The figures of a study.

    Raises:
        UsageError: a specificity that is none. UnsuitableInputError: readings are missing, or a
            mark lies outside its scan.
    """
    _require_settings(specificity, draws)
    readings, present = _complete(study), _with_finding(study)
    scores = _arrange(study, readings, lambda r: r.confidence)
    right = _marks_right(study, readings)
    marks = _arrange(study, readings, lambda r: right.get(r.item, 0.0))
    seconds = _arrange(study, readings, lambda r: math.nan if r.seconds is None else r.seconds)
    timed, scripted = bool(np.isfinite(seconds).all()), any(r.scripted for r in readings)

    def both(values: np.ndarray, statistic: Statistic, count: int = draws) -> Paired:
        measured = statistic(values[:, :, present], values[:, :, ~present]).mean(0)
        return paired(measured, bootstrap(values, present, statistic, draws=count, seed=seed))

    return AnalysisRecord(
        **head("analysis", seed),
        scripted=scripted,
        conditions=MODES,
        readers=len(scores),
        cases_with=int(present.sum()),
        cases_without=int((~present).sum()),
        draws=draws,
        specificity=specificity,
        roc_area=both(scores, roc_area),
        sensitivity=both(
            scores, partial(sensitivity_at, specificity=specificity), min(draws, 1000)
        ),
        marks_right=both(marks, lambda p, n: p.mean(2)),
        seconds=both(seconds, lambda p, n: np.concatenate([p, n], 2).mean(2)) if timed else None,
        single_readers=_reader_by_reader(study, scores, present),
        washout=_washout(study, readings),
        notes=[*study.record.notes, *[SCRIPTED] * scripted, *[UNTIMED] * (not timed)],
    )


def _reader_by_reader(study: Study, scores: np.ndarray, present: np.ndarray) -> dict[str, Compared]:
    """ROC areas of both conditions, of each reader alone."""
    return {
        reader: delong(scores[i][:, present], scores[i][:, ~present])
        for i, reader in enumerate(study.record.readers)
    }


def _require_settings(specificity: float, draws: int) -> None:
    if not 0 < specificity < 1 or draws < 100:
        raise UsageError(
            "The specificity must lie between 0 and 1 and the draws be 100 or more, not "
            f"{specificity:g} and {draws}."
        )


def _with_finding(study: Study) -> np.ndarray:
    """Which of the study's cases have a finding, bool (cases,)."""
    keys = study.cases.keys()
    return np.array([bool(keys[c].term) for c in study.cases.ids])


def _line(name: str, fact: Paired | Compared | None, form: str = ".3f") -> str:
    if fact is None:
        return f"| {name} | not timed | | |"
    low, high = fact.ci95
    return (
        f"| {name} | {fact.first:{form}} | {fact.second:{form}} | "
        f"{fact.difference:{form}} ({low:{form}} to {high:{form}}) |"
    )


def in_words(result: AnalysisRecord) -> str:
    """The analysis as Markdown."""
    washout = result.washout
    lines = [
        "# Reader study",
        "",
        f"{NOTICE} The cases are synthetic.",
        *result.notes,
        "",
        f"{result.readers} reader(s), {result.cases_with} cases with and "
        f"{result.cases_without} without a finding; 95 % intervals from "
        f"{result.draws} resamplings of readers and cases.",
        "",
        "| | scan | scan + counterfactual | difference (95 % interval) |",
        "|---|---|---|---|",
        _line("ROC area", result.roc_area),
        _line(f"sensitivity at specificity {result.specificity:g}", result.sensitivity),
        _line(f"marks within {TOLERANCE_MM:g} mm of the finding", result.marks_right),
        _line("seconds a reading", result.seconds, ".1f"),
        "",
        "| reader | scan | scan + counterfactual | difference (DeLong 95 % interval) | p |",
        "|---|---|---|---|---|",
    ]
    for reader, fact in result.single_readers.items():
        p = "" if fact.p is None else f"{fact.p:.3f}"
        lines.append(f"{_line(reader, fact)} {p} |")
    lines += [
        "",
        f"Washout: {washout.pairs_too_close} of {washout.pairs_with_times} timed pairs of "
        "readings lie closer than "
        f"{washout.days_planned:g} days ({washout.pairs} pairs in all).",
    ]
    return "\n".join(lines) + "\n"


def _save_curves(study: Study, readings: list[Reading], path: Path, scripted: bool) -> None:
    """ROC curves: each reader thin, their mean (at equal false-positive rates) thick."""
    present = _with_finding(study)
    scores, grid = _arrange(study, readings, lambda r: r.confidence), np.linspace(0, 1, 201)
    figure, (axis,) = chart(1, (5.4, 5.4))
    axis.plot([0, 1], [0, 1], color="#b0b8be", linewidth=0.8, linestyle="dotted")
    for mode, (name, colour) in enumerate(zip(MODES, ("#5b6770", "#1f70db"))):
        curves = [roc_curve(own[mode, present], own[mode, ~present]) for own in scores]
        for false, true in curves:
            axis.plot(false, true, color=colour, linewidth=0.7, alpha=0.45)
        mean = np.mean([np.interp(grid, false, true) for false, true in curves], 0)
        axis.plot(grid, mean, color=colour, linewidth=2.4, label=name)
    axis.set(
        xlabel="1 − specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1.005), aspect="equal"
    )
    axis.legend(loc="lower right", frameon=False)
    axis.set_title(
        "Synthetic cases – research use only"
        + ("; scripted reader, no person" if scripted else ""),
        fontsize=10,
    )
    save(lambda: figure, path, "reader study, synthetic cases", dpi=120)


def write_analysis(
    study: Study,
    out: Path,
    *,
    specificity: float = SPECIFICITY,
    draws: int = 2000,
    seed: int = 0,
    overwrite: bool = False,
) -> AnalysisRecord:
    """Analyse a study and write `analysis.json`, `analysis.md`, `roc.png` and all readings
    (`readings.csv`); returns the analysis."""
    result, readings = (
        analyse(study, specificity=specificity, draws=draws, seed=seed),
        _complete(study),
    )
    with whole_folder(out, overwrite, MARKER) as folder:
        write_typed(result, folder / MARKER)
        write_text(in_words(result), folder / "analysis.md")
        write_text(table_text(readings), folder / "readings.csv")
        _save_curves(study, readings, folder / "roc.png", result.scripted)
    return result
