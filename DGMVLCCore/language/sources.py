"""Whose words a finding is: what history, earlier reports, guidelines, advice and wishes name is no
finding of this scan."""

from __future__ import annotations

import re

# Directly before a finding: what is past.
PAST = re.compile(
    r"\b(?:(?:previously|formerly)\s+(?:pure\s+)?|(?:site|area|region|location)s? of (?:the |a )?"
    r"(?:prior|previous(?:ly \w+)?|resolved|known|treated)(?:\s+[\w-]+){0,2}"
    r"|(?:history of|h/o|hx of)(?:\s+(?!with\b|now\b|and now\b)[\w/-]+,?){0,6}"
    r"|(?:from|due to|after|following|status post|s/p|sequela[e]? of|secondary to|related to|"
    r"treated for) (?:an? |the )?(?:prior|previous|old|remote|past|treated)(?:\s+[\w-]+){0,2}"
    r"|\b(?:patient|man|woman|male|female|boy|girl|case)\b[^.,;]{0,30}?\bwith (?:an? )?(?:known|"
    r"previous|prior|history of)(?:\s+[\w-]+,?){0,5}"
    r"|(?:drain\w*|thoracentesis|surgery|resection|treatment|chemotherapy|radiotherapy|therapy|"
    r"operated|operation|pleurodesis|lobectomy|treated|antibiotics) (?:of|for) (?:an? )?"
    r"(?:[\w-]+\s+){0,3}?"
    r"|(?:resection|lobectomy|segmentectomy|wedge) for (?:an? )?)\s*$"
)
# A wish is no statement: “to exclude pneumonia”, “Evaluate for embolism”.
WISH = re.compile(
    r"(?:(?<!unable )(?<!possible )(?<!difficult )(?<!insufficient )(?<!impossible )(?<!hard )"
    r"\b(?:to|for|in order to) (?:exclude|rule out|evaluat\w+ for|assess\w* for|look for|check for|"
    r"ensure|document|confirm|assess\w*|evaluat\w+|detect|screen for|characteri[sz]e)\b"
    r"(?:[^.;:,]|,(?= (?:or|and)))*"
    r"|\b(?:risk|screening|surveillance|evaluation|signs? and symptoms|protocol|window|study|"
    r"examination|concern(?:ed)? clinically|clinical(?:ly)? (?:concern|suspicion|question)|"
    r"performed|referred|request(?:ed)?|indicated|ordered|optimi[sz]ed|sensitiv\w+|specific\w*|"
    r"workup|work-up|query|likelihood|probability|definition|differentiat\w+|"
    r"indication|evaluat\w+|assess\w+|limited|suboptimal|non-?diagnostic|inadequate|adequate|"
    r"satisfactory)(?: (?:of|for))(?: an?| the)?(?:\s+[\w-]+){0,2})\s*$"
)
ORDER = re.compile(
    r"^\W*(?:please\s+)?(?:recommend(?:ed|ation)?s?|advise[ds]?|exclude|rule out|r/o|"
    r"evaluat\w+ for|"
    r"assess\w* for|question of(?= .*\?$)|follow[- ]up (?:for|of|to|in|is))\b[^.;:]*$"
)
CT = (
    r"(?:ct|cta|scan|stud(?:y|ies)|exam(?:ination)?s?|imaging|radiographs?|x-rays?|cxr|mri|"
    r"pet(?:[/-]ct)?|films?|report|tomogram)"
)
EARLIER = r"(?:earlier|previous|prior|outside|old|initial|last|preceding|former|baseline)"
SAID = (
    r"(?:show(?:ed|ing)|reads?|describ(?:ed|es|ing)|reported|demonstrat(?:ed|ing)|revealed|noted|"
    r"mentioned|mentions|stated|states|had shown|documented)"
)
# Everything behind these words is of another day or another text.
REPORTED = re.compile(
    rf"\b{EARLIER} (?:\w+ ){{0,3}}?{CT}\b[^.;]{{0,60}}?\b{SAID}\b"
    rf"|(?:^\W*|\b(?:the|her|his|outside|an?) )(?:\w+ )?{CT} (?:of|from|{SAID}) (?:last|"
    rf"the previous|"
    rf"the prior|yesterday|"
    rf"\w+ (?:days?|weeks?|months?|years?) (?:ago|earlier|before))[^.;]{{0,20}}\b{SAID}\b"
    rf"|\b(?:the|her|his|outside) (?:\w+ )?{CT} (?:of|from|dated|on|in|performed (?:on|"
    rf"in)) [^.;]{{0,30}}?\b(?:19|20)\d\d\b[^.;]{{0,20}}?"
    rf"\b{SAID}\b"
    rf"|\b(?:on|in) (?:the |an? )?{EARLIER} (?:\w+ ){{0,2}}?{CT},? (?:there (?:was|were)|an?\b|"
    rf"multiple\b)"
    r"|\b(?:compar\w+)\b[^;]{0,80}?\b(?:when|at which (?:time|point)|on which|where|"
    r"which (?:had )?(?:show\w*|"
    r"demonstrat\w*)) (?:there|the|it|he|she|an?|multiple|several|bilateral|both)?\b"
    rf"|\b(?:copied|quoted) from|\b(?:earlier|previous|prior|outside|referr\w+) report\s*[:(]"
    r"|\b(?:referr\w+|outside|clinical) (?:note|letter|physician|doctor)s? (?:\w+ )?(?:states?|"
    r"says?|mentions?|"
    r"asks?|reports?|queries)\b"
    r"|\b(?:gp|referrer|clinician|doctor|physician|patient)s? (?:mentions?|reports?|asks?|"
    r"suspects?|"
    r"notes?|quer(?:y|ies)|says?|wonders?)\b"
    r"|^\W*in (?:19|20)\d\d,? (?:there (?:was|were)|the patient (?:had|was)|an?\b)"
    r"|^\W*(?:[\w-]+ ){0,3}(?:years?|months?|weeks?) ago,? (?:the patient |he |she )?(?:was |"
    r"were |had |been |"
    r"underwent |treated|operated|diagnosed)"
)
# What the whole sentence is, when it begins so.
NO_FINDINGS = re.compile(
    r"^\W*(?:(?:the |his |her |(?:the )?patient's )?(?:mother|father|brother|sister|parents?|"
    r"siblings?|uncle|aunt|"
    r"family)\b"
    r"|(?![^.]*\bnow (?:with|shows?|there|has)\b)(?:family history|(?:past |prior )?(?:medical |"
    r"surgical )?history(?: of|:)|known history|h/o\b|hx\b|"
    r"(?:the |this )?(?:patient|pt)\b[^.]{0,40}\b(?:history|treated|diagnosed|operated|known|"
    r"presents?|referred|complain)(?![^.]*\bnow\b)"
    r"|\d{1,3}[ -]?(?:years?[ -]old|y\.?o\.?|yo|m|f)\b(?=[^.]*\b(?:with|history|for|presents?|"
    r"presenting|cough|pain|dyspn\w+|"
    r"fever|known|rule|r/o|\?)\b)|(?:status post|s/p)\b(?![^.]*\b(?:with|now|and|no|without)\b)|"
    r"clinically|clinical(?:ly)? (?:suspicion|suspected|question|concern)|"
    r"(?:ct|cta|ctpa|hrct|mdct|computed tomography|cect|ncct|low[- ]dose)\b(?![^.]*(?:\bis\b|"
    r"\bare\b|\bwas\b|negative|positive|\bthere\b|\bshow\w*|\bdemonstrat|\breveal|\bof the|"
    r":|\bsee[ns]?\b|\bimage\b|\bno\b))[^.]{0,60}\b(?:protocol|for|technique|without contrast|"
    r"with contrast)\b"
    r"|(?:please )?(?:note|nb)\b[^.]*\b(?:not|cannot) (?:be )?(?:excluded on|detected on|sensitive)"
    r"|(?:prior|previous|remote|old)\b[^.]*\bin (?:19|20)\d\d|tnm\b|clinical data|smok\w+|"
    r"ex-smoker|informed consent)"
    r"|(?:is|are|was|were) (?:there|this|the|any)\b[^?]*\?\s*$)"
)
GUIDELINE = re.compile(
    r"\b(?:fleischner|lung-?rads|guidelines?|british thoracic society|bts\b|acr\b|category \d|"
    r"nice\b|consensus|by definition|is defined as|are defined as)"
)
ADVICE = re.compile(
    r"\b(?:recommend\w*|advi[sc]e[ds]?|advis\w+|suggest (?:a |an )?(?:follow|repeat|further|"
    r"clinical|"
    r"correlation|ct|pet|biopsy|short)|(?:is|are) (?:suggested|indicated|warranted)(?= *[.,;(]|$|"
    r" (?:in|to|at|for|with))|"
    r"should be (?:considered|performed|obtained|repeated|followed|biopsied)|"
    r"(?:may|can|could|might) be (?:considered|obtained|performed|helpful|useful)|"
    r"consider (?:a |an )?(?:further|repeat|follow|ct|pet|biopsy|bronchoscopy|mri|short|clinical)|"
    r"(?:clinical )?correlat(?:e|ion) (?:with|clinically|is|for|recommended)|follow-?up (?:ct|"
    r"imaging|scan|chest|"
    r"is recommended|recommended|in \d|at \d|as)|repeat (?:ct|scan|imaging|chest)|"
    r"needs? no (?:further )?follow|"
    r"biopsy is|return if|routine follow)"
)
IF = re.compile(
    r"^\W*(?:were an?\b(?=[^.]*\bto\b)|if|should|in case of|in the event of|unless|when(?:ever)?)\b"
)
COMPARED = re.compile(
    r"(?:smaller|larger|greater|less|more|bigger|<|>|\u2264|\u2265|up to|below|above|under|over)"
)
# “Small emboli may be missed” tells what a scan cannot show.
MISSED = re.compile(
    r"\s*(?:may|might|could|can|would) (?:\w+ly )?(?:be|have been|go|escape|"
    r"remain) (?:\w+ly )?(?:missed|overlooked|"
    r"undetected|unnoticed|unseen|undiagnosed|invisible|below|beyond|detection)\b"
    r"|[^.;,]{0,40}\b(?:is|are) (?:an? )?(?:\w+ )?complications?\b"
)
DEFINITE = re.compile(
    r"\b(?:the|this|these|those|known|described|above|aforementioned|previously)\s+"
    r"(?:[\w\ue000-\ue002,.-]+\s+){0,6}$"
)
# “To document resolution of the consolidation”: it is there.
OUTCOME = re.compile(
    r"\b(?:resolution|stability|clearance|clearing|regression|response|progress\w*|course|"
    r"evolution|growth) of (?:the|this|these) (?:[\w-]+ ){0,4}$"
)
# “Known to have had a pneumothorax in 2018.”
HAD = re.compile(r"\b(?:had|previous(?:ly)?|prior|treated|old)\b[^.;]{0,40}$")
YEAR = re.compile(r"\W*(?:in|of) (?:19|20)\d\d\b")
NOT_DONE = re.compile(r"\b(?:no|without|not)\b")
ANSWERED = re.compile(
    r"\s*:\s*(?:negative|positive|no|yes|none|absent|present)\b|\s*(?:is|was) (?:negative|"
    r"positive)\b"
)
QUOTED = re.compile(r"\"[^\"]{3,}\"|(?<!\w)'[^']{12,}'(?!\w)")
WORDS = re.compile(r"\w+")


def whole_is_foreign(sentence: str) -> bool:
    """True for a sentence of history or technique (lower case)."""
    return NO_FINDINGS.match(sentence) is not None


def foreign_ranges(sentence: str) -> list[tuple[int, int]]:
    """Parts of a sentence (lower case) that quote or retell somebody else."""
    out = []
    if '"' in sentence or "'" in sentence:
        for quote in QUOTED.finditer(sentence):
            retold = re.search(rf"\b(?:report|note|letter|{SAID})\b", sentence[: quote.start()])
            if retold or len(WORDS.findall(quote.group())) >= 4:
                out.append(quote.span())
    if told := REPORTED.search(sentence):
        rest = sentence[told.end() :]
        if re.search(r"\bwhich (?:is|has|now)\b", rest):
            return out
        turn = re.search(r";|\b(?:now|today|currently|but|this has)\b", rest)
        out.append((told.start(), told.end() + turn.start() if turn else len(sentence)))
    return out


def is_foreign(
    sentence: str, masked: str, start: int, end: int, placed: bool, ranges: list[tuple[int, int]]
) -> bool:
    """True when the finding [start, end) is no statement about this scan.

    Args:
        sentence: in lower case. masked: with findings, places and sizes masked. placed: whether a
            size or place is said of it. ranges: as `foreign_ranges` gives them.
    """
    if any(first <= start < last for first, last in ranges):
        return True
    before = sentence[max(0, start - 110) : start]
    if ANSWERED.match(sentence, end):
        return False
    definite = DEFINITE.search(masked[max(0, start - 60) : start]) is not None
    untreated = definite and NOT_DONE.search(before)
    if (PAST.search(before) and not untreated) or (
        ORDER.search(before) and not (definite and placed)
    ):
        return True
    if HAD.search(before) and YEAR.match(sentence, end):
        return True
    if WISH.search(before) and not OUTCOME.search(before) and not untreated:
        return True
    if IF.match(sentence) and not (definite and placed):
        return True
    if MISSED.match(sentence, end):
        return True
    guideline = GUIDELINE.search(sentence)
    generic = not placed or (sentence[start:end].endswith("s") and "\ue001" not in masked)
    if guideline and (generic or COMPARED.search(sentence)) and not definite:
        return guideline.start() < start or COMPARED.search(sentence) is not None
    advice = ADVICE.search(sentence)
    if advice and COMPARED.search(sentence) and generic:
        return True
    if advice and not definite:
        behind = advice.start() < start and not re.search(r"[:;]", sentence[advice.end() : start])
        ahead = re.match(r"\W*(?:for|in|of|regarding|to|because of|given)\b", sentence) is not None
        return (behind or ahead) and not (placed and not COMPARED.search(sentence))
    return False
