"""How far a denial in front reaches: over its own list, and not over what something is said about
(“no change in the nodule”)."""

from __future__ import annotations

import re

from DGMVLCCore.language.row import LISTED, SINGULAR, STOPS, Row

OF_IT = re.compile(r"[gw]*wp[wgZP]*t[wgZPH]*")


def deny_behind(row: Row, at: int) -> None:
    """What a denial at item `at` reaches, to its right."""
    listed: list[int] = []
    separator = about = -1
    verdict = False
    cue = row.text[row.items[at].start : row.items[at].end]
    if row.between(at + 1, at + 2) in (")", ",", ";", "]"):
        return  # an answer: “nodule (no), effusion (yes)”
    for k in range(at + 1, len(row.items)):
        code = row.codes[k]
        if code == "M":
            if not listed and about >= 0:
                _said_about(row, about, k)
                return
            if not listed and OF_IT.fullmatch(row.between(at + 1, k)):
                row.free.add(row.index(k))  # “no wash-out of the nodule”
                return
            if listed and separator >= 0:
                if row.begins_anew(separator, k, listed):
                    return
                if row.codes[separator] in ",c" and _own_verdict(row, separator, k):
                    return
            if listed and _within(row, listed, k, at):
                row.free.add(row.index(k))
                return
            if not listed and _before_about(row, k):
                row.free.add(row.index(k))
                return
            listed.append(row.index(k))
            row.denied.add(row.index(k))
            separator = -1
        elif code in STOPS:
            if code == "n" and cue in ("neither",) and not listed:
                continue
            return
        elif code == "H" and not listed:
            about = k
        elif code == "e" and about == k - 1:
            about = -1
        elif code == "d" and listed and separator >= 0:
            return
        elif code == ":":
            if listed or about >= 0:
                return
        elif code in LISTED or code == "W":
            if not listed and about >= 0 and code == "," and row.closed(k):
                about = -1  # “no invasion, effusion or nodule”
            if not listed and about >= 0 and code in ",W":
                return
            if about >= 0 and not listed and code in "oc/":
                about = -1  # “neither growth nor cavitation”
            if listed and code == "W" and cue.endswith(" of"):
                return  # “resolution of the effusion with atelectasis”
            if verdict and code != "o" and not row.closed(k):
                return
            apart = code == "," and not listed and "w" in row.between(at + 1, k)
            if apart and not row.closed(k):
                return
            separator = k if separator < 0 or code != "," else separator
        elif code == "K" and listed:
            verdict = True
        elif code == "U" and listed:
            return


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


def _within(row: Row, listed: list[int], at: int, cue: int) -> bool:
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
