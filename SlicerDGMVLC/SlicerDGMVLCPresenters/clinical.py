"""Clinical facts and the range of slices, as a form gives them."""

from __future__ import annotations

from SlicerDGMVLCLib import clinical_schema as schema

FIELDS = ("age", "sex", "smoking", "pack_years", "other")
SEXES = tuple(schema.spoken("sex", word) for word in ("female", "male"))
SMOKING = tuple(schema.spoken("smoking", word) for word in ("never", "ex", "active"))
HIGHEST = {"age": 120.0, "pack_years": 300.0}


def clinical_words(given: dict[str, str]) -> str:
    """The clauses that are known, e.g. “64-year-old, female, ex-smoker”; "" when none is."""
    said = []
    for name in FIELDS:
        text = " ".join(str(given.get(name) or "").split())
        if text and name in HIGHEST:
            text = schema.clause(name, int(float(text)))
        said.append(text)
    return ", ".join(filter(None, said))


def why_not_clinical(given: dict[str, str]) -> str:
    """What of the form cannot be; "" when it can."""
    for name, highest in HIGHEST.items():
        text = str(given.get(name) or "").strip()
        try:
            good = not text or 0 <= float(text) <= highest
        except ValueError:
            good = False
        if not good:
            return f"The {name.replace('_', '-')} must be a number from 0 to {highest:.0f}."
    return ""


def slice_range(first: str, last: str, count: int) -> tuple[tuple[int, int] | None, str]:
    """Slices [first, last) from the numbers that the views show (1 to `count`), and what is wrong
    with them; None for all."""
    if not str(first or "").strip() and not str(last or "").strip():
        return None, ""
    try:
        low, high = int(first or 1), int(last or count)
    except ValueError:
        low, high = 0, 0
    if not 1 <= low <= high <= count:
        return None, f"The slices must be two numbers from 1 to {count}, the lower one first."
    return (low - 1, high), ""
