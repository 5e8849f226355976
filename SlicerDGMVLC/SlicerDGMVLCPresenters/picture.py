"""What stands in the views."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """Scan, outline, preview and results that are shown now.

    Args:
        case: number of the case it is of, 0 for none. layout: `empty`, `scan`, `pair` (with the
            preview), `columns`, `rows`, `side` (hypotheses) or `quiz`.
        outline: segmentation over the scan. without: a part of the scan without the outlined
            region, shown while a key is held. results: numbers, in the order of the views. role: of
            the hypotheses.
    """

    case: int = 0
    layout: str = "empty"
    scan: str = ""
    outline: str = ""
    without: str = ""
    preview: tuple[str, int] | None = None
    results: tuple[int, ...] = ()
    role: str = "counterfactual"
