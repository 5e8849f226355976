"""The command `dgmvlc study`: plan, run and analyse a reader study."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from DGMVLCCore.cli.options import add_steps
from DGMVLCCore.cli.shared import Add, Answer, Command
from DGMVLCCore.errors import UsageError
from DGMVLCCore.ground.options import Option, Output, Seed

STUDY_NOTE = "The cases are synthetic. Research use only; not a medical device."


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Options of `study plan`."""

    cases: Annotated[Path, Option("folder of `dgmvlc cases --counterfactual --clear N`", "cases")]
    output: Output
    readers: Annotated[
        tuple[str, ...],
        Option("their number, or their codes (not names of people)", metavar="R", nargs="+"),
    ]
    washout_days: Annotated[
        float, Option("least time between the two readings of a case (default 28)")
    ] = 28.0
    seed: Seed = 0
    overwrite: Annotated[bool, Option("replace an earlier plan with its readings")] = False


@dataclass(frozen=True, kw_only=True)
class Run:
    """Options of `study run`."""

    study: Annotated[Path, Option(None, "study")]
    readings: Annotated[
        Path | None,
        Option("a table of the plan, filled in elsewhere", metavar="CSV", either="how!"),
    ] = None
    reader: Annotated[str | None, Option("say what this reader reads next", either="how!")] = None
    scripted: Annotated[
        bool,
        Option("let a simulated observer read everything; shows the machinery only", either="how!"),
    ] = False


@dataclass(frozen=True, kw_only=True)
class Analyse:
    """Options of `study analyse`."""

    study: Annotated[Path, Option(None, "study")]
    output: Annotated[Path | None, Option("folder; default: STUDY/analysis", "-o --output")] = None
    specificity: Annotated[float, Option("at which sensitivities are compared (default 0.8)")] = 0.8
    draws: Annotated[int, Option("resamplings behind the intervals (default 2000)")] = 2000
    seed: Seed = 0
    overwrite: Annotated[bool, Option("replace an earlier analysis")] = False


STEPS = {
    "plan": ("a blinded, counterbalanced order over a folder of cases", Plan),
    "run": ("take in readings, or say what a reader reads next", Run),
    "analyse": ("ROC area, sensitivity, marks and time, with paired intervals", Analyse),
}


def add_commands(add: Add) -> None:
    """Options of the three steps."""
    study = add("study", "a reader study: scan alone against scan with the counterfactual")
    steps = study.add_subparsers(dest="step", required=True, metavar="STEP")
    add_steps(steps, STEPS)


def _plan(args: argparse.Namespace) -> Answer:
    from DGMVLCCore.readers.study import plan_study

    record = plan_study(
        args.cases,
        args.output,
        args.readers,
        washout_days=args.washout_days,
        seed=args.seed,
        overwrite=args.overwrite,
    )
    return Answer(
        {
            "output": str(args.output),
            "readers": ", ".join(record.readers),
            "readings": len(record.items),
            "tables": str(args.output / "tables"),
            "notes": [*record.notes, STUDY_NOTE],
        }
    )


def _run(args: argparse.Namespace) -> Answer:
    from DGMVLCCore.readers.study import Study

    study = Study.read(args.study)
    if args.readings:
        taken = study.take_in(args.readings)
        return Answer(
            {
                "taken": taken,
                "left": sum(
                    len(study.of(r)) - len(study.readings(r)) for r in study.record.readers
                ),
                "notes": [STUDY_NOTE],
            }
        )
    if args.scripted:
        from DGMVLCCore.readers.scripted import RULES, read_all

        return Answer({"taken": read_all(study), "notes": [RULES, STUDY_NOTE]})
    item = study.next_item(args.reader)
    if item is None:
        return Answer({"reader": args.reader, "left": 0, "notes": ["All is read."]})
    entry = study.cases.case(item.case)
    aids = [entry.counterfactual, entry.difference] if item.mode != "scan" else []
    files = [entry.file, *filter(None, aids)]
    left = len(study.of(args.reader)) - len(study.readings(args.reader))
    return Answer(
        {
            "reader": args.reader,
            "session": item.session,
            "case": item.case,
            "read": item.mode,
            "asked": f"Is there {item.asked}? Where? How sure (0 to 100)?",
            "files": [str(study.cases.folder / name) for name in files],
            "left": left,
            "notes": [STUDY_NOTE],
        }
    )


def _analyse(args: argparse.Namespace) -> Answer:
    from DGMVLCCore.readers.analysis import write_analysis
    from DGMVLCCore.readers.study import Study

    out = args.output or args.study / "analysis"
    result = write_analysis(
        Study.read(args.study),
        out,
        specificity=args.specificity,
        draws=args.draws,
        seed=args.seed,
        overwrite=args.overwrite,
    )
    named = (
        "readers",
        "cases_with",
        "cases_without",
        "roc_area",
        "sensitivity",
        "marks_right",
        "seconds",
        "washout",
    )
    return Answer(
        {
            "output": str(out),
            **{name: getattr(result, name) for name in named},
            "notes": [*result.notes, STUDY_NOTE],
        }
    )


def run_study(args: argparse.Namespace) -> Answer:
    """`dgmvlc study`."""
    steps = {"plan": _plan, "run": _run, "analyse": _analyse}
    if args.step not in steps:
        raise UsageError(f"The step must be one of {', '.join(steps)}.")
    return steps[args.step](args)


COMMANDS: dict[str, Command] = {"study": run_study}
