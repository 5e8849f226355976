"""A table of what became of many scans, as CSV and as one HTML page that needs nothing else."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from DGMVLCCore.results.csv_table import csv_text
from DGMVLCCore.results.records import write_text

STYLE = (
    "body{font:15px sans-serif;margin:2em;color:#222}table{border-collapse:collapse}"
    "td,th{padding:.25em .7em;border-bottom:1px solid #ddd;text-align:left;vertical-align:top}"
    ".failed{background:#fbeaea}.notice{color:#8a1f11}"
)
NOTICE = "Research use only; not a medical device."


def counted(rows: Sequence[Mapping[str, object]]) -> str:
    """ "198 done, 2 failed" in words."""
    counts = Counter(str(row["state"]) for row in rows)
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "nothing"


def write_summary(title: str, rows: Sequence[Mapping[str, object]], folder: Path) -> dict[str, str]:
    """`summary.csv` and `summary.html` in `folder`; returns their paths.

    Args:
        rows: each with "state"; all columns of all rows are shown, in order of appearance.

    Raises:
        OutputError: they cannot be written.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row)) or ["state"]
    write_text(csv_text(columns, rows), folder / "summary.csv")
    say = html.escape
    head = "".join(f"<th>{say(name)}</th>" for name in columns)
    body = "".join(
        f'<tr class="{say(str(row["state"]))}">'
        + "".join(f"<td>{say(str(row.get(name, '')))}</td>" for name in columns)
        + "</tr>"
        for row in rows
    )
    write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{say(title)}</title><style>{STYLE}</style></head><body><h1>{say(title)}</h1>"
        f'<p class="notice">{NOTICE}</p><p>{say(counted(rows))}.</p>'
        f"<table><tr>{head}</tr>{body}</table></body></html>",
        folder / "summary.html",
    )
    return {name: str(folder / f"summary.{name}") for name in ("csv", "html")}
