"""Commands for teaching: cases with an answer key, a page for a patient."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from DGMVLCCore.cli.shared import Add, Command, Progress, device_option, reading, scan_options
from DGMVLCCore.errors import UsageError

CASES_NOTE = (
    "Findings were put into these scans; they are "
    "synthetic. Research use only; not a medical device."
)
NUMBER = 8


def add_commands(add: Add) -> None:
    """Options of the commands for teaching."""
    cases = add("cases", "scans with a finding put into clear lung, and an answer key")
    cases.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        help="folder for cases.json, the scans and the folder keys",
    )
    cases.add_argument(
        "--from",
        dest="scans",
        type=Path,
        action="append",
        default=[],
        metavar="CT",
        help=(
            "clear scan to make cases from (may be repeated); default: the clear lung of the sample"
        ),
    )
    scan_options(cases)
    cases.add_argument(
        "--avoid",
        type=Path,
        action="append",
        default=[],
        metavar="SEG",
        help="disease that no case may show, one for each --from",
    )
    cases.add_argument(
        "--finding",
        action="append",
        default=[],
        metavar="TERM",
        help="e.g. nodule (may be repeated); default: all that are taught",
    )
    cases.add_argument(
        "--size", action="append", default=[], help="small, medium, large, or a number of mm"
    )
    cases.add_argument("--subtlety", action="append", default=[], help="obvious, typical, subtle")
    cases.add_argument("--side", help="left, right, bilateral")
    cases.add_argument("--zone", help="upper, middle, lower")
    cases.add_argument(
        "--query",
        metavar="TEXT",
        help="all of this in words, e.g. “reticulation in both lower zones”",
    )
    cases.add_argument(
        "--balanced", action="store_true", help="finding, size, subtlety and place equally often"
    )
    cases.add_argument(
        "--number", type=int, metavar="N", help=f"cases with a finding (default {NUMBER})"
    )
    cases.add_argument(
        "--clear", type=int, default=0, metavar="N", help="cases without a finding (default 0)"
    )
    cases.add_argument("--seed", type=int, default=0)
    cases.add_argument(
        "--source",
        choices=("simulated", "generated"),
        default="simulated",
        help="what writes the finding (default simulated)",
    )
    cases.add_argument(
        "--counterfactual",
        action="store_true",
        help="also write, blind to the key, the counterfactual to read beside each case",
    )
    cases.add_argument(
        "--weights",
        type=Path,
        help=(
            "weights folder for --source generated and "
            "--counterfactual; default: the shipped weights"
        ),
    )
    cases.add_argument("--overwrite", action="store_true", help="replace an earlier set")
    device_option(cases)
    page = add("page", "a page that explains a result to a patient, to print")
    page.add_argument("result", type=Path, help="folder of a counterfactual, or its result.json")
    page.add_argument("-o", "--output", type=Path, required=True, help=".html file")
    page.add_argument("--overwrite", action="store_true", help="replace an earlier page")


def _wish(args: argparse.Namespace) -> tuple[Any, int]:
    """What is asked for, by options or in words, and how many."""
    from DGMVLCCore.readers.design import Wish
    from DGMVLCCore.readers.query import parse_query

    if args.query is not None:
        if args.finding or args.size or args.subtlety or args.side or args.zone:
            raise UsageError(
                "Ask with --query or with --finding, --size, --subtlety, --side and --zone, not "
                "with both."
            )
        wish, number = parse_query(args.query)
        return wish, args.number if args.number is not None else number or NUMBER
    words, exact = (
        [s for s in args.size if not _is_number(s)],
        [float(s.removesuffix("mm")) for s in args.size if _is_number(s)],
    )
    if len(exact) > 1 or (exact and words):
        raise UsageError("Give --size one number of mm, or words (small, medium, large).")
    wish = Wish(
        tuple(args.finding),
        tuple(words),
        exact[0] if exact else None,
        tuple(args.subtlety),
        args.side,
        args.zone,
    )
    return wish, args.number if args.number is not None else NUMBER


def _is_number(text: str) -> bool:
    return text.removesuffix("mm").strip().replace(".", "", 1).isdigit()


def run_cases(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc cases`."""
    from DGMVLCCore.imaging.untilt import Reading
    from DGMVLCCore.readers.build import Order, build_cases
    from DGMVLCCore.readers.query import wish_in_words

    wish, number = _wish(args)
    if args.avoid and len(args.avoid) != len(args.scans):
        raise UsageError(
            f"Give one --avoid for each --from, not {len(args.avoid)} for {len(args.scans)}."
        )
    order = Order(
        wish,
        number,
        args.clear,
        args.seed,
        args.balanced,
        args.source,
        args.counterfactual,
        tuple(zip(args.scans, args.avoid or [None] * len(args.scans))),
        Reading(**reading(args)),
    )
    progress = Progress(args.quiet or args.json)
    try:
        record = build_cases(
            order,
            args.output,
            overwrite=args.overwrite,
            progress=progress,
            weights=args.weights,
            device=args.device,
        )
    finally:
        progress.close()
    return {
        "output": str(args.output),
        "cases": len(record["cases"]),
        "understood": wish_in_words(wish),
        "key": str(args.output / record["keys"]["file"]),
        "notes": [CASES_NOTE],
    }


def run_page(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc page`."""
    from DGMVLCCore.readers.page import write_page

    return {
        "output": str(write_page(args.result, args.output, overwrite=args.overwrite)),
        "notes": ["Research use only; not a medical device."],
    }


COMMANDS: dict[str, Command] = {"cases": run_cases, "page": run_page}
