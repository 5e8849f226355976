"""Pasted text -> plain text that the rules can read, with every character's place in the original.

Break marks of HTML, RTF and HL7 become line ends; entities, ligatures, soft and line-end hyphens,
zero-width and control characters are resolved.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass

BLOCK_TAGS = (
    "br|p|li|div|tr|ul|ol|dl|dt|dd|h[1-6]|hr|table|tbody|thead|section|article|header|body|html"
)
OTHER_TAGS = (
    "td|th|b|i|u|s|em|strong|span|font|a|sub|sup|small|big|pre|code|head|title|meta|center|label|"
    "input|style|script|img|o:p|mark"
)
RTF_BREAKS = r"pard?|line|sect|row|page"
RTF_WORDS = (
    r"(?:plain|ulnone|ul|qc|ql|qr|qj|nowidctlpar|widctlpar|rtf\d|ansi(?:cpg\d+)?|"
    r"deff?\d+|deflang\d+|viewkind\d|uc\d|(?:f|fs|cf|cb|highlight|lang|li|ri|fi|sa|sb|sl|b|i|"
    r"slmult|tx|kerning|itap|ltrch|rtlch|af|afs|expnd|expndtw)-?\d+|b|i)"
)
# A character that reading machines take for another where only one makes sense: “N0 effusion”,
# “l4 mm”, “1O mm”.
MISREAD = (
    r"(?-i:(?<=\bN)0(?=[ \t]+[a-z])"
    r"|\b[lIO](?=\d{1,2}(?:[.,]\d)?[ \t]?[mc]m\b)|(?<=[\d.,])[lIO](?=\d?[ \t]?[mc]m\b))"
)
MISREAD_AS = {"0": "o", "l": "1", "I": "1", "O": "0"}
# Cyrillic and Greek letters that look like Latin ones; in a Latin word they are meant as those.
LOOKALIKES = str.maketrans(
    "АВЕЅІЈКМНОРСТХаеѕіјорсхуΑΒΕΖΗΙΚΜΝΟΡΤΥΧονι", "ABESIJKMHOPCTXaesijopcxyABEZHIKMNOPTYXovi"
)
LONGEST_LOOK = 12
LAST_WORD, FIRST_WORD = re.compile(r"[^\W\d_]+\Z"), re.compile(r"[^\W\d_]+")
LATIN_NEXT = re.compile(r"[^\W\d_]{1,12}[ \t]{1,3}[A-Za-z]{2}")
MARKUP = re.compile(
    rf"(?P<break>(?:<|&lt;)/?(?:{BLOCK_TAGS})(?:\s[^<>]{{0,300}}?)?\s*/?(?:>|&gt;)"
    r"|\\\.(?:br|sp|ti|in|ce|sk|fi|nf)[+-]?\d*\\?|\\X0[AD]\\"
    rf"|\\(?:{RTF_BREAKS})(?![a-z]) ?|\\r?\\n(?![a-z])|\\r(?![a-z])|\x0c|\x0b|\x85|\u2028|\u2029"
    r"|\r\n?|(?<!\s)~|~(?!\s?\d)"
    r"|(?<=\s)(?:full stop|new (?:line|paragraph))(?=\s|$))"
    r"|(?P<cell>(?:<|&lt;)/(?:td|th)\s*(?:>|&gt;)|\\(?:tab|cell)(?![a-z]) ?|\\t(?![a-z]))"
    rf"|(?P<gone><!--.*?-->|<(?:style|script)\b.*?</(?:style|script)>"
    rf"|(?:<|&lt;)/?(?:{OTHER_TAGS})(?:\s[^<>]{{0,300}}?)?\s*/?(?:>|&gt;)"
    rf"|\\[HN]\\|\\{RTF_WORDS}(?![a-z0-9]) ?|\{{\\\*?(?:fonttbl|colortbl|stylesheet|info)[^{{}}]*"
    r"(?:\{[^{}]*\}[^{}]*)*\}|[\u00ad\u200b-\u200d\u2060\ufeff])"
    r"|(?P<hl7>\\[TSFRE]\\)|(?P<byte>\\'[0-9a-f]{2})"
    r"|(?P<entity>&(?:amp;)*(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});)"
    r"|(?P<space>&nbsp\b)"
    rf"|(?P<misread>{MISREAD})"
    r"|(?P<hyphen>(?<=[a-z])[-\u2010\u2011\u00ad][^\S\n]*\n[^\S\n]*(?=[a-z]))",
    re.IGNORECASE | re.DOTALL,
)
HL7_CHARACTERS = {"t": "&", "s": "^", "f": "|", "r": " ", "e": "\\"}
# A hyphen at a line's end stays where it stands between words (“ground-/glass”).
KEPT_HYPHEN = re.compile(
    r"\b(?:ground|right|left|part|partly|semi|sub|non|tree|in|crazy|air|well|ill|thick|thin|low|"
    r"high|post|pre|peri|cavity|mass|mid|multi|large|small|moderate|near|follow|honey|plate|band|"
    r"wedge|space|soft|up|cross|long|short|one|two|three|single|filling|[a-z])$",
    re.IGNORECASE,
)
CHARACTERS = {
    "\u2010": "-",
    "\u2011": "-",
    "\u2012": "-",
    "\u2212": "-",
    "\u2018": "'",
    "\u2019": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u201e": '"',
    "\u00ab": '"',
    "\u00bb": '"',
    "\u00d7": "x",
    "\u2715": "\u2717",
    "\u2264": "<",
    "\u2265": ">",
}
LONGEST_RUN = 40  # characters of white space
RUN = re.compile(rf"\s{{{LONGEST_RUN + 1},}}")
SIMPLE = re.compile(r"[\x20-\x25\x27-\x3b\x3d-\x5b\x5d-\x7d\n\t]*")


EMPTY = re.compile(r"[\u25cb\u25ef]")
CHOICE = re.compile(
    r"[\u25cb\u25ef\u25cf\u25c9](?=\s*(?:yes|no|none|present|absent|y|n)\b)", re.IGNORECASE
)
LINE = re.compile(r"[^\n]+")


@dataclass(frozen=True, eq=False)
class PlainText:
    """Text to be read and where it comes from.

    Args:
        text: plain text. starts, ends: range in the original of each of its characters; None when
            both are the same.
        original: the text as it was given.
    """

    text: str
    original: str
    starts: list[int] | None = None
    ends: list[int] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The range in the original of [start, end)."""
        if self.starts is None or self.ends is None:
            return start, end
        if start >= end:
            at = self.starts[start] if start < len(self.starts) else len(self.original)
            return at, at
        return self.starts[start], self.ends[end - 1]


def _character(character: str) -> str:
    """What stands in plain text for one character that is not ASCII."""
    if character in CHARACTERS:
        return CHARACTERS[character]
    kind = unicodedata.category(character)
    if kind in ("Cf", "Co", "Cs"):
        return ""
    if kind == "Cc":
        return character if character in "\n\t" else " "
    if kind == "Zs":
        return " "
    return unicodedata.normalize("NFKC", character)


def _as_meant(original: str, i: int) -> str:
    """A character; the Latin one where one of another script stands beside a Latin letter, or in a
    word of such look-alikes alone (“Νο” in Greek) before a Latin one."""
    latin = original[i].translate(LOOKALIKES)
    if latin == original[i]:
        return latin
    beside = original[max(0, i - 1) : i] + original[i + 1 : i + 2]
    if any(c.isascii() and c.isalpha() for c in beside):
        return latin
    if not LATIN_NEXT.match(original, i):
        return original[i]
    before, after = original[max(0, i - LONGEST_LOOK) : i], original[i : i + LONGEST_LOOK]
    word = (LAST_WORD.search(before) or [""])[0] + (FIRST_WORD.match(after) or [""])[0]
    alike = word.translate(LOOKALIKES).isascii() and len(word) < LONGEST_LOOK
    return latin if alike else original[i]


def _replacement(match: re.Match[str]) -> str:
    """What stands in plain text for a mark."""
    kind = match.lastgroup
    said = match.group()
    if kind == "break":
        return "\n"
    if kind == "cell":
        return "\t"
    if kind == "entity":
        plain = html.unescape(re.sub(r"^&(?:amp;)+", "&", said, flags=re.IGNORECASE))
        return "".join(_character(c) for c in plain)
    if kind == "space":
        return " "
    if kind == "hl7":
        return HL7_CHARACTERS[said[1].lower()]
    if kind == "byte":
        return _character(bytes([int(said[2:], 16)]).decode("cp1252", "replace"))
    if kind == "misread":
        return MISREAD_AS[said]
    if kind == "hyphen":
        line = match.string[max(0, match.start() - 12) : match.start()]
        return "-" if KEPT_HYPHEN.search(line) else ""
    return ""


def plain_text(original: str) -> PlainText:
    """The text without marks, and the place of every character in the original."""
    marked = (
        "~" in original
        or "full stop" in original
        or " new " in original
        or re.search(rf"[a-z]-[^\S\n]*\n|{MISREAD}", original, re.IGNORECASE)
    )
    if SIMPLE.fullmatch(original) and not marked:
        if not RUN.search(original):
            return PlainText(original, original)
        places = range(len(original))
        return _without_runs(original, original, [*places], [i + 1 for i in places])
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []

    def add(said: str, first: int, last: int) -> None:
        pieces.append(said)
        starts.extend([first] * len(said))
        ends.extend([last] * len(said))

    at = 0
    rtf = original.lstrip()[:5] == "{\\rtf"
    for match in MARKUP.finditer(original):
        _copy(original, at, match.start(), rtf, add)
        add(_replacement(match), match.start(), match.end())
        at = match.end()
    _copy(original, at, len(original), rtf, add)
    return _without_runs(_ticked("".join(pieces)), original, starts, ends)


def _ticked(text: str) -> str:
    """Circles before the choices of a line as boxes, one sign for one: “○ yes ● no”. Elsewhere a
    circle is a bullet."""

    def boxed(line: re.Match[str]) -> str:
        said = line.group()
        if len(CHOICE.findall(said)) < 2 or not EMPTY.search(said):
            return said
        return CHOICE.sub(lambda mark: "\u2610" if EMPTY.match(mark[0]) else "\u2611", said)

    return LINE.sub(boxed, text) if EMPTY.search(text) else text


def _without_runs(text: str, original: str, starts: list[int], ends: list[int]) -> PlainText:
    """Plain text whose runs of white space are no longer than columns need: the work on them would
    grow with their square."""
    kept: list[int] = []
    at = 0
    for run in RUN.finditer(text):
        kept.extend(range(at, run.start() + LONGEST_RUN))
        at = run.end()
    if not at:
        return PlainText(text, original, starts, ends)
    kept.extend(range(at, len(text)))
    shorter = "".join(text[i] for i in kept)
    return PlainText(shorter, original, [starts[i] for i in kept], [ends[i] for i in kept])


def _copy(original: str, first: int, last: int, rtf: bool, add: object) -> None:
    """Characters that are no marks, one by one where they change."""
    for i in range(first, last):
        character = original[i]
        if character.isascii() and (character.isprintable() or character in "\n\t"):
            said = "" if rtf and character in "{}" else character
        else:
            said = _character(_as_meant(original, i))
        if said:
            add(said, i, i + 1)  # type: ignore[operator]
