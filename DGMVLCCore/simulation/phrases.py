"""Many ways of saying that a finding is there, or is not."""

from __future__ import annotations

import numpy as np

from DGMVLCCore.language.bank import Phrase
from DGMVLCCore.simulation.insert import Lesion

TERMS = (
    "nodule",
    "part-solid nodule",
    "ground-glass opacity",
    "consolidation",
    "emphysema",
    "reticulation",
    "honeycombing",
    "pleural effusion",
)
WEAK_TERMS = (
    "pneumonia",
)  # known from labels of slices and lobes only: for the dual encoder, not for the generator
HELD_OUT_FAMILY = "telegraphic"
SIZES_MM = (4, 6, 8, 10, 12, 15, 20, 25, 30, 35)
SIZED = ("nodule", "part-solid nodule")
SYNONYMS = {
    "nodule": ("nodule", "solid nodule", "pulmonary nodule", "solid pulmonary nodule"),
    "part-solid nodule": ("part-solid nodule", "part solid nodule", "mixed-density nodule"),
    "ground-glass opacity": (
        "ground-glass opacity",
        "ground-glass attenuation",
        "GGO",
        "hazy opacity",
    ),
    "consolidation": ("consolidation", "airspace consolidation", "alveolar consolidation"),
    "emphysema": ("emphysema", "emphysematous change", "centrilobular emphysema"),
    "reticulation": ("reticulation", "reticular opacities", "interstitial thickening"),
    "honeycombing": ("honeycombing", "honeycomb cysts", "subpleural honeycombing"),
    "pleural effusion": ("pleural effusion", "pleural fluid", "effusion"),
    "pneumonia": ("pneumonia", "infection", "pulmonary infection"),
}
PRESENT = {
    "report": (
        "There {be} {a}{size}{words}{term}{place}.",
        "{A}{size}{words}{term} {be} seen{place}.",
    ),
    "impression": ("{Size}{words}{term}{place}.", "Findings consistent with {words}{term}{place}."),
    "short": ("{Words}{term}{place}.", "{Words}{term}{place}{comma_size}."),
    "question": (
        "This is what the {words}{term}{place} {look} like.",
        "The scan shows {a}{size}{words}{term}{place}.",
    ),
    "dictation": (
        "Note is made of {a}{size}{words}{term}{place}.",
        "{Size}{words}{term} noted{place}.",
    ),
    HELD_OUT_FAMILY: ("{term}{place}{comma_size} +", "pos {words}{term}{place}"),
}
ABSENT = {
    "report": ("There {be} no {term}{place}.", "No evidence of {term}{place}. The lung is clear."),
    "impression": ("No {term}. Clear lung.", "No {term}{place}."),
    "short": ("No {term}.", "Clear lung."),
    "question": ("This is how it looks without the {term}.", "The scan shows no {term}{place}."),
    "dictation": (
        "No {term} {be} noted{place}. Lungs are clear.",
        "The lungs are clear without {term}.",
    ),
    HELD_OUT_FAMILY: ("{term} neg", "lungs cl, {term} -"),
}


def _place(side: str | None, zone: str | None, rng: np.random.Generator, present: bool) -> str:
    if side is None and zone is None:
        return ""
    if side == "bilateral" and not present:
        return f" in either {zone} zone" if zone else " in either lung"
    if side == "bilateral":
        return f" in both {zone} zones" if zone else " in both lungs"
    if zone is None:
        return str(rng.choice([f" in the {side} lung", f" on the {side}"]))
    if side is None:
        return f" in the {zone} zone"
    return (
        str(rng.choice([f" in the {side} {zone} lobe", f" in the {side} {zone} zone"]))
        if zone != "middle" or side == "right"
        else f" in the {side} {zone} zone"
    )


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def say(
    term: str,
    rng: np.random.Generator,
    *,
    present: bool,
    side: str | None = None,
    zone: str | None = None,
    size_mm: float | None = None,
    descriptors: tuple[str, ...] = (),
    family: str | None = None,
) -> Phrase:
    """One sentence about `term`; `family` is drawn among the taught ones when None."""
    templates = PRESENT if present else ABSENT
    family = family or str(rng.choice([name for name in templates if name != HELD_OUT_FAMILY]))
    noun = str(rng.choice(SYNONYMS[term]))
    near = min(SIZES_MM, key=lambda s: abs(s - size_mm)) if size_mm and term in SIZED else None
    size = f"{near} mm " if near is not None else ""
    words = "".join(f"{word} " for word in descriptors)
    if words and noun.startswith("solid"):
        noun = noun.removeprefix("solid ")
    template = str(rng.choice(templates[family]))
    place = _place(side, zone, rng, present)
    text = template.format(**_fields(term, noun, size, words), place=place)
    sized = present and any(field in template for field in ("{size}", "{Size}", "{comma_size}"))
    placed = "{place}" in template
    return Phrase(
        text if family == HELD_OUT_FAMILY else _upper(text),
        term,
        present,
        side if placed else None,
        zone if placed else None,
        float(near) if sized and near is not None else None,
        family,
        descriptors if present and "ords}" in template else (),
    )


def _fields(term: str, noun: str, size: str, words: str) -> dict[str, str]:
    """What a template's fields are filled with, the place apart."""
    article = ("an " if (size or words or noun)[0] in "aeiou8" else "a ") if term in SIZED else ""
    plural = noun.endswith(("opacities", "cysts"))
    return {
        "a": article,
        "A": _upper(article),
        "size": size,
        "Size": size,
        "comma_size": f", {size.strip()}" if size else "",
        "words": words,
        "Words": words,
        "term": noun,
        "be": "are" if plural else "is",
        "look": "look" if plural else "looks",
    }


def phrase_bank(
    rng: np.random.Generator, count: int, terms: tuple[str, ...] = TERMS
) -> list[Phrase]:
    """About `count` different taught phrases, evenly over terms and presence; the plain prompts
    come first."""
    phrases: dict[str, Phrase] = {}
    for term in terms:
        for phrase in (
            Phrase(f"{_upper(term)}.", term, True),
            Phrase(f"No {term}. Clear lung.", term, False),
        ):
            phrases[phrase.text] = phrase
    phrases["Spiculated nodule."] = Phrase(
        "Spiculated nodule.", "nodule", True, words=("spiculated",)
    )
    for turn in range(20 * count):
        if len(phrases) >= count:
            break
        term, present = terms[turn % len(terms)], bool(turn // len(terms) % 3)
        side = [None, None, "left", "right", "bilateral"][
            rng.integers(5 if term not in SIZED else 4)
        ]
        zone = [None, None, "upper", "middle", "lower"][rng.integers(5)]
        size = (
            float(SIZES_MM[turn // len(terms) % len(SIZES_MM)])
            if present and term in SIZED and rng.random() < 0.5
            else None
        )
        words = ("spiculated",) if term == "nodule" and present and rng.random() < 0.35 else ()
        phrase = say(
            term, rng, present=present, side=side, zone=zone, size_mm=size, descriptors=words
        )
        while phrase.size_mm != size:  # not every wording has room for a size
            phrase = say(
                term, rng, present=present, side=side, zone=zone, size_mm=size, descriptors=words
            )
        phrases.setdefault(phrase.text, phrase)
    return list(phrases.values())


def compatible(phrase: Phrase, lesion: Lesion) -> bool:
    """True when the phrase says nothing false of the lesion."""
    nearest = min(SIZES_MM, key=lambda s: abs(s - lesion.size_mm))
    return (
        phrase.term == lesion.term
        and phrase.side in (None, lesion.side)
        and phrase.zone in (None, lesion.zone)
        and phrase.size_mm in (None, nearest)
        and set(phrase.words) <= set(lesion.descriptors)
    )
