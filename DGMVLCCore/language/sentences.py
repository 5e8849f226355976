"""Plain text -> the sentences that state findings, each with its range, its heading and the answer
that a list or a table gives to all of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from DGMVLCCore.language.marks import COLUMN_ANSWER, answer_of_columns, column_answers

SKIPPED = (
    r"(?:reason|indications?)(?: for (?:the )?(?:exam(?:ination)?|study|scan|referral|ct|imaging"
    r"|request))?|clinical (?:history|information|info|indications?|details|data|questions?|context"
    r"|background|notes?|diagnosis|presentation|concern)|clinical|(?:past |prior )?(?:medical |"
    r"surgical |family |social |smoking )?history|hx|pmh|background|techniques?|comparisons?"
    r"(?: studies| exams?)?|compared (?:with|to)|(?:prior|previous|earlier) (?:stud(?:y|ies)|"
    r"exams?|"
    r"imaging|reports?|ct)|protocol|procedure|contrast|requests?(?: details)?|referral(?: reason)?|"
    r"(?:questions?|query)(?: of the referrer)?|recommendations?|(?:suggested )?follow-?up"
    r"(?: recommendations?)?|advice|plan|management|radiation dose|dose|ctdi(?:vol)?|dlp|"
    r"diagnosis at referral|symptoms?|complaints?|presenting complaint|medications?|allergies|"
    r"guidelines?|disclaimer|limitations?|q\d*(?=\s*:[^?\n]*$)|lung-?rads definitions?|"
    r"history and indication|indication and history"
)
READ = (
    r"findings?|impressions?|conclusions?|opinion|summary|reports?|interpretation|results?|"
    r"observations?|a\d?(?=\s*:\s*(?!(?:yes|no|none|nil)\b)[A-Za-z])|ct(?: (?:chest|thorax|today|"
    r"findings))?|answers?|description|"
    r"exam(?:ination)?(?!:?\s*(?:hr|md)?ct)|today|"
    r"lungs?(?: and airways|[ /]parenchyma| fields?)?|parenchyma|"
    r"airways?|trachea|pleurae?|pleural (?:spaces?|cavity|cavities)|mediastinum(?: and hila)?|hila|"
    r"nodes|lymph nodes|heart(?: and (?:vessels|pericardium))?|cardiac|pericardium|vessels|"
    r"vasculature|chest|chest wall|bones?|osseous(?: structures)?|soft tissues|"
    r"(?:left|right) (?:lung|side|hemithorax)|upper abdomen|abdomen|thorax|other(?: findings)?|"
    r"significant findings|incidental(?: findings)?|body of report|final report"
)
HEADING = re.compile(
    rf"(?:^|(?<=[\s.;]))(?:(?P<skipped>{SKIPPED})|(?P<read>{READ}))\s*:"
    rf"|^[ \t#*=_]*(?:(?P<skipped_line>{SKIPPED})|(?P<read_line>{READ}))[ \t*=_]*$"
    rf"|^[ \t#*]*(?P<dash>{SKIPPED})\s+[-\u2013\u2014]\s",
    re.IGNORECASE | re.MULTILINE,
)
NOW = re.compile(r"(?<=[.;\"] )(?:currently|today|now|the current)\b", re.IGNORECASE)
# Headings of one sentence, where no heading of findings follows.
BRIEF = re.compile(
    r"advice|recommend|guideline|limitation|comparison|technique|protocol|follow", re.IGNORECASE
)
NEXT_SENTENCE = re.compile(r"(?<=[.;])\s+(?=[A-Z\d])")
# Sentences that state findings though history stands before them on the line.
STATED = re.compile(
    r"(?<=[.;])\s+(?=(?:there (?:is|are|has been|have been)\b(?! (?:a |an? known )?history)|"
    r"(?:the |both )?(?:lungs?|heart|airways?|pleurae?|mediastinum)\b|no (?:evidence|acute|focal|"
    r"pleural|pericardial|pneumothorax|effusion|nodules?|consolidation|mass|masses|lymph|pulmonary|"
    r"suspicious)\b|ct (?:shows|demonstrates|reveals)\b|(?:small|moderate|large|\d+ ?mm)\b))",
    re.IGNORECASE,
)
BEGINS = re.compile(r"(?:^|[.;:!?\n]\s*)$")
# A full stop inside a number or after an abbreviation ends no sentence; “? nodule” is a question
# about what follows, “Nodule? No” is answered behind it.
END = re.compile(
    r"(?<=[.!?;])\s+|(?<=[a-z]{3}[.;])(?=[A-Z][a-z])|(?<=[a-z\d]\));\s*"
    r"|\s+(?=[\u2022\u25cf\u25aa\u25e6]|\u00b7\s|o\s+[A-Z][a-z])|"
    r"\s{2,}(?=[A-Z(\[][\w /-]{2,30}[:\])])"
    r"|\s+(?=[\u2610-\u2612\u25a1\u25a0\u2713\u2714\u2717\u2718])"
    r"|(?<=[\w.,])\s+(?=[\[(]\s?[xX*]?\s?[\])]\s+[A-Za-z])"
)
NO_END = re.compile(
    r"(?:\b(?:vs|approx|dr|e\.g|i\.e|ca|prev|bilat|lt|rt|mod|max|min|fig|ser?|im|img|esp|post|"
    r"ant|inf|sup|seg|incl|resp|sm|pl|cf|eff|approx|st|mr|mrs|ms)\.|(?<!\w)\?|\.\.)$",
    re.IGNORECASE,
)
FOLLOWS = re.compile(r"(?:in|at|of|on|or|and|vs|versus|with)\b")  # “embolus? in the artery”
ANSWERED = re.compile(
    r"\s*(?:[-\u2013\u2014:>]+\s*|a\d?\s*[:.)]\s*)?\(?"
    r"(?:yes|no|none|nil|absent|present|negative|positive|y|n|unlikely|possible|probable)\b",
    re.IGNORECASE,
)
# “Effusions: Right: none. Left: small.” is one statement.
SIDE_ANSWER = re.compile(
    r"^[\w /-]{3,40}:\s*(?:right|left|r|l|rt|lt)\b\s*[:=-]?\s*[\w\s]{1,30}[.;,]$", re.IGNORECASE
)
OTHER_SIDE = re.compile(r"(?:and\s+)?(?:right|left|r|l|rt|lt)\s*[:=-]", re.IGNORECASE)
BOXES = "[(\u2610\u2611\u2612\u25a1\u25a0\u2713\u2714\u2717\u2718"
ALIGNED = re.compile(r"\S {3,}\S")  # columns
CELL = re.compile(r"[\t|]|\s{2,}")
BULLET = re.compile(
    r"[ \t]*(?:(?P<plus>\+)(?=\s*(?!ve\b)[a-z])|(?P<minus>[-\u2013\u2014])(?!\s?ve\b)(?=\s|[a-z])"
    r"|[*\u2022\u00b7\u25cf\u25aa\u25e6\u2023\u2043\u25ba>]|o(?=\s)"
    r"|\(?\d{1,2}[.)](?!\d)|#\d{1,2}\b|(?:\(?[a-h]\)|[a-h]\.)(?=\s))[ \t]*",
    re.IGNORECASE,
)
# A line that ends so goes on in the next one; a line that begins so goes on with the one before.
GOES_ON = re.compile(
    r"(?:,|-|\b(?:the|an?|of|in|at|on|to|and|or|nor|with|without|no|not|from|by|for|is|are|was|were"
    r"|be|been|has|have|both|measuring|measures|upper|middle|lower|new|small|large|mild|"
    r"moderate|multiple|several|pleural|pulmonary|ground|bilateral|possible|probable|suspected|"
    r"than|as|which|that|there|evidence|suggesting|\d+(?:[.,]\d+)?(?:\s?x)?|(?:mm|cm)(?= *$)))\s*$",
    re.IGNORECASE,
)
BEGINS_ON = re.compile(
    r"\s*(?:and|or|nor|of|in|on|at|with|within|from|to|by|for|than|which|that|is|are|was|were|has|"
    r"have|measuring|measures|consistent|compatible|suggesting|representing|suspicious|but|as|not|"
    r"lobes?|lungs?|segments?|upper|middle|lower|apex|base|apical|basal|hemithorax|pleural|main|"
    r"hil(?:ar|um)|side|zones?|(?:mm|cm)|x\s?\d)\b(?!\s*:)",
    re.IGNORECASE,
)
STARTER = re.compile(
    r"\s*(?:no|there|small|mild|moderate|large|trace|minimal|multiple|several|scattered|stable|"
    r"unchanged|new|bilateral|both|a|an|the|left|right|normal|clear)\b",
    re.IGNORECASE,
)
LABEL_LINE = re.compile(
    r"\s*(?:[A-Za-z][\w()/ ,&-]{1,45}\s?(?::|=|\.{3,}|\t|\|)|\[|\(\s?[x+-]?\s?\))", re.IGNORECASE
)
ANSWER = re.compile(
    r"\s*(?:yes|no|none|nil|absent|present|negative|positive|normal|not (?:seen|present))\b[^\w]*$",
    re.IGNORECASE,
)
REPLY_LINE = re.compile(r"\s*a\d?\s*[:.)]\s*(?:yes|no|none|nil)\b", re.IGNORECASE)
SHORT_LINE = 45  # characters; a shorter line was not broken for want of room
# “No evidence of:” and “Absent:” say it of every item that follows.
LIST_HEAD = re.compile(
    r"^\s*(?:(?P<absent>(?:there (?:is|are|was|were) )?(?:no|without|negative for)(?: (?:ct |"
    r"definite "
    r"|clear |radiological )?(?:evidence|signs?)(?: of| for)?)?|absent(?: findings)?|not (?:seen|"
    r"present|identified|detected)|(?:pertinent )?negatives?(?: findings)?|excluded|ruled out|"
    r"the following (?:are|were) (?:not (?:seen|present|identified|detected|found)|absent))"
    r"|(?P<present>present(?: findings)?|positives?(?: findings)?|seen|identified|found|"
    r"the following (?:are|were) (?:seen|present|identified|detected|found)))\s*:\s*$",
    re.IGNORECASE,
)
ORGAN_HEAD = re.compile(r"\W*([A-Za-z][\w /&-]{0,40}?)\s*:")
LONGEST = 800  # characters; a longer sentence is read in parts


@dataclass(frozen=True)
class Sentence:
    """A sentence of the plain text.

    Args:
        start: where it begins. text: the sentence. answer: "present" or "absent" where a list or
            table says it of the whole. heading: the heading it stands under, lower case.
        heads: True for the sentence that begins under a heading on its own line.
    """

    start: int
    text: str
    answer: str | None = None
    heading: str = ""

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.text)


def _sections(text: str) -> list[tuple[int, int]]:
    """Ranges to read: all but indication, history, technique, comparison and recommendation.

    A skipped section ends with the next heading of findings, a blank line, or, where no heading of
    findings follows, with its line.
    """
    ranges, start, reading = [], 0, True
    headings = [
        h
        for h in HEADING.finditer(text)
        if h.group().isupper() or BEGINS.search(text[max(0, h.start() - 9) : h.start()])
    ]
    last_read = max((h.start() for h in headings if h["read"] or h["read_line"]), default=-1)
    for i, heading in enumerate(headings):
        if reading:
            ranges.append((start, heading.start()))
        start, reading = heading.start(), bool(heading["read"] or heading["read_line"])
        following = headings[i + 1].start() if i + 1 < len(headings) else len(text)
        if not reading and (after := _skipped_until(text, heading, following, last_read)):
            start, reading = after, True
    if reading:
        ranges.append((start, len(text)))
    return ranges


def _skipped_until(text: str, heading: re.Match[str], following: int, last: int) -> int | None:
    """Where a skipped section ends before the next heading; None when it does not."""
    if now := NOW.search(text, heading.end(), following):
        return now.start()
    begun = re.compile(r"[\s:]*").match(text, heading.end(), following)
    first = begun.end() if begun else heading.end()
    line = text.find("\n", first, following) if "\n" in text[first:following] else following
    if heading.start() > last:
        ends = BRIEF.search(heading.group()) is not None
        stop = (NEXT_SENTENCE if ends else STATED).search(text, first, line)
        if stop:
            return stop.end()
    end = text.find("\n", first, following)
    while end >= 0:
        until = end + 1
        blank = text[until:following].split("\n", 1)[0].strip() == ""
        if blank or (heading.start() > last and not _wrapped(text, end, until, heading.start())):
            return until
        end = text.find("\n", until, following)
    return None


def _wrapped(text: str, end: int, following: int, low: int) -> bool:
    """True for a line break inside a sentence (hard-wrapped text), False where a new line, item or
    paragraph begins."""
    line = text[max(text.rfind("\n", low, end) + 1, low) : end]
    after = text[following : following + 60].split("\n", 1)[0]
    if line.rstrip().endswith("?") and REPLY_LINE.match(after):
        return True
    if not line.strip() or not after.strip() or line.rstrip()[-1] in ".!?;":
        return False
    if (
        "\t" in line
        or "|" in line
        or ALIGNED.search(line)
        or BULLET.match(after)
        or LABEL_LINE.match(after)
    ):
        return False
    if ANSWER.match(after):
        return line.rstrip().endswith(":")
    if line.rstrip().endswith(":"):
        return False
    if GOES_ON.search(line) or (BEGINS_ON.match(after) and not after.lstrip()[:1].isupper()):
        return True
    upper = after.lstrip()[:1].isupper() and not text.isupper()
    return len(line) >= SHORT_LINE and not upper and not STARTER.match(after)


def _lines(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Ranges of lines; one that was broken for want of room is one line."""
    start, at = low, low
    while at <= high:
        end = text.find("\n", at, high)
        if end < 0:
            yield start, high
            return
        if not _wrapped(text, end, end + 1, start):
            yield start, end
            start = end + 1
        at = end + 1


def _bounded(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Run-on text in parts of at most LONGEST characters, cut at white space: the time stays linear
    in the length."""
    out = []
    while end - start > LONGEST:
        space = max(text.rfind(mark, start + 1, start + LONGEST) for mark in " \n\t")
        cut = space if space > start else start + LONGEST
        out.append((start, cut))
        start = cut
    return [*out, (start, end)]


def _ends(text: str, low: int, end: int, following: int) -> bool:
    """True where a sentence ends: at no abbreviation, and at no question that is answered."""
    before = text[max(low, end - 8) : end]
    if NO_END.search(before) or (
        before.lower().endswith("no.") and text[following : following + 1].isdigit()
    ):
        return False
    mark = text[following : following + 1]
    if mark and mark in BOXES and text[low : low + 8].lstrip()[:1] not in BOXES:
        return text[end - 1] in ".!?;"
    if SIDE_ANSWER.search(text, low, end) and OTHER_SIDE.match(text, following):
        return False
    if text[end - 1] == "?" and FOLLOWS.match(text, following):
        return False
    return not (text[end - 1] == "?" and ANSWERED.match(text, following))


def _pieces(text: str, low: int, high: int) -> Iterator[Sentence]:
    """The sentences of one line."""
    start = low
    ends = [m.span() for m in END.finditer(text, low, high) if _ends(text, low, *m.span())]
    for end, following in [*ends, (high, high)]:
        for first, last in _bounded(text, start, end):
            piece = text[first:last]
            if piece.strip():
                yield Sentence(first + len(piece) - len(piece.lstrip()), piece.strip())
        start = following


def _bulleted(text: str, low: int, high: int) -> tuple[int, str]:
    """Where a line's own words begin, and its bullet."""
    bullet = BULLET.match(text, low, high)
    return (bullet.end(), bullet.group().strip()) if bullet else (low, "")


def sentences(text: str) -> list[Sentence]:
    """The sentences of the sections that state findings; the marks of list items are no part of
    them."""
    out: list[Sentence] = []
    signed = re.search(r"^[ \t]*\+\s?[a-z]", text, re.IGNORECASE | re.MULTILINE) is not None
    for low, high in _sections(text):
        heading, answer = "", None
        columns: list[COLUMN_ANSWER] = []
        for first, last in _lines(text, low, high):
            line = text[first:last]
            if not line.strip():
                answer, columns = None, []
                continue
            if listed := LIST_HEAD.match(line):
                answer = "absent" if listed["absent"] else "present"
                continue
            if header := column_answers(line):
                columns = header
                continue
            begin, bullet = _bulleted(text, first, last)
            verdict = answer if answer and (bullet or line[:1] in " \t") else None
            answer = answer if verdict or (answer and not LABEL_LINE.match(line)) else None
            verdict = verdict or answer
            if signed and bullet in ("+", "-", "\u2013"):
                verdict = "present" if bullet == "+" else "absent"
            if columns:
                verdict = answer_of_columns(line, columns) or verdict
                last = first + len(CELL.split(line, maxsplit=1)[0])
            for sentence in _pieces(text, begin, last):
                if head := ORGAN_HEAD.match(sentence.text):
                    heading = head.group(1).lower()
                out.append(replace(sentence, answer=verdict, heading=heading))
    return out
