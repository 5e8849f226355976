"""Whether a wording says present, absent or uncertain: cue words and how far they reach (after
NegEx, Chapman 2001)."""

from __future__ import annotations

import re
from functools import lru_cache

from DGMVLCCore.language.vocabulary import cues


def _cue(*parts: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)", re.IGNORECASE)


# Words after which an earlier cue no longer holds.
TURN = re.compile(
    r"\b(?:but|except(?:ing)?(?: for)?|with the exception of|however|although|though|apart "
    r"from|other than|aside from|besides|"
    r"there "
    r"(?:is|are|was|were)|(?:and|,)\s+(?=(?:an?|the|several|there)\b|(?:stable|unchanged"
    r"|persistent)\s+(?!from|since|compared|when|in\b|and\b|to\b"
    r"|over\b)\w|"
    r"\d[\d.,x× "
    r"to-]{0,12}(?:mm|cm)\s+(?!is\b|are\b|was\b|present\b|seen\b|x\b|by\b|in\b|at\b|on\b"
    r"|from\b)[a-z])|"
    r"which|yet|"
    r"shows?|showing|demonstrat(?:es?|ing)|reveal(?:s|ing)|with "
    r"(?=(?:an?|residual|remaining|persistent|persisting|new|now)\b))|;",
    re.IGNORECASE,
)
EXCEPTION = _cue(*cues("exception"))
DENIED = _cue(*cues("denied"))
# "No change of the nodule" denies the change, not the nodule.
SPARED = re.compile(
    r"\b(?:no|without|not)\s+(?:(?:evidence of|sign "
    r"of|any|significant(?:ly)?|interval|substantial|appreciable|further|definite|relevant"
    r"|major)\s+)*"
    r"(?:change[ds]?|growth|grown|increased?|decreased?|progression|enlargement|enlarged|difference"
    r"|improvement|worsening)\b"
    r"|\bno (?:evidence|signs?|indication) that\b|\bno longer excluded\b|\bnot "
    r"only\b|\b(?:not|no) (?:calcified|solid|spiculated)\b|\b(?:cannot|can not"
    r"|could not|not) (?:be )?(?:excluded?|ruled? out)\b",
    re.IGNORECASE,
)
DENIED_AFTER = re.compile(
    r"^[^.;]{0,60}?\bnot (?:pathologically |significantly )?enlarged\b"
    r"|^\s*(?:[:\-–=]\s*(?:none|no|nil|absent|negative|not (?:seen|present|identified))\b"
    r"|(?:[^,.;:]{0,40}?\s)?(?:(?:is|are|was|were|has been|have been|can be|could be)\s+)?"
    r"(?:not (?:definitely |clearly |pathologically |significantly |abnormally "
    r")?(?:enlarged|seen|present|identified|visuali[sz]ed|evident|detected"
    r"|demonstrated|appreciated|noted|found|observed)"
    r"|absent|been replaced by|no longer "
    r"(?:seen|present|visible|identified|evident|visuali[sz]ed)|ruled out|(?<!not )(?<!not be "
    r")excluded"
    r"|(?:has |have )?(?:completely |fully |now |since |entirely "
    r")*(?:resolved|disappeared|cleared|gone|resorbed|vanished))\b)",
    re.IGNORECASE,
)
RESOLVED = re.compile(
    r"(?:^|\b(?:the|with|and|interval|of|completely|now)\s+|:\s*)resolved\s+(?:[\w-]+\s+){0,3}$",
    re.IGNORECASE,
)  # “resolved effusion”
# “No calcification within the mass” denies nothing of the mass.
WITHIN = re.compile(
    r"\b(?:within|in|of|from|around|surrounding|adjacent "
    r"to|involving)\s+(?:the|this|these)\s+(?:[\w-]+\s+){0,2}$",
    re.IGNORECASE,
)
NO_NOUN = re.compile(
    r"\W*(?:evidence|signs?|residual|remnants?|recurren\w+|trace|longer|any|further)?\W*",
    re.IGNORECASE,
)
PARTLY = re.compile(
    r"\b(?:partial(?:ly)?|nearly|almost|incompletely|mostly|largely|not (?:completely |fully "
    r")?)\s*(?:completely )?"
    r"(?:resolved|cleared|disappeared)",
    re.IGNORECASE,
)
# “Probably benign nodule” doubts what it is, not that it is there.
DOUBT = _cue(*cues("doubt"))
DOUBT_ENDS = re.compile(r"[,;:]|\bwith\b|\bin (?:a|the)\b", re.IGNORECASE)
DOUBT_AFTER = re.compile(
    r"^[^,.;]{0,30}?\b(?:is|are|was|were|remains?) (?:also "
    r")?(?:possible|suspected|questionable|questioned|not excluded|unlikely|considered|(?:a"
    r" )?consideration|favou?red|suggested|equivocal|(?:less |more )?likely)\b"
    r"|^\s*(?:not excluded|suspected|is a possibility|favou?red|(?:less )?likely(?!\s+\w)|cannot "
    r"be|questioned)\b"
    r"|^[^,.;]{0,25}?\b(?:cannot|can not|could not|not) be (?:completely |entirely |definitely "
    r")?(?:excluded|ruled out)\b"
    r"|^\s*,?\s*(?:versus|vs\b)|^\s?\?(?!\s?\w)|^\s*\(\?\)",
    re.IGNORECASE,
)
LIST = re.compile(
    r"\s*(?:,\s*(?:and|or|nor)|and/or|and|or|nor|,|/)\s*(?:[\w-]+\s+){0,2}", re.IGNORECASE
)
ASKED = re.compile(r"\?\s*(?:[\w-]+\s+){0,2}$")  # “? nodule”
PAST = re.compile(
    r"\b(?:(?:previously|formerly)\s+(?:pure\s+)?|(?:site|area|region|location)s? of (?:the |a "
    r")?(?:prior|previous(?:ly \w+)?|resolved|known"
    r"|treated)(?:\s+[\w-]+){0,2}|(?:history of|h/o|hx of)(?:\s+(?!with\b|now\b|and "
    r"now\b)[\w/-]+,?){0,6}"
    r"|(?:from|due to|after|following|status post|s/p|sequela[e]? of|secondary to|related "
    r"to|treated for) (?:an? |the )?(?:prior|previous|old"
    r"|remote|past|treated)(?:\s+[\w-]+){0,2}"
    r"|\b(?:patient|man|woman|male|female|boy|girl|case)\b[^.,;]{0,30}?\bwith (?:an? "
    r")?(?:known|previous|prior)(?:\s+[\w-]+,?){0,5}"
    r"|(?:drain\w*|thoracentesis|surgery|resection|treatment|chemotherapy|radiotherapy|therapy"
    r"|operated|operation) (?:of|for) (?:an? |the"
    r" )?(?:[\w-]+\s+){0,3}?)\s*$",
    re.IGNORECASE,
)
# A wish is no statement: “to exclude pneumonia”, “Evaluate for embolism”, “follow-up to ensure
# resolution of …”.
WISH = re.compile(
    r"(?:^\W*(?:please\s+)?(?:recommend(?:ed|ation)?|advise[ds]?|exclude|rule out|r/o|evaluat\w+ "
    r"for|assess\w* for|follow[- ]up (?:for|of|to"
    r"|in|is))\b[^.;:]*"
    r"|(?<!unable )(?<!possible )(?<!difficult )(?<!insufficient )\b(?:to|for) (?:exclude|rule "
    r"out|evaluate for|assess for|look for|check for"
    r"|ensure|document|confirm|assess)\b(?:[^.;:,]|,(?= (?:or|and)))*"
    r"|\b(?:risk|screening|surveillance|evaluation|signs? and "
    r"symptoms|protocol|window|study|examination) (?:of|for)(?: an?|"
    r" the)?(?:\s+[\w-]+){0,2})\s*$",
    re.IGNORECASE,
)


@lru_cache(maxsize=64)
def _turns(sentence: str) -> list[tuple[int, int]]:
    return [m.span() for m in TURN.finditer(sentence)]


def clause(sentence: str, start: int, end: int) -> tuple[int, int]:
    """The part of a sentence between turning words that holds the wording [start, end)."""
    low, high = 0, len(sentence)
    for first, last in _turns(sentence):
        if last <= start:
            low = first
        elif first >= end:
            high = first
            break
    return low, high


def is_past(sentence: str, start: int) -> bool:
    """True for “history of …” and for a wish (“to exclude …”): no statement about this scan."""
    before = sentence[max(0, start - 100) : start]
    return PAST.search(before) is not None or WISH.search(before) is not None


def _after(sentence: str, end: int, high: int, others: list[tuple[int, int]]) -> str:
    """What is said behind a wording: up to the next one, or behind the last of “X, Y and Z are
    …”."""
    at = end
    for first, last in sorted(o for o in others if end <= o[0] < high):
        if not LIST.fullmatch(sentence[at:first]):
            return sentence[at:first]
        at = last
    return sentence[at:high]


def presence(sentence: str, start: int, end: int, others: list[tuple[int, int]]) -> str:
    """Presence of the wording [start, end) in its sentence, given the ranges of the other wordings.

    Returns:
        "present", "absent" or "uncertain".
    """
    low, high = clause(sentence, start, end)
    before, after = sentence[low:start], _after(sentence, end, high, others)
    denied = [
        m.start() for m in DENIED.finditer(SPARED.sub(lambda m: " " * len(m.group()), before))
    ]
    if denied and (within := WITHIN.search(before)) and (cue := DENIED.search(before, denied[-1])):
        denied = (
            []
            if cue.end() < within.start()
            and not NO_NOUN.fullmatch(before, cue.end(), within.start())
            else denied
        )
    if exception := EXCEPTION.match(before):
        return "absent" if any(at >= exception.end() for at in denied) else "present"
    doubts = [m.start() for m in DOUBT.finditer(before) if not DOUBT_ENDS.search(before[m.end() :])]
    if asked := ASKED.search(before):
        doubts.append(asked.start())
    if doubts:
        return (
            "absent"
            if any(at < doubts[0] and "," not in before[at : doubts[0]] for at in denied)
            else "uncertain"
        )
    doubt = DOUBT_AFTER.search(after)
    if doubt and not (denied and doubt.group().endswith("?")):
        return "uncertain"
    if DENIED_AFTER.search(after) and not PARTLY.search(after):
        return "absent"
    return (
        "absent" if denied or (RESOLVED.search(before) and not PARTLY.search(before)) else "present"
    )
