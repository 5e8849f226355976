"""What the cases of a set shall show: finding, size, subtlety and place of each, drawn from a seed
or balanced over all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.simulation.insert import (
    DIFFUSE_SIZE_MM,
    HELD_OUT_KIND,
    KINDS,
    SIZE_MM,
    TERM_OF_KIND,
)
from DGMVLCCore.simulation.phrases import TERMS

Level = TypeVar("Level")
SIZES = ("small", "medium", "large")
SUBTLETIES = {"obvious": 1.1, "typical": 0.85, "subtle": 0.6}  # `contrast` of the simulation
NEVER_SUBTLE = ("consolidation", "pleural effusion")  # fluid and filled airspaces have one density
NO_ZONE = "pleural effusion"  # it lies behind the whole lung in view
SIDES = ("left", "right", "bilateral")
ZONES = ("upper", "middle", "lower")
MOST_CASES = 500
Place = tuple[str, str | None]


@dataclass(frozen=True)
class Wish:
    """What a user asks for; an empty or None field leaves it open.

    Args:
        findings: terms of `TERMS`. sizes: words of `SIZES`. size_mm: an exact diameter instead.
            subtleties: keys of `SUBTLETIES`.
        side, zone: where. spiculated: nodules with strands only.
    """

    findings: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    size_mm: float | None = None
    subtleties: tuple[str, ...] = ()
    side: str | None = None
    zone: str | None = None
    spiculated: bool = False


@dataclass(frozen=True)
class Spec:
    """One case to make; `term` is None for a scan without a finding, `asked` is what a reader is
    asked for."""

    asked: str
    term: str | None
    kind: str | None
    size: str | None
    size_mm: float | None
    subtlety: str | None
    side: str
    zone: str | None


def limits_mm(kind: str) -> tuple[float, float]:
    """Smallest and largest diameter of a kind (effusion: depth), mm."""
    return SIZE_MM.get(kind, DIFFUSE_SIZE_MM)


def size_word(kind: str, size_mm: float) -> str:
    """Which third of the kind's range, on a log scale, a size lies in."""
    low, high = np.log(limits_mm(kind))
    return SIZES[int(np.clip(3 * (np.log(size_mm) - low) / (high - low), 0, 2))]


def kinds_of(term: str, spiculated: bool = False) -> tuple[str, ...]:
    """Simulated kinds that a term names; the kind held out from training is left out."""
    kinds = tuple(k for k in KINDS if TERM_OF_KIND[k] == term and k != HELD_OUT_KIND)
    return ("spiculated_nodule",) if spiculated and term == "nodule" else kinds


def check_wish(wish: Wish) -> None:
    """Refuse what no case can show.

    Raises:
        UsageError: an unknown word. UnsuitableInputError: a size out of range, or a subtlety that
            the finding has not.
    """
    for name, given, known in (
        ("finding", wish.findings, TERMS),
        ("size", wish.sizes, SIZES),
        ("subtlety", wish.subtleties, tuple(SUBTLETIES)),
        ("side", (wish.side,) if wish.side else (), SIDES),
        ("zone", (wish.zone,) if wish.zone else (), ZONES),
    ):
        if unknown := [g for g in given if g not in known]:
            raise UsageError(
                f"There is no {name} {unknown[0]!r} to make cases of; choose from: "
                f"{', '.join(known)}."
            )
    if wish.size_mm is not None:
        for term in wish.findings or TERMS:
            low, high = limits_mm(kinds_of(term)[0])
            if not low <= wish.size_mm <= high:
                raise UnsuitableInputError(
                    f"A {term} of {wish.size_mm:g} mm cannot be made; give {low:g} to {high:g} mm."
                )
    if wish.spiculated and set(wish.findings) != {"nodule"}:
        raise UsageError("Only nodules are spiculated; ask for the finding nodule alone.")
    if wish.zone and NO_ZONE in wish.findings:
        raise UnsuitableInputError(
            f"A {NO_ZONE} lies behind the whole lung, so it has no zone; ask for it without one."
        )
    if "subtle" in wish.subtleties and wish.findings and set(wish.findings) <= set(NEVER_SUBTLE):
        raise UnsuitableInputError(
            f"{' and '.join(wish.findings).capitalize()} cannot be made subtle, only smaller; "
            "ask for a small one."
        )


def column(
    levels: Sequence[Level], number: int, balanced: bool, rng: np.random.Generator
) -> list[Level]:
    """`number` levels in random order: each equally often to within one when balanced, else drawn
    independently."""
    if not balanced:
        return [levels[int(i)] for i in rng.integers(len(levels), size=number)]
    turns = [
        levels[int(i)]
        for _ in range(-(-number // len(levels)))
        for i in rng.permutation(len(levels))
    ][:number]
    return [turns[int(i)] for i in rng.permutation(number)]


def allowed_places(wish: Wish, offered: Sequence[Place]) -> list[Place]:
    """The places that are asked for and that a scan offers.

    Args:
        offered: (side, zone) pairs of all scans; zone None where too little lung is in view for
            thirds.

    Raises:
        UnsuitableInputError: none.
    """
    places = [
        p
        for p in dict.fromkeys(offered)
        if (wish.side is None and p[0] != "bilateral" or p[0] == wish.side)
        and wish.zone in (None, p[1])
    ]
    if not places:
        wanted = " ".join(
            filter(
                None,
                (
                    "both" if wish.side == "bilateral" else wish.side,
                    wish.zone and f"{wish.zone} zone",
                ),
            )
        )
        has = sorted(
            {
                f"{side} {zone} zone" if zone else f"{side} lung, without thirds"
                for side, zone in offered
                if side != "bilateral"
            }
        )
        raise UnsuitableInputError(
            f"No scan offers clear lung in the place asked for ({wanted}); the scans offer: "
            f"{', '.join(has)}. "
            "Give a scan that shows it (--from); thirds of the lung need 60 mm of it in view."
        )
    return places


def plan_cases(
    wish: Wish,
    number: int,
    offered: Sequence[Place],
    *,
    seed: int = 0,
    balanced: bool = False,
    clear: int = 0,
) -> list[Spec]:
    """The cases of a set, in their order.

    Args:
        number: cases with a finding. clear: cases without one, in among them, each asked for a
            finding as the others are.
        balanced: finding, size, subtlety and place occur equally often, each to within one case.

    Raises:
        UsageError, UnsuitableInputError: as `check_wish`, `allowed_places`, or a number out of
            range.
    """
    check_wish(wish)
    if not 1 <= number + clear <= MOST_CASES or number < 0 or clear < 0:
        raise UsageError(
            f"A set holds 1 to {MOST_CASES} cases, not {number} with and {clear} without a finding."
        )
    rng = np.random.default_rng(seed)
    places = allowed_places(wish, offered)
    terms = wish.findings or tuple(term for term in TERMS if not (wish.zone and term == NO_ZONE))
    made = _with_a_finding(wish, terms, places, number, balanced, rng)
    asked, elsewhere = column(terms, clear, balanced, rng), column(places, clear, balanced, rng)
    made += [
        Spec(term, None, None, None, None, None, side, zone)
        for term, (side, zone) in zip(asked, elsewhere)
    ]
    return [made[int(i)] for i in rng.permutation(len(made))]


def _with_a_finding(
    wish: Wish,
    terms: Sequence[str],
    places: Sequence[Place],
    number: int,
    balanced: bool,
    rng: np.random.Generator,
) -> list[Spec]:
    """The cases with a finding; fluid is asked for a side, the others for a zone too."""
    levels = (terms, wish.sizes or SIZES, wish.subtleties or tuple(SUBTLETIES))
    columns: list[list[Any]] = [column(each, number, balanced, rng) for each in levels]
    sides: list[Place] = [(side, None) for side in dict.fromkeys(side for side, _ in places)]
    fluid = sum(term == NO_ZONE for term in columns[0])
    turns = {
        True: iter(column(sides, fluid, balanced, rng)),
        False: iter(column(places, number - fluid, balanced, rng)),
    }
    return [
        _spec(term, size, subtlety, next(turns[term == NO_ZONE]), wish, rng)
        for term, size, subtlety in zip(*columns)
    ]


def _spec(
    term: str, size: str, subtlety: str, place: Place, wish: Wish, rng: np.random.Generator
) -> Spec:
    kinds = kinds_of(term, wish.spiculated)
    kind = kinds[int(rng.integers(len(kinds)))]
    low, high = np.log(limits_mm(kind))
    third = (high - low) / 3
    drawn = float(np.exp(low + third * (SIZES.index(size) + rng.random())))
    size_mm = wish.size_mm if wish.size_mm is not None else round(drawn, 1)
    return Spec(
        term,
        term,
        kind,
        size_word(kind, size_mm),
        size_mm,
        "typical" if term in NEVER_SUBTLE else subtlety,
        *place,
    )
