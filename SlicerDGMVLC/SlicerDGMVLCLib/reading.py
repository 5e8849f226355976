"""Steps and words of the reading room that both viewers share: which region comes next, and a
quiz's score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

REVIEW_KEYS = (
    ("A", "accept"),
    ("R", "reject"),
    ("U", "undo"),
    ("C", "comment"),
    ("N J", "next"),
    ("P K", "previous"),
)


def stepFrom(
    regions: Sequence[dict[str, Any]],
    region: int,
    studies: Sequence[dict[str, Any]],
    study: str,
    by: int,
) -> tuple[int, str]:
    """Where a step leads: (region's number, "") in this study, (0, id) of the next study that can
    be read, (0, "") at the end.

    Args:
        regions, studies: the rows that the core lists. region: number of the shown one, 0 for none.
            by: 1 or −1.
    """
    numbers = [int(row["number"]) for row in regions]
    at = numbers.index(region) if region in numbers else -1
    if 0 <= at + by < len(numbers):
        return numbers[at + by], ""
    ids = [str(row["id"]) for row in studies if row["readable"]]
    here = ids.index(study) if study in ids else -1
    return (0, ids[here + by]) if 0 <= here + by < len(ids) else (0, "")


def scoreLines(score: dict[str, Any]) -> list[str]:
    """A quiz's score in words; lines without a case are left out."""
    have, without = score["with a finding"], score["without a finding"]
    lines = (
        [
            f"{have['found']} of {have['n']} findings found, {have['named']} of {have['n']} "
            f"named, {have['found and named']} both"
        ]
        if have["n"]
        else []
    )
    lines += (
        [f"{without['left alone']} of {without['n']} scans without a finding left alone"]
        if without["n"]
        else []
    )
    lines += [
        f"{level}: {count['found and named']} of {count['n']}"
        for level, count in score["by"]["term"].items()
    ]
    return lines + (
        [f"median {score['median_seconds']:.0f} s a case"]
        if score["median_seconds"] is not None
        else []
    )


def placeWords(ras: Sequence[float]) -> str:
    """A RAS position (mm) as a reader says it."""
    right, front, up = ras
    return (
        f"{'L' if right < 0 else 'R'} {abs(right):.1f}  {'P' if front < 0 else 'A'} "
        f"{abs(front):.1f} "
        f" {'I' if up < 0 else 'S'} {abs(up):.1f} mm"
    )
