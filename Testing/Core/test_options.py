"""An option is said once, in the request: its flags, default, choices and what it refuses."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest

from DGMVLCCore.cli import COMMANDS, build_parser
from DGMVLCCore.cli.options import add_options, request_of
from DGMVLCCore.ground.options import Option, Slices
from DGMVLCCore.jobs.requests import CompareRequest, Request


@dataclass(frozen=True, kw_only=True)
class Order:
    scan: Annotated[Path, Option("the scan", "-i --image")]
    words: Annotated[str, Option("what to show", "words")]
    mode: Annotated[Literal["a", "b"], Option()] = "a"
    named: Annotated[tuple[str, ...], Option(flags="--name")] = ()
    slices: Slices = None
    big: Annotated[bool, Option(either="size")] = False
    small: Annotated[bool, Option(either="size")] = False
    inner: int = 7


def read(*words):
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_options(parser, Order)
    return request_of(parser.parse_args(words), Order)


def test_what_is_given_becomes_the_request_and_the_rest_has_its_default():
    assert read("-i", "ct.nrrd", "clear") == Order(scan=Path("ct.nrrd"), words="clear")
    given = ("x", "--image", "b", "--mode", "b", "--name", "u", "--name", "v", "--slices", "2:5")
    assert read(*given, "--big") == Order(
        scan=Path("b"), words="x", mode="b", named=("u", "v"), slices=(2, 5), big=True
    )


@pytest.mark.parametrize(
    "words, said",
    [
        (("clear",), "-i/--image"),
        (("-i", "a", "x", "--mode", "c"), "invalid choice: 'c'"),
        (("-i", "a", "x", "--slices", "2"), "slices are A:B"),
        (("-i", "a", "x", "--big", "--small"), "not allowed with argument"),
        (("-i", "a", "x", "--inner", "8"), "unrecognized arguments"),
    ],
)
def test_what_does_not_fit_is_refused(words, said, capsys):
    with pytest.raises((argparse.ArgumentError, SystemExit)) as refused:
        read(*words)
    assert said in str(refused.value) + capsys.readouterr().err


def test_a_command_line_says_what_the_requests_type_says():
    args = build_parser().parse_args(
        ["counterfactual", "-i", "ct", "-o", "out", "--target", "x", "--series", "3", "--native"]
    )
    text = {"report_text": "A nodule.", "clinical": ""}
    assert request_of(args, Request, **text) == Request(
        Path("ct"), "A nodule.", Path("out"), target="x", series=3, native=True
    )
    args = build_parser().parse_args(
        ["compare", "-i", "ct", "-o", "out", "--hypothesis", "a", "--hypothesis", "b"]
    )
    assert request_of(args, CompareRequest, report_text="") == CompareRequest(
        Path("ct"), "", Path("out"), hypotheses=("a", "b"), noises=4
    )


def test_every_command_has_its_options():
    (commands,) = (a for a in build_parser()._actions if isinstance(a.choices, dict))
    assert set(commands.choices) == set(COMMANDS)
