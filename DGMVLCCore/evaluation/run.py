"""`dgmvlc evaluate`, end to end: cases, rows, tables, report.json, report.md and figures."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from msgspec import Struct, to_builtins

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.errors import UsageError
from DGMVLCCore.evaluation import assemble, extras
from DGMVLCCore.evaluation.bench import SHARDS, Bench, Request, Tell
from DGMVLCCore.evaluation.cases import Case, make_case, sample_case
from DGMVLCCore.evaluation.inception import Inception
from DGMVLCCore.evaluation.infection import infection_rows
from DGMVLCCore.evaluation.output import REPORT, close_output, open_output
from DGMVLCCore.evaluation.real import nodules, real_row, tumours
from DGMVLCCore.evaluation.records import STORE, Records
from DGMVLCCore.evaluation.scoring import Judge
from DGMVLCCore.evaluation.submission import Submission, export_cases
from DGMVLCCore.evaluation.trial import run_case
from DGMVLCCore.ground.devices import choose_device
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.models.probe import Probe
from DGMVLCCore.results.manifest import sha256_of
from DGMVLCCore.results.records import SOFTWARE
from DGMVLCCore.training.shards import build_shards
from DGMVLCCore.training.splits import load_splits

PHRASES = 40
Plan = list[tuple[str, Callable[[], Case]]]  # names of cases and how to make each
RADIOMICS_OF = 60  # nodules; a second a region


def _quiet(stage: str, share: float) -> None:
    """No progress wanted."""


def prepare_shards(data: Path, part: str, folder: Path) -> None:
    """Verify the data folder against the frozen split and build the part's shards, once.

    Raises:
        UnsuitableInputError: a file differs from the one the split was frozen with.
            UnreadableError: not a data folder.
    """
    load_splits().verify(data)
    if (folder / "done").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    build_shards(data, folder, part=part, phrases=PHRASES)
    (folder / "done").touch()


def planned(request: Request, shards: Path | None) -> Plan:
    """Names of all cases and how to make each."""
    profile, plan = request.profile, Plan()
    for seed in range(request.seed, request.seed + profile.seeds):
        for kind in profile.kinds:
            if shards is None:
                plan.append(
                    (f"sample-{kind}-{seed}", partial(sample_case, kind, seed, profile.slab))
                )
            else:
                paths = sorted(shards.glob("scan-native-*.npz"))
                plan += [
                    (
                        f"{path.stem}-{kind}-{seed}",
                        partial(make_case, path, kind, seed, profile.slab),
                    )
                    for path in paths
                ]
    return plan


def _begin(request: Request, record: str, *, resume: bool) -> tuple[Path, Plan]:
    """The working folder of a run that leaves `record`, its shards made, and the cases' plan."""
    if request.profile.name == "full" and request.data is None:
        raise UsageError(
            "The full profile needs the data folder (--data); the quick one runs on the sample "
            "scan."
        )
    work = open_output(request.out, resume=resume, overwrite=request.overwrite, name=record)
    if request.data:
        prepare_shards(request.data, request.part, work / SHARDS)
    return work, planned(request, work / SHARDS if request.data else None)


def _about(
    request: Request, pipe: CounterfactualPipeline, probe: Probe, answers: dict[str, str] | None
) -> dict[str, object]:
    """What makes two runs the same run."""
    splits = load_splits()
    dual = pipe.alignment.weights_sha256 if pipe.alignment else None
    return {
        "software": to_builtins(SOFTWARE),
        "profile": request.profile.to_dict(),
        "part": request.part if request.data else "sample",
        "seed": request.seed,
        "weights": {"name": pipe.weights, "sha256": pipe.weights_sha256},
        "dual": dual,
        "probe": probe.weights_sha256,
        "split": {
            "version": splits.version,
            "sha256": sha256_of(resource("splits.json")),
            "verified_files": len(splits.sha256) if request.data else 0,
        },
        "device": str(pipe.device),
        "submission": answers,
    }


def run_evaluation(request: Request, tell: Tell = _quiet) -> Path:
    """Do the whole evaluation; returns the path of report.json.

    Raises:
        DGMVLCError: every refusal, with its sentence; an interrupted run stays in OUT.partial and
            goes on with `resume`.
    """
    submission = Submission(request.submission) if request.submission else None
    inception = Inception.from_file(request.inception) if request.inception else None
    tell("loading", 0.0)
    work, plan = _begin(request, REPORT, resume=request.resume)
    answers = None
    if submission:
        submission.require(name for name, _ in plan)
        answers = submission.fingerprint(name for name, _ in plan)
    pipe = CounterfactualPipeline.from_pretrained(request.weights).to(choose_device(request.device))
    judge = Judge(Probe.from_pretrained(), inception)
    about = _about(request, pipe, judge.probe, answers)
    if inception is not None:
        about["inception"] = inception.weights_sha256
    records = Records(work, about, request.resume)
    bench = Bench(request, pipe, judge, records, work, tell, submission)
    run_stages(bench, plan)
    assemble.write(work, about, records, tell)
    seconds = {name: round(value, 1) for name, value in bench.seconds.items()}
    (work / "timings.json").write_text(json.dumps({"seconds": seconds}, indent=1), encoding="utf-8")
    for folder in (STORE, SHARDS):
        shutil.rmtree(work / folder, ignore_errors=True)
    close_output(work, request.out)
    return request.out / REPORT


def run_stages(bench: Bench, plan: Plan) -> None:
    """All rows; rows of an interrupted run are not made again."""
    stages: list[tuple[str, Callable[[], Iterator[float]]]] = [
        ("cases", lambda: _cases(bench, plan))
    ]
    if bench.submission is None:
        stages += [
            ("real lesions", lambda: _real(bench)),
            ("infection", lambda: _infection(bench)),
            ("clean regions", lambda: extras.clean(bench, plan)),
            ("random weights", lambda: extras.sanity(bench, plan)),
            ("ablations", lambda: extras.ablations(bench, plan)),
        ]
    for name, run in stages:
        started = time.monotonic()
        for share in run():
            bench.tell(name, share)
        bench.seconds[name] = time.monotonic() - started


def _cases(bench: Bench, plan: Plan) -> Iterator[float]:
    for index, (name, make) in enumerate(plan):
        if not bench.records.has("case", name):
            case = make()
            answer = bench.submission.answer(case) if bench.submission else None
            row, arrays = run_case(
                bench.pipe, case, bench.request.profile, bench.judge, bench.request.seed, answer
            )
            bench.records.keep(name, arrays)
            bench.records.add("case", name, row)
        yield (index + 1) / len(plan)


def _real(bench: Bench) -> Iterator[float]:
    """Nodule squares of the part (with a data folder), then larger lesions."""
    profile, seed = bench.request.profile, bench.request.seed
    sources = (
        [("nodule", nodules(bench.shards, profile.nodules))]
        if bench.shards and profile.nodules != 0
        else []
    )
    sources += [("tumour", tumours(bench.request.data))] if profile.tumours else []
    for number, (stage, lesions) in enumerate(sources):
        for real in lesions:
            name = real.case.name
            if not bench.records.has(stage, name):
                row, arrays = real_row(
                    bench.pipe,
                    real,
                    bench.judge,
                    steps=profile.steps,
                    seed=seed,
                )
                index = len(list(bench.records.keys(stage)))
                if stage == "nodule" and index < RADIOMICS_OF:
                    arrays |= extras.square_radiomics(real.case, arrays["made"], seed)
                bench.records.keep(f"{stage}-{index:04d}", arrays)
                bench.records.add(stage, name, row)
        yield (number + 1) / len(sources)


def _infection(bench: Bench) -> Iterator[float]:
    """Lungs of slices with infection labels; only with a data folder."""
    if bench.request.data and bench.request.profile.tumours and not bench.records.of("infection"):
        rows = list(infection_rows(bench.pipe, bench.request.data))
        bench.records.add("infection", "all", {"rows": rows})
    yield 1.0


class CasesWritten(Struct, frozen=True):
    """Where the cases lie, how many, and what became of their truth."""

    output: str
    cases: int
    truth: str


def export(request: Request, *, with_truth: bool) -> CasesWritten:
    """Write the cases for others to answer.

    Raises:
        DGMVLCError: as `run_evaluation`.
    """
    work, plan = _begin(request, "cases.json", resume=False)
    entries = export_cases((make() for _, make in plan), work, with_truth=with_truth)
    shutil.rmtree(work / SHARDS, ignore_errors=True)
    close_output(work, request.out)
    truth = "given" if with_truth else "kept back"
    return CasesWritten(str(request.out), len(entries), truth)
