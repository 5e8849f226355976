"""Words that both viewers share: a finding's place and size, and a place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


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
