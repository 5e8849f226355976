"""What forms say of findings: signs, letters and boxes beside them."""

from __future__ import annotations

import re

from DGMVLCCore.language.items import FINDING
from DGMVLCCore.language.row import Row

# A label as a form prints it: “nodule(s)”, “effusion present?”.
LABEL_END = (
    r"(?:\s?\(s\)|\s?s\b|\s\d{1,2}\b(?=\s?:)|"
    r"\s(?:present|seen|identified|found|visible)(?=\s?[?:]))?\s*"
)
# Answers behind a colon, a tab or dots.
OFF = (
    r"(?P<off>(?:no|n(?!\s?/\s?a\b)|none|neg|false|0|zero|-{1,3}|\u2013|\(-\)|\[-\]|n\.s\.?)"
    r"(?=\s*(?:[.,;()/|\n\t]|$|\s\s))|no(?=\s+(?:evidence|sign)s?\s*(?:[.,;]|$))|\u2717|\u2718)"
)
ON = (
    r"(?P<on>(?:yes|y|pos|true|1|x|\+{1,3}|\(\+\)|\[\+\])(?=\s*(?:[.,;()|\n\t]|$|\s))"
    r"|\u2713|\u2714)"
)
MAYBE = (
    r"(?P<maybe>\?|(?:possible|possibly|probable|probably|equivocal|suspected|indeterminate|"
    r"questionable|uncertain|maybe|borderline|likely|unclear|\+/-|\u00b1)(?!\w))"
)
OPEN = (
    r"(?P<open>(?:not (?:assessed|evaluated|evaluable|applicable|reported|assessable|included|"
    r"imaged|scored)|n/a|unknown|unable to|cannot (?:be )?(?:assess|evaluat)\w*|"
    r"not possible to assess|y\s?/\s?n|yes\s?/\s?no)(?!\w))"
)
# Signs right behind the label, most of them in brackets.
SIGN_OFF = (
    r"(?P<off2>[(\[]\s?(?:[-\u2013]{1,2}|0|no|none|absent|neg(?:ative)?|n)\s?[)\]]|-\s?ve\b|"
    r"[-\u2013](?=\s*(?:[.,;\n]|$))|[\u2717\u2718\u2610\u25a1])"
)
SIGN_ON = (
    r"(?P<on2>[(\[]\s?(?:\+{1,3}|yes|y|present|pos(?:itive)?)\b\s?[,)\]]|[(\[]\+{1,3}[)\]]|"
    r"\+\s?ve\b|\+{1,3}(?=\s|[.,;\n]|$)|[\u2713\u2714\u2611])"
)
SIGN_MAYBE = (
    r"(?P<maybe2>[(\[]\s?(?:\?|\+/-|\u00b1)\s?[)\]]|\+/-|\?+(?!\s*\(?"
    r"(?:yes|no|none|nil|y|n|absent|present|neg\w*|pos\w*|unlikely|possible|probable)\b))"
)
# “Effusion (-)”, “Nodule: N”: a sign or letter as a verdict; group off, on, maybe or open.
VERDICT = re.compile(
    rf"(?P<label>{FINDING}+){LABEL_END}"
    rf"(?:(?:[:=|\t?]|\.{{3,}}|\s-(?=\s))[ \t]*(?:{OFF}|{ON}|{MAYBE}|{OPEN})"
    rf"|{SIGN_OFF}|{SIGN_ON}|{SIGN_MAYBE})"
)
SIGN = re.compile(
    r"[:=|?(\[+\t\u2610-\u2612\u25a0\u25a1\u2713-\u2718\u274c\u00b1]|[-\u2013](?!\w)|\.{3}"
)
JOINED = re.compile(r"\s*(?:/|,|&|\band\b|\bor\b|\band/or\b)\s*")
BOX = re.compile(
    r"(?P<off>\[\s*_*\s*\]|\(\s*_*\s*\)|[\u2610\u25a1\u2717\u2718\u274c]|\(\s?[-\u2013]\s?\)|"
    r"\[\s?-\s?\]|\[n\]|\[no\])"
    r"|(?P<on>\[\s?[xy\u2713\u2714*]\s?\]|\[yes\]|\(\s?[x\u2713\u2714+]\s?\)|\[\s?\+\s?\]|"
    r"[\u2611\u2612\u25a0\u2713\u2714])"
    r"|(?P<maybe>\[\s?\?\s?\]|\(\s?\?\s?\))"
)


def forms(row: Row, starts: dict[int, int]) -> set[int]:
    """Verdicts by sign, letter or box; gives the findings that a form leaves open."""
    left_open: set[int] = set()
    if not SIGN.search(row.text):
        return left_open
    box = BOX.search(row.text)
    boxes_lead = box is not None and bool(starts) and box.start() < min(starts)
    for match in VERDICT.finditer(row.text):
        if boxes_lead and (match.lastgroup or "").endswith("2"):
            continue  # “[N] effusion [Y] nodule”: the box behind is the next one's
        label = starts.get(match.start("label"))
        kind = (match.lastgroup or "").rstrip("2")
        if label is None or not kind:
            continue
        group = {label, *label_list(row, label)}
        if kind == "open":
            left_open |= group
        _take(row, kind, group)
    _boxes(row, starts)
    return left_open


def _take(row: Row, kind: str, group: set[int]) -> None:
    if kind == "off":
        row.denied |= group
    elif kind == "on":
        row.asserted |= group
    elif kind == "maybe":
        row.doubted |= group


def label_list(row: Row, label: int) -> list[int]:
    """The other findings of a label: “Nodules/masses: N”."""
    at = next(k for k, item in enumerate(row.items) if item.index == label)
    out = []
    last = row.items[at].start
    for k in range(at - 1, -1, -1):
        if row.codes[k] != "M":
            continue
        if not JOINED.fullmatch(row.text, row.items[k].end, last):
            break
        out.append(row.index(k))
        last = row.items[k].start
    return out


def _boxes(row: Row, starts: dict[int, int]) -> None:
    """Boxes before findings, or behind them."""
    boxes = list(BOX.finditer(row.text))
    if not boxes or not starts:
        return
    first = min(starts)
    ahead = boxes[0].start() < first
    for i, box in enumerate(boxes):
        if ahead:
            until = boxes[i + 1].start() if i + 1 < len(boxes) else len(row.text)
            group = {n for at, n in starts.items() if box.end() <= at < until}
            if group:
                nearest = min(at for at, n in starts.items() if n in group)
                group = {starts[nearest], *_same_list(row, nearest, group, starts)}
        else:
            low = boxes[i - 1].end() if i else 0
            group = {n for at, n in starts.items() if low <= at < box.start()}
        _take(row, box.lastgroup or "", group)


def _same_list(row: Row, nearest: int, group: set[int], starts: dict[int, int]) -> set[int]:
    """Findings listed with the nearest one behind a box."""
    out = set()
    at = next(k for k, item in enumerate(row.items) if item.start == nearest)
    for k in range(at + 1, len(row.items)):
        if row.codes[k] == "M" and row.index(k) in group:
            out.add(row.index(k))
        elif row.codes[k] not in "/ocM":
            break
    return out
