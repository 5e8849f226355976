"""Pattern discovery, end to end: folder of scans + clinical table -> folder with `discovery.json`,
report and maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs

from DGMVLCCore.cohort.cohort import (
    Cohort,
    load_each,
    match,
    refuse_problems,
    refuse_unpaired,
    require_several,
)
from DGMVLCCore.cohort.frame import PatientScan, masked_scan, patient_scan
from DGMVLCCore.cohort.groups import Contrast, find_contrasts
from DGMVLCCore.cohort.layout import Layout, find_cohort
from DGMVLCCore.cohort.patterns import (
    Options,
    group_answers,
    sweep_answers,
    taught_before,
    with_sweep,
)
from DGMVLCCore.cohort.plan import require_attributes
from DGMVLCCore.cohort.records import CohortCount, CohortFiles, MethodFact, SweepFact
from DGMVLCCore.cohort.report import RECORD, build_record, write_discovery
from DGMVLCCore.editing.memory import file_facts
from DGMVLCCore.errors import UnreadableError, UnsuitableInputError, UsageError, quoted
from DGMVLCCore.ground.devices import choose_device
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.imaging.numbered import cohort_anatomy
from DGMVLCCore.imaging.profiles import require_ct
from DGMVLCCore.language.schema import ClinicalSchema, load_schema
from DGMVLCCore.models.checks import check_weights
from DGMVLCCore.models.networks import WEIGHTS
from DGMVLCCore.results.folders import check_output
from DGMVLCCore.results.records import FileFact
from DGMVLCCore.training.tuning import fine_tune

Tell = Callable[[str, float], None]
BEFORE = (
    "The weights knew the attributes before: one network swept all patients, {} of {} of whom it "
    "had "
    "learned from."
)
NO_PATTERN = (
    " A sweep of those repeats what their groups say, so no pattern is reported; sweep patients "
    "that "
    "the weights have not seen."
)


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Args:
        folder: the cohort's scans, laid out as `layout` says. table: clinical rows. out: folder to
            write.
        attributes: names to ask about, all of the table when empty; an outcome is used only when
            named here.
        anatomy: folder of masks named as the scans; those the cohort's folder holds when None;
            lungs are found where there is none.
        missing: "stop" or "skip" at scans and rows that do not pair.
        series: (patient, number): which series of a patient's DICOM folder is read.
        skip_sweep: compare the real groups only. strict: refuse a cohort with any problem instead
            of leaving it out.
    """

    folder: Path
    table: Path
    out: Path
    schema: Path | None = None
    sheet: str | None = None
    attributes: tuple[str, ...] = ()
    anatomy: Path | None = None
    missing: str = "stop"
    skip_sweep: bool = False
    strict: bool = False
    overwrite: bool = False
    device: str | None = None
    options: Options = Options()
    series: tuple[tuple[str, int], ...] = ()


def _check(request: Request, schema: ClinicalSchema) -> tuple[str, ...]:
    """Refuse early; returns the outcomes that are asked about."""
    options = request.options
    if (
        options.permutations < 99
        or options.minutes <= 0
        or options.swept < 6
        or options.batch < 1
        or options.steps < 0
    ):
        raise UsageError(
            "Permutations must be 99 or more, --minutes more than 0, and --patients 6 or more."
        )
    require_attributes(schema, request.attributes)
    if request.anatomy is not None and not request.anatomy.is_dir():
        raise UnreadableError(
            f"{request.anatomy} is no folder; give the folder of the lung segmentations."
        )
    if not request.skip_sweep:
        check_weights(options.weights or resource(WEIGHTS))
    check_output(request.out, request.overwrite, RECORD)
    return tuple(name for name in request.attributes if name in schema.outcomes)


def read_patient(
    name: str, scan: Path, mask: Path | None, series: int | None = None
) -> PatientScan:
    """A patient's scan in the common frame, with the lungs of its mask, or found.

    Raises:
        UnreadableError, UnsuitableInputError: no chest CT, a mask on another grid or with unknown
            labels, or too little lung.
    """
    volume = require_ct(load_volume(scan, series=series), scan.name)
    if mask is None:
        return patient_scan(name, volume)
    return masked_scan(name, volume, load_labels(mask, volume), cohort_anatomy)


def load_cohort(
    cohort: Cohort, layout: Layout, tell: Tell, series: tuple[tuple[str, int], ...] = ()
) -> tuple[dict[str, PatientScan], list[str]]:
    """The cohort's scans in the common frame, and a sentence for each that could not be used."""
    wanted = {name: layout.scans[name] for name in cohort.attributes}
    done, chosen = iter(range(1, len(wanted) + 1)), dict(series)
    if unknown := sorted(set(chosen) - set(wanted)):
        raise UsageError(f"The cohort has no patient {quoted(unknown[0])} to choose a series of.")

    def reading(name: str, path: Path) -> PatientScan:
        tell("loading", next(done) / len(wanted))
        return read_patient(name, path, layout.masks.get(name), chosen.get(name))

    return load_each(wanted, reading)


def _questions(
    request: Request, cohort: Cohort, scans: dict[str, PatientScan], schema: ClinicalSchema
) -> tuple[list[Contrast], list[str]]:
    """The contrasts of the patients whose scans could be read, and why other attributes give none.

    Raises:
        UnsuitableInputError: there is none at all.
    """
    rows = {name: cohort.attributes[name] for name in scans}
    contrasts, skipped = find_contrasts(rows, schema, request.attributes)
    if not contrasts:
        reason = (
            skipped[0]
            if skipped
            else "The table has no column that the schema knows; give --schema."
        )
        raise UnsuitableInputError(
            f"Nothing can be compared in this cohort of {len(scans)} patient(s). {reason}"
        )
    return contrasts, skipped


def run_discovery(request: Request, progress: Tell | None = None) -> Path:
    """Do the whole job; returns the path of `discovery.json`.

    Args:
        progress: gets (stage, share); stages are loading, comparing, teaching, sweeping, writing.

    Raises:
        DGMVLCError: every refusal, with its sentence; then nothing was written.
    """
    tell = progress or (lambda stage, share: None)
    schema = load_schema(request.schema)
    outcomes = _check(request, schema)
    options = replace(request.options, device=choose_device(request.device))
    layout = find_cohort(request.folder, request.anatomy)
    cohort = match(layout.scans, request.table, schema, request.sheet, outcomes)
    scans, problems = _load(request, cohort, layout, tell)
    contrasts, skipped = _questions(request, cohort, scans, schema)
    rows = {name: cohort.attributes[name] for name in scans}
    tell("comparing", 0.0)
    found = group_answers(scans, rows, contrasts, schema, options)
    seen = None
    if not request.skip_sweep:
        seen = taught_before(options.weights, contrasts, scans)
        swept = sweep_answers(scans, rows, contrasts, schema, options, fine_tune, tell=tell)
        found = with_sweep(found, swept, options.fdr, seen)
    tell("writing", 0.0)
    sweep, before = _sweep_facts(request, options, seen, len(scans))
    not_asked = [f"Not asked: {reason}" for reason in skipped + found.untold]
    read = [request.table, *(layout.scans[name] for name in scans)]
    files = [FileFact(**file_facts(path)) for path in read]
    record = build_record(
        found,
        cohort=CohortCount(len(scans), len(layout.scans), len(cohort.attributes)),
        method=_method(options, sweep),
        inputs=CohortFiles(files[0], files[1:]),
        weights=_weights_fact(options) if sweep else None,
        problems=problems,
        notes=[*before, *layout.notes, *cohort.notes, *not_asked],
    )
    return write_discovery(found, list(scans.values()), request.out, record, request.overwrite)


def _weights_fact(options: Options) -> FileFact:
    """Name and hash of the weights that swept."""
    weights = options.weights or resource(WEIGHTS)
    return FileFact(weights.name, check_weights(weights))


def _method(options: Options, sweep: SweepFact | None) -> MethodFact:
    """How groups were compared."""
    return MethodFact(
        permutations=options.permutations,
        seed=options.seed,
        fdr=options.fdr,
        device=options.device,
        sweep=sweep,
    )


def _load(
    request: Request, cohort: Cohort, layout: Layout, tell: Tell
) -> tuple[dict[str, PatientScan], list[str]]:
    """The cohort's scans, and what went wrong with it, a sentence each; refused where the request
    says so."""
    problems = layout.problems + cohort.problems
    if request.strict:
        refuse_problems(problems)
    refuse_unpaired(layout.problems + cohort.unpaired, request.missing)
    scans, unread = load_cohort(cohort, layout, tell, request.series)
    if request.strict:
        refuse_problems(unread)
    require_several(scans, unread)
    return scans, problems + unread


def _sweep_facts(
    request: Request, options: Options, seen: int | None, patients: int
) -> tuple[SweepFact | None, list[str]]:
    """How was swept, and notes on it; `seen`: patients the weights had learned from, None when the
    halves taught each other."""
    if request.skip_sweep:
        return None, []
    swept = SweepFact(
        minutes=options.minutes,
        steps=options.steps,
        batch=options.batch,
        patients_a_contrast=options.swept,
    )
    if seen is None:
        return swept, []
    note = BEFORE.format(seen, patients) + (NO_PATTERN if seen else "")
    return structs.replace(swept, taught_before=True, patients_seen=seen), [note]
