"""Tables of an evaluation in Markdown: a figure is always written with its interval and its n."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from DGMVLCCore.evaluation.tables import Figure, Group, Row


def cell(found: Figure | None) -> str:
    """“86.2 [69.7–101.7] n=36”; a dash, with the reason, for what was not measured."""
    if found is None:
        return "–"
    if found["value"] is None:
        return f"– ({found['note']})" if found.get("note") else "–"
    ends = found.get("ci95")
    interval = f" [{ends[0]:.4g}–{ends[1]:.4g}]" if ends else ""
    return f"{found['value']:.4g}{interval} n={found['n']}"


def table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table; bars in cells are escaped."""

    def line(cells: Sequence[str]) -> str:
        return (
            "| "
            + " | ".join(str(one).replace("|", "\\|").replace("\n", " ") for one in cells)
            + " |"
        )

    return (
        "\n".join([line(header), "|" + "---|" * len(header), *(line(cells) for cells in lines)])
        + "\n"
    )


def by_name(
    found: dict[str, Figure], header: Sequence[str] = ("figure", "value [95 % interval] n")
) -> str:
    """One figure a line."""
    return table(header, [(name, cell(value)) for name, value in found.items()])


def methods(entries: dict[str, Row], scores: Sequence[tuple[str, str]]) -> str:
    """One method a line; scores are (key, title)."""
    lines = []
    for name, entry in entries.items():
        lines.append(
            [
                name,
                entry["family"],
                *(cell(entry.get(key)) for key, _ in scores),
                "yes" if entry["ranked"] else f"no: {entry['why']}",
            ]
        )
    return table(["method", "family", *(title for _, title in scores), "ranked"], lines)


def groups(found: dict[str, Group], names: Sequence[str], score: str, title: str) -> str:
    """One score by group: a group a line, a method a column."""
    lines = [
        [
            group.replace("_", " "),
            str(part["n"]),
            *(cell(part["methods"].get(name, {}).get(score)) for name in names),
        ]
        for group, part in found.items()
    ]
    return table([title, "n", *names], lines)
