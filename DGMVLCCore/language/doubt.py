"""How far doubt in front reaches, and doubt between two findings (“versus”, “or”)."""

from __future__ import annotations

import re

from DGMVLCCore.language.row import LISTED, STOPS, Row

SEVERAL = re.compile(r"differential|ddx|includ|represent|reflect|consider|suggest|suspicio|concern")

# “… but motion makes this uncertain”, “… though it may be an artefact”: a remark on what was said.
REMARK = re.compile(
    r"\b(?:mak\w+|leav\w+|render\w*) (?:this|it|that|these|them|the (?:finding|diagnosis|"
    r"assessment)) "
    r"(?:\w+ly )?(?:uncertain|doubtful|equivocal|questionable|unreliable|unclear|(?:hard|"
    r"difficult) to confirm)"
    r"|\b(?:but|though|although|however|yet),? (?:this|it|that|these|they|the (?:finding|"
    r"appearance)) "
    r"(?:is|are|remains?|may|could|might)(?: \w+ly)? (?:be )?(?:uncertain|doubtful|not certain|"
    r"unconfirmed|equivocal|questionable|(?:an? )?(?:\w+ )?art[ei]fact\w*)\b"
)


def remarked(row: Row) -> None:
    """Put in doubt what a remark behind it calls uncertain."""
    for remark in REMARK.finditer(row.text):
        low = row.text.rfind(";", 0, remark.start()) + 1
        before = [
            item.index
            for item in row.items
            if item.code == "M" and low <= item.start < remark.start()
        ]
        row.doubted |= set(before[-1:]) - row.denied


def doubt_behind(row: Row, at: int) -> None:
    """What a doubt at item `at` reaches, to its right."""
    listed: list[int] = []
    separator = -1
    for k in range(at + 1, len(row.items)):
        code = row.codes[k]
        if code == "M":
            if listed and separator >= 0 and row.begins_anew(separator, k, listed, False):
                return
            if listed and separator < 0:
                return
            listed.append(row.index(k))
            row.doubted.add(row.index(k))
            separator = -1
        elif code in STOPS or code in "W" or code == "K" and listed:
            return
        elif code == "," and k == at + 1:
            continue
        elif code == ",":
            several = SEVERAL.search(row.text, row.items[at].start, row.items[at].end)
            if not listed and "w" in row.between(at + 1, k):
                return
            if not _alternatives(row, k, several is not None):
                return
            separator = k
        elif code in LISTED or code == "s":
            separator = k
        elif code == "p" and k > at + 1 and row.codes[k + 1 : k + 2] in (["t"], ["a"], ["P"]):
            if "M" not in row.between(k, len(row.items)) or listed:
                continue
            if "w" in row.between(at + 1, k):
                return


def _alternatives(row: Row, comma: int, several: bool) -> bool:
    """True when the list goes on to an “or”, “and” or “versus” without a word that begins
    anew."""
    seen = False
    for k in range(comma + 1, len(row.items)):
        code = row.codes[k]
        if code in "os" or (code == "c" and (seen or several)):
            return True
        if code in STOPS or code in "KagZ:" or (code == "W"):
            return False
        seen = seen or code == "M"
    return False


def versus(row: Row, at: int) -> None:
    """“A versus B”: both are in doubt."""
    before = [k for k in range(at) if row.codes[k] in "M,;BnX"]
    if before and row.codes[before[-1]] == "M":
        row.doubted.add(row.index(before[-1]))


def either(row: Row) -> None:
    """“Atelectasis or early consolidation”: either, so both are in doubt."""
    for k, code in enumerate(row.codes):
        if code != "o" or row.text[row.items[k].start : row.items[k].end] != "or":
            continue
        left = [j for j in range(k) if row.codes[j] == "M"]
        right = [j for j in range(k + 1, len(row.items)) if row.codes[j] == "M"]
        if left and left[-1] == k - 1 and _or_no_finding(row, k):
            row.doubted |= {row.index(k - 1)} - row.denied - row.free
        if not left or not right:
            continue
        gap = row.between(left[-1] + 1, k) + row.between(k + 1, right[0])
        pair = {row.index(left[-1]), row.index(right[0])}
        if re.fullmatch(r"[gwatPZd,]{0,4}", gap) and not pair & (row.denied | row.free):
            row.doubted |= pair


def _or_no_finding(row: Row, at: int) -> bool:
    """True for “nodule or vessel”."""
    return re.match(r"w{1,2}(?:p|[,;:.)]|$)", row.between(at + 1, len(row.codes))) is not None
