"""A result, from its `result.json`: what was changed, what the checks found, which files it has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """What was edited: the finding, its sentence, and the one in its place."""

    term: str
    source: str
    target: str


@dataclass(frozen=True)
class Gate:
    """A check; value: None where it is no finite number."""

    name: str
    passed: bool
    value: float | None
    limit: str
    unit: str
    sentence: str

    @property
    def words(self) -> str:
        """What was measured, and what is allowed."""
        value = "–" if self.value is None else f"{self.value:g}"
        return f"{value} {self.unit} (allowed {self.limit})"


@dataclass(frozen=True)
class File:
    """A file of the result's folder. finding: of a heat map, the finding it was made of."""

    name: str
    role: str
    sha256: str
    finding: str = ""


@dataclass(frozen=True)
class Location:
    """Where the region lies; centre_mm: LPS."""

    centre_mm: tuple[float, float, float]


@dataclass(frozen=True)
class Check:
    """A check as a list shows it."""

    name: str
    passed: bool
    sentence: str
    words: str


@dataclass(frozen=True)
class Manifest:
    """What both skins show of a `result.json`."""

    plan: Plan
    files: list[File]
    gates: list[Gate]
    location: Location | None
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What was changed, e.g. “nodule → No nodule”."""
        return f"{self.plan.term} → {self.plan.target.rstrip('.')}"

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(gate.passed for gate in self.gates)

    @property
    def checks(self) -> list[Check]:
        """The checks as a list shows them."""
        return [Check(gate.name, gate.passed, gate.sentence, gate.words) for gate in self.gates]

    @property
    def checks_words(self) -> str:
        """The checks in a few words, as a list of runs shows them."""
        failed = [gate.name for gate in self.gates if not gate.passed]
        if failed:
            return f"failed: {', '.join(failed)}"
        return f"{len(self.gates)} passed" if self.gates else "none"

    @property
    def centre(self) -> tuple[float, float, float] | None:
        """RAS position (mm) of the region's middle."""
        if self.location is None:
            return None
        left, back, up = self.location.centre_mm
        return -left, -back, up

    def of(self, role: str) -> list[File]:
        """The files of this role."""
        return [file for file in self.files if file.role == role]
