"""Commands for teaching: cases with an answer key, a page for a patient."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from DGMVLCCore.cli.options import add_options
from DGMVLCCore.cli.shared import Add, Answer, Command, progress_of, reading
from DGMVLCCore.errors import UsageError
from DGMVLCCore.ground.options import Device, Option, ScanOptions, Seed

CASES_NOTE = (
    "Findings were put into these scans; they are "
    "synthetic. Research use only; not a medical device."
)
NUMBER = 8


@dataclass(frozen=True, kw_only=True)
class Cases(ScanOptions):
    """Options of `cases`."""

    output: Annotated[
        Path, Option("folder for cases.json, the scans and the folder keys", "-o --output")
    ]
    scans: Annotated[
        tuple[Path, ...],
        Option(
            "clear scan to make cases from (may be repeated); default: the clear lung of the "
            "sample",
            "--from",
            "CT",
        ),
    ] = ()
    avoid: Annotated[
        tuple[Path, ...],
        Option("disease that no case may show, one for each --from", metavar="SEG"),
    ] = ()
    finding: Annotated[
        tuple[str, ...],
        Option("e.g. nodule (may be repeated); default: all that are taught", metavar="TERM"),
    ] = ()
    size: Annotated[tuple[str, ...], Option("small, medium, large, or a number of mm")] = ()
    subtlety: Annotated[tuple[str, ...], Option("obvious, typical, subtle")] = ()
    side: Annotated[str | None, Option("left, right, bilateral")] = None
    zone: Annotated[str | None, Option("upper, middle, lower")] = None
    query: Annotated[
        str | None,
        Option("all of this in words, e.g. “reticulation in both lower zones”", metavar="TEXT"),
    ] = None
    balanced: Annotated[bool, Option("finding, size, subtlety and place equally often")] = False
    number: Annotated[
        int | None, Option(f"cases with a finding (default {NUMBER})", metavar="N")
    ] = None
    clear: Annotated[int, Option("cases without a finding (default 0)", metavar="N")] = 0
    seed: Seed = 0
    source: Annotated[
        Literal["simulated", "generated"], Option("what writes the finding (default simulated)")
    ] = "simulated"
    counterfactual: Annotated[
        bool,
        Option("also write, blind to the key, the counterfactual to read beside each case"),
    ] = False
    weights: Annotated[
        Path | None,
        Option(
            "weights folder for --source generated and --counterfactual; default: the shipped "
            "weights"
        ),
    ] = None
    overwrite: Annotated[bool, Option("replace an earlier set")] = False
    device: Device = None


@dataclass(frozen=True, kw_only=True)
class Page:
    """Options of `page`."""

    result: Annotated[Path, Option("folder of a counterfactual, or its result.json", "result")]
    output: Annotated[Path, Option(".html file", "-o --output")]
    overwrite: Annotated[bool, Option("replace an earlier page")] = False


def add_commands(add: Add) -> None:
    """Options of the commands for teaching."""
    add_options(add("cases", "scans with a finding put into clear lung, and an answer key"), Cases)
    add_options(add("page", "a page that explains a result to a patient, to print"), Page)


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


def run_cases(args: argparse.Namespace) -> Answer:
    """`dgmvlc cases`."""
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
        reading(args),
    )
    with progress_of(args) as progress:
        record = build_cases(
            order,
            args.output,
            overwrite=args.overwrite,
            progress=progress,
            weights=args.weights,
            device=args.device,
        )
    return Answer(
        {
            "output": str(args.output),
            "cases": len(record.cases),
            "understood": wish_in_words(wish),
            "key": str(args.output / record.keys.file),
            "notes": [CASES_NOTE],
        }
    )


def run_page(args: argparse.Namespace) -> Answer:
    """`dgmvlc page`."""
    from DGMVLCCore.readers.page import write_page

    return Answer(
        {
            "output": str(write_page(args.result, args.output, overwrite=args.overwrite)),
            "notes": ["Research use only; not a medical device."],
        }
    )


COMMANDS: dict[str, Command] = {"cases": run_cases, "page": run_page}
