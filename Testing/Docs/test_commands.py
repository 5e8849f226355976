"""Every command that README and Docs show is one: parsed by the real parser, and run on the sample
where that is cheap."""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import re
import shlex
import shutil
from pathlib import Path

import pytest

from DGMVLCCore.cli import COMMANDS, build_parser, main

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "Docs").glob("*.md"))]
CARDS = [  # carried into the site; their blocks show other things as well
    *sorted(ROOT.glob("Resources/weights/*/README.md")),
    *sorted(ROOT.glob("Testing/**/README.md")),
]
COMMAND = re.compile(r"(?:[A-Z_]+=\S+ )?(?:dgmvlc|make|pip|python|accelerate) ")
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
# seconds; demo and find take a minute and more, so they are parsed only
CHEAP = {"report", "prompts", "anatomy", "explain", "info", "doctor"}


def lines_of(page: Path) -> list[str]:
    """The command lines of the fenced blocks."""
    blocks = [body for language, body in FENCE.findall(page.read_text("utf-8")) if not language]
    lines = [line.strip() for body in blocks for line in body.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def mentions_of(page: Path) -> list[str]:
    """What stands between backticks in the text."""
    return CODE.findall(FENCE.sub("", page.read_text("utf-8")))


def words_of(line: str) -> list[str]:
    """The words of a command, without settings before it and remarks after it."""
    words = shlex.split(line, comments=True)
    while words and re.fullmatch(r"[A-Z_]+=\S+", words[0]):
        words.pop(0)
    return words


def deepest(parser: argparse.ArgumentParser, words: list[str]) -> argparse.ArgumentParser:
    """The parser of the command, or of its step, that the words name.

    Raises:
        KeyError: there is no such command.
    """
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and words:
            return deepest(action.choices[words[0]], words[1:])
    return parser


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    """Every option of a parser and of the parsers below it."""
    options = set(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            options |= {name for each in action.choices.values() for name in options_of(each)}
    return options


def unknown(words: list[str]) -> list[str]:
    """What a mention of `dgmvlc` says that is no command or option; its required parts may lack."""
    try:
        parser = deepest(build_parser(), [word for word in words if not word.startswith("-")])
    except KeyError as error:
        return [str(error)]
    asked = [word.split("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)]
    return [option for option in asked if option not in options_of(parser)]


def wrong(line: str) -> str | None:
    """Why a command line cannot be meant; None when it can."""
    words = words_of(line)
    program, rest = words[0], words[1:]
    if words[:4] == ["accelerate", "launch", "-m", "DGMVLCCore.cli"]:
        program, rest = "dgmvlc", words[4:]
    if program == "dgmvlc":
        try:
            build_parser().parse_args(rest)
        except SystemExit as end:
            return None if end.code == 0 else "the parser refuses it"
        return None
    if program == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        return None if set(rest) <= set(targets) else f"the Makefile has only {targets}"
    if program == "pip":
        settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        extra = re.fullmatch(r"dgmvlc\[(\w+)\]", rest[-1])
        known = extra and extra[1] in settings["optional-dependencies"]
        return None if rest[0] == "install" and known else "no such extra"
    if program == "python":
        if rest[0] == "-m":
            rest = [f"SlicerDGMVLC/{rest[1]}/__main__.py", *rest[2:]]
        script = ROOT / rest[0]
        if not script.is_file():
            return "no such script"
        options = [word for word in rest[1:] if word.startswith("-")]
        source = script.read_text("utf-8")
        return None if all(f'"{option}"' in source for option in options) else "no such option"
    return "a program that this test does not know"


LINES = [(page.name, line) for page in PAGES for line in lines_of(page)] + [
    (page.parent.name, line) for page in CARDS for line in lines_of(page) if COMMAND.match(line)
]
MENTIONS = [
    (page.relative_to(ROOT).as_posix(), text)
    for page in PAGES + CARDS
    for text in mentions_of(page)
    if COMMAND.match(text)
]
SAMPLE = [
    line
    for _, line in LINES
    if line.startswith("dgmvlc ")
    and words_of(line)[1] in CHEAP
    and ("Resources/sample" in line or words_of(line)[1] in ("info", "doctor"))
]


@pytest.mark.parametrize("page, line", LINES)
def test_every_command_line_is_parsed(page, line):
    assert (reason := wrong(line)) is None, f"{page}: {line}: {reason}"


@pytest.mark.parametrize("page, text", MENTIONS)
def test_every_mentioned_command_exists_with_its_options(page, text):
    words = words_of(text)
    if words[0] == "dgmvlc":
        assert not (odd := unknown(words[1:])), f"{page}: `{text}`: {odd}"
    else:
        assert (reason := wrong(text)) is None, f"{page}: `{text}`: {reason}"


def test_every_option_in_the_text_is_an_option_of_some_command():
    known = options_of(build_parser())
    asked = [
        (page.name, option)
        for page in PAGES
        for text in mentions_of(page)
        if text.startswith("--")
        for option in re.findall(r"--[a-z][a-z-]*", text)
    ]
    assert asked and not [each for each in asked if each[1] not in known]


def test_every_command_stands_on_the_page_of_commands():
    text = (ROOT / "Docs" / "commands.md").read_text("utf-8")
    assert not [name for name in COMMANDS if f"dgmvlc {name}" not in text]


@pytest.mark.parametrize("line", SAMPLE)
def test_cheap_commands_on_the_sample_do_what_they_say(line, tmp_path, monkeypatch, capsys):
    shutil.copytree(ROOT / "Resources" / "sample", tmp_path / "Resources" / "sample")
    monkeypatch.chdir(tmp_path)
    words = words_of(line)
    assert main(words[1:]) == 0
    assert capsys.readouterr().out.strip()
    if "-o" in words:
        assert Path(words[words.index("-o") + 1]).stat().st_size > 100


def test_the_python_of_the_docs_fits_the_library():
    blocks = [
        body
        for page in PAGES
        for language, body in FENCE.findall(page.read_text("utf-8"))
        if language == "python"
    ]
    assert blocks
    for tree in map(ast.parse, blocks):
        names = {}
        for node in (each for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)):
            module = importlib.import_module(node.module)
            names |= {alias.name: getattr(module, alias.name) for alias in node.names}
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        for call in calls:
            if isinstance(call.func, ast.Name) and call.func.id in names:
                inspect.signature(names[call.func.id]).bind(
                    *call.args, **{keyword.arg: keyword.value for keyword in call.keywords}
                )


@pytest.mark.parametrize(
    "line",
    [
        "dgmvlc counterfactual -i CT -r report.txt --no-such-option -o result",
        "dgmvlc counterfactual -i CT -r report.txt",
        "dgmvlc no-such-command",
        "make no-such-target",
        "pip install dgmvlc[no_such_extra]",
        "python Testing/no_such_script.py",
        "python Testing/measures.py --no-such-option",
        "curl example.org",
    ],
)
def test_what_is_no_command_is_seen(line, capsys):
    assert wrong(line)


def test_a_mention_of_what_is_no_command_is_seen():
    assert unknown(["no-such-command"]) and unknown(["study", "plan", "--specificity"])
    assert not unknown(["counterfactual", "--modality", "MR"])
