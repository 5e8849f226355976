"""Pattern discovery, end to end: folder of scans + clinical table -> folder with `discovery.json`, report and maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from DGMVLCCore._resources import resource
from DGMVLCCore.anatomy.labels import anatomy_from_labels
from DGMVLCCore.counterfactual.memory import file_facts
from DGMVLCCore.devices import choose_device
from DGMVLCCore.discovery.cohort import Cohort, find_scans, load_each, match, refuse_problems
from DGMVLCCore.discovery.frame import PatientScan, patient_scan
from DGMVLCCore.discovery.groups import Contrast, find_contrasts
from DGMVLCCore.discovery.patterns import Options, group_answers, sweep_answers, with_sweep
from DGMVLCCore.discovery.report import RECORD, write_discovery
from DGMVLCCore.errors import UnreadableError, UnsuitableInputError, UsageError
from DGMVLCCore.export.folders import check_output
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.imaging.profiles import require_ct
from DGMVLCCore.language.schema import ClinicalSchema, load_schema
from DGMVLCCore.models.checks import check_weights

Tell = Callable[[str, float], None]
SEGMENTATION_ENDINGS = (".seg.nrrd", ".nrrd", ".nii.gz", ".nii", ".mha")


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Args:
        folder: a scan for each patient, named by the id. table: clinical rows. out: folder to write.
        attributes: names to ask about, all of the table when empty; an outcome is used only when named here.
        anatomy: folder of lung segmentations named as the scans; lungs are found where it has none.
        skip_sweep: compare the real groups only. strict: refuse a cohort with any problem instead of leaving it out.
    """

    folder: Path
    table: Path
    out: Path
    schema: Path | None = None
    sheet: str | None = None
    attributes: tuple[str, ...] = ()
    anatomy: Path | None = None
    skip_sweep: bool = False
    strict: bool = False
    overwrite: bool = False
    device: str | None = None
    options: Options = Options()


def _check(request: Request, schema: ClinicalSchema) -> tuple[str, ...]:
    """Refuse early; returns the outcomes that are asked about."""
    options = request.options
    if options.permutations < 99 or options.minutes <= 0 or options.swept < 6 or options.batch < 1 or options.steps < 0:
        raise UsageError("Permutations must be 99 or more, --minutes more than 0, and --patients 6 or more.")
    known = [a.name for a in schema.attributes]
    if strange := [name for name in request.attributes if name not in known]:
        raise UsageError(f"The schema has no attribute {', '.join(strange)}; it has: {', '.join(known)}.")
    if request.anatomy is not None and not request.anatomy.is_dir():
        raise UnreadableError(f"{request.anatomy} is no folder; give the folder of the lung segmentations.")
    if not request.skip_sweep:
        check_weights(options.weights or resource("weights/dgmvlc-ct"))
    check_output(request.out, request.overwrite, RECORD)
    return tuple(name for name in request.attributes if name in schema.outcomes)


def _reader(folder: Path | None) -> Callable[[str, Path], PatientScan]:
    """Reads one patient's scan into the common frame."""
    def read(name: str, path: Path) -> PatientScan:
        volume = require_ct(load_volume(path), path.name)
        given = next((folder / (name + end) for end in SEGMENTATION_ENDINGS if (folder / (name + end)).is_file()), None) if folder else None
        return patient_scan(name, volume, anatomy_from_labels(load_labels(given, volume), volume) if given else None)
    return read


def _load(request: Request, cohort: Cohort, paths: dict[str, Path], tell: Tell) -> tuple[dict[str, PatientScan], list[str]]:
    """The cohort's scans in the common frame, and a sentence for each that could not be used."""
    read, wanted = _reader(request.anatomy), {name: paths[name] for name in cohort.attributes}
    done = iter(range(1, len(wanted) + 1))

    def reading(name: str, path: Path) -> PatientScan:
        tell("loading", next(done) / len(wanted))
        return read(name, path)
    return load_each(wanted, reading)


def _questions(request: Request, cohort: Cohort, scans: dict[str, PatientScan], schema: ClinicalSchema) -> tuple[list[Contrast], list[str]]:
    """The contrasts of the patients whose scans could be read, and why other attributes give none.

    Raises:
        UnsuitableInputError: there is none at all.
    """
    rows = {name: cohort.attributes[name] for name in scans}
    contrasts, skipped = find_contrasts(rows, schema, request.attributes)
    if not contrasts:
        reason = skipped[0] if skipped else "The table has no column that the schema knows; give --schema."
        raise UnsuitableInputError(f"Nothing can be compared in this cohort of {len(scans)} patient(s). {reason}")
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
    paths, problems = find_scans(request.folder)
    cohort = match(paths, request.table, schema, request.sheet, outcomes)
    problems += cohort.problems
    if request.strict:
        refuse_problems(problems)
    scans, unread = _load(request, cohort, paths, tell)
    if request.strict:
        refuse_problems(unread)
    if len(scans) < 2:
        raise UnsuitableInputError(f"Only {len(scans)} scan(s) of the cohort could be used. {unread[0] if unread else ''}".strip())
    contrasts, skipped = _questions(request, cohort, scans, schema)
    rows = {name: cohort.attributes[name] for name in scans}
    tell("comparing", 0.0)
    found = group_answers(scans, rows, contrasts, schema, options)
    if not request.skip_sweep:
        found = with_sweep(found, sweep_answers(scans, rows, contrasts, schema, options, tell=tell), options.fdr)
    tell("writing", 0.0)
    return write_discovery(found, list(scans.values()), request.out, _facts(request, options, cohort, paths, scans, problems + unread, skipped + found.untold),
                           request.overwrite)


def _facts(request: Request, options: Options, cohort: Cohort, paths: dict[str, Path], scans: dict[str, PatientScan], problems: list[str],
           skipped: list[str]) -> dict[str, Any]:
    """Where the answers come from."""
    weights = options.weights or resource("weights/dgmvlc-ct")
    swept = None if request.skip_sweep else {"minutes": options.minutes, "steps": options.steps, "batch": options.batch, "patients_a_contrast": options.swept}
    inputs = {"table": file_facts(request.table), "scans": [file_facts(paths[name]) for name in scans]}
    return {"cohort": {"patients": len(scans), "scans_found": len(paths), "rows_matched": len(cohort.attributes)},
            "method": {**{k: v for k, v in asdict(options).items() if k in ("permutations", "seed", "fdr", "device")}, "sweep": swept}, "inputs": inputs,
            "weights": None if request.skip_sweep else {"name": weights.name, "sha256": check_weights(weights)}, "problems": problems,
            "notes": [*cohort.notes, *[f"Not asked: {reason}" for reason in skipped]]}
