"""A report's findings: as the worker read them, and as a list shows them."""

from __future__ import annotations

from dataclasses import dataclass

CERTAINTY = {"present": "present", "absent": "said to be absent", "uncertain": "uncertain"}
NOTHING_READ = (
    "No finding was read; the report is expected in English and to name one, such as “a 12 mm "
    "nodule in the left upper lobe”."
)


@dataclass(frozen=True)
class Finding:
    """What a report says of one finding; fields as the core's `language.findings.Finding`.
    taught_as: the term by which the weights know it, "" for its own."""

    term: str
    presence: str
    text: str
    sentence: str
    descriptors: tuple[str, ...] = ()
    side: str | None = None
    zone: str | None = None
    lobe: str | None = None
    organ: str | None = None
    size_mm: float | None = None
    earlier_size_mm: float | None = None
    count: int | None = None
    taught_as: str = ""

    @property
    def place(self) -> str:
        """Side, lobe (else zone) and the organ of one outside the lung; "" when it is not said."""
        zone = f"{self.zone} zone" if self.zone else ""
        lobe = self.lobe if self.lobe == "lingula" else f"{self.lobe} lobe" if self.lobe else zone
        return " ".join(filter(None, (self.side, lobe, self.organ)))

    @property
    def size(self) -> str:
        """How large, of how many the largest, and how large before; "" when it is not said."""
        size, before, many = self.size_mm, self.earlier_size_mm, self.count or 1
        said = f"{size:g} mm" if size else ""
        if many > 1:
            said = f"{many}, up to {said}" if said else f"{many}"
        return f"{said} (before {before:g} mm)" if said and before else said


@dataclass(frozen=True)
class FindingRow:
    """A finding as a list shows it. number: from 1. taught: whether the weights know it."""

    number: int
    term: str
    phrase: str
    sentence: str
    place: str
    size: str
    certainty: str
    presence: str
    side: str
    taught: bool

    @property
    def denied(self) -> bool:
        """Whether the report says that it is not there."""
        return self.presence == "absent"


def finding_row(number: int, finding: Finding, known: tuple[str, ...]) -> FindingRow:
    """A finding as a list shows it; `known` are the terms of the weights, none while they are not
    known yet."""
    return FindingRow(
        number=number,
        term=finding.term,
        phrase=" ".join((*finding.descriptors, finding.text)),
        sentence=finding.sentence,
        place=finding.place,
        size=finding.size,
        certainty=CERTAINTY.get(finding.presence, finding.presence),
        presence=finding.presence,
        side=finding.side or "",
        taught=not known or (finding.taught_as or finding.term) in known,
    )


def finding_rows(findings: list[Finding], known: tuple[str, ...]) -> list[FindingRow]:
    """The parsed findings as rows, numbered from 1."""
    return [finding_row(number, finding, known) for number, finding in enumerate(findings, 1)]


def first_usable(rows: list[FindingRow]) -> int:
    """Number of the first finding that can be edited, 0 for none."""
    return next((row.number for row in rows if row.taught and not row.denied), 0)


def findings_note(rows: list[FindingRow], known: tuple[str, ...]) -> str:
    """Why none of a report's findings can be edited as it stands; "" when one can."""
    if not rows:
        return NOTHING_READ
    if first_usable(rows):
        return ""
    if denied := [row.term for row in rows if row.taught]:
        return (
            f"The report only denies {_listed(denied)}; choose one to show it instead, or another "
            "report."
        )
    return (
        f"The weights were not taught {_listed([row.term for row in rows])}; they know "
        f"{', '.join(known)}."
    )


def _listed(terms: list[str]) -> str:
    once = list(dict.fromkeys(terms))
    return once[0] if len(once) == 1 else f"{', '.join(once[:-1])} and {once[-1]}"
