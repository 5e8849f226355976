"""`dgmvlc benchmark`, end to end: train, measure, score, write; every part goes on where it was
broken off."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from msgspec import Struct

from DGMVLCCore.errors import UsageError
from DGMVLCCore.evaluation.benchmark import jobs, table
from DGMVLCCore.evaluation.benchmark.records import Benchmark, Cost, Measured, Times, Training
from DGMVLCCore.evaluation.benchmark.training import PEAK, Budget, facts_of, finished, train_variant
from DGMVLCCore.evaluation.benchmark.variants import SAME_NETWORK, VARIANTS, Variant, choose
from DGMVLCCore.evaluation.output import close_output, open_output
from DGMVLCCore.evaluation.run import SHARDS, prepare_shards
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.models.networks import WEIGHTS
from DGMVLCCore.results.records import write_text
from DGMVLCCore.simulation.insert import KINDS
from DGMVLCCore.training.shards import build_shards

ROWS_OF, COSTS = "rows", "costs.json"
NO_MONAI = (
    "The U-Net of the seed's stated size: left out, MONAI with einops is not installed (pip "
    "install "
    "dgmvlc[evaluate])."
)
Tell = Callable[[str, float], None]


@dataclass(frozen=True)
class Request:
    """What is asked.

    Args:
        data: data folder; its held-out patients get the lesions, the sample scan gets them when
            None.
        trained: folder where the variants' runs are kept between calls. shards: training shards;
            made from `data` when None.
        only: "train", "score" or empty for both. variants: names; all when None.
        part: "val" or "test". seeds: lesions of each kind in each patient.
        repeats: timed edits a variant. calls: timed calls of the U-Net of the seed's stated size, 0
            for none.
    """

    out: Path
    trained: Path
    budget: Budget
    data: Path | None = None
    shards: Path | None = None
    variants: tuple[str, ...] | None = None
    only: str = ""
    part: str = "val"
    kinds: tuple[str, ...] = KINDS
    seeds: int = 1
    seed: int = 0
    repeats: int = 5
    calls: int = 3
    resume: bool = False
    overwrite: bool = False


class OnlyTrained(Struct, frozen=True, rename={"left_out": "left out"}):
    """Where the trained variants lie, and which could not be made."""

    trained: str
    variants: list[str]
    left_out: list[str]


def run_benchmark(
    request: Request, tell: Tell = lambda stage, share: None
) -> Benchmark | OnlyTrained:
    """Do what is asked; returns the record of benchmark.json, or what was trained.

    Raises:
        DGMVLCError: every refusal, with its sentence; scored rows of an interrupted run stay in
            OUT.partial, trained runs in `trained`.
    """
    chosen, left_out = choose(request.variants)
    names = [variant.name for variant in chosen]
    if "two-generations" in names and SAME_NETWORK not in names:
        raise UsageError(
            f"The variant two-generations uses the network of {SAME_NETWORK}; choose that as well."
        )
    if request.only != "score":
        _train(request, chosen, tell)
        if request.only == "train":
            trained = [variant.name for variant in chosen if variant.trained]
            return OnlyTrained(str(request.trained), trained, left_out)
    if missing := [
        variant.name
        for variant in chosen
        if variant.trained and not finished(variant, request.budget, request.trained)
    ]:
        raise UsageError(
            f"{request.trained} holds no finished run of {', '.join(missing)}; train first, or "
            "leave them out with --variants."
        )
    work = open_output(
        request.out, resume=request.resume, overwrite=request.overwrite, name=table.RECORD
    )
    if request.data:
        prepare_shards(request.data, request.part, work / SHARDS)
    record = _scored(request, chosen, left_out, work, tell)
    for folder in (ROWS_OF, SHARDS):
        shutil.rmtree(work / folder, ignore_errors=True)
    close_output(work, request.out)
    return record


def _train(request: Request, chosen: list[Variant], tell: Tell) -> None:
    """All runs that are not finished, in processes of their own."""
    wanted = [variant for variant in chosen if variant.trained]
    if all(finished(variant, request.budget, request.trained) for variant in wanted):
        return
    if request.shards is None and request.data is None:
        raise UsageError(
            "Training needs patients: give --data, or the training shards with --shards."
        )
    shards = request.shards or request.trained / SHARDS
    if request.shards is None and request.data is not None and not (shards / "done").exists():
        tell("shards", 0.0)
        shutil.rmtree(shards, ignore_errors=True)
        build_shards(request.data, shards)
        (shards / "done").touch()
    for index, variant in enumerate(wanted):
        tell(f"training {variant.name}", index / len(wanted))
        train_variant(variant, request.budget, shards, request.trained)


def weights_of(variant: Variant, trained: Path) -> str | None:
    """Weights folder of a variant; None for the shipped one."""
    if variant.name == "shipped":
        return None
    return str(
        (trained / (variant.name if variant.trained else SAME_NETWORK) / "weights").absolute()
    )


def _scored(
    request: Request, chosen: list[Variant], left_out: list[str], work: Path, tell: Tell
) -> Benchmark:
    """Measure and score the variants, then write all tables."""
    weights = {variant.name: weights_of(variant, request.trained) for variant in chosen}
    costs: dict[str, Cost] = {}
    spec = {
        "shards": str((work / SHARDS).absolute()) if request.data else None,
        "part": request.part if request.data else "sample",
        "kinds": list(request.kinds),
        "seeds": request.seeds,
        "seed": request.seed,
    }
    for index, variant in enumerate(chosen):
        tell(f"scoring {variant.name}", index / len(chosen))
        one = {"variant": variant.name, "weights": weights[variant.name]}
        folder = work / ROWS_OF / variant.name
        jobs.call(
            "score", {**spec, **one, "folder": str(folder.absolute()), "truth": index == 0}
        )  # refuses rows of other weights
        costs[variant.name] = {**_measured(one, folder), **_training_of(variant, request.trained)}
    calls = request.calls if find_spec("monai") and find_spec("einops") else 0
    tell("timing", 0.0)
    timed = {"weights": weights, "repeats": request.repeats, "calls": calls}
    times = cast(Times, jobs.call("time", timed))
    left_out = [*left_out, *([NO_MONAI] if calls != request.calls else [])]
    about = {
        "part": spec["part"],
        "seed": request.seed,
        "budget": asdict(request.budget),
        "left_out": left_out,
    }
    folders = {
        variant.name: work / ROWS_OF / variant.name for variant in VARIANTS if variant in chosen
    }
    record = table.build(about, chosen, costs, times, folders)
    table.write(record, work)
    return record


def _measured(one: dict[str, str | None], folder: Path) -> Measured:
    """What a variant costs, measured once and kept in the folder of its rows."""
    if not (folder / COSTS).exists():
        write_text(json.dumps(jobs.call("measure", one)), folder / COSTS)
    measured: Measured = json.loads((folder / COSTS).read_text(encoding="utf-8"))
    return measured


def _training_of(variant: Variant, trained: Path) -> Training:
    """Steps, seconds and peak memory of a run; the shipped weights recorded no memory, two
    generations learn nothing of their own."""
    if variant.trained:
        peak = json.loads((trained / variant.name / PEAK).read_text(encoding="utf-8"))["peak_mb"]
        return {**facts_of(trained / variant.name / "weights"), "train_peak_mb": peak}
    if variant.name == "shipped":
        return {**facts_of(resource(WEIGHTS)), "train_peak_mb": None}
    return {"train_peak_mb": None}
