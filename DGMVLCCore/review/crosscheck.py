"""The report against the scan, both ways: what is seen and not reported, what is reported and not
seen, and what fits together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from DGMVLCCore.editing.find import same_place as _same_place
from DGMVLCCore.imaging.zones import Location
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.vocabulary import load_vocabulary
from DGMVLCCore.review.records import FindingCheck, RegionCheck, SoughtStatus

SIZE_RATIO = 2.0  # a region and a reported size that differ by more are not the same finding
MASS_MM = 30.0  # a mass is larger, a nodule smaller
LIKELY, NEARLY = 3, 0.5  # a region may be any of its first findings, and those nearly as strong
ALIKE = (
    ("nodule", "part-solid nodule"),
    ("part-solid nodule", "ground-glass opacity"),
    ("nodule", "consolidation"),
    ("consolidation", "ground-glass opacity"),
    ("reticulation", "honeycombing"),
    ("honeycombing", "emphysema"),
)
SIDE_WORDS = {
    "left": "in the left lung",
    "right": "in the right lung",
    "bilateral": "in both lungs",
}
MANY = frozenset(
    ("multiple", "several", "numerous", "many", "innumerable", "multifocal", "scattered", "few")
)


@dataclass(frozen=True)
class Asked:
    """A finding and the change that its denial asks for in a region, 0..1, the mean of the region's
    highest tenth; no probability of disease."""

    term: str
    share: float


@dataclass(frozen=True)
class Seen:
    """What the check needs to know of a region: its number, place and the findings whose denial
    asks for a change there, the most first."""

    number: int
    location: Location
    phrases: list[Asked]


@dataclass(frozen=True)
class Checked:
    """A report's findings against the regions.

    Args:
        regions: by number. findings: one each, in the report's order.
        notes: what concerns the report as a whole.
    """

    regions: dict[int, RegionCheck]
    findings: list[FindingCheck]
    notes: list[str]


def place_words(side: str | None, zone: str | None) -> str:
    """“in the upper zone of the left lung”; empty without a place."""
    where = SIDE_WORDS.get(side or "", "")
    if zone and where:
        return f"in the {zone} zone of {where.removeprefix('in ')}"
    return where or (f"in the {zone} zone" if zone else "")


def likely_terms(phrases: list[Asked]) -> list[str]:
    """What a region may be by its evidence, findings often taken for its first one included."""
    first = phrases[0].share if phrases else 0.0
    best = [each.term for each in phrases if each.share >= NEARLY * first][:LIKELY]
    near = [b if term == a else a for term in best[:1] for a, b in ALIKE if term in (a, b)]
    return list(dict.fromkeys((*best, *near)))


def _several(finding: Finding) -> bool:
    """True for a group said in one finding (“five nodules”, “multiple nodules, up to 9 mm”)."""
    if finding.count is not None:
        return finding.count > 1
    plural = finding.text.lower().endswith("s") and finding.side == "bilateral"
    return plural or bool(MANY & {*finding.descriptors})


def _same_size(finding: Finding, place: Location) -> bool:
    """True when the region is about as large as is said; of a group the largest is said."""
    if not finding.size_mm:
        return True
    ratio = max(place.diameter_mm, 1.0) / finding.size_mm
    return ratio <= SIZE_RATIO and (_several(finding) or ratio >= 1 / SIZE_RATIO)


def fits(finding: Finding, seen: Seen) -> float:
    """How well a finding and a region go together: 0 not at all, higher is better (first of the
    region's findings, size near)."""
    likely = likely_terms(seen.phrases)
    if (
        finding.taught not in likely
        or not _same_place(finding, seen.location)
        or not _same_size(finding, seen.location)
    ):
        return 0.0
    near = (
        1.0
        if not finding.size_mm
        else 1 / (1 + abs(np.log2(max(seen.location.diameter_mm, 1.0) / finding.size_mm)))
    )
    return float(
        near / (1 + likely.index(finding.taught))
        + (0.25 if finding.zone and finding.zone == seen.location.zone else 0)
    )


def _pairs(findings: list[Finding], seen: list[Seen]) -> dict[int, int]:
    """Region number -> finding: each finding takes its best region first; several regions may be
    one finding said in the plural (as many as it counts) or for a whole lung."""
    scored = sorted(
        (
            (fits(f, one), i, one.number)
            for i, f in enumerate(findings)
            if f.presence != "absent"
            for one in seen
        ),
        reverse=True,
    )
    pairs: dict[int, int] = {}
    used: Counter[int] = Counter()
    for value, index, number in scored:
        finding = findings[index]
        many = _several(finding) or finding.size_mm is None and finding.count is None
        most = finding.count or (len(seen) if many else 1)
        if value > 0 and number not in pairs and used[index] < most:
            pairs[number] = index
            used[index] += 1
    return pairs


def _denies(finding: Finding, term: str | None, seen: Seen) -> bool:
    """True when the absence of a finding speaks of a region; “no mass” says nothing of a small
    nodule."""
    if finding.term == "mass":
        return finding.taught == term and seen.location.diameter_mm > MASS_MM
    return finding.taught == term


def _denial(findings: list[Finding], seen: Seen) -> int | None:
    """A finding that the report denies where the region's first finding is that one."""
    best = seen.phrases[0].term if seen.phrases else None
    return next(
        (
            i
            for i, f in enumerate(findings)
            if f.presence == "absent" and _denies(f, best, seen) and _same_place(f, seen.location)
        ),
        None,
    )


def _said(finding: Finding) -> str:
    size = f"{finding.size_mm:g} mm " if finding.size_mm else ""
    place = place_words(finding.side, finding.zone)
    return f"{size}{finding.term}{' ' + place if place else ''}"


def _opposite_note(findings: list[Finding], seen: list[Seen], pairs: dict[int, int]) -> list[str]:
    """When all that the report places lies on the side where nothing is seen: report and scan may
    not belong together."""
    said = {
        f.side
        for f in findings
        if f.presence != "absent"
        and f.side in ("left", "right")
        and f.taught in load_vocabulary().known
    }
    there = {one.location.side for one in seen}
    if pairs or len(said) != 1 or len(there) != 1:
        return []
    (told,), (found,) = said, there
    if found in ("left", "right") and found != told:
        return [
            f"The report places its findings in the {told} lung, but every region found lies in "
            f"the {found} lung; "
            "check that report and scan belong together and that no side was confused."
        ]
    return []


def _finding_check(finding: Finding, number: int | None, seen: list[Seen]) -> FindingCheck:
    def told(status: SoughtStatus, sentence: str, region: int | None = None) -> FindingCheck:
        return FindingCheck(
            finding.term, finding.text, list(finding.span), status, region, sentence
        )

    said = _said(finding)
    if finding.presence == "absent":
        return told("denied", f"The report denies {said}.")
    if finding.taught not in load_vocabulary().known:
        untaught = f"The report names {said}, which the weights were never taught; not looked for."
        return told("not looked for", untaught)
    if number is not None:
        return told("seen", f"The report's {said} fits region {number}.", number)
    elsewhere = [one.number for one in seen if finding.taught in likely_terms(one.phrases)]
    more = (
        " Regions that might be one, elsewhere or of another size: "
        f"{', '.join(map(str, elsewhere))}."
        if elsewhere
        else ""
    )
    return told("not seen", f"The report names {said}; no region found fits it.{more}")


def _region_check(findings: list[Finding], one: Seen, paired: int | None) -> RegionCheck:
    """A region against the report; paired: the finding that it is."""
    if paired is not None:
        return RegionCheck("reported", paired, f"Fits the report's “{findings[paired].text}”.")
    if (denied := _denial(findings, one)) is not None:
        sentence = findings[denied].sentence.strip()
        return RegionCheck("denied", denied, f"The report says there is none: “{sentence}”")
    return RegionCheck("not mentioned", None, "Not mentioned in the report.")


def cross_check(findings: list[Finding] | None, seen: list[Seen]) -> Checked:
    """Compare a report with the regions of its scan.

    Args:
        findings: of the report; None when there is no report that could be read. seen: the regions.
    """
    if findings is None:
        alone = RegionCheck("no report", None, "There is no report to compare with.")
        return Checked({one.number: alone for one in seen}, [], [])
    pairs = _pairs(findings, seen)
    first = {index: number for number, index in reversed(list(pairs.items()))}
    return Checked(
        {one.number: _region_check(findings, one, pairs.get(one.number)) for one in seen},
        [_finding_check(f, first.get(i), seen) for i, f in enumerate(findings)],
        _opposite_note(findings, seen, pairs),
    )
