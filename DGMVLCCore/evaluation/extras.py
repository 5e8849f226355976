"""Stages beside the cases: clean regions, maps under random weights, ablations; and the tables they
give."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from DGMVLCCore.evaluation.ablation import NOISES, SETTINGS, noise_rows, setting_rows
from DGMVLCCore.evaluation.bench import Bench
from DGMVLCCore.evaluation.cases import Case
from DGMVLCCore.evaluation.localisers import LOCALISERS, randomised, rank_correlation
from DGMVLCCore.evaluation.metrics import pointing_hit
from DGMVLCCore.evaluation.real import healthy_square
from DGMVLCCore.evaluation.records import Records
from DGMVLCCore.evaluation.safety import clean_region_row
from DGMVLCCore.evaluation.statistics import at, over
from DGMVLCCore.evaluation.tables import Figure, Row
from DGMVLCCore.evaluation.trial import radiomics_of

Plan = list[tuple[str, Callable[[], Case]]]
RANDOMISED = ("reading pass", "dual encoder")
SHIFT_LIMIT = 0.05
FEW_NOISES = 2  # of the medoid that is asked of clean regions
ABLATED = ("mae_hu", "sd_ratio", "gradient_w1")


def spread(plan: Plan, count: int) -> Plan:
    """`count` cases spread over kinds and patients, always the same ones."""
    count = min(count, len(plan))
    return [plan[(index * len(plan) // count + index) % len(plan)] for index in range(count)]


def square_radiomics(case: Case, made: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """ "radiomics:" of a nodule square: as it is ("scan"), edited ("made"), and of a healthy region
    beside it; what cannot be had is left out."""
    beside = healthy_square(case, seed)
    found = {
        "scan": radiomics_of(case, case.scan.array),
        "made": radiomics_of(case, made),
        "healthy": None if beside is None else radiomics_of(case, case.scan.array, beside),
    }
    return {f"radiomics:{name}": values for name, values in found.items() if values is not None}


def clean(bench: Bench, plan: Plan) -> Iterator[float]:
    """Edits asked of clear lung and of the wrong place."""
    chosen, profile = spread(plan, bench.request.profile.clean), bench.request.profile
    for index, (name, make) in enumerate(chosen):
        if not bench.records.has("clean", name):
            row = clean_region_row(
                bench.pipe,
                make(),
                bench.request.seed,
                noises=min(FEW_NOISES, profile.noises),
                steps=profile.steps,
                score=bench.judge.probe.score,
            )
            bench.records.add("clean", name, row)
        yield (index + 1) / len(chosen)


def sanity(bench: Bench, plan: Plan) -> Iterator[float]:
    """The same maps from the same network with its weights shuffled."""
    profile = bench.request.profile
    chosen, names = (
        spread(plan, profile.sanity),
        [name for name in RANDOMISED if profile.localisers is None or name in profile.localisers],
    )
    twin = randomised(bench.pipe, bench.request.seed) if chosen and names else None
    for index, (key, make) in enumerate(chosen):
        if twin is not None and not bench.records.has("random weights", key):
            case, row = make(), {}
            lesion, lungs = case.lesion.mask & case.anatomy.lungs, case.anatomy.lungs
            for name in names:
                before, after = (
                    LOCALISERS[name](pipe, case, bench.request.seed) for pipe in (bench.pipe, twin)
                )
                row[name] = {
                    "rank_correlation": rank_correlation(before, after, lungs),
                    "pointing": pointing_hit(before, lesion),
                    "pointing_random_weights": pointing_hit(after, lesion),
                }
            bench.records.add("random weights", key, {"patient": case.patient, "maps": row})
        yield (index + 1) / len(chosen)


def ablations(bench: Bench, plan: Plan) -> Iterator[float]:
    """Every setting on a few cases."""
    profile, seed = bench.request.profile, bench.request.seed
    chosen, groups = spread(plan, profile.ablations), profile.ablation_groups
    settings = [setting for setting in SETTINGS if groups is None or setting.group in groups]
    for index, (key, make) in enumerate(chosen):
        if not bench.records.has("ablations", key):
            case = make()
            rows = setting_rows(bench.pipe, [case], seed, settings)
            if groups is None or "noises" in groups:
                rows += noise_rows(bench.pipe, [case], seed, NOISES, profile.steps)
            bench.records.add("ablations", key, {"patient": case.patient, "rows": rows})
        yield (index + 1) / len(chosen)


def safety_rows(records: Records) -> list[Row]:
    """Replace asked of the untouched scan of every case, in the case's mask, with one noise."""
    return [
        {
            "patient": row["patient"],
            "probe_fp": row["own"]["clear_probe"] > 0,
            "probe_fp_untouched": row["probe_true"] > 0,
            "median_dhu": abs(row["own"]["clear_median_dhu"]),
        }
        for row in records.of("case")
        if row["own"]
    ]


def safety_table(records: Records) -> dict[str, Figure]:
    """What edits of clean regions change, and what the presence check refuses."""
    every, some = safety_rows(records), records.of("clean")
    if not every:
        return {}
    return {
        "replace: |median ΔHU|": over(every, lambda row: row["median_dhu"]),
        "replace: probe sees a lesion": over(every, lambda row: row["probe_fp"]),
        "untouched: probe sees a lesion": over(every, lambda row: row["probe_fp_untouched"]),
        "replace: share of vessel voxels lost": over(
            some,
            lambda row: (
                row["lost_vessel_voxels"] / row["vessel_voxels"] if row["vessel_voxels"] else None
            ),
        ),
        "shift: share of the mask changed by more than 20 HU": over(
            some, lambda row: row["shift_changed"]
        ),
        "shift: regions with less than 5 % of the mask changed": over(
            some, lambda row: row["shift_changed"] < SHIFT_LIMIT
        ),
        "abstains where the finding is absent": over(some, lambda row: row["abstains_absent"]),
        "abstains where the region is misplaced": over(
            some, lambda row: row["abstains_misplaced"], "no other place holds the mask"
        ),
        "abstains wrongly, on the lesion itself": over(some, lambda row: row["abstains_present"]),
        "refuses a finding that was never taught": over(some, lambda row: row["refuses_untaught"]),
    }


def randomised_table(records: Records) -> dict[str, Figure]:
    """Rank correlation of maps before and after, and where both point."""
    rows, out = records.of("random weights"), dict[str, Figure]()
    for name in dict.fromkeys(name for row in rows for name in row["maps"]):
        for key, said in (
            ("rank_correlation", "rank correlation with the map of the trained weights"),
            ("pointing", "pointing game, trained weights"),
            ("pointing_random_weights", "pointing game, random weights"),
        ):
            out[f"{name}: {said}"] = at(
                rows, "maps", name, key, note="a map was flat, so it has no ranks"
            )
    return out


def ablation_table(records: Records) -> dict[str, dict[str, Figure]]:
    """ "group: setting" -> score -> figure."""
    lines: dict[str, list[Row]] = {}
    for row in (line for entry in records.of("ablations") for line in entry["rows"]):
        lines.setdefault(f"{row['group']}: {row['name']}", []).append(row)
    return {name: {score: at(part, score) for score in ABLATED} for name, part in lines.items()}
