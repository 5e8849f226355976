"""How well findings are read from text: precision, recall and F1 for every field, and the keyword
matcher they are compared with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from DGMVLCCore.language.sizes import sizes
from DGMVLCCore.language.vocabulary import canonical, load_vocabulary, taught

FIELDS = ("side", "lobe", "size_mm", "change", "count")
SIDE = re.compile(
    r"\b(?:(?P<both>bilateral(?:ly)?|both|b/l)|(?P<left>left|lul|lll|lingula)|(?P<right>right|rul"
    r"|rml|rll))\b",
    re.IGNORECASE,
)
LOBE = re.compile(
    r"\b(?:(?P<upper>upper|apical|apex|rul|lul)|(?P<lower>lower|basal|base|rll|lll)|"
    r"(?P<middle>middle|rml)"
    r"|(?P<lingula>lingular?))\b",
    re.IGNORECASE,
)
Labels = dict[str, Any]


@dataclass(frozen=True)
class Score:
    """Counts behind precision, recall and F1: right ones, those the parser said, those the reader
    put down."""

    right: int
    said: int
    true: int

    @property
    def precision(self) -> float:
        """Share of what was said that is right; 1 when nothing was said."""
        return self.right / self.said if self.said else 1.0

    @property
    def recall(self) -> float:
        """Share of what is true that was said; 1 when nothing is."""
        return self.right / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """2 right / (said + true); 1 when there is neither."""
        return 2 * self.right / (self.said + self.true) if self.said + self.true else 1.0


def _overlap(a: Labels, b: Labels) -> int:
    """Characters two findings' spans share; minus their distance when they share none."""
    if not a.get("span") or not b.get("span"):
        return 0
    return min(a["span"][1], b["span"][1]) - max(a["span"][0], b["span"][0])


def comparable(
    labels: Sequence[Labels], said: Sequence[Labels], terms: frozenset[str]
) -> tuple[list[Labels], list[Labels]]:
    """What counts of a text's labels and of what was said.

    Labels that are optional or outside the vocabulary count for nothing, nor does what is said of
    their words, of terms the labels never use, or again of a finding's later wording
    (`coref_spans`). A term newer than the labels counts as the one that stood for it. Findings that
    share wording, term and presence (one for each lobe) become one.
    """
    true = _by_wording(
        f for f in labels if not f.get("outside_vocabulary") and not f.get("optional")
    )
    free = [f["span"] for f in labels if f.get("outside_vocabulary") or f.get("optional")]
    kept = []
    for f in said:
        f = f if f["term"] in terms else {**f, "term": taught(f["term"])}
        own = any(_touch(f["span"], t["span"]) for t in true)
        again = any(
            t["term"] == f["term"] and _touch(f["span"], span)
            for t in true
            for span in t.get("coref_spans", ())
        )
        if f["term"] in terms and (
            own or not (again or any(_touch(f["span"], span) for span in free))
        ):
            kept.append(f)
    return true, _by_wording(kept)


def _by_wording(findings: Iterable[Labels]) -> list[Labels]:
    """Findings that share wording, term and presence as one."""
    out: list[Labels] = []
    for f in findings:
        twin = next(
            (
                i
                for i, t in enumerate(out)
                if all(t[k] == f[k] for k in ("span", "term", "presence"))
            ),
            None,
        )
        if twin is None:
            out.append(f)
        else:
            out[twin] = _joined(out[twin], f)
    return out


def _touch(a: Sequence[int], b: Sequence[int]) -> bool:
    return min(a[1], b[1]) > max(a[0], b[0])


def _joined(a: Labels, b: Labels) -> Labels:
    """Two places of one wording as one finding: both sides are bilateral, two lobes leave the lobe
    open, the larger size counts."""
    sides = {a["side"], b["side"]}
    return {
        **a,
        "side": a["side"] if len(sides) == 1 else "bilateral" if None not in sides else None,
        "lobe": a["lobe"] if a["lobe"] == b["lobe"] else None,
        "size_mm": max((x["size_mm"] for x in (a, b) if x["size_mm"] is not None), default=None),
        "change": a.get("change") if a.get("change") == b.get("change") else None,
        "count": None,
        "descriptors": [
            *a["descriptors"],
            *(d for d in b["descriptors"] if d not in a["descriptors"]),
        ],
    }


def lenient(true: Sequence[Labels], said: Sequence[Labels]) -> list[Labels]:
    """The labels, with a second reading (`alt_…`) taken where what was said agrees with it."""
    out = list(true)
    for t, s in match([{**t, "term": t.get("alt_term", t["term"])} for t in true], said):
        i = next(
            k
            for k, label in enumerate(true)
            if label["span"] == t["span"] and label.get("alt_term", label["term"]) == t["term"]
        )
        out[i] = (
            {**out[i], "term": t["term"]}
            if not any(
                s["term"] == label["term"] and _touch(s["span"], label["span"]) for label in true
            )
            else out[i]
        )
    for t, s in match(out, said):
        i = next(k for k, label in enumerate(out) if label is t)
        out[i] = {
            **t,
            **{
                name: s.get(name)
                for name in ("presence", *FIELDS)
                if f"alt_{name}" in t and _equal(name, t[f"alt_{name}"], s.get(name))
            },
        }
    return out


def match(true: Sequence[Labels], said: Sequence[Labels]) -> list[tuple[Labels, Labels]]:
    """Pairs (true, said) of findings with the same term, each used once, those whose spans share
    most first."""
    found = [
        (_overlap(t, s), -abs(i - k), i, k)
        for i, t in enumerate(true)
        for k, s in enumerate(said)
        if t["term"] == s["term"]
    ]
    pairs, left, right = [], set(), set()
    for *_, i, k in sorted(found, reverse=True):
        if i not in left and k not in right:
            pairs.append((true[i], said[k]))
            left.add(i)
            right.add(k)
    return pairs


def _equal(name: str, a: Any, b: Any) -> bool:
    return abs(a - b) <= 0.5 if name == "size_mm" and a is not None and b is not None else a == b


def score(documents: Iterable[tuple[Sequence[Labels], Sequence[Labels]]]) -> dict[str, Score]:
    """Scores over (true findings, said findings) of every document.

    Returns:
        "term", "term+presence", a score for each of `FIELDS` (values other than None; a finding
        that was missed or invented counts
        against its fields too), "descriptors", and "whole": term, presence, side, lobe and size all
        right.
    """
    counts = {
        name: [0, 0, 0] for name in ("term", "term+presence", *FIELDS, "descriptors", "whole")
    }

    def add(name: str, right: int, said: int, true: int) -> None:
        for at, value in enumerate((right, said, true)):
            counts[name][at] += value

    for true, said in documents:
        pairs = match(true, said)
        same = [(t, s) for t, s in pairs if t["presence"] == s["presence"]]
        add("term", len(pairs), len(said), len(true))
        add("term+presence", len(same), len(said), len(true))
        add(
            "whole",
            sum(all(_equal(n, t.get(n), s.get(n)) for n in FIELDS[:3]) for t, s in same),
            len(said),
            len(true),
        )
        for name in FIELDS:
            right = sum(
                t.get(name) is not None and _equal(name, t[name], s.get(name)) for t, s in pairs
            )
            add(
                name,
                right,
                sum(s.get(name) is not None for s in said),
                sum(t.get(name) is not None for t in true),
            )
        add(
            "descriptors",
            sum(len({*t.get("descriptors", ())} & {*s.get("descriptors", ())}) for t, s in pairs),
            sum(len(s.get("descriptors", ())) for s in said),
            sum(len(t.get("descriptors", ())) for t in true),
        )
    return {name: Score(*values) for name, values in counts.items()}


def _nearest(pattern: re.Pattern[str], text: str, at: int) -> str | None:
    hits = sorted(pattern.finditer(text), key=lambda m: abs(m.start() - at))
    return hits[0].lastgroup if hits else None


def keyword_findings(text: str) -> list[Labels]:
    """The baseline: every word of the vocabulary is a present finding, with the nearest side word,
    lobe word and size."""
    out = []
    for m in load_vocabulary().pattern.finditer(text):
        side, size = (
            _nearest(SIDE, text, m.start()),
            sorted(sizes(text), key=lambda s: abs(s[0] - m.start())),
        )
        out.append(
            {
                "term": canonical(m.group()),
                "presence": "present",
                "side": "bilateral" if side == "both" else side,
                "lobe": _nearest(LOBE, text, m.start()),
                "size_mm": size[0][2] if size else None,
                "span": list(m.span()),
                "descriptors": [],
            }
        )
    return out
