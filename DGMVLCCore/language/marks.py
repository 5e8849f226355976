"""Ticks, signs and columns of forms: what is ticked, what is not."""

from __future__ import annotations

import re

COLUMN_ANSWER = tuple[int, str]  # offset of a column in its line (or its number), its answer
POLARITY = {
    **dict.fromkeys(("-", "(-)", "no", "n", "absent", "neg", "negative", "none", "0"), "absent"),
    **dict.fromkeys(("+", "(+)", "yes", "y", "present", "pos", "positive", "1"), "present"),
    **dict.fromkeys(("?", "possible", "uncertain", "equivocal", "indeterminate"), "uncertain"),
}
TICK = re.compile(r"\s*(?:x|\*|\[x\]|[\u2713\u2714\u2611\u2612\u25a0\u2022])\s*", re.IGNORECASE)
TICKED = r"\[\s?[x\u2713\u2714*]\s?\]|\(\s?[x\u2713\u2714]\s?\)|[\u2611\u2612\u25a0\u2713\u2714]"
UNTICKED = r"\[\s*_*\s*\]|\(\s*_*\s*\)|[\u2610\u25a1\u2717\u2718\u274c]"
MARK = re.compile(rf"(?P<on>{TICKED})|(?P<off>{UNTICKED})", re.IGNORECASE)
CHOICE = re.compile(
    r"yes|no|none|nil|absent|present|negative|positive|left|right|l|r|bilateral|both|small|mild|"
    r"moderate|large|severe|minimal|trace|unknown|uncertain|equivocal|possible|probable|y|n",
    re.IGNORECASE,
)
CHOSEN = re.compile(
    rf"(?:\[(?P<first>{CHOICE.pattern})\]\s*/\s*(?:{CHOICE.pattern})\b"
    rf"|\b(?:{CHOICE.pattern})\s*/\s*\[(?P<second>{CHOICE.pattern})\])",
    re.IGNORECASE,
)
HINT = re.compile(
    r"\by/n(?=\s*[:?=])|\((?:y/n|yes/no|present/absent|\+/-|0/1|yes or no)\)(?=\s*[:?=])",
    re.IGNORECASE,
)

# Signs between a label and its value that are no colon: “=>”, “->”; a size before one has grown.
ARROW = re.compile(r"(?<=[^\W\d_]|\))(?<![mc]m)\s*(?:[=-]+>|\u2192|:=|:-|::)(?=\s*\w)")
SHORT_ANSWER = r"(?:yes|no|none|nil|absent|present|neg(?:ative)?|pos(?:itive)?|y|n|x)"
# An answer written into a form's line: “__N__”, “<yes>”, “{N}”.
FILLED_IN = re.compile(
    rf"\s*[:=]?\s?(?:_+\s*(?P<line>{SHORT_ANSWER})\s*_+|<\s*(?P<angle>{SHORT_ANSWER})\s*>"
    rf"|\{{\s*(?P<curly>{SHORT_ANSWER})\s*\}})",
    re.IGNORECASE,
)
# “N - effusion; Y - nodule”.
LEADING = re.compile(r"^(n|y)\s*[-\u2013:=]\s*(?=[a-z])")
REPLY = re.compile(
    rf"(?<=\?)\s*(?:[-\u2013\u2014:>]+|a\d?\s*[:.)])(?=\s*{SHORT_ANSWER}\b)", re.IGNORECASE
)


def _as_value(match: re.Match[str]) -> str:
    """A colon and the answer, as long as what was written."""
    answer = next((word for word in match.groups() if word), "")
    return f": {answer}".ljust(len(match.group()))


def values(sentence: str) -> str:
    """The sentence with every sign that stands between a label and its value as a colon, no longer
    and no shorter: “Effusion => no”, “Effusion __N__”, “Effusion? - no”."""
    sentence = LEADING.sub(lambda m: ("no" if m[1] == "n" else "").ljust(len(m.group())), sentence)
    sentence = REPLY.sub(lambda m: " " * len(m.group()), sentence)
    return FILLED_IN.sub(_as_value, ARROW.sub(_as_value, sentence))


def column_answers(line: str) -> list[COLUMN_ANSWER]:
    """The answers that a table's header gives to its columns (“Finding | - | +”), empty for any
    other line."""
    if "\t" not in line and "|" not in line and "  " not in line:
        return []
    wide = "\t" not in line and "|" not in line
    cells = [c.strip().lower() for c in re.split(r"\s{2,}" if wide else r"[\t|]", line.strip("|"))]
    answers = [(i, POLARITY[cell]) for i, cell in enumerate(cells) if cell in POLARITY]
    plain = sum(cell not in POLARITY and cell != "" for cell in cells)
    if len({answer for _, answer in answers}) < 2 or plain > 1:
        return []
    if wide:
        return [(m.start(), POLARITY[m.group().lower()]) for m in re.finditer(r"\S+", line)
                if m.group().lower() in POLARITY]  # fmt: skip
    return answers


def answer_of_columns(line: str, columns: list[COLUMN_ANSWER]) -> str | None:
    """The answer of the column that is ticked in a row, None when none is."""
    if "\t" in line or "|" in line:
        cells = re.split(r"[\t|]", line.strip("|"))
        ticked = [answer for i, answer in columns if i < len(cells) and TICK.fullmatch(cells[i])]
        return ticked[0] if len(ticked) == 1 else None
    tick = re.search(r"(?<=\s\s)(?:x|\*|[\u2713\u2714])\s*$", line.rstrip() + " ", re.IGNORECASE)
    if tick is None:
        return None
    return min(columns, key=lambda column: abs(column[0] - tick.start()))[1]


def chosen(sentence: str) -> str:
    """The sentence with the choices that are not ticked, and their boxes, as blanks: “Effusion:
    [ ] left [x] right” says “right”; where nothing is ticked it says “none”."""
    sentence = HINT.sub(lambda m: " " * len(m.group()), sentence)
    sentence = CHOSEN.sub(_bracketed, sentence)
    marks = list(MARK.finditer(sentence))
    if not marks:
        return sentence
    before = SLOT_BEFORE.search(sentence[: marks[0].start()])
    slots = _slots(sentence, marks, behind=before is None)
    if slots is None:
        return sentence
    out, ticked = list(sentence), any(m["on"] for m in marks)
    for mark, (first, last) in zip(marks, slots):
        blank = [*range(*mark.span()), *(() if mark["on"] else range(first, last))]
        for i in blank:
            out[i] = " "
    if not ticked and marks[0].end() - marks[0].start() >= 2:
        out[marks[0].start()] = "0"
        if len(sentence) > marks[0].start() + 1:
            out[marks[0].start() + 1] = " "
    return "".join(out)


SLOT_BEFORE = re.compile(rf"\b(?:{CHOICE.pattern})\s*$", re.IGNORECASE)


def _bracketed(match: re.Match[str]) -> str:
    """Only the choice in brackets, at its place."""
    kind = "first" if match["first"] else "second"
    first, last = match.start(kind) - match.start(), match.end(kind) - match.start()
    return " " * (first - 1) + ":" + match[kind] + " " * (len(match.group()) - last)


def _slots(sentence: str, marks: list[re.Match[str]], behind: bool) -> list[tuple[int, int]] | None:
    """The choice that belongs to every box, behind or before it; None when one has none (then the
    boxes belong to findings)."""
    slots = []
    for i, mark in enumerate(marks):
        if behind:
            until = marks[i + 1].start() if i + 1 < len(marks) else len(sentence)
            word = re.compile(rf"\s*({CHOICE.pattern})\b", re.IGNORECASE).match(
                sentence, mark.end(), until
            )
        else:
            low = marks[i - 1].end() if i else 0
            word = SLOT_BEFORE.search(sentence, low, mark.start())
            word = re.compile(rf"\b({CHOICE.pattern})\s*$", re.IGNORECASE).search(
                sentence[: mark.start()], low
            )
        if word is None:
            return None
        slots.append(word.span(1))
    return slots
