"""Whether each finding of a sentence is present, absent or uncertain: how far every cue word
reaches (after NegEx, Chapman 2001, and ConText, Harkema 2009), on the sentence's row of items.

A denial in front reaches over its own list and no further; a verdict behind (“… were not seen”)
reaches back over its own list; a denial of something said *about* a finding denies nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from DGMVLCCore.language.denial import deny_behind
from DGMVLCCore.language.doubt import doubt_behind, either, remarked, versus
from DGMVLCCore.language.forms import forms, label_list
from DGMVLCCore.language.items import FINDING, PLACE, SIZE
from DGMVLCCore.language.row import Row
from DGMVLCCore.language.verdicts import judge_before

FORWARD_VERDICT = re.compile(
    r"resolved|cleared|absent|gone|nowhere|missing|vanished|ruled[ -]out|excluded|undetect\w+|"
    r"(?:(?:is|are|was|were|could|can|"
    r"has|have) )*not |none|nil|neg"
)
# “Pneumothorax no effusion yes left nodule no”: each answer is of the finding before it.
RUN_ON = re.compile(
    rf"\W*(?:{FINDING}+\s+(?:no|yes)\b\s*(?:[{PLACE}{SIZE}]+\s*)*){{2,}}\W*", re.IGNORECASE
)
ANSWER_END = re.compile(r"(?<=\bno)\s|(?<=\byes)\s")
OF_THEM = re.compile(r"\W*(?:of|for)\b")
NOTHING = re.compile(
    r"(?:no|without(?: any)?) (?:such(?: \w+)?|(?:\w+ )?(?:evidence|signs?|traces?|suspicion)"
    r"(?: (?:of (?:these|this|any|either|such)(?: \w+)?|thereof|for (?:it|this|these)))?|"
    r"(?:of )?(?:these|"
    r"them))\s*(?:(?:is|are|was|were|has|have|been|could|can|be|seen|found|identified|detected|"
    r"visible|present|noted|made out|shown|demonstrated|today|here|on this scan|at present)\s*)*"
    r"(?:[.;,)]|$)"
)
THEN = re.compile(
    r"\s*(?:in (?:19|20)\d\d|on (?:the |an? )?(?:prior|previous|earlier|last|initial|baseline|old)|"
    r"previously|before\b|at that time)"
)


def presences(
    text: str,
    spans: Sequence[tuple[int, int]],
    terms: Sequence[str],
    words: Sequence[str],
    answer: str | None = None,
) -> list[str | None]:
    """Presence of every finding of a sentence: "present", "absent", "uncertain", or None where a
    form leaves it open.

    Args:
        text: the sentence in lower case, findings, places and sizes masked. spans: ranges of the
            findings. terms: their terms. words: their wordings. answer: what a list or table says
            of the whole sentence.
    """
    if not spans:
        return []
    if RUN_ON.fullmatch(text):
        text = ANSWER_END.sub(";", text)
    row = Row(text, spans, terms, words)
    starts = {first: i for i, (first, _) in enumerate(spans)}
    left_open = forms(row, starts)
    for at, code in enumerate(row.codes):
        if code == "n":
            if not _deny_label(row, at):
                deny_behind(row, at)
        elif code == "d":
            doubt_behind(row, at)
        elif code == "s" and row.codes[at + 1 : at + 2] != ["Z"]:
            versus(row, at)
            doubt_behind(row, at)
    for at, code in enumerate(row.codes):
        if code in "XU":
            _judge(row, at, code)
    either(row)
    remarked(row)
    verdicts = [_verdict(i, row, answer, i in left_open) for i in range(len(spans))]
    return _labels_said_again(row, verdicts)


def _deny_label(row: Row, at: int) -> bool:
    """“Masses, cysts or cavities: no such lesion was found”: a denial that names nothing is of the
    list before the sign."""
    # “Of effusion or nodules there is no trace” puts the list first.
    fronted = row.codes[at - 1] == "B" and OF_THEM.match(row.text)
    if (
        at < 2
        or not (row.codes[at - 1] in ":-?," or fronted)
        or not NOTHING.match(row.text, row.items[at].start)
    ):
        return False
    k = at - 2
    while k > 0 and row.codes[k] in "PZ)(p":
        k -= 1
    if row.codes[k] != "M":
        return False
    row.denied |= {row.index(k), *label_list(row, row.index(k))}
    return True


def _labels_said_again(row: Row, verdicts: list[str | None]) -> list[str | None]:
    """“Pneumothorax: no evidence of pneumothorax”: the label is what its value says."""
    out = list(verdicts)
    for at in range(len(row.items) - 1):
        if row.codes[at] != "M" or row.codes[at + 1] not in ":?":
            continue
        label = row.index(at)
        again = [i for i in range(label + 1, len(out)) if row.terms[i] == row.terms[label]]
        if again:
            out[label] = verdicts[again[0]]
    return out


def _judge(row: Row, at: int, code: str) -> None:
    """A verdict at item `at`: of what stands before it, else of what follows."""
    said = row.text[row.items[at].start : row.items[at].end]
    ahead = row.between(at + 1, len(row.items))
    forward = FORWARD_VERDICT.match(said) is not None
    if code == "X" and THEN.match(row.text, row.items[at].end):
        return  # “absent in 2019”
    begins = at == 0 or row.codes[at - 1] in ",ocW("
    if code == "X" and forward and begins and re.match(r"[wgP]{0,3}M", ahead):
        deny_behind(row, at)
        return
    inverted = code == "X" and forward and at == 0 and re.match(r"v[tgwPa]{0,3}M", ahead)
    if inverted:
        deny_behind(row, at)  # “not seen are nodules or effusion”, “gone is the effusion”
        return
    if judge_before(row, at, code == "U"):
        return
    if code == "X" and forward:
        if ahead.startswith(":"):
            _deny_list(row, at + 1)
        elif re.match(r"[wgtPZe]{0,4}M", ahead):
            deny_behind(row, at)
    elif code == "U" and ahead[:1] in tuple("M:gtaPZw"):
        doubt_behind(row, at)


def _deny_list(row: Row, colon: int) -> None:
    """“Ruled out: A, B”: everything behind the colon."""
    for k in range(colon + 1, len(row.items)):
        if row.codes[k] in "BE;n":
            return
        if row.codes[k] == "M":
            row.denied.add(row.index(k))


def _verdict(i: int, row: Row, answer: str | None, left_open: bool) -> str | None:
    if left_open:
        return None
    if i in row.free:
        return "uncertain" if i in row.doubted else "present"
    if i in row.denied and i in row.doubted:
        return _order(i, row)
    if i in row.denied:
        return "absent"
    if i in row.doubted:
        return "uncertain"
    if i in row.asserted:
        return "present"
    return answer or "present"


def _order(i: int, row: Row) -> str:
    """Denied and in doubt: “no evidence to suggest X” denies, “possibly no X” doubts."""
    at = next(k for k, item in enumerate(row.items) if item.index == i)
    before = [k for k in range(at) if row.codes[k] in "nd"]
    cues = [row.codes[k] for k in before]
    behind = [row.codes[k] for k in range(at + 1, len(row.items)) if row.codes[k] in "XU"]
    if behind[:1] == ["U"] and "n" not in cues:
        return "uncertain"
    if behind[:1] == ["X"]:
        return "absent"
    if "n" in cues and "d" in cues:
        return "absent" if cues.index("n") < cues.index("d") else "uncertain"
    return "absent" if "n" in cues and behind[:1] != ["U"] else "uncertain"
