"""The command `dgmvlc study`: plan, run and analyse a reader study."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from DGMVLCCore.cli.shared import Add, Command
from DGMVLCCore.errors import UsageError

STUDY_NOTE = "The cases are synthetic. Research use only; not a medical device."


def add_commands(add: Add) -> None:
    """Options of the three steps."""
    study = add("study", "a reader study: scan alone against scan with the counterfactual")
    steps = study.add_subparsers(dest="step", required=True, metavar="STEP")

    def step(name: str, text: str) -> argparse.ArgumentParser:
        made = steps.add_parser(name, help=text, description=text)
        for option in (
            "-q",
            "-v",
            "--json",
        ):  # as for every command; what stands before the step holds as well
            long = {"-q": "--quiet", "-v": "--verbose"}.get(option)
            made.add_argument(
                *filter(None, (option, long)),
                action="store_true",
                default=argparse.SUPPRESS,
                help=argparse.SUPPRESS,
            )
        return made

    plan = step("plan", "a blinded, counterbalanced order over a folder of cases")
    plan.add_argument(
        "cases", type=Path, help="folder of `dgmvlc cases --counterfactual --clear N`"
    )
    plan.add_argument("-o", "--output", type=Path, required=True)
    plan.add_argument(
        "--readers",
        nargs="+",
        required=True,
        metavar="R",
        help="their number, or their codes (not names of people)",
    )
    plan.add_argument(
        "--washout-days",
        type=float,
        default=28.0,
        help="least time between the two readings of a case (default 28)",
    )
    plan.add_argument("--seed", type=int, default=0)
    plan.add_argument(
        "--overwrite", action="store_true", help="replace an earlier plan with its readings"
    )
    run = step("run", "take in readings, or say what a reader reads next")
    run.add_argument("study", type=Path)
    how = run.add_mutually_exclusive_group(required=True)
    how.add_argument(
        "--readings", type=Path, metavar="CSV", help="a table of the plan, filled in elsewhere"
    )
    how.add_argument("--reader", help="say what this reader reads next")
    how.add_argument(
        "--scripted",
        action="store_true",
        help="let a simulated observer read everything; shows the machinery only",
    )
    analyse = step("analyse", "ROC area, sensitivity, marks and time, with paired intervals")
    analyse.add_argument("study", type=Path)
    analyse.add_argument("-o", "--output", type=Path, help="folder; default: STUDY/analysis")
    analyse.add_argument(
        "--specificity",
        type=float,
        default=0.8,
        help="at which sensitivities are compared (default 0.8)",
    )
    analyse.add_argument(
        "--draws", type=int, default=2000, help="resamplings behind the intervals (default 2000)"
    )
    analyse.add_argument("--seed", type=int, default=0)
    analyse.add_argument("--overwrite", action="store_true", help="replace an earlier analysis")


def _plan(args: argparse.Namespace) -> dict[str, Any]:
    from DGMVLCCore.readers.study import plan_study

    record = plan_study(
        args.cases,
        args.output,
        args.readers,
        washout_days=args.washout_days,
        seed=args.seed,
        overwrite=args.overwrite,
    )
    return {
        "output": str(args.output),
        "readers": ", ".join(record["readers"]),
        "readings": len(record["items"]),
        "tables": str(args.output / "tables"),
        "notes": [*record["notes"], STUDY_NOTE],
    }


def _run(args: argparse.Namespace) -> dict[str, Any]:
    from DGMVLCCore.readers.study import Study

    study = Study.read(args.study)
    if args.readings:
        taken = study.take_in(args.readings)
        return {
            "taken": taken,
            "left": sum(len(study.of(r)) - len(study.readings(r)) for r in study.record["readers"]),
            "notes": [STUDY_NOTE],
        }
    if args.scripted:
        from DGMVLCCore.readers.scripted import RULES, read_all

        return {"taken": read_all(study), "notes": [RULES, STUDY_NOTE]}
    item = study.next_item(args.reader)
    if item is None:
        return {"reader": args.reader, "left": 0, "notes": ["All is read."]}
    entry = study.cases.case(item.case)
    files = [entry["file"]] + (
        [entry["counterfactual"], entry["difference"]] if item.mode != "scan" else []
    )
    left = len(study.of(args.reader)) - len(study.readings(args.reader))
    return {
        "reader": args.reader,
        "session": item.session,
        "case": item.case,
        "read": item.mode,
        "asked": f"Is there {item.asked}? Where? How sure (0 to 100)?",
        "files": [str(study.cases.folder / name) for name in files],
        "left": left,
        "notes": [STUDY_NOTE],
    }


def _analyse(args: argparse.Namespace) -> dict[str, Any]:
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
    return {
        "output": str(out),
        **{name: result[name] for name in named},
        "notes": [*result["notes"], STUDY_NOTE],
    }


def run_study(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc study`."""
    steps = {"plan": _plan, "run": _run, "analyse": _analyse}
    if args.step not in steps:
        raise UsageError(f"The step must be one of {', '.join(steps)}.")
    return steps[args.step](args)


COMMANDS: dict[str, Command] = {"study": run_study}
