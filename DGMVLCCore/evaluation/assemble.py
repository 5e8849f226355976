"""Rows -> report.json, report.md and figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from DGMVLCCore.editing.result import NOTICE
from DGMVLCCore.evaluation import figures, summary
from DGMVLCCore.evaluation.extras import ablation_table, randomised_table, safety_rows, safety_table
from DGMVLCCore.evaluation.headline import headline, subject, targets
from DGMVLCCore.evaluation.pooled import REALISM_NOTE, pooled_scores
from DGMVLCCore.evaluation.records import Records
from DGMVLCCore.evaluation.report import markdown_report
from DGMVLCCore.evaluation.statistics import FEWEST_PATIENTS
from DGMVLCCore.evaluation.tables import CaseTables, Figures, Pair, Pooled, Report, Row
from DGMVLCCore.results.records import plain, write_typed

REAL_SHOWN = 4
POOLED = ("frd", "kid", "fid", "fid_inception")  # scored over all cases


def write(
    work: Path, about: Mapping[str, object], records: Records, tell: Callable[[str, float], None]
) -> None:
    """Write report.json, report.md and the figures into the working folder."""
    rows = records.of("case")
    tell("scoring over all cases", 0.0)
    pooled = pooled_scores(records)
    report = build_report(about, records, pooled)
    tell("drawing", 0.0)
    pictures = draw(work, records, report)
    write_typed(report, work / "report.json")
    (work / "report.md").write_text(markdown_report(report, pictures), encoding="utf-8")
    tell("drawing", 1.0 if rows else 0.0)


def build_report(about: Mapping[str, object], records: Records, pooled: Pooled) -> Report:
    """report.json: no times, no dates, no paths."""
    rows = records.of("case")
    table = summary.method_table(rows)
    for name, entry in table.items():
        scores = [score for score in POOLED if pooled[score]]
        entry |= {score: pooled[score].get(name) for score in scores}
    found = headline(rows, table, pooled, safety_rows(records))
    patients = sorted({row["patient"] for row in rows})
    facts = plain(
        {
            "schema_version": "1.0",
            "notice": NOTICE,
            **about,
            "cases": len(rows),
            "patients": len(patients),
            "patient_names": patients,
            "exploratory": len(patients) < FEWEST_PATIENTS,
            "headline": found,
            "targets": targets(found),
            "tables": {
                "methods": table,
                "pairs": _pairs(rows, found),
                **_tables_of_cases(rows),
                "randomised": randomised_table(records),
                "safety": safety_table(records),
                "reader": pooled["reader"],
                "real": _real(records, pooled),
                "ablations": ablation_table(records),
            },
        }
    )
    return Report(**facts)


def _tables_of_cases(rows: list[Row]) -> CaseTables:
    """What the rows of cases with known truth give by themselves."""
    contrasts = summary.contrast_groups(rows)
    held_out = [row for row in rows if row["held_out_kind"]]
    return {
        "by_kind": summary.broken_down(rows, lambda row: row["kind"]),
        "by_size": summary.broken_down(rows, summary.size_group, lambda row: row["size_mm"]),
        "by_contrast": summary.broken_down(rows, contrasts, lambda row: row["contrast_hu"]),
        "taught_kinds": summary.method_table([row for row in rows if not row["held_out_kind"]]),
        "held_out_kind": summary.method_table(held_out),
        "realism_note": REALISM_NOTE,
        "own": summary.own_table(rows) if any(row["own"] for row in rows) else {},
        "calibration": summary.calibration_table(rows),
        "localisation": summary.localisation_table(rows),
    }


def _pairs(rows: list[Row], found: Figures) -> list[Pair]:
    """The method under test against the best baselines, case by case."""
    single, mean, _ = subject(rows)
    asked = [
        (single, found["mae_hu_best_generative"].get("method"), "mae_hu"),
        (single, found["mae_hu_best_classical"].get("method"), "mae_hu"),
        (mean, found["mae_hu_best_classical"].get("method"), "mae_hu"),
        (single, found["texture_error_best_baseline"].get("method"), "texture_error"),
    ]
    return [
        {
            "first": name,
            "second": other,
            "score": score,
            "figure": summary.paired(rows, name, other, score),
        }
        for name, other, score in asked
        if name and other
    ]


def _real(records: Records, pooled: Pooled) -> dict[str, Figures]:
    """Real lesions in tables of their own; patients that training saw stand apart from those it did
    not."""
    found, larger = dict[str, Figures](), records.of("tumour")
    if rows := records.of("nodule"):
        found["nodules with masks, 48 mm squares"] = summary.real_table(rows) | pooled["nodules"]
    for name, seen in (
        ("larger lesions of patients that training did not see", False),
        ("larger lesions of patients that training saw", True),
    ):
        if rows := [row for row in larger if row["seen"] == seen]:
            found[name] = summary.real_table(rows)
    if rows := [row for entry in records.of("infection") for row in entry["rows"]]:
        found["slices and lungs with infection labels (patients that training saw)"] = (
            summary.infection_table(rows)
        )
    return found


def draw(work: Path, records: Records, report: Report) -> list[str]:
    """All figures; returns their file names."""
    rows, drawn = records.of("case"), []
    single, _, _ = subject(rows)
    heads = report.headline
    baseline = heads["mae_hu_best_generative"].get("method") or heads["mae_hu_best_classical"].get(
        "method"
    )
    chosen = [
        (rank, row, records.kept(row["case"])) for rank, row in figures.extremes(rows, single)
    ]
    if chosen:
        figures.draw_cases(chosen, single, baseline, work / "best-median-worst.png")
        note = "Quick profile: not how good the model is." if report.profile["note"] else ""
        figures.draw_methods(report.tables["methods"], work / "methods.png", len(rows), note)
        drawn += ["best-median-worst.png", "methods.png"]
    real = [
        (row, records.kept(f"tumour-{index:04d}")) for index, row in enumerate(records.of("tumour"))
    ][:REAL_SHOWN]
    if real:
        figures.draw_real(real, work / "real-lesions.png")
        drawn.append("real-lesions.png")
    return drawn
