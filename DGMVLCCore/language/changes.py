"""Change over time: which wording is new, larger, smaller, the same or gone."""

from __future__ import annotations

import re

from DGMVLCCore.language.sizes import measurements
from DGMVLCCore.language.vocabulary import load_vocabulary

LARGE_BY_NAME = ("lymphadenopathy", "cardiomegaly")  # “enlarged” names these, it tells no change
SAME_MM = 1.0  # two sizes that differ by less are called unchanged
MORE = (
    r"(?:increas(?:e|ed|es|ing)|enlarg(?:ed|ing|ement|es)|grown|growing|growth|wors(?:e|ened|ening)"
    r"|progress(?:ed|ion|ive|ing|es)|larger|bigger|"
    r"more (?:prominent|extensive|conspicuous|pronounced|confluent)|expanded)"
)
LESS = (
    r"(?:decreas(?:e|ed|es|ing)|smaller|reduced|reduction|improv(?:ed|ing|ement|es)|regress(?:ed"
    r"|ion|ing)|shrunk(?:en)?|shrinking|shrinkage|diminished|"
    r"less "
    r"(?:prominent|extensive|conspicuous|pronounced)|resolving|(?:partial(?:ly)?|nearly|near|almost"
    r"|incompletely|mostly"
    r"|largely)[\s-]+(?:complete(?:ly)?\s+)?(?:resol\w+|cleared|clearing))"
)
DEGREE = (
    r"(?:evidence "
    r"of|any|significant(?:ly)?|interval|substantial(?:ly)?|appreciabl[ey]|further|definite(?:ly)?"
    r"|relevant|major|obvious|convincing|a"
    r"|been|be|markedly)"
)
CUES = re.compile(
    rf"(?P<unchanged>\b(?:no|without|not|n't)\s+(?:{DEGREE}\s+)*(?:changed?|difference|{MORE}"
    rf"|{LESS})\b|\b(?:unchanged|stable|stability|static|"
    r"similar(?: in (?:size|appearance|extent))?(?=\s+(?:to|compared|as)|\s*[.,;]|$)))"
    r"|(?P<there>\b(?:persist(?:s|ent|ing)?|again "
    r"(?:seen|noted|demonstrated|identified)|remains?\b(?!\s+(?:of|suspicious))|re-?demonstrat\w+))"
    rf"|(?P<decreased>\b{LESS}\b)|(?P<increased>\b{MORE}\b)"
    r"|(?P<new>\b(?:new(?:ly)?(?: developed| appeared)?|(?:interval )?development of|interval "
    r"appearance of|has developed|have developed|not (?:seen"
    r"|present) (?:previously|on (?:the )?prior)"
    r"|previously (?:not (?:seen|present)|absent)|not previously (?:seen|present))(?!\w))",
    re.IGNORECASE,
)
NO_PROOF = re.compile(
    r"\bno (?:evidence|signs?|indication) that\b", re.IGNORECASE
)  # “… the nodule has grown”
GONE = re.compile(
    r"\b(?:resolved|resolution|no longer|disappear\w+|cleared|clearance|replaced "
    r"by|vanished|gone|resorbed|interval clearing)\b",
    re.IGNORECASE,
)
# “Increased density”, “enlarged heart”, “growth rate”, “progressive disease” say nothing of time or
# of the finding.
NO_CHANGE = re.compile(
    r"\s+(?:(?:on|at|in|towards) (?:the |both "
    r")?(?:left|right|upper|lower|middle|bases|apices|lung)|densit|attenuat|markings?\b|lucenc"
    r"|interstitial|lymph|nodes?\b|hilar|mediastinal|axillary|heart|cardiac|risk|uptake|left|right "
    r"atri|pulmonary arter|"
    r"air|aeration|expan|visuali[sz]ation|inspirat|sinus|main pulm)",
    re.IGNORECASE,
)
VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|had|remains?|appears?|shows?|measures?|now|been)\b",
    re.IGNORECASE,
)
BLOCK = re.compile(
    r"[;:.,()]|\b(?:and|or|but|with|while|whereas|is|are|was|were|has|have|which|in (?:the "
    r")?(?:left|right|both|[rl][uml]l))\b",
    re.IGNORECASE,
)
BLOCK_OF = re.compile(r"[;:,]|\b(?:but|while|whereas|which|is|are|has|have)\b", re.IGNORECASE)
OF = re.compile(r"\s*(?:in|of)\b", re.IGNORECASE)
TURNED = re.compile(
    r";|\b(?:but|however|while|whereas|although|there (?:is|are)|except|without|no)\b",
    re.IGNORECASE,
)
COMPARED = ("larger", "smaller", "bigger")  # before a noun they compare findings with one another
THAN = re.compile(r"\s*(?:than|compared|in (?:size|extent)|since)\b", re.IGNORECASE)
ENDS = re.compile(
    r"\s*(?:[.,;)]|$|(?:from|since|compared|in|when|over|and|with|relative|to|as|than|by|x|for"
    r"|again|bilateral(?:ly)?|following|after|on|at"
    r"|now|markedly|slightly)\b)",
    re.IGNORECASE,
)
LISTED = re.compile(
    r"\s*(?:,|and|or|,\s*and|&|/)\s*(?:(?:left|right|bilateral|adjacent|associated|small|mild"
    r"|the)\s+){0,2}",
    re.IGNORECASE,
)
JOINED = re.compile(r"\s*(?:and|&|/)\s*")
TRAILING = re.compile(
    r",\s*(?:\w+ly\s+)?$"
)  # “reticulation and bronchiectasis, slightly increased”
PLURAL = re.compile(r"\b(?:are|have|both|all|were)\b[^.;]{0,20}$", re.IGNORECASE)


def _target(sentence: str, cue: re.Match[str], spans: list[tuple[int, int]]) -> list[int]:
    """The wordings a cue speaks of: the one it qualifies, else the last before it with those listed
    beside that."""
    if any(first < cue.end() and cue.start() < last for first, last in spans):
        return []
    after = next((i for i, (first, _) in enumerate(spans) if first >= cue.end()), None)
    before = max((i for i, (_, last) in enumerate(spans) if last <= cue.start()), default=None)
    tail = "" if before is None else sentence[spans[before][1] : cue.start()]
    predicate = bool(VERB.search(tail)) and not re.search(r"[;,]", tail)
    if cue.group().lower() in COMPARED and not predicate and not THAN.match(sentence, cue.end()):
        return []
    if after is not None and not predicate:
        between = sentence[cue.end() : spans[after][0]].removeprefix(":")
        if not (BLOCK_OF if OF.match(between) else BLOCK).search(between):
            return _listed_behind(sentence, spans, after)
    if before is None or TURNED.search(sentence, spans[before][1], cue.start()):
        return []
    if not predicate and cue.lastgroup != "there" and not ENDS.match(sentence, cue.end()):
        return []  # “…, unchanged lung parenchyma”: the cue qualifies something else
    return _listed_before(sentence, spans, before, PLURAL.search(tail) or TRAILING.search(tail))


def _listed_behind(sentence: str, spans: list[tuple[int, int]], first: int) -> list[int]:
    """A wording and those joined to it: “stable nodule and effusion”."""
    last = first
    while last + 1 < len(spans) and JOINED.fullmatch(sentence, spans[last][1], spans[last + 1][0]):
        last += 1
    return list(range(first, last + 1))


def _listed_before(
    sentence: str, spans: list[tuple[int, int]], last: int, plural: re.Match[str] | None
) -> list[int]:
    """A wording and those listed before it, the last first: “nodule and effusion are stable”."""
    first = last
    while first > 0:
        between = sentence[spans[first - 1][1] : spans[first][0]]
        listed = plural and (LISTED.fullmatch(between) or re.search(r"\bboth\b", plural.group()))
        if between != "/" and not listed:
            break
        first -= 1
    return list(range(last, first - 1, -1))


def _of_sizes(sentence: str) -> str | None:
    """The change two sizes of one sentence tell: a present and an earlier one."""
    found = measurements(sentence)
    now = [m.mm for m in found if m.mm and not m.component]
    then = [m.earlier for m in found if m.earlier]
    if not now or not then:
        return None
    change = max(now) - max(then)
    return "unchanged" if abs(change) < SAME_MM else "increased" if change > 0 else "decreased"


def alone(sentence: str) -> str | None:
    """The change a sentence tells that names no finding (“It has increased.”)."""
    cue = CUES.search(sentence)
    return _of_sizes(sentence) or (
        ("unchanged" if cue.lastgroup == "there" else cue.lastgroup) if cue else None
    )


def assign_changes(
    sentence: str,
    spans: list[tuple[int, int]],
    bounds: list[tuple[int, int]],
    said: list[str],
    terms: list[str],
) -> list[str | None]:
    """Change of every wording; what is absent can only have resolved.

    Args:
        spans: ranges of the wordings. bounds: their clauses. said: their presence. terms: their
            terms.
    """
    given: list[str | None] = [None] * len(spans)
    for cue in CUES.finditer(sentence):
        if NO_CHANGE.match(sentence[cue.end() :]) and cue.lastgroup in ("increased", "decreased"):
            continue
        for i in _target(sentence, cue, spans):
            if terms[i] in LARGE_BY_NAME and cue.group().lower() == "enlarged":
                continue
            if given[i] in (None, "there") and said[i] != "absent":
                given[i] = cue.lastgroup
    measured = [
        i for i in range(len(spans)) if terms[i] in load_vocabulary().sized and said[i] != "absent"
    ]
    if len(measured) == 1 and (change := _of_sizes(sentence)):
        given[measured[0]] = change if given[measured[0]] in (None, "there") else given[measured[0]]
    denied = NO_PROOF.search(sentence) is not None
    given = [
        "unchanged" if change == "there" or (denied and change == "increased") else change
        for change in given
    ]
    for i, (low, high) in enumerate(bounds):
        if (
            said[i] == "absent"
            and GONE.search(sentence, low, high)
            and not re.search(r"\bno\s+(?:new|other)\b", sentence[low : spans[i][0]], re.IGNORECASE)
        ):
            given[i] = "resolved"
    return given
