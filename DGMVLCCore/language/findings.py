"""A finding as the report states it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One finding of a report.

    Args:
        term: canonical name. presence: "present", "absent" or "uncertain".
        side: "left", "right", "bilateral" or None. zone: "upper", "middle", "lower" or None.
        size_mm: largest size said, None when none is. descriptors: qualifying words, in order.
        span: character range of the wording in the report. text: that wording. sentence: the sentence around it.
    """

    term: str
    presence: str
    side: str | None
    zone: str | None
    size_mm: float | None
    descriptors: tuple[str, ...]
    span: tuple[int, int]
    text: str
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON holds it."""
        return {"term": self.term, "presence": self.presence, "side": self.side, "zone": self.zone, "size_mm": self.size_mm,
                "descriptors": list(self.descriptors), "span": list(self.span), "text": self.text, "sentence": self.sentence}
