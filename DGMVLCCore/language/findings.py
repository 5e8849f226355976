"""A finding as the report states it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from DGMVLCCore.language.vocabulary import load_vocabulary


@dataclass(frozen=True)
class Finding:
    """One finding of a report.

    Args:
        term: canonical name. presence: "present", "absent" or "uncertain".
        side: "left", "right", "bilateral" or None. zone: "upper", "middle", "lower" or None.
        size_mm: largest size said now, None when none is. descriptors: qualifying words, in order.
        span: character range of the wording in the report. text: that wording. sentence: the
            sentence around it.
        lobe: "upper", "middle", "lower", "lingula", or None when no single lobe is named.
        count: how many, when a number is said. change: "new", "increased", "decreased",
            "unchanged", "resolved" or None.
        contradicted: True when the report elsewhere says the opposite of the same place.
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
    lobe: str | None = None
    count: int | None = None
    change: str | None = None
    contradicted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON holds it, with the term's RadLex and SNOMED CT codes where they are
        certain."""
        return {
            "term": self.term,
            "presence": self.presence,
            "side": self.side,
            "zone": self.zone,
            "size_mm": self.size_mm,
            "descriptors": list(self.descriptors),
            "span": list(self.span),
            "text": self.text,
            "sentence": self.sentence,
            "lobe": self.lobe,
            "count": self.count,
            "change": self.change,
            "contradicted": self.contradicted,
            "codes": load_vocabulary().codes.get(self.term, {}),
        }
