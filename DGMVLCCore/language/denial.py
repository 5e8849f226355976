"""How far a denial in front reaches: over its own list, and not over what something is said about
(“no change in the nodule”)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from DGMVLCCore.language.row import LISTED, SINGULAR, STOPS, Row

OF_IT = re.compile(r"[gw]*wp[wgZP]*t[wgZPH]*")


@dataclass
class _Reach:
    """How a denial at item `at` stands: what it has listed, the last separator and word it may be
    about (-1: none), and whether a verb has closed its list."""

    row: Row
    at: int
    listed: list[int] = field(default_factory=list)
    separator: int = -1
    about: int = -1
    closed: bool = False

    @property
    def cue(self) -> str:
        item = self.row.items[self.at]
        return self.row.text[item.start : item.end]


def deny_behind(row: Row, at: int) -> None:
    """What a denial at item `at` reaches, to its right."""
    if row.between(at + 1, at + 2) in ("", ")", ",", ";", "]"):
        if (
            at
            and row.codes[at - 1] == "M"
            and row.text[row.items[at].start :].startswith(("no", "neither"))
        ):
            row.denied.add(row.index(at - 1))  # “effusion no, nodule yes”
        return  # an answer: “nodule (no), effusion (yes)”
    reach = _Reach(row, at)
    for k in range(at + 1, len(row.items)):
        if not _goes_on(reach, k):
            return


def _goes_on(reach: _Reach, k: int) -> bool:
    """Take item k into a denial's reach; False where the reach ends."""
    code, listed = reach.row.codes[k], reach.listed
    if code == "M":
        return _takes(reach, k)
    if code in STOPS:
        return code == "n" and reach.cue == "neither" and not listed
    if code in LISTED or code == "W":
        return _lists(reach, k)
    if code == ":":
        return not listed and reach.about < 0
    if code == "w" and listed and reach.separator < 0 and _number(reach.row, k):
        return False  # “no nodule 2 emphysema”
    if code == "H" and not listed:
        reach.about = k
    elif code == "e" and reach.about == k - 1:
        reach.about = -1
    elif code == "K" and listed:
        reach.closed = True
    return not (listed and (code == "U" or (code == "d" and reach.separator >= 0)))


def _number(row: Row, k: int) -> bool:
    """True for the number of a list's next item."""
    return row.text[row.items[k].start : row.items[k].end].isdigit()


def _takes(reach: _Reach, k: int) -> bool:
    """Deny the finding at item k, or see that it is no part of what is denied."""
    row, listed, separator = reach.row, reach.listed, reach.separator
    if not listed and reach.about >= 0:
        _said_about(row, reach.about, k)
        return False
    if listed and separator >= 0:
        own = row.codes[separator] in ",c" and _own_verdict(row, separator, k)
        if row.begins_anew(separator, k, listed) or own or _placed(reach, k):
            return False
    of_it = not listed and OF_IT.fullmatch(row.between(reach.at + 1, k))  # “wash-out of the nodule”
    if of_it or (_within(row, k) if listed else _before_about(row, k)):
        row.free.add(row.index(k))
        return False
    listed.append(row.index(k))
    row.denied.add(row.index(k))
    reach.separator = -1
    return True


def _placed(reach: _Reach, k: int) -> bool:
    """True for the last of “no A, no B, C at the left apex”: where each denied finding has its own
    “no”, one without it that has a place or size of its own is there."""
    row, before = reach.row, reach.row.between(0, reach.at)
    repeated = "n" in before and re.search(r",[gw]*$", before) is not None
    if not repeated or row.codes[reach.separator] != ",":
        return False
    own = re.match(r"[gwpt]{0,4}[PZ]", row.between(k + 1, len(row.codes)))
    return own is not None or "Z" in row.between(reach.separator, k)


def _lists(reach: _Reach, k: int) -> bool:
    """Pass a separator of the list; False where the list ends there."""
    row, code, listed = reach.row, reach.row.codes[k], reach.listed
    if not listed and reach.about >= 0:
        if code in "oc/" or (code == "," and row.closed(k)):
            reach.about = -1  # “no invasion, effusion or nodule”, “neither growth nor cavitation”
        elif code in ",W":
            return False
    if listed and code == "W" and reach.cue.endswith(" of"):
        return False  # “resolution of the effusion with atelectasis”
    if reach.closed and code != "o" and not row.closed(k):
        return False
    apart = code == "," and not listed and "w" in row.between(reach.at + 1, k)
    if apart and not row.closed(k):
        return False
    reach.separator = k if reach.separator < 0 or code != "," else reach.separator
    return True


def _said_about(row: Row, about: int, at: int) -> None:
    """“No change in the nodule”: the denial is of the change."""
    if "p" in row.between(about, at) or "K" in row.between(about, at) or at == about + 1:
        row.free.add(row.index(at))


def _before_about(row: Row, at: int) -> bool:
    """True for “no nodule growth”: the word behind the finding is what is denied."""
    return (
        at + 1 < len(row.items)
        and row.codes[at + 1] == "H"
        and bool(
            re.match(
                r"\s(?:growth|enlargement|progression|change|follow-?up|biopsy|drainage|uptake|"
                r"enhancement|recurrence of)\b",
                row.text[row.items[at].end :],
            )
        )
    )


def _within(row: Row, at: int) -> bool:
    """True for “no calcification within the mass”: the mass is there."""
    last = max(k for k in range(at) if row.codes[k] == "M")
    chunk = row.between(last + 1, at)
    return re.fullmatch(r"[wPvocHg,]*p[wge]*t[wgZHPe]*", chunk) is not None


def _own_verdict(row: Row, separator: int, at: int) -> bool:
    """True for “no effusion, a nodule is seen”: a verb in the singular behind a comma."""
    for k in range(at + 1, len(row.items)):
        code = row.codes[k]
        if code in ("K", "v"):
            verb = SINGULAR.match(row.text, row.items[k].start)
            return verb is not None and row.codes[separator] == "," and not row.closed(at)
        if code in STOPS or code in ",ocM:":
            return False
    return False
