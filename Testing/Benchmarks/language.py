"""Words measured: the report parser against two sets labelled by hand, and sentences a second of
the language encoder.

    python Testing/Benchmarks/language.py [--errors]

Strict scores take the labels as they are; lenient ones accept a second reading where the annotator
put one down. The keyword baseline calls every
word of the vocabulary present and gives it the nearest side, lobe and size.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from DGMVLCCore.language.encoder import LanguageEncoder
from DGMVLCCore.language.parser import parse_report
from parsing import (
    Labels,
    comparable,
    keyword_findings,
    lenient,
    match,
    score,
)

DATA = Path(__file__).resolve().parents[1] / "Data" / "language"
SETS = ("sentences", "captions", "sentences_extra")
SHARED = frozenset((DATA / "terms.txt").read_text(encoding="utf-8").split("\n")) - {
    ""
}  # terms the labelling was asked to use
Documents = list[tuple[list[Labels], list[Labels]]]


def labelled(name: str) -> list[dict[str, Any]]:
    """Texts of a set with their labels."""
    return [
        json.loads(line)
        for line in (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]


def said_by_parser(text: str) -> list[Labels]:
    """Findings as JSON holds them."""
    return [f.to_dict() for f in parse_report(text)]


def documents(rows: list[dict[str, Any]], reader: Callable[[str], list[Labels]]) -> Documents:
    """(labels, what `reader` says) of every text, as far as they can be compared."""
    return [comparable(row["findings"], reader(row["text"]), SHARED) for row in rows]


def print_scores(name: str, docs: Documents, baseline: Documents) -> None:
    """A table of precision, recall and F1."""
    ours, theirs, second = (
        score(docs),
        score(baseline),
        score([(lenient(true, said), said) for true, said in docs]),
    )
    print(f"\n{name}: {len(docs)} texts, {ours['term'].true} labelled findings")
    print(
        f"{'field':15}{'n':>5}{'precision':>11}{'recall':>8}{'F1':>7}"
        f"{'F1 lenient':>12}{'keyword F1':>12}"
    )
    for field, value in ours.items():
        print(
            f"{field:15}{value.true:5}{value.precision:11.3f}{value.recall:8.3f}{value.f1:7.3f}"
            f"{second[field].f1:12.3f}{theirs[field].f1:12.3f}"
        )


def print_errors(rows: list[dict[str, Any]], docs: Documents) -> None:
    """Every text where a finding, its presence or its place is wrong."""

    def short(f: Labels) -> str:
        return " | ".join(
            str(f.get(name))
            for name in ("presence", "term", "side", "lobe", "size_mm", "change", "count")
        )

    for row, (true, said) in zip(rows, docs):
        used = match(true, said)
        wrong = [(t, s) for t, s in used if short(t) != short(s)]
        missed = [t for t in true if not any(t is a for a, _ in used)]
        invented = [s for s in said if not any(s is b for _, b in used)]
        if wrong or missed or invented:
            print(f"\n{row['id']}: {row['text'][:400]}")
            for t, s in wrong:
                print(f"  label   {short(t)}\n  parser  {short(s)}")
            print(
                "".join(f"  missed  {short(t)}\n" for t in missed)
                + "".join(f"  invented {short(s)}\n" for s in invented),
                end="",
            )


def throughput(rows: list[dict[str, Any]]) -> None:
    """Texts a second of the parser, sentences a second of the encoder (none remembered)."""
    texts = [row["text"] for row in rows]
    start = time.perf_counter()
    for text in texts:
        parse_report(text)
    print(f"\nparser: {len(texts) / (time.perf_counter() - start):.0f} texts/s")
    encoder = LanguageEncoder()
    said = [
        f"{size} mm nodule in the {side} lung."
        for size in range(1, 101)
        for side in ("left", "right")
    ]
    encoder.encode(said[:1])
    start = time.perf_counter()
    encoder.encode(said[1:])
    print(
        f"encoder: {(len(said) - 1) / (time.perf_counter() - start):.0f} sentences/s, one at a time"
    )


def main() -> None:
    every = []
    for name in SETS:
        rows = labelled(name)
        docs = documents(rows, said_by_parser)
        print_scores(name, docs, documents(rows, keyword_findings))
        if "--errors" in sys.argv[1:]:
            print_errors(rows, docs)
        every += rows
    if "--no-throughput" not in sys.argv[1:]:
        throughput(every)


if __name__ == "__main__":
    main()
