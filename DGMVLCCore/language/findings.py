"""A finding as the report states it."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from DGMVLCCore.language.vocabulary import load_vocabulary, taught


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
        earlier_size_mm: size said of an earlier scan. component_mm: size of the solid part.
        organ: where it lies, None for lung, pleura and airway.
        corrected: the wording as it should be spelt, None when it is spelt right.
        again: ranges of its later wordings, and of sentences that only say more of it.
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
    earlier_size_mm: float | None = None
    component_mm: float | None = None
    organ: str | None = None
    corrected: str | None = None
    again: tuple[tuple[int, int], ...] = ()

    @property
    def taught(self) -> str:
        """The term by which the weights know it: a mass is a nodule to them."""
        return taught(self.term)

    def to_dict(self) -> dict[str, object]:
        """The finding as JSON holds it, with the term's RadLex and SNOMED CT codes where they are
        certain."""
        held: dict[str, object] = msgspec.json.decode(msgspec.json.encode(self))
        codes = load_vocabulary().codes.get(self.term, {})
        return held | {"taught_as": self.taught, "codes": codes}
