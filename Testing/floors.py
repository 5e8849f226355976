"""Draws the core's rooms on their floors, with who imports from whom, as Resources/floors.svg.

python Testing/floors.py

Floors come from the layers contract in pyproject.toml, arrows from the imports of every file. A
test holds the picture against the code.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PACKAGE, PICTURE = "DGMVLCCore", ROOT / "Resources" / "floors.svg"
WIDTH, ROW, BOX_W, BOX_H = 960, 62, 150, 34
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#16202a;text-anchor:middle}"
    "rect{fill:#eef3f6;stroke:#7d909c}"
    "path{fill:none;stroke:#2f6f9f}"
)


def floors() -> list[list[str]]:
    """Rooms by floor, the highest first, as the contract of import-linter says."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = (each["layers"] for each in contracts if each["type"] == "layers")
    return [[room.strip() for room in layer.split("|")] for layer in layers]


def _imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
            names |= {f"{PACKAGE}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name for name in names if name.startswith(f"{PACKAGE}.")}


def arrows() -> tuple[set[tuple[str, str]], set[str]]:
    """(room, imported room) of every import between rooms; and all rooms there are."""
    found: set[tuple[str, str]] = set()
    rooms: set[str] = set()
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        room = path.relative_to(ROOT / PACKAGE).parts[0].removesuffix(".py")
        rooms.add(room)
        targets = {name.split(".")[1] for name in _imported(ast.parse(path.read_text("utf-8")))}
        found |= {(room, other) for other in targets if other != room}
    rooms.discard("__init__")
    return {(room, other) for room, other in found if {room, other} <= rooms}, rooms


def draw() -> str:
    """The picture as SVG."""
    levels = floors()
    place = {
        room: (WIDTH * (2 * column + 1) / (2 * len(level)), 40 + ROW * row)
        for row, level in enumerate(levels)
        for column, room in enumerate(level)
    }
    height = ROW * len(levels) + 20
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">',
        f"<title>Rooms of {PACKAGE}: each imports only from floors below it</title>",
        f"<style>{STYLE}</style>",
    ]
    for room, other in sorted(arrows()[0]):
        if other == "errors" or other not in place:  # everybody imports the errors
            continue
        (x, y), (to_x, to_y) = place[room], place[other]
        # each arrow bends its own way, so that those of one column part
        bend = 30 * (sum(i * ord(c) for i, c in enumerate(room + other, 1)) % 13 - 6)
        middle = f"{(x + to_x) / 2 + bend:.0f} {(y + to_y) / 2:.0f}"
        lines.append(
            f'<path d="M{x:.0f} {y + BOX_H / 2:.0f}Q{middle} {to_x:.0f} {to_y - BOX_H / 2:.0f}" '
            'opacity=".35"/>'
        )
    for room, (x, y) in place.items():
        lines += [
            f'<rect x="{x - BOX_W / 2:.0f}" y="{y - BOX_H / 2:.0f}" width="{BOX_W}" '
            f'height="{BOX_H}" rx="5"/>',
            f'<text x="{x:.0f}" y="{y + 4:.0f}">{room}</text>',
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
