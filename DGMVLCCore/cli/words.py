"""The commands of `dgmvlc` that read text: report, clinical, prompts."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from msgspec import to_builtins

from DGMVLCCore.cli.options import add_options
from DGMVLCCore.cli.shared import Add, Answer, Command, in_colour
from DGMVLCCore.errors import UnreadableError, UsageError, WeightsError
from DGMVLCCore.ground.options import (
    FindingNumber,
    IdColumn,
    Option,
    RowId,
    Schema,
    Sheet,
    Table,
    Weights,
)
from DGMVLCCore.ground.plain_json import read_json
from DGMVLCCore.ground.whole import check_new_file
from DGMVLCCore.language.report_files import read_report


@dataclass(frozen=True, kw_only=True)
class ReadReport:
    """Options of `report`."""

    input: Annotated[
        Path,
        Option(
            "text, RTF, HTML, PDF with text, Word (.docx), HL7 (ORU), FHIR or DICOM report",
            "-i --input",
        ),
    ]
    output: Annotated[
        Path | None, Option("also write an HTML page of it", "-o --output", "PAGE")
    ] = None
    overwrite: Annotated[bool, Option("replace an earlier page")] = False


@dataclass(frozen=True, kw_only=True)
class ClinicalTable:
    """How a clinical table is read."""

    schema: Schema = None
    id_column: IdColumn = None
    sheet: Sheet = None


@dataclass(frozen=True, kw_only=True)
class Clinical(ClinicalTable):
    """Options of `clinical`."""

    input: Annotated[Path, Option("CSV or Excel (.xlsx)", "-i --input", "TABLE")]
    row: Annotated[
        str | None, Option("one row, by its id column; all rows when left out", metavar="ID")
    ] = None
    outcome: Annotated[
        tuple[str, ...],
        Option("an outcome to say all the same (may be repeated)", metavar="NAME"),
    ] = ()


@dataclass(frozen=True, kw_only=True)
class Prompts(ClinicalTable):
    """Options of `prompts`."""

    report: Annotated[Path, Option(None, "-r --report")]
    finding: FindingNumber = None
    target: Annotated[str | None, Option("free words, e.g. “ground-glass opacity”")] = None
    clinical: Table = None
    row: RowId = None
    weights: Weights = None


def add_commands(add: Add) -> None:
    """Options of the commands that read text."""
    add_options(add("report", "what a report says: findings, certainty, side, size"), ReadReport)
    add_options(add("clinical", "rows of a clinical table as text"), Clinical)
    prompts = add("prompts", "what can be asked of a report's findings, and what not and why")
    number = "number of the finding in the report, from 1; all when left out"
    add_options(prompts, Prompts, helps={"finding": number})


def run_report(args: argparse.Namespace) -> Answer:
    """`dgmvlc report`."""
    from DGMVLCCore.language.parser import parse_report, report_notes
    from DGMVLCCore.language.unread import unread
    from DGMVLCCore.report.findings import report_lines, report_page
    from DGMVLCCore.results.records import write_text

    if args.output:
        check_new_file(args.output, args.overwrite, (".html", ".htm"), [args.input])
    report = read_report(args.input)
    findings = parse_report(report.text)
    notes = [*report.notes, *report_notes(report.text, findings)]
    if args.output:
        write_text(report_page(report, findings, notes), args.output)
    return Answer(
        {
            "findings": [finding.to_dict() for finding in findings],
            "notes": notes,
            "source": asdict(report.source),
            "report": report.text,
            "not_understood": [
                {"span": [start, end], "text": report.text[start:end]}
                for start, end in unread(report.text, findings)
            ],
            "page": str(args.output) if args.output else None,
        },
        tuple(report_lines(report, findings, notes, in_colour())),
    )


def run_clinical(args: argparse.Namespace) -> Answer:
    """`dgmvlc clinical`."""
    from DGMVLCCore.language.clinical import table_texts
    from DGMVLCCore.language.schema import load_schema

    return Answer(
        table_texts(
            args.input,
            args.row,
            load_schema(args.schema),
            tuple(args.outcome),
            args.sheet,
            args.id_column,
        )
    )


def run_prompts(args: argparse.Namespace) -> Answer:
    """`dgmvlc prompts`."""
    from DGMVLCCore.language.pairs import report_pairs
    from DGMVLCCore.language.parser import parse_report

    if bool(args.clinical) != bool(args.row):
        raise UsageError("--clinical and --row go together: the table and the row in it.")
    findings = parse_report(read_report(args.report).text)
    if args.finding is not None and not 1 <= args.finding <= len(findings):
        raise UsageError(f"There is no finding {args.finding}; the report names {len(findings)}.")
    pairs = {"findings": report_pairs(findings, args.finding, args.target)}
    return Answer(pairs | ({"attributes": _attribute_pairs(args)} if args.clinical else {}))


def _attribute_pairs(args: argparse.Namespace) -> list[dict[str, object]]:
    from DGMVLCCore.ground.resources import resource
    from DGMVLCCore.language.clinical import read_row, row_text
    from DGMVLCCore.language.pairs import attribute_pairs
    from DGMVLCCore.language.schema import load_schema
    from DGMVLCCore.models.checks import check_weights
    from DGMVLCCore.models.networks import WEIGHTS

    folder = args.weights or resource(WEIGHTS)
    check_weights(folder)
    try:
        taught = tuple(map(str, read_json(folder / "config.json")["attributes"]))
    except (UnreadableError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{folder} holds no weights of this program (config.json); give their folder."
        ) from error
    schema = load_schema(args.schema)
    cells = read_row(args.clinical, args.row, schema, args.sheet, args.id_column)
    row = row_text(cells, schema)
    return [to_builtins(pair) for pair in attribute_pairs(row.attributes, schema, taught)]


COMMANDS: dict[str, Command] = {
    "report": run_report,
    "clinical": run_clinical,
    "prompts": run_prompts,
}
