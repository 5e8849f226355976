"""`dgmvlc`: the command line. Thin: it reads options, calls the core, and turns errors into exit
codes."""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import sys
import warnings
from contextlib import suppress

import msgspec

from DGMVLCCore import __version__
from DGMVLCCore.cli import (
    archive,
    benchmark,
    bundle,
    compare,
    discover,
    doctor,
    edit,
    evaluate,
    look,
    results,
    review,
    study,
    synthesis,
    system,
    teach,
    train,
    watch,
    words,
)
from DGMVLCCore.cli.shared import Answer, Command
from DGMVLCCore.errors import Cancelled, as_dgmvlc_error
from DGMVLCCore.ground.scratch import sweep

GROUPS = (
    edit,
    compare,
    review,
    watch,
    words,
    look,
    results,
    archive,
    discover,
    teach,
    study,
    synthesis,
    train,
    evaluate,
    benchmark,
    bundle,
    system,
    doctor,
)
COMMANDS: dict[str, Command] = {
    name: run for group in GROUPS for name, run in group.COMMANDS.items()
}


BROKEN_PIPE = 141  # as a shell counts a command ended by SIGPIPE


def build_parser() -> argparse.ArgumentParser:
    """All commands and options."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")
    common.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="say more; show the traceback of an unexpected error",
    )
    common.add_argument(
        "--json", action="store_true", help="print one JSON object on standard output"
    )
    parser = argparse.ArgumentParser(
        prog="dgmvlc",
        description="Counterfactual chest CT. Research use only; not a medical device.",
    )
    parser.add_argument("--version", action="version", version=f"dgmvlc {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, parents=[common])

    for group in GROUPS:
        group.add_commands(add)
    return parser


def _json(value: object, indent: int | None = None) -> str:
    return json.dumps(
        value, indent=indent, ensure_ascii=indent is not None, default=msgspec.to_builtins
    )


def _say(args: argparse.Namespace, answer: Answer) -> None:
    if args.json:
        print(_json(answer.said(), 1))
    elif args.quiet:
        return
    elif answer.lines:
        print("\n".join(answer.lines))
    else:
        for name, value in answer.said().items():
            if value in (None, [], ""):
                continue
            lines = value if isinstance(value, list) else [value]
            print(
                f"{name}: "
                + ("\n" + " " * 2 if len(lines) > 1 else "")
                + "\n  ".join(
                    _json(line) if isinstance(line, dict | msgspec.Struct) else str(line)
                    for line in lines
                )
            )


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code (0 done, 2 usage, 3 unreadable, 4 unsuitable, 5 device,
    6 output, 7 weights, 130 cancelled)."""
    args = build_parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):  # a console that cannot show “ or − must not end a run
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    logging.basicConfig(
        level=logging.INFO if args.verbose else logging.WARNING, format="%(name)s: %(message)s"
    )
    # What a foreign header breaks without harm is no news to a reader; what harms is a sentence.
    warnings.filterwarnings("ignore", module="pydicom")
    with suppress(OSError):  # what killed runs left in the temporary folder is patients' data
        sweep()
    try:
        code = _run(args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        return _nobody_listens()


def _run(args: argparse.Namespace) -> int:
    """The command, its answer, and every refusal as a sentence; returns the exit code."""
    try:
        answer = COMMANDS[args.command](args)
        _say(args, answer)
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        return _fail(args, "Cancelled; nothing was written.", Cancelled.exit_code, "Cancelled")
    except Exception as error:
        if known := as_dgmvlc_error(error):
            return _fail(args, str(known), known.exit_code, type(known).__name__)
        if args.verbose:
            logging.getLogger(__name__).exception("unexpected error")
        return _fail(
            args,
            f"Unexpected error ({type(error).__name__}: {str(error)[:300]}); run again with -v and "
            "report it.",
            1,
            "Unexpected",
        )
    return answer.exit_code


def _nobody_listens() -> int:
    """Whoever read the answer has closed it, as `| head` does: what was done is done."""
    with suppress(OSError):  # else Python tells of the broken pipe once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


def _fail(args: argparse.Namespace, sentence: str, code: int, kind: str) -> int:
    if args.json:
        print(json.dumps({"error": {"kind": kind, "message": sentence, "exit_code": code}}))
    print(f"dgmvlc: {sentence}", file=sys.stderr)
    return code
