"""How far a verdict behind reaches (“… were not seen”, “… is possible”): back over its own list."""

from __future__ import annotations

import re

from DGMVLCCore.language.row import LISTED, SINGULAR, STRONG, Row

BACK_STOPS = frozenset("BEr;nXKU")  # what ends the reach of a verdict behind
BEFORE = re.compile(r"\s*(?:previously|formerly|earlier|once)\b")
WHICH = re.compile(r",\s*which\b")
VERB = re.compile(r"(?:is|are|was|were|has|have|had|can|could)\b")
STATE = re.compile(r"(?:enlarged|thickened|dilated|ectatic|thick|widened|collapsed|consolidated)$")
BY_ORGAN = re.compile(
    r"nodes?$|glands?$|^heart|^cardiac|walls?$|^bronchi$|septa$|^pleura|silhouette$|^collapsed|"
    r"^consolidated"
)


def judge_before(row: Row, at: int, doubt: bool) -> bool:
    """What a verdict at item `at` reaches, to its left; False when it reaches nothing."""
    k = _before_aside(row, at) - 1
    while k >= 0 and row.codes[k] != "M":
        if row.codes[k] in BACK_STOPS or (row.codes[k] in ",c" and _new_subject(row, k, at)):
            return False
        k -= 1
    if k < 0:
        return False
    subject = _subject(row, k)
    if subject is None or _elsewhere(row, at) or not _state_fits(row, subject, at):
        return True
    verdict = row.doubted if doubt else row.denied
    verdict.add(row.index(subject))
    if subject != k and row.codes[k] == "M" and "W" in row.between(subject, k):
        verdict.add(row.index(k))
    _list_before(row, subject, at, doubt)
    return True


def _before_aside(row: Row, at: int) -> int:
    """Where “, which was large on admission,” begins between a finding and its verdict; `at` where
    nothing is put in between."""
    if at == 0 or row.codes[at - 1] != "," or not VERB.match(row.text, row.items[at].start):
        return at
    inside = range(at - 2, 0, -1)
    begin = next((k for k in inside if row.codes[k] in ",;M"), 0)
    plain = begin > 0 and row.codes[begin] == "," and row.codes[begin - 1] in "MPZ"
    which = next((k for k in inside if WHICH.match(row.text, row.items[k].start)), 0)
    if which and not set(row.between(which, at)) & set("n;:X"):
        # What stood in the finding is in doubt: “the consolidation, which held a cavity, cleared”.
        row.doubted |= {row.index(k) for k in range(which, at) if row.codes[k] == "M"}
        return which
    return begin if plain and "n" not in row.between(begin, at) else at


def _elsewhere(row: Row, at: int) -> bool:
    """True for “… at the left base, none on the right”."""
    said = row.text[row.items[at].start : row.items[at].end]
    return (
        said.startswith("none")
        and at > 0
        and row.codes[at - 1] == ","
        and row.codes[at + 1 : at + 2] == ["p"]
    )


def _state_fits(row: Row, subject: int, at: int) -> bool:
    """“Not enlarged” denies a finding that is named by its organ (nodes, heart), no nodule."""
    said = row.text[row.items[at].start : row.items[at].end]
    if not STATE.search(said):
        return True
    wording = row.words[row.index(subject)]
    return BY_ORGAN.search(wording) is not None


def _new_subject(row: Row, separator: int, at: int) -> bool:
    """True when words behind a comma are another subject (“effusion, heart not seen”), and none
    of the list (“effusion and bone lesions are not seen”)."""
    chunk = row.between(separator + 1, at)
    if "w" not in chunk or set(chunk) & set("PpZ"):
        return False
    if BEFORE.match(row.text, row.items[separator].end):
        return False  # “effusion, previously present, no longer seen”
    singular = SINGULAR.match(row.text, row.items[at].start) is not None
    if row.codes[separator] == "c":
        return singular or "t" in chunk
    return singular or not set(chunk) & set("oc")


def _subject(row: Row, at: int) -> int | None:
    """The finding a verdict is about: the head of “calcification in the nodule”; None for
    “growth of the nodule”."""
    low = at
    while low > 0 and row.codes[low - 1] not in LISTED | BACK_STOPS | {"M", ":", "("}:
        low -= 1
    chunk = row.between(low, at)
    definite = re.search(r"p[wg]*t[wgZP]*$", chunk)
    if low > 0 and row.codes[low - 1] == "M" and definite and chunk.startswith(("p", "w", "P")):
        return low - 1
    if definite and "H" in chunk[: definite.start()]:
        return None
    if "H" in chunk and re.search(r"Hp[wgtZPa]*$", chunk):
        return None
    if low > 0 and row.codes[low - 1] == "M" and re.match(r"w*W", chunk):
        return low - 1
    return at


def _list_before(row: Row, subject: int, at: int, doubt: bool) -> None:
    """The other items of the list that a verdict is about."""
    joined = "c" if re.search(r"[oc/-]", row.between(subject + 1, at)) else ""
    verb = row.text[row.items[at].start : row.items[at].end]
    singular = SINGULAR.match(verb) is not None
    k = subject - 1
    separators = ""
    chunk = ""
    while k >= 0:
        code = row.codes[k]
        if code in BACK_STOPS or code in ":(" or (code == "v" and _finite(row, k)):
            return
        if code == "M":
            if not separators:
                return
            alone = set(separators) <= {","} and not joined
            if alone and (singular or doubt or set(row.around(k)) & set("gPZa")):
                return
            strong = set(row.before(k)) & STRONG
            # “A nodule, a mass or a cyst was not seen” is one list.
            if strong and "o" not in separators and not (strong == {"a"} and "o" in joined):
                return
            if doubt and "o" not in separators and set(chunk) & set("gtP"):
                return
            if "g" in chunk and separators == "," and not joined:
                return
            (row.doubted if doubt else row.denied).add(row.index(k))
            joined += re.sub(r"[^oc/-]", "", separators)
            separators, chunk = "", ""
        elif code in LISTED:
            separators += code
        elif not separators:
            chunk += code
        k -= 1


def _finite(row: Row, at: int) -> bool:
    return row.text[row.items[at].start : row.items[at].end] in (
        "is", "are", "was", "were", "has", "have", "remains", "appears", "measures", "remain",
    )  # fmt: skip
