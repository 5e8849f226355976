"""The wordings of the vocabulary in a sentence: what names a finding, and what only looks like
it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from DGMVLCCore.language.presence import is_past
from DGMVLCCore.language.sizes import sizes
from DGMVLCCore.language.vocabulary import canonical, load_vocabulary

JOINT = r"\s*(?:and/or|and|or|nor|/|,)\s*(?:(?:left|right|bilateral|small|large)\s+)*"
# "pleural or pericardial effusion" says the noun once for both.
ELLIPSIS = re.compile(
    rf"\b(pleural|pericardial)(?={JOINT}(pleural|pericardial)\s+(?:effusions?|fluid)\b)",
    re.IGNORECASE,
)
LUNG = re.compile(
    r"\b(?:lungs?|hemithora\w+|lobes?|lobar|pulmonary|[rl][uml]l|lingula\w*|parenchym\w*|hilum"
    r"|hilar)\b",
    re.IGNORECASE,
)
NODE = r"(?:lymph[\s-]*nodes?|nodes?|lymphnodes?)"
STATION = (
    r"(?:(?:and|or|/|,|mediastinal|hilar|axillary|sub-?carinal|(?:left|right|upper|lower|bilateral)"
    r"(?:-sided)?|(?:para|pre)tracheal|supraclavicular"
    r"|internal mammary|"
    r"aorto-?pulmonary|(?:para|pre)-?aortic|precarinal|prevascular|thoracic|retrocrural"
    r"|intrapulmonary|cardiophrenic|lymph)[\s,/]+)"
)
ENLARGED = (
    r"(?:enlarged|enlarging|prominent|bulky|pathologic(?:al(?:ly)?)?(?:\s+enlarged)?|significant"
    r"|suspicious|abnormal|swollen|necrotic|enlargement of|swelling of)"
)
# Nodes are a finding when they are called large, wherever that word stands, or measure 10 mm or
# more.
BIG_NODES = re.compile(
    rf"\b{ENLARGED}\s+(?:and\s+)?{STATION}*{NODE}\b|\b(?:lymph[\s-]*)?nodes?(?=\s+(?:is|are|was"
    rf"|were"
    rf"|appears?)\s+(?:\w+\s+){{0,2}}?enlarged\b)"
    rf"|\bno\s+{STATION}*{NODE}\b|\b(?:lymph[\s-]*)?nodes?(?=[^.;]{{0,60}}\bnot\s+"
    rf"(?:\w+\s+)?enlarged\b)|\b(?:no|mediastinal|hilar"
    rf"|axillary|bulky|significant)\s+lad\b",
    re.IGNORECASE,
)
NODES = re.compile(rf"\b(?:{STATION}){{0,6}}{NODE}\b", re.IGNORECASE)
LARGE_NODE_MM = 10.0
FLUID = re.compile(
    r"\bfluid(?= (?:with)?in (?:the |both )?(?:\w+ )?(?:pleural|thoracic) (?:spaces?|cavit))",
    re.IGNORECASE,
)
BIG_HEART = re.compile(
    r"\b(?:heart(?:\s+size)?|cardiac (?:size|silhouette))"
    r"(?=\s+(?:is|was|appears?|remains?|not)?\s*(?:\w+\s+){0,2}?enlarged\b)",
    re.IGNORECASE,
)
MASSLIKE = ("nodule", "part-solid nodule")
LUNG_ONLY = ("cyst", "cavity", "abscess")  # the same word elsewhere is no finding of the lung
SIDE = re.compile(r"\b(left|right)\b(?!\s+(?:atri|ventric|main))", re.IGNORECASE)


@dataclass(frozen=True)
class Mention:
    """A wording in a sentence: its range, its term, and the side a word says that is no place in
    the lung."""

    start: int
    end: int
    term: str
    side: str | None = None


def _side(words: str) -> str | None:
    """The side that words say, None when they say both or none."""
    said = {m.group().lower() for m in SIDE.finditer(words)}
    return said.pop() if len(said) == 1 else None


def _nodes(sentence: str) -> list[Mention]:
    """Lymph nodes that are called large or measure so."""
    found = []
    for m in BIG_NODES.finditer(sentence):
        start = m.end() - len(re.sub(r"^no\s+", "", m.group(), flags=re.IGNORECASE))
        found.append(Mention(start, m.end(), "lymphadenopathy", _side(m.group())))
    named = list(NODES.finditer(sentence))
    for first, last, value in sizes(sentence) if named else ():
        near = [m for m in named if 0 <= first - m.end() < 40 or 0 <= m.start() - last < 25]
        if value >= LARGE_NODE_MM and near:
            found.append(Mention(*near[0].span(), "lymphadenopathy", _side(near[0].group())))
    return found


def _not_a_finding(sentence: str, start: int, end: int) -> bool:
    """True for “thoracic cavity”, “mass effect” and what only the history tells."""
    wording = sentence[start:end].lower()
    before = re.findall(r"[\w-]+", sentence[max(0, start - 40) : start].lower())
    single = re.sub(r"(?:ies|(?<!s)s)$", lambda m: "y" if m.group() == "ies" else "", wording)
    if (before and before[-1] in load_vocabulary().not_findings.get(single, ())) or is_past(
        sentence, start
    ):
        return True
    if re.match(r"[\s-]?like\b", sentence[end:], re.IGNORECASE):
        return True
    return single == "mass" and re.match(r"\s+effect", sentence[end:], re.IGNORECASE) is not None


def mentions(sentence: str) -> list[Mention]:
    """The findings a sentence names, in order, none within another; a mass outside the lung is
    called so."""
    found = [
        Mention(m.start(), m.end(), f"{m.group().lower()} effusion")
        for m in ELLIPSIS.finditer(sentence)
    ]
    found += [
        Mention(*m.span(), canonical(m.group()))
        for m in load_vocabulary().pattern.finditer(sentence)
    ]
    found += [
        *_nodes(sentence),
        *(Mention(*m.span(), "cardiomegaly") for m in BIG_HEART.finditer(sentence)),
        *(Mention(*m.span(), "pleural effusion") for m in FLUID.finditer(sentence)),
    ]
    kept: list[Mention] = []
    for mention in sorted(found, key=lambda m: (m.start, -m.end)):
        if not _not_a_finding(sentence, mention.start, mention.end) and (
            not kept or mention.start >= kept[-1].end
        ):
            kept.append(mention)
    out = []
    for mention in kept:
        if mention.term in (*MASSLIKE, *LUNG_ONLY) and (
            around := _elsewhere(sentence, mention, kept)
        ):
            if mention.term in LUNG_ONLY:
                continue
            mention = replace(mention, term="extrapulmonary mass", side=_side(around))
        out.append(mention)
    return out


def _elsewhere(sentence: str, mention: Mention, found: list[Mention]) -> str | None:
    """The words around a mass that put it outside the lung; None when some put it inside, or none
    say."""
    elsewhere = load_vocabulary().elsewhere
    low = max([m.end for m in found if m.end <= mention.start], default=0)
    high = min([m.start for m in found if m.start >= mention.end], default=len(sentence))
    subject = re.match(
        rf"\W*(?:the\s+)?(?:[\w-]+\s+)?{elsewhere.pattern}(?:\s+\w+)?\s*"
        rf"(?::|\b(?:shows?|contains?|demonstrates?|has|have|reveals?|with)\b)",
        sentence,
        re.IGNORECASE,
    )
    premodifiers = " ".join(
        re.split(r"[,;:()]|\b(?:and|or|with|of|in)\b", sentence[low : mention.start])[-1].split()[
            -4:
        ]
    )
    if LUNG.search(premodifiers) or LUNG.search(sentence[mention.start : mention.end]):
        return None
    if elsewhere.search(premodifiers):
        return premodifiers
    if subject and subject.end() <= mention.start and not LUNG.search(sentence[: mention.start]):
        return subject.group()
    after = sentence[mention.end : high]
    where = re.search(
        r"\b(?:in|of|within|at|from|involving|(?:an|pos)terior "
        rf"to)\s+(?:[\w-]+\s+){{0,4}}?{elsewhere.pattern}",
        after,
        re.IGNORECASE,
    )
    return (
        where.group() if where is not None and LUNG.search(after[: where.end()]) is None else None
    )
