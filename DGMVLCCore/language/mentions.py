"""The wordings of the vocabulary in a sentence: what names a finding, and what only looks like
it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from DGMVLCCore.language.scattered import SCATTERED
from DGMVLCCore.language.sizes import sizes
from DGMVLCCore.language.spelling import continued, corrected
from DGMVLCCore.language.vocabulary import WORD, Vocabulary, load_vocabulary

JOINT = r"\s*(?:and/or|and|or|nor|/|,|-)\s*(?:(?:left|right|bilateral|small|large)\s+)*"
# “Pleural or pericardial effusion” says the noun once for both.
ELLIPSIS = re.compile(
    rf"\b(pleural|pericardial)(?={JOINT}(pleural|pericardial)\s+(?:effusions?|fluid)\b)"
)
# “Pleural effusion or thickening” says the place once for both.
THICKENING = re.compile(
    r"\bpleural (?:effusions?|fluid)\s*(?:and/or|and|or|nor|/|,|-)\s*(?:pleural )?(thickening)\b"
)
LUNG = re.compile(
    r"\b(?:lungs?|hemithora\w+|lobes?|lobar|pulmonary|[rl][uml]l|lingula\w*|parenchym\w*|hilum|"
    r"hilar|subpleural|fissur\w+|apex|apical)\b"
)
NOT_LUNG_LOBE = re.compile(r"\blobes? of the (?:thyroid|liver|gland)|\b(?:thyroid|hepatic) lobes?")
NODE = r"(?:lymph[\s-]*nodes?|nodes?|lymphnodes?|lymph glands?)"
STATION = (
    r"(?:(?:and|or|/|,|-|mediastinal|hilar|axillary|sub-?carinal|(?:left|right|upper|lower|"
    r"bilateral)(?:-sided)?|(?:para|pre)-?tracheal|pre-?paratracheal|supraclavicular|"
    r"internal mammary|aorto-?pulmonary|(?:para|pre)-?aortic|precarinal|prevascular|thoracic|"
    r"retrocrural|intrapulmonary|cardiophrenic|lymph)[\s,/-]+)"
)
ENLARGED = (
    r"(?:enlarged|enlarging|prominent|bulky|pathologic(?:al(?:ly)?)?(?:\s+enlarged)?|significant|"
    r"suspicious|abnormal|swollen|necrotic|enlargement of|swelling of)"
)
# Nodes are a finding when they are called large, wherever that word stands, or measure 10 mm or
# more.
BIG_NODES = re.compile(
    rf"\b{ENLARGED}\s+(?:and\s+)?{STATION}*{NODE}\b"
    r"|\b(?:lymph[\s-]*)?nodes?"
    r"(?=\s+(?:(?:is|are|was|were|appears?)\s+)?(?:\w+\s+){0,2}?enlarged\b)"
    rf"|\b(?:no|nil)\s+{STATION}*{NODE}\b"
    r"|\b(?:lymph[\s-]*)?nodes?(?=[^.;]{0,60}\bnot\s+(?:\w+\s+)?enlarged\b)"
    r"|\b(?:lymph[\s-]*)nodes?(?=\s+(?:in|of|with|at) (?:[\w-]+ ){0,4}pathologic\w*(?: \w+){0,3} "
    r"(?:size|dimension|appearance)s?)"
    r"|\b(?:no|mediastinal|hilar|axillary|bulky|significant)\s+lad\b"
)
NODES = re.compile(rf"\b(?:{STATION}){{0,6}}{NODE}\b")
LARGE_NODE_MM = 10.0
# Under the heading “Pleura” a bare word is enough.
PLEURAL = re.compile(r"(?<!wall )(?<!septal )\b(thickening|plaques?|fluid|collections?)\b(?! in)")
SURFACES = re.compile(r"\W*(?:the )?pleura(?:l (?:surfaces?|spaces?))?\b")
TRACE = re.compile(r"\b(fluid)\b")
UNDER_PLEURA = {"t": "pleural thickening", "p": "pleural thickening"}
MASSLIKE = ("nodule", "part-solid nodule", "mass")
KEEP_TERM = ("calcification", "fracture", "hernia", "aneurysm", "metastasis")
# The same words elsewhere are findings of another organ.
ANYWHERE = (
    *MASSLIKE,
    *KEEP_TERM,
    "cyst",
    "cavity",
    "abscess",
    "opacity",
    "fibrosis",
    "scarring",
    "infiltrate",
    "calcified granuloma",
    "pulmonary edema",
    "pleural effusion",
    "pulmonary embolism",
    "atelectasis",
    "lung lesion",
)
OWN_PLACE = re.compile(r"pleura|pulmon|lung|hydrothora|chylo|interlob|fissur|parapneum|subpulm")
SIDE = re.compile(r"\b(left|right|lt|rt)\b(?!\s+(?:atri|ventric|main))")
FLUID_PE = re.compile(
    r"\b(?:costophrenic|pleural|recess|sulc\w+|drain\w*|thoracentesis|loculated|layer\w*|"
    r"hemithorax|cpa|dependent|parapneumonic|tapped|blunt\w*|free-flowing|pigtail|"
    r"echo-?free|anechoic|deep|(?:passive|compressive) atelectas\w+)\b"
)
VESSEL_PE = re.compile(
    r"\b(?:arter\w+|segmental|subsegmental|embol\w+|filling|saddle|thromb\w+|strain|ctpa|lobar|"
    r"central|acute|chronic|main)\b"
)
BEFORE_PRESENT = re.compile(
    r"[\s-]?(?:like|type|protocol|window|mimic\w*|simulating|phase|"
    r"of the (?:\w+ )?(?:arter|vessel|vein|aort|bowel|sinus)\w*)\b"
)
LESS = re.compile(r"(?:less than|under|below|smaller than|shorter than|<)\s*$")
LARGEST = re.compile(r"\b(?:largest|biggest|dominant)\W+$")
# Organs of findings that are named by one word.
NAMED_ORGANS = {
    "gall": "gallbladder", "chole": "gallbladder", "neph": "kidney", "hydro": "kidney",
    "hepat": "liver", "stea": "liver", "fatty": "liver", "splen": "spleen", "goit": "thyroid",
    "gynec": "breast", "joint": "joint",
}  # fmt: skip
LAST_WORD = re.compile(r"([\w-]+)\W*$")


@dataclass(frozen=True)
class Mention:
    """A wording in a sentence: its range, its term, the side a word says that is no place in the
    lung, the organ when it is another, and the wording as it should be spelt, when it is not."""

    start: int
    end: int
    term: str
    side: str | None = None
    organ: str | None = None
    corrected: str | None = None


def _side(words: str) -> str | None:
    """The side that words say, None when they say both or none."""
    sides = {m.group()[0] for m in SIDE.finditer(words)}
    return {"l": "left", "r": "right"}[sides.pop()] if len(sides) == 1 else None


def _nodes(sentence: str) -> list[Mention]:
    """Lymph nodes that are called large or measure so."""
    if "node" not in sentence and "lad" not in sentence and "gland" not in sentence:
        return []
    nodes = []
    for m in BIG_NODES.finditer(sentence):
        start = m.end() - len(re.sub(r"^(?:no|nil)\s+", "", m.group()))
        nodes.append(Mention(start, m.end(), "lymphadenopathy", _side(m.group())))
    named = list(NODES.finditer(sentence))
    for first, last, value in sizes(sentence) if named else ():
        near = [m for m in named if 0 <= first - m.end() < 40 or 0 <= m.start() - last < 25]
        if "adenopath" in sentence and near and LARGEST.search(sentence[: near[0].start()]):
            continue
        if LESS.search(sentence[:first]):
            continue
        if value >= LARGE_NODE_MM and near and "fat" not in sentence:
            start = near[0].end() - len(re.sub(r"^(?:and|or|,|/|-|\s)+", "", near[0].group()))
            nodes.append(Mention(start, near[0].end(), "lymphadenopathy", _side(near[0].group())))
    return nodes


def _worded(sentence: str, vocabulary: Vocabulary) -> list[Mention]:
    """Wordings of the vocabulary, the longest first, misspelt ones too."""
    words = [(m.group(), m.start(), m.end()) for m in WORD.finditer(sentence)]
    out: list[Mention] = []
    i = 0
    while i < len(words):
        taken = _longest(sentence, words, i, vocabulary)
        if taken is None:
            i += 1
            continue
        last, term, right = taken
        out.append(Mention(words[i][1], words[last][2], term, corrected=right))
        i = last + 1
    return out


def _longest(
    sentence: str, words: list[tuple[str, int, int]], i: int, vocabulary: Vocabulary
) -> tuple[int, str, str | None] | None:
    """The longest wording that begins with word i: its last word, its term, its right spelling."""
    beginning, spelt, wrong = "", [], False
    best = None
    for k in range(i, len(words)):
        word = words[k][0]
        if k > i and sentence[words[k - 1][2] : words[k][1]].strip(" -\n\t"):
            break
        if beginning + word not in vocabulary.prefixes:
            meant = corrected(word)
            if meant is None or beginning + meant not in vocabulary.prefixes:
                meant = continued(beginning, word) if beginning else None
            if meant is None:
                break
            word, wrong = meant, True
        beginning += word
        spelt.append(word)
        if beginning in vocabulary.by_name:
            best = (k, vocabulary.by_name[beginning], " ".join(spelt) if wrong else None)
    return best


def _scattered(sentence: str, heading: str) -> list[Mention]:
    """Findings that are named with other words between, or by their heading."""
    out = [Mention(*m.span(1), f"{m.group(1)} effusion") for m in ELLIPSIS.finditer(sentence)]
    out += [Mention(*m.span(1), "pleural thickening") for m in THICKENING.finditer(sentence)]
    for trigger, pattern, term in SCATTERED:
        if trigger in sentence:
            out += [Mention(*m.span(1), term) for m in pattern.finditer(sentence)]
    if heading.startswith("pericard") and (fluid := TRACE.search(sentence)):
        out.append(Mention(*fluid.span(1), "pericardial effusion"))
    if heading.startswith("pleura") or SURFACES.match(sentence):
        out += [
            Mention(*m.span(1), UNDER_PLEURA.get(m.group(1)[0], "pleural effusion"))
            for m in PLEURAL.finditer(sentence)
        ]
    return out


def _not_a_finding(sentence: str, mention: Mention, vocabulary: Vocabulary) -> bool:
    """True for “thoracic cavity”, “mass effect”, “mass-like” and “PE protocol”."""
    wording = sentence[mention.start : mention.end]
    single = re.sub(r"(?:ies|(?<!s)s)$", lambda m: "y" if m.group() == "ies" else "", wording)
    before = LAST_WORD.search(sentence, max(0, mention.start - 40), mention.start)
    barred = vocabulary.not_findings.get(single, ())
    if before and barred and before.group(1).split("-")[-1] in barred:
        return True
    after = sentence[mention.end : mention.end + 40]
    if BEFORE_PRESENT.match(after):
        return True
    return single == "mass" and re.match(r"\s+effect", after) is not None


@lru_cache(maxsize=256)
def _organ_heading(heading: str) -> str:
    """A heading that names an organ; the label of a finding (“pericardial effusion: none”) names
    none for what follows."""
    return "" if _worded(heading, load_vocabulary()) else heading


def mentions(sentence: str, heading: str = "") -> list[Mention]:
    """The findings a sentence names, in order, none within another; those of other organs are
    called so.

    Args:
        sentence: in lower case. heading: what it stands under, lower case.
    """
    vocabulary = load_vocabulary()
    heading = _organ_heading(heading)
    named = [*_worded(sentence, vocabulary), *_nodes(sentence), *_scattered(sentence, heading)]
    kept: list[Mention] = []
    for mention in sorted(named, key=lambda m: (m.start, -m.end)):
        if (not kept or mention.start >= kept[-1].end) and not _not_a_finding(
            sentence, mention, vocabulary
        ):
            kept.append(mention)
    return [_placed(sentence, mention, kept, heading, vocabulary) for mention in kept]


def _placed(
    sentence: str, mention: Mention, kept: list[Mention], heading: str, vocabulary: Vocabulary
) -> Mention:
    """A mention with its organ; what lies in another organ is called an extrapulmonary mass or
    finding."""
    wording = sentence[mention.start : mention.end]
    if wording in ("pe", "pes") and FLUID_PE.search(sentence) and not VESSEL_PE.search(sentence):
        return replace(mention, term="pleural effusion")
    if mention.term == "extrapulmonary finding":
        organ = next((o for w, o in NAMED_ORGANS.items() if wording.startswith(w)), "abdomen")
        return replace(mention, organ=organ)
    if mention.term in vocabulary.organs:
        return replace(mention, organ=vocabulary.organs[mention.term])
    if mention.term not in ANYWHERE or OWN_PLACE.search(wording):
        return mention
    inside = vocabulary.elsewhere.search(wording)
    around = inside.group() if inside else _elsewhere(sentence, mention, kept, heading)
    if not around:
        return mention
    organ = _organ(around, vocabulary)
    if mention.term == "pleural effusion" and organ in ("heart", "pericardium"):
        return replace(mention, term="pericardial effusion", organ="pericardium")
    if mention.term in KEEP_TERM:
        return replace(mention, organ=organ)
    masslike = mention.term in MASSLIKE
    term = "extrapulmonary mass" if masslike else "extrapulmonary finding"
    return replace(mention, term=term, side=_side(around), organ=organ)


def _organ(words: str, vocabulary: Vocabulary) -> str:
    """The organ that words name."""
    word = vocabulary.elsewhere.search(words)
    name = re.sub(r"[-\s]+", " ", word.group().lower()) if word else ""
    return vocabulary.organ_of.get(name) or vocabulary.organ_of.get(name.replace(" ", "-"), "other")


@lru_cache(maxsize=1)
def _within() -> re.Pattern[str]:
    """“… in the left adrenal gland” behind a finding."""
    return re.compile(
        r"\b(?:in|of|within|at|from|involving|on|(?:an|pos)terior to)\s+(?:[\w-]+\s+){0,4}?"
        + load_vocabulary().elsewhere.pattern
    )


@lru_cache(maxsize=1)
def _subject() -> re.Pattern[str]:
    """“The liver shows …” at the beginning of a sentence."""
    return re.compile(
        r"\W*(?:(?:the|both|bilateral|left|right)\s+)*(?:[\w-]+\s+)?"
        + load_vocabulary().elsewhere.pattern
        + r"(?:\s+\w+)?\s*(?::|\b(?:shows?|contains?|demonstrates?|has|have|reveals?|with)\b)"
    )


def _elsewhere(sentence: str, mention: Mention, kept: list[Mention], heading: str) -> str | None:
    """The words around a finding that put it outside the lung; None when some put it inside, or
    none say."""
    elsewhere = load_vocabulary().elsewhere
    low = max([m.end for m in kept if m.end <= mention.start], default=0)
    high = min([m.start for m in kept if m.start >= mention.end], default=len(sentence))
    near = re.split(r"[,;:()]|\b(?:and|or|with|of|in)\b", sentence[low : mention.start])[-1]
    premodifiers = " ".join(near.split()[-4:])
    if elsewhere.search(premodifiers):
        return premodifiers
    if LUNG.search(NOT_LUNG_LOBE.sub(" ", premodifiers)):
        return None
    if LUNG.search(sentence[mention.start : mention.end]):
        return None
    after = sentence[mention.end : high]
    where = _within().search(after)
    if where and not LUNG.search(NOT_LUNG_LOBE.sub(" ", after[: where.end()])):
        return where.group()
    if LUNG.search(NOT_LUNG_LOBE.sub(" ", sentence[low:high])):
        return None
    subject = _subject().match(sentence)
    if subject and subject.end() <= mention.start:
        return subject.group()
    return heading if heading and elsewhere.search(heading) else None
