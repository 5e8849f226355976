"""A place in the words that both viewers share."""

from __future__ import annotations

from collections.abc import Sequence


def placeWords(ras: Sequence[float]) -> str:
    """A RAS position (mm) as a reader says it."""
    right, front, up = ras
    return (
        f"{'L' if right < 0 else 'R'} {abs(right):.1f}  {'P' if front < 0 else 'A'} "
        f"{abs(front):.1f} "
        f" {'I' if up < 0 else 'S'} {abs(up):.1f} mm"
    )
