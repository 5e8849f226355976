"""The commands of `dgmvlc` that read text: report, clinical, prompts."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from DGMVLCCore.cli.shared import Add, Command, Shown, in_colour
from DGMVLCCore.errors import OutputError, UsageError, WeightsError
from DGMVLCCore.language.report_files import read_report


def add_commands(add: Add) -> None:
    """Options of the commands that read text."""
    report = add("report", "what a report says: findings, certainty, side, size")
    report.add_argument(
        "-i",
        "--input",
        type=Path,
        required=True,
        help="text, RTF, HTML, PDF with text, Word (.docx), HL7 (ORU), FHIR or DICOM report",
    )
    report.add_argument(
        "-o", "--output", type=Path, metavar="PAGE", help="also write an HTML page of it"
    )
    report.add_argument("--overwrite", action="store_true", help="replace an earlier page")
    clinical = add("clinical", "rows of a clinical table as text")
    clinical.add_argument(
        "-i", "--input", type=Path, required=True, metavar="TABLE", help="CSV or Excel (.xlsx)"
    )
    clinical.add_argument(
        "--row", metavar="ID", help="one row, by its id column; all rows when left out"
    )
    prompts = add("prompts", "what can be asked of a report's findings, and what not and why")
    prompts.add_argument("-r", "--report", type=Path, required=True)
    prompts.add_argument(
        "--finding",
        type=int,
        metavar="N",
        help="number of the finding in the report, from 1; all when left out",
    )
    prompts.add_argument("--target", help="free words, e.g. “ground-glass opacity”")
    prompts.add_argument(
        "--clinical", type=Path, metavar="TABLE", help="CSV or Excel table of clinical data"
    )
    prompts.add_argument("--row", metavar="ID", help="row of --clinical, by its id column")
    prompts.add_argument(
        "--weights", type=Path, help="weights folder; default: the shipped weights"
    )
    for command in (clinical, prompts):
        command.add_argument(
            "--schema",
            type=Path,
            metavar="FILE",
            help="JSON file that says what the columns mean; default: the shipped one",
        )
        command.add_argument(
            "--id-column",
            metavar="NAME",
            help="column that names the patients; default: the one the schema knows",
        )
        command.add_argument(
            "--sheet", metavar="NAME", help="sheet of an Excel file; the first when left out"
        )
    clinical.add_argument(
        "--outcome",
        action="append",
        default=[],
        metavar="NAME",
        help="an outcome to say all the same (may be repeated)",
    )


def run_report(args: argparse.Namespace) -> Shown:
    """`dgmvlc report`."""
    from DGMVLCCore.language.parser import parse_report, report_notes
    from DGMVLCCore.language.unread import unread
    from DGMVLCCore.report.findings import report_lines, report_page
    from DGMVLCCore.results.records import write_text

    if args.output and args.output.exists() and not args.overwrite:
        raise OutputError(f"{args.output} exists already; give another name or --overwrite.")
    report = read_report(args.input)
    findings = parse_report(report.text)
    notes = [*report.notes, *report_notes(report.text, findings)]
    if args.output:
        write_text(report_page(report, findings, notes), args.output)
    return Shown(
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
        report_lines(report, findings, notes, in_colour()),
    )


def run_clinical(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc clinical`."""
    from DGMVLCCore.language.clinical import table_texts
    from DGMVLCCore.language.schema import load_schema

    return table_texts(
        args.input,
        args.row,
        load_schema(args.schema),
        tuple(args.outcome),
        args.sheet,
        args.id_column,
    )


def run_prompts(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc prompts`."""
    from DGMVLCCore.language.pairs import report_pairs
    from DGMVLCCore.language.parser import parse_report

    if bool(args.clinical) != bool(args.row):
        raise UsageError("--clinical and --row go together: the table and the row in it.")
    findings = parse_report(read_report(args.report).text)
    if args.finding is not None and not 1 <= args.finding <= len(findings):
        raise UsageError(f"There is no finding {args.finding}; the report names {len(findings)}.")
    answer: dict[str, Any] = {"findings": report_pairs(findings, args.finding, args.target)}
    if args.clinical:
        answer["attributes"] = _attribute_pairs(args)
    return answer


def _attribute_pairs(args: argparse.Namespace) -> list[dict[str, Any]]:
    from DGMVLCCore.ground.resources import resource
    from DGMVLCCore.language.clinical import read_row, row_text
    from DGMVLCCore.language.pairs import attribute_pairs
    from DGMVLCCore.language.schema import load_schema

    folder = args.weights or resource("weights/dgmvlc-ct")
    try:
        taught = tuple(
            json.loads((folder / "config.json").read_text(encoding="utf-8"))["attributes"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{folder} holds no weights of this program (config.json); give their folder."
        ) from error
    schema = load_schema(args.schema)
    cells = read_row(args.clinical, args.row, schema, args.sheet, args.id_column)
    row = row_text(cells, schema)
    return [pair.to_dict() for pair in attribute_pairs(row.attributes, schema, taught)]


COMMANDS: dict[str, Command] = {
    "report": run_report,
    "clinical": run_clinical,
    "prompts": run_prompts,
}
