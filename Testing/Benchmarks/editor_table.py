"""The figures that editor.py wrote, as the tables of the model card.

python Testing/Benchmarks/editor_table.py validation=VAL.json test=TEST.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TypedDict

from DGMVLCCore.evaluation.markdown import table

LINES = {
    "lesion": "error in the lesion",
    "lesion, hazy kinds": "error in the lesion, hazy kinds",
    "lesion, solid kinds": "error in the lesion, solid kinds",
    "bias in the lesion": "bias in the lesion",
    "rest of the mask": "rest of the mask",
    "vessels of the mask": "vessel voxels of the mask",
    "clear: mean": "clear region under a denial: mean",
    "clear: median": "clear region under a denial: median",
    "grain, made over true": "grain of the lesion's place, made over true",
    "grain of the invented core, made over true": "grain of the invented core, made over true",
    "invented share of the lesion": "share of the lesion that is invented",
    "denied: share of the difference gone": "two findings: share of the denied one that goes",
    "not denied: share of the difference kept": "two findings: share of the other one that stays",
    "presence: AUC": "presence, AUC of the change map",
    "change map's peak in the lesion": "peak of the change map in the lesion",
    "attention's peak in the lesion": "peak of the attention in the lesion",
}


class Figure(TypedDict, total=False):
    """A mean with its interval over patients."""

    value: float
    n: int
    ci95: list[float]


Part = dict[str, Figure]
SEEN_LEFT = ("seen", "lesion")


def cell(figure: Figure | None) -> str:
    """`90 [83 to 97] (n=132)`; small figures keep more digits."""
    if figure is None:
        return "–"
    digits = 0 if abs(figure["value"]) >= 20 else 1 if abs(figure["value"]) >= 2 else 2
    ends = figure.get("ci95")
    spread = f" [{ends[0]:.{digits}f} to {ends[1]:.{digits}f}]" if ends else ""
    value = f"{figure['value']:.{digits if ends else 3}f}"
    return f"{value}{spread} (n={figure['n']})"


def figures(parts: dict[str, Part]) -> str:
    """Every figure of every part."""
    rows = [
        [line, *(cell(part.get(key)) for part in parts.values())] for key, line in LINES.items()
    ]
    return table(["figure", *parts], rows)


def kinds(parts: dict[str, Part]) -> str:
    """The lesion before and after its removal, by kind."""
    names = [key.removeprefix("seen: ") for key in next(iter(parts.values())) if "seen: " in key]
    heads = [f"{name}: {state}" for name in parts for state in ("itself", "left")]
    rows = [
        [
            kind.replace("_", " "),
            *(cell(part.get(f"{key}: {kind}")) for part in parts.values() for key in SEEN_LEFT),
        ]
        for kind in names
    ]
    return table(["kind", *heads], rows)


def rivals(parts: dict[str, Part]) -> str:
    """Error in the lesion at its fullest slice by every way to take it away, where measured."""
    start = "fullest slice, "
    names = {key.split(": ", 1)[1]: None for part in parts.values() for key in part if start in key}
    groups = ("hazy", "solid")
    rows = [
        [
            name,
            *(
                cell(part.get(f"{start}{group}: {name}"))
                for part in parts.values()
                for group in groups
            ),
        ]
        for name in names
    ]
    heads = [f"{name}: {group} kinds" for name in parts for group in groups]
    return table(["way", *heads], rows) if rows else ""


def main() -> None:
    """Print the tables of the parts named on the command line."""
    parts: dict[str, Part] = {}
    for argument in sys.argv[1:]:
        name, path = argument.split("=", 1)
        parts[name] = json.loads(Path(path).read_text(encoding="utf-8"))
    print("\n".join(filter(None, (figures(parts), kinds(parts), rivals(parts)))))


if __name__ == "__main__":
    main()
