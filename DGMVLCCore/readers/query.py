"""“Show me reticulation in both lower zones” -> a wish for cases, or a clear refusal."""

from __future__ import annotations

import re

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.language.parser import parse_report
from DGMVLCCore.language.prompts import wanted_finding
from DGMVLCCore.readers.design import Wish, check_wish
from DGMVLCCore.simulation.phrases import TERMS

ASKING = re.compile(
    r"^\W*(?:(?:please|can you|could you|i (?:want|would like|'d like) to(?: see)?|let me)\s+)*"
    r"(?:show(?: me)?|give(?: me)?|see|find(?: me)?|make(?: me)?"
    r"|practi[sc]e(?: on)?)?\s*",
    re.IGNORECASE,
)
MORE = re.compile(
    r"^(?:(?P<number>\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty"
    r"|some|several)\s+(?!-?\s*(?:mm|cm)\b))?"
    r"(?:(?:more|other|different|example|test|teaching)\s+)*(?:(?:cases?|examples?|scans?"
    r"|patients?)\s+(?:of|with|showing)\s+)?",
    re.IGNORECASE,
)
NUMBERS = {
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "twelve": 12,
    "twenty": 20,
}
SUBTLE = re.compile(
    r"\b(?:(?P<subtle>subtle|faint|slight|discrete|hard to "
    r"see|difficult)|(?P<obvious>obvious|marked|clear-cut|severe|easy))\b",
    re.IGNORECASE,
)
SIZE = re.compile(
    r"\b(?:(?P<small>small|tiny|little)|(?P<medium>medium(?:-sized)?)|(?P<large>large|big"
    r"|extensive))\b",
    re.IGNORECASE,
)
BEFORE = re.compile(r"^(?:with|of)\s+", re.IGNORECASE)


def parse_query(text: str) -> tuple[Wish, int | None]:
    """A sentence as a wish, and the number of cases it names (None when none).

    Raises:
        UnsuitableInputError: no finding, several, one that is denied, or one that no case can be
            made of; the sentence lists what can.
    """
    if not text.strip():
        raise UnsuitableInputError(
            "The question is empty; ask for example “show me reticulation in both lower zones”."
        )
    rest = ASKING.sub("", text.strip().rstrip("?.!"), count=1)
    head = MORE.match(rest)
    said = (head["number"] or "").lower() if head else ""
    number = NUMBERS.get(said) or (int(said) if said.isdigit() else None)
    rest = BEFORE.sub("", rest[head.end() :] if head else rest)
    subtle, size = SUBTLE.search(rest), SIZE.search(rest)
    plain = SIZE.sub("", SUBTLE.sub("", rest)).strip()
    _refuse_denied(plain, text)
    finding = wanted_finding(plain)
    if finding.taught not in TERMS:
        raise UnsuitableInputError(
            f"No cases of “{finding.term}” can be made; ask for one of: {', '.join(TERMS)}."
        )
    spiculated = finding.taught == "nodule" and bool(
        {"spiculated", "spiculation"} & set(finding.descriptors)
    )
    wish = Wish(
        (finding.taught,),
        (str(size.lastgroup),) if size else (),
        finding.size_mm,
        (str(subtle.lastgroup),) if subtle else (),
        finding.side,
        finding.zone,
        spiculated,
    )
    check_wish(wish)
    return wish, number


def _refuse_denied(plain: str, text: str) -> None:
    """A finding that is said to be absent is no case of it."""
    findings = parse_report(plain + ".")
    if findings and all(f.presence == "absent" for f in findings):
        raise UnsuitableInputError(
            f"“{text.strip()[:80]}” asks for a scan without {findings[0].term}; ask for what "
            "shall be seen, "
            "or for clear cases (--clear)."
        )


def wish_in_words(wish: Wish) -> str:
    """What was understood, for the user to check."""
    what = ", ".join(wish.findings) or "any finding"
    parts = [
        " or ".join(wish.subtleties),
        f"{wish.size_mm:g} mm" if wish.size_mm else " or ".join(wish.sizes),
        "spiculated" if wish.spiculated else "",
        what,
    ]
    place = {"bilateral": "in both lungs", None: ""}.get(wish.side, f"in the {wish.side} lung")
    return " ".join(filter(None, [*parts, place, f"{wish.zone} zone" if wish.zone else ""]))
