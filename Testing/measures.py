"""Prints how much code there is and how it is cut: one line a figure, the longest pieces on wish.

python Testing/measures.py [--longest N]

Counted over DGMVLCCore and SlicerDGMVLC. A function's length is that of its body with its
signature, without its decorators; a nested function counts for itself and within its parent.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from Testing import floors  # noqa: E402  (found from the root this file stands in)

PACKAGES = ("DGMVLCCore", "SlicerDGMVLC")
LONG, TOO_LONG = 40, 60
UNTYPED = re.compile(r"\bdict\[str, Any\]")


def sources() -> Iterator[tuple[str, str]]:
    """(path from the root, text) of every Python file of both packages."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def functions() -> list[tuple[int, str]]:
    """(lines, path:line name) of every function, the longest first."""
    lengths = []
    for path, text in sources():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                lengths.append((lines, f"{path}:{node.lineno} {node.name}"))
    return sorted(lengths, reverse=True)


def measures() -> dict[str, int]:
    """The figures by name."""
    texts = [text for _, text in sources()]
    lengths = [lines for lines, _ in functions()]
    return {
        "statements": sum(isinstance(n, ast.stmt) for t in texts for n in ast.walk(ast.parse(t))),
        "arrows between rooms": len(floors.arrows()[0]),
        f"functions over {LONG} lines": sum(lines > LONG for lines in lengths),
        f"functions over {TOO_LONG} lines": sum(lines > TOO_LONG for lines in lengths),
        "dict[str, Any]": sum(len(UNTYPED.findall(text)) for text in texts),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--longest", type=int, default=0, metavar="N", help="list N functions")
    longest = parser.parse_args().longest
    for name, figure in measures().items():
        sys.stdout.write(f"{figure:7,d}  {name}\n")
    for lines, place in functions()[:longest]:
        sys.stdout.write(f"{lines:7d}  {place}\n")


if __name__ == "__main__":
    main()
