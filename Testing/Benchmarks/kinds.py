"""The report reader on short reports of one kind of difficulty each (denial, labels, several of one
term …): what is right, kind by kind, and what is turned upside down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

Labels = dict[str, Any]
STATED = ("side", "lobe", "zone", "size_mm", "component_mm", "earlier_size_mm", "count")
TOLERANCE_MM = 0.5
OPPOSITE = {"present": "absent", "absent": "present"}


@dataclass
class Tally:
    """Counts of one kind.

    Args:
        right: findings with term and presence right. said, true: findings said, labelled.
        inversions: present called absent or the reverse. stated: field -> labels with a value.
        stated_right: of these, the ones read so.
    """

    right: int = 0
    said: int = 0
    true: int = 0
    inversions: int = 0
    stated: Counter[str] = field(default_factory=Counter)
    stated_right: Counter[str] = field(default_factory=Counter)

    @property
    def f1(self) -> float:
        """F1 of term and presence; 1 when there is nothing to find and nothing said."""
        return 2 * self.right / (self.said + self.true) if self.said + self.true else 1.0

    def add(self, other: Tally) -> None:
        """Add the counts of another one."""
        self.right += other.right
        self.said += other.said
        self.true += other.true
        self.inversions += other.inversions
        self.stated += other.stated
        self.stated_right += other.stated_right


def agrees(label: Labels, name: str, value: Any) -> bool:
    """True when a value is the label's, or its second reading (`alt_…`); lengths within
    0.5 mm."""
    readings = [label.get(name)] + ([label[f"alt_{name}"]] if f"alt_{name}" in label else [])
    if name.endswith("_mm") and value is not None:
        return any(r is not None and abs(r - value) <= TOLERANCE_MM for r in readings)
    return value in readings


def _shared(a: Sequence[int], b: Sequence[int]) -> bool:
    return min(a[1], b[1]) > max(a[0], b[0])


def _pairs(labels: Sequence[Labels], said: Sequence[Labels]) -> list[tuple[int, int]]:
    """(label, said) numbers of findings with the same term, each used once: those that share their
    wording and agree in most first."""
    scored = []
    for i, label in enumerate(labels):
        for k, finding in enumerate(said):
            if finding["term"] in (label["term"], label.get("alt_term")):
                like = sum(agrees(label, n, finding.get(n)) for n in ("side", "lobe", "size_mm"))
                scored.append(
                    (
                        _shared(label["span"], finding["span"]),
                        label["presence"] == finding["presence"],
                        like,
                        -abs(i - k),
                        i,
                        k,
                    )
                )
    out, used, taken = [], set(), set()
    for *_, i, k in sorted(scored, reverse=True):
        if i not in used and k not in taken:
            out.append((i, k))
            used.add(i)
            taken.add(k)
    return out


def _counts(finding: Labels, row: Labels, pairs: Iterable[tuple[Labels, Labels]]) -> bool:
    """True for a finding that was said and is wrong to say: not one of another organ, of words
    labelled optional, nor the rest of a group whose largest is labelled."""
    if finding["term"].startswith("extrapulmonary"):
        return False
    elsewhere = [e["span"] for e in row.get("elsewhere") or ()]
    if finding.get("organ") and any(_shared(finding["span"], span) for span in elsewhere):
        return False
    free = [f["span"] for f in row["findings"] if f.get("optional")]
    if any(_shared(finding["span"], span) for span in free):
        return False
    return not any(
        finding["term"] == other["term"]
        and list(finding["span"]) == list(other["span"])
        and finding["presence"] == other["presence"]
        and finding.get("size_mm") is None
        for _, other in pairs
    )


def tally(row: Labels, said: Sequence[Labels]) -> Tally:
    """The counts of one text.

    Args:
        row: the text's labels (`findings`, `elsewhere`). said: findings as JSON holds them.
    """
    labels = row["findings"]
    numbers = _pairs(labels, said)
    pairs = [(labels[i], said[k]) for i, k in numbers]
    out = Tally()
    matched = {i: said[k] for i, k in numbers}
    for i, label in enumerate(labels):
        finding = matched.get(i)
        if label.get("optional"):
            continue
        out.true += 1
        presence = finding["presence"] if finding else None
        out.said += finding is not None
        right = finding is not None and agrees(label, "presence", presence)
        out.right += right
        out.inversions += presence is not None and OPPOSITE.get(label["presence"]) == presence
        for name in STATED:
            if label.get(name) is None:
                continue
            out.stated[name] += 1
            out.stated_right[name] += finding is not None and agrees(label, name, finding.get(name))
    known = {k for _, k in numbers}
    for k, finding in enumerate(said):
        if k in known or not _counts(finding, row, pairs):
            continue
        out.said += 1
        of_term = {f["presence"] for f in labels if f["term"] == finding["term"]}
        out.inversions += bool(of_term) and of_term == {OPPOSITE.get(finding["presence"])}
    return out


def tallies(rows: Sequence[Labels], reader: Callable[[str], Sequence[Labels]]) -> dict[str, Tally]:
    """Counts of every kind, and of “all”."""
    out: dict[str, Tally] = {}
    whole = Tally()
    for row in rows:
        counts = tally(row, reader(row["text"]))
        out.setdefault(str(row.get("kind", "all")), Tally()).add(counts)
        whole.add(counts)
    return {**out, "all": whole}
