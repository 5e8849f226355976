"""The row of a sentence's items and what is known so far of its findings."""

from __future__ import annotations

import re
from collections.abc import Sequence

from DGMVLCCore.language.items import items

STOPS = frozenset("BErV;nX")  # what ends the reach of a denial in front
LISTED = frozenset(",oc-/")
STRONG = frozenset("aZ")  # words that begin a statement of their own in a list, always
SINGULAR = re.compile(r"\s*(?:is|was|has|does)\b")


class Row:
    """The items of one sentence and what is known of its findings so far.

    Args:
        text: the sentence in lower case, findings, places and sizes masked. spans: ranges of the
            findings. terms: their terms. words: their wordings.
    """

    def __init__(
        self,
        text: str,
        spans: Sequence[tuple[int, int]],
        terms: Sequence[str],
        words: Sequence[str],
    ) -> None:
        self.text = text
        self.words = words
        self.terms = terms
        self.items = items(text, {first: i for i, (first, _) in enumerate(spans)})
        self.codes = [item.code for item in self.items]
        self.denied: set[int] = set()
        self.doubted: set[int] = set()
        self.free: set[int] = set()  # something said about these is denied, not they
        self.asserted: set[int] = set()

    def index(self, at: int) -> int:
        return self.items[at].index

    def between(self, low: int, high: int) -> str:
        return "".join(self.codes[low:high])

    def closed(self, at: int) -> bool:
        """True when an “or” goes on with the list behind item `at`."""
        for k in range(at + 1, len(self.items)):
            code = self.codes[k]
            if code in STOPS or code in ":K":
                return False
            if code == "o":
                return True
        return False

    def begins_anew(self, separator: int, at: int, listed: list[int], closing: bool = True) -> bool:
        """True when the finding at `at`, behind a separator, begins a statement of its own and is
        no item of the list before it."""
        code = self.codes[separator]
        chunk = self.between(separator + 1, at)
        if code == "o":
            return False
        if STRONG & set(chunk):
            return True
        term = self.terms[self.index(at)]
        if code in ",c" and term in {self.terms[i] for i in listed}:
            return not (closing and self.closed(at))
        weak = "g" in chunk or (chunk.rstrip("w").endswith("P") and code in "cW") or "t" in chunk
        return weak and not (closing and self.closed(at))

    def around(self, at: int) -> str:
        """The item letters around a finding, up to its list's separators."""
        high = at + 1
        while high < len(self.codes) and self.codes[high] not in LISTED:
            high += 1
        return self.before(at) + self.between(at + 1, high)

    def before(self, at: int) -> str:
        """The item letters of a finding's own words before it."""
        low = at
        while low > 0 and self.codes[low - 1] not in LISTED | STOPS | {":", "M", "K"}:
            low -= 1
        return self.between(low, at)
