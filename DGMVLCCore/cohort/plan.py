"""What a cohort would teach: scans paired with rows and masks, the attributes that can be learned,
and every patient's sentences."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import Struct

from DGMVLCCore.cohort.cohort import Cohort, match
from DGMVLCCore.cohort.groups import Rows
from DGMVLCCore.cohort.layout import Layout, find_cohort
from DGMVLCCore.cohort.teach import Sentences
from DGMVLCCore.errors import UnreadableError, UnsuitableInputError, UsageError
from DGMVLCCore.language.encoder import LanguageEncoder
from DGMVLCCore.language.schema import Attribute, ClinicalSchema, load_schema


@dataclass(frozen=True)
class CohortRequest:
    """A cohort as the user names it: its folder and table, and perhaps the schema, the sheet, the
    attributes (outcomes only when named), the masks, and (patient, number) of the series of DICOM
    folders."""

    folder: Path
    table: Path
    schema: Path | None = None
    sheet: str | None = None
    attributes: tuple[str, ...] = ()
    anatomy: Path | None = None
    series: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, eq=False)
class CohortPlan:
    """A cohort whose patients are paired.

    Args:
        sentences: says the attributes that can be learned. notes: what the reader should know, the
            attributes that cannot be learned among it.
    """

    layout: Layout
    cohort: Cohort
    sentences: Sentences
    notes: list[str]

    @property
    def unpaired(self) -> list[str]:
        """What costs a patient, one sentence each."""
        return self.layout.problems + self.cohort.unpaired


def _cannot(rows: Rows, attribute: Attribute) -> str | None:
    """Why an attribute cannot be learned from these patients; None when it can."""
    values = [row[attribute.name] for row in rows.values() if attribute.name in row]
    if len(set(values)) > 1:
        return None
    if not values:
        return f"{attribute.name} cannot be learned: no patient has a value."
    said = (
        {True: "yes", False: "no"}.get(values[0], values[0])
        if isinstance(values[0], bool)
        else values[0]
    )
    return (
        f"{attribute.name} cannot be learned: all {len(values)} patient(s) with a value have the "
        f"same ({said})."
    )


def learnable(
    rows: Rows, schema: ClinicalSchema, wanted: tuple[str, ...] = ()
) -> tuple[list[str], list[str]]:
    """Attributes with at least two values among the patients, in the schema's order, and a sentence
    for each of the others.

    Args:
        wanted: names that must be learned; all that the rows have when empty.

    Raises:
        UnsuitableInputError: a wanted attribute cannot be learned, or none can.
    """
    names, notes = [], []
    for attribute in schema.attributes:
        if (
            attribute.name in wanted
            if wanted
            else any(attribute.name in row for row in rows.values())
        ):
            reason = _cannot(rows, attribute)
            if reason and wanted:
                raise UnsuitableInputError(
                    f"{reason} Leave --attribute {attribute.name} out, or add patients of the "
                    "other group."
                )
            names += [] if reason else [attribute.name]
            notes += [f"{reason} It is left out."] if reason else []
    if not names:
        reason = notes[0] if notes else "It has no column that the schema knows; give --schema."
        raise UnsuitableInputError(f"Nothing can be learned from this table. {reason}")
    return names, notes


def require_attributes(schema: ClinicalSchema, names: tuple[str, ...]) -> None:
    """Refuse attributes that the schema lacks.

    Raises:
        UsageError: it lacks one.
    """
    known = [a.name for a in schema.attributes]
    if strange := [name for name in names if name not in known]:
        raise UsageError(
            f"The schema has no attribute {', '.join(strange)}; it has: {', '.join(known)}."
        )


def plan_cohort(request: CohortRequest, encoder: LanguageEncoder | None = None) -> CohortPlan:
    """Find, pair and word a cohort; no voxel is read.

    Raises:
        UnreadableError, UnsuitableInputError: no folder, no table, fewer than two patients, or
            nothing to learn. UsageError: no such attribute.
    """
    schema = load_schema(request.schema)
    require_attributes(schema, request.attributes)
    if request.anatomy is not None and not request.anatomy.is_dir():
        raise UnreadableError(f"{request.anatomy} is no folder; give the folder of the masks.")
    layout = find_cohort(request.folder, request.anatomy)
    cohort = match(
        layout.scans,
        request.table,
        schema,
        request.sheet,
        tuple(name for name in request.attributes if name in schema.outcomes),
    )
    names, notes = learnable(cohort.attributes, schema, request.attributes)
    silent = [name for name, row in cohort.attributes.items() if not set(row) & set(names)]
    if silent:
        cohort = replace(
            cohort,
            attributes={name: row for name, row in cohort.attributes.items() if name not in silent},
            problems=[
                *cohort.problems,
                f"{len(silent)} row(s) say nothing of the attributes and were left out: "
                f"{', '.join(silent[:8])}.",
            ],
        )
    return CohortPlan(
        layout,
        cohort,
        Sentences(names, schema, encoder or LanguageEncoder()),
        [*layout.notes, *cohort.notes, *notes],
    )


class PlanShown(Struct, frozen=True, kw_only=True):
    """A plan in words: what `--dry-run` shows."""

    scans: int
    paired: int
    masks: int
    attributes: str
    patients: list[str]
    problems: list[str]
    notes: list[str]


def describe(plan: CohortPlan) -> PlanShown:
    """The plan in words."""
    patients = [
        f"{name}: scan {plan.layout.scans[name].name}, mask "
        f"{plan.layout.masks[name].name if name in plan.layout.masks else 'none'}; “"
        + "” “".join(plan.sentences.all_of(row))
        + "”"
        for name, row in plan.cohort.attributes.items()
    ]
    return PlanShown(
        scans=len(plan.layout.scans),
        paired=len(patients),
        masks=len(plan.layout.masks),
        attributes=", ".join(plan.sentences.names),
        patients=patients,
        problems=list(dict.fromkeys(plan.layout.problems + plan.cohort.problems)),
        notes=plan.notes,
    )
