"""Words that both viewers share: a finding's place and size, a place, and a quiz's score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


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


def findingPlace(finding: dict[str, Any]) -> str:
    """Where a report puts a finding: side, lobe (else zone) and the organ of one outside the lung;
    "" when it does not say."""
    lobe, zone = finding.get("lobe"), finding.get("zone")
    where = (
        lobe if lobe == "lingula" else f"{lobe} lobe" if lobe else f"{zone} zone" if zone else ""
    )
    return " ".join(filter(None, (finding.get("side"), where, finding.get("organ"))))


def findingSize(finding: dict[str, Any]) -> str:
    """How large, of how many the largest, and how large before; "" when the report does not say."""
    size, before = finding.get("size_mm"), finding.get("earlier_size_mm")
    many = finding.get("count") or 1
    said = f"{size:g} mm" if size else ""
    if many > 1:
        said = f"{many}, up to {said}" if said else f"{many}"
    return f"{said} (before {before:g} mm)" if said and before else said


def placeWords(ras: Sequence[float]) -> str:
    """A RAS position (mm) as a reader says it."""
    right, front, up = ras
    return (
        f"{'L' if right < 0 else 'R'} {abs(right):.1f}  {'P' if front < 0 else 'A'} "
        f"{abs(front):.1f} "
        f" {'I' if up < 0 else 'S'} {abs(up):.1f} mm"
    )
