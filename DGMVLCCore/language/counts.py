"""How many: “two nodules”, “a single 5 mm nodule”, “nodules: 3”; words like “several” are no
number."""

from __future__ import annotations

import re

WORDS = {
    "one": 1,
    "single": 1,
    "solitary": 1,
    "two": 2,
    "couple": 2,
    "pair": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
}
SIZED = r"\d+(?:[.,]\d+)?\s*-?\s*(?:mm|cm)"
NO_NOUN = r"(?:and|or|with|in|of|is|are|no|the|ct|scans?|patient|show\w*|demonstrat\w*|reveal\w*)\b"
NO_COUNT = r"(?:mm|cm|x\b|×|by\b|to\b|–|%|days?|weeks?|months?|years?|[.):/])"  # but a measure
# “Two small nodules”: from the number to the finding.
BEFORE = re.compile(
    rf"(?<![\w.,/×-])(?<!\bin )(?<!\bof )(?:(?P<word>{'|'.join(WORDS)})|(?P<number>[1-9]\d?))"
    r"(?:\s+(?:of|or more|distinct|separate|discrete))?"
    rf"(?!\s*-?\s*{NO_COUNT})\s+(?:(?!{NO_NOUN})(?:{SIZED}|[a-z][\w/-]*),?\s+){{0,7}}$",
    re.IGNORECASE,
)
# “Nodules: 3”, “nodules (n = 3)”, “nodules x 3”.
AFTER = re.compile(
    r"(?:\(s\))?\s*(?:[:=]\s*(?:(?:y|yes|present|seen)\b\s*[,(]\s*)?|\(\s*(?:n\s*=\s*)?|"
    r"x\s?|×\s?|n\s*=\s*)"
    rf"(?P<number>[1-9]\d?|(?:{'|'.join(w for w in WORDS if w != 'single')})\b)"
    r"(?!\s*-?\s*(?:mm|cm|x\b|×|to\b|-|–|%|[.,/]\d|\w))",
    re.IGNORECASE,
)


def number(word: str) -> int | None:
    """The number a word or digits say, None for “several”."""
    return int(word) if word.isdigit() else WORDS.get(word.lower())


def count(sentence: str, low: int, start: int, end: int) -> int | None:
    """The number said of the wording [start, end), which `low` separates from the wording before
    it."""
    before = BEFORE.search(sentence[max(low, start - 90) : start])
    plural = re.search(r"(?:s|ae|ia|emphysema)$", sentence[start:end], re.IGNORECASE) is not None
    if before:
        value = number(before["word"] or before["number"]) or 0
        return value if plural or value == 1 else None
    after = AFTER.match(sentence, end)
    return number(after["number"]) if after else None
