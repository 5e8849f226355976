"""Words measured: the report parser against sets labelled by hand, and sentences a second of the
language encoder.

    python Testing/Benchmarks/language.py [--errors] [--no-throughput] [--file KINDS.jsonl]

Strict scores take the labels as they are; lenient ones accept a second reading where the annotator
put one down. The keyword baseline calls every word of the vocabulary present and gives it the
nearest side, lobe and size. The kinds of fault (`kinds-dev.jsonl`, `kinds-heldout.jsonl`, or any
file of their format) are scored kind by kind, with the findings that were turned upside down.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from DGMVLCCore.errors import DGMVLCError
from DGMVLCCore.language.encoder import LanguageEncoder
from DGMVLCCore.language.parser import parse_report
from kinds import Tally, tallies, tally
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
KINDS = ("kinds-dev", "kinds-opened", "kinds-heldout")
SHARED = frozenset((DATA / "terms.txt").read_text(encoding="utf-8").split("\n")) - {
    ""
}  # terms the labelling was asked to use
SHOWN = ("side", "lobe", "zone", "size_mm", "component_mm", "earlier_size_mm", "count")
Documents = list[tuple[list[Labels], list[Labels]]]


def read_labels(path: Path) -> list[dict[str, Any]]:
    """Texts of a file with their labels."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def labelled(name: str) -> list[dict[str, Any]]:
    """Texts of a set with their labels."""
    return read_labels(DATA / f"{name}.jsonl")


def said_by_parser(text: str) -> list[Labels]:
    """Findings as JSON holds them; none of a text that is refused."""
    try:
        return [f.to_dict() for f in parse_report(text)]
    except DGMVLCError:
        return []


def documents(rows: list[dict[str, Any]], reader: Callable[[str], list[Labels]]) -> Documents:
    """(labels, what `reader` says) of every text, as far as they can be compared."""
    return [comparable(row["findings"], reader(row["text"]), SHARED) for row in rows]


def short(f: Labels, names: tuple[str, ...]) -> str:
    """A finding in one line."""
    values = (f.get(name) for name in ("presence", "term", *names))
    return " | ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values)


def print_scores(name: str, docs: Documents, baseline: Documents) -> None:
    """A table of precision, recall and F1."""
    ours, theirs, second = (
        score(docs),
        score(baseline),
        score([(lenient(true, said), said) for true, said in docs]),
    )
    print(f"\n{name}: {len(docs)} texts, {ours['term'].true} labelled findings")
    print(
        f"{'field':15}{'n':>5}{'precision':>11}{'recall':>8}{'F1':>7}{'F1 lenient':>12}"
        f"{'keyword F1':>12}"
    )
    for label, value in ours.items():
        print(
            f"{label:15}{value.true:5}{value.precision:11.3f}{value.recall:8.3f}{value.f1:7.3f}"
            f"{second[label].f1:12.3f}{theirs[label].f1:12.3f}"
        )


def print_errors(rows: list[dict[str, Any]], docs: Documents) -> None:
    """Every text where a finding, its presence or its place is wrong."""
    names = ("side", "lobe", "size_mm", "change", "count")
    for row, (true, said) in zip(rows, docs):
        used = match(true, said)
        wrong = [(t, s) for t, s in used if short(t, names) != short(s, names)]
        missed = [t for t in true if not any(t is a for a, _ in used)]
        invented = [s for s in said if not any(s is b for _, b in used)]
        if wrong or missed or invented:
            print(f"\n{row['id']}: {row['text'][:400]}")
            for t, s in wrong:
                print(f"  label   {short(t, names)}\n  parser  {short(s, names)}")
            print(
                "".join(f"  missed  {short(t, names)}\n" for t in missed)
                + "".join(f"  invented {short(s, names)}\n" for s in invented),
                end="",
            )


def _whole(counts: Tally) -> bool:
    return (
        counts.right == counts.said == counts.true
        and not counts.inversions
        and counts.stated_right == counts.stated
    )


def print_kinds(name: str, rows: list[dict[str, Any]], errors: bool) -> None:
    """Kind by kind: F1 of term and presence, inversions, and of what the labels state of place and
    size, the share that was read so."""
    print(f"\n{name}: {len(rows)} texts")
    print(f"{'kind':14}{'n':>5}{'F1':>7}{'turned':>8}" + "".join(f"{n[:9]:>11}" for n in SHOWN))
    for kind, counts in tallies(rows, said_by_parser).items():
        shares = "".join(
            f"{counts.stated_right[n]:6}/{counts.stated[n]:<4}" if counts.stated[n] else f"{'':11}"
            for n in SHOWN
        )
        print(f"{kind:14}{counts.true:5}{counts.f1:7.3f}{counts.inversions:8}{shares}")
    for row in rows if errors else ():
        said = said_by_parser(row["text"])
        if not _whole(tally(row, said)):
            print(f"\n{row['id']}: {row['text']!r}")
            print("".join(f"  label   {short(t, SHOWN)}\n" for t in row["findings"]), end="")
            print("".join(f"  parser  {short(s, SHOWN)}\n" for s in said), end="")


def throughput(rows: list[dict[str, Any]]) -> None:
    """Texts a second of the parser, sentences a second of the encoder (none remembered)."""
    texts = [row["text"] for row in rows]
    parse_report(texts[0])
    start = time.perf_counter()
    for text in texts:
        said_by_parser(text)
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", action="store_true", help="list every difference")
    parser.add_argument("--no-throughput", action="store_true", help="scores only")
    parser.add_argument("--file", type=Path, help="a file in the format of the kinds, and only it")
    args = parser.parse_args()
    if args.file:
        print_kinds(args.file.name, read_labels(args.file), args.errors)
        return
    every = []
    for name in SETS:
        rows = labelled(name)
        docs = documents(rows, said_by_parser)
        print_scores(name, docs, documents(rows, keyword_findings))
        if args.errors:
            print_errors(rows, docs)
        every += rows
    for name in KINDS:
        if (DATA / f"{name}.jsonl").exists():
            print_kinds(name, labelled(name), args.errors)
    if not args.no_throughput:
        throughput(every)


if __name__ == "__main__":
    main()
