"""Rows of one variant on the cases with known truth, by the scores of `dgmvlc evaluate`; and the
rows of all variants side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.evaluation.benchmark.records import Json
from DGMVLCCore.evaluation.benchmark.variants import VARIANTS, Variant, edit
from DGMVLCCore.evaluation.cases import Case
from DGMVLCCore.evaluation.consistency import z_consistency
from DGMVLCCore.evaluation.pooled import set_scores
from DGMVLCCore.evaluation.profile import Profile
from DGMVLCCore.evaluation.records import Records
from DGMVLCCore.evaluation.rim import untouched_rims
from DGMVLCCore.evaluation.run import Request, planned
from DGMVLCCore.evaluation.scoring import Judge
from DGMVLCCore.evaluation.statistics import missing
from DGMVLCCore.evaluation.summary import method_table, scored
from DGMVLCCore.evaluation.tables import Row, Scores
from DGMVLCCore.evaluation.trial import TRUE, Arrays, facts, features
from DGMVLCCore.models.probe import Probe

STAGE, SLAB = "case", 3
ASKED = ("z_error", "shown", "faithful")  # beside the scores that `evaluate` gives every method
SETS = ("frd", "kid", "fid")
UNHEARD = "not asked of this procedure, or the probe saw no lesion before"
UNASKED = {"shown": UNHEARD, "faithful": UNHEARD, "z_error": "too few neighbouring voxels"}


def score_job(spec: Json) -> dict[str, int]:
    """Score one variant on all cases; cases that were scored before are not done again.

    Args:
        spec: "variant", "weights" (folder or null), "shards" (held-out patients' folder, or null
            for the sample scan), "part", "kinds", "seeds" (lesions of
            each kind in each patient), "seed", "folder" (for the rows), "truth" (also measure the
            true regions for the distances between sets).
    """
    variant = next(one for one in VARIANTS if one.name == spec["variant"])
    pipe, judge = (
        CounterfactualPipeline.from_pretrained(spec["weights"]).to("cpu"),
        Judge(Probe.from_pretrained()),
    )
    shards = Path(spec["shards"]) if spec["shards"] else None
    profile = Profile("benchmark", kinds=tuple(spec["kinds"]), seeds=spec["seeds"], slab=SLAB)
    plan = planned(Request(Path(), profile, part=spec["part"], seed=spec["seed"]), shards)
    about = {
        "variant": variant.name,
        "weights": pipe.weights_sha256,
        "probe": judge.probe.weights_sha256,
        "part": spec["part"],
        "seed": spec["seed"],
        "truth": spec["truth"],
        "cases": [name for name, _ in plan],
    }
    records = Records(Path(spec["folder"]), about, resume=True)
    for name, make in plan:
        if not records.has(STAGE, name):
            row, arrays = variant_row(
                variant, pipe, make(), judge, spec["seed"], truth=spec["truth"]
            )
            records.keep(name, arrays)
            records.add(STAGE, name, row)
    return {"cases": len(plan)}


def variant_row(
    variant: Variant,
    pipe: CounterfactualPipeline,
    case: Case,
    judge: Judge,
    seed: int,
    *,
    truth: bool = False,
) -> tuple[Row, Arrays]:
    """The variant's row of a case, and the features of its region for distances between sets."""
    made, stated = edit(variant, pipe, case, seed), edit(variant, pipe, case, seed, denied=False)
    if made is None:
        return {**facts(case), "methods": {}}, {}
    lungs, before = case.anatomy.lungs, judge.probed(case, case.scan.array)
    scores = judge.score(case, made, untouched_rims(case.scan.array, case.mask, lungs, seed))
    along = z_consistency(made, case.true.array, case.mask, lungs)
    apart = (
        None
        if along["inside"] is None or along["true"] is None
        else abs(along["inside"] - along["true"])
    )
    shown = None if stated is None or before <= 0 else judge.probed(case, stated) > 0
    after = scores["probe"]
    faithful = None if shown is None else shown and after is not None and after <= 0
    scores |= Scores(z_error=apart, shown=shown, faithful=faithful)
    fills = {variant.title: made} | ({TRUE: case.true.array} if truth else {})
    row: Row = {**facts(case), "probe_before": before, "methods": {variant.title: scores}}
    return row, features(pipe, case, fills, judge)


def side_by_side(folders: list[Path]) -> tuple[list[Row], list[dict[str, np.ndarray]]]:
    """Rows of the cases with every variant's scores under "methods", and their arrays; the folders
    hold the rows of one variant each."""
    rows: dict[str, Row] = {}
    kept: dict[str, dict[str, np.ndarray]] = {}
    for folder in folders:
        records = Records.reading(folder)
        for row in records.of(STAGE):
            merged = rows.setdefault(row["case"], {**row, "methods": {}})
            merged["methods"] |= row["methods"]
            kept.setdefault(row["case"], {}).update(records.kept(row["case"]))
    return list(rows.values()), list(kept.values())


def score_table(rows: list[Row], kept: list[dict[str, np.ndarray]]) -> dict[str, Row]:
    """Title of a variant -> every score as a figure with n and interval, and whether it ranks
    (`evaluate`'s rule)."""
    table = method_table(rows)
    sets = set_scores(kept, list(table))
    for name, entry in table.items():
        entry |= {score: sets[score].get(name, missing("not scored")) for score in SETS}
        for score in ASKED:
            found = scored(rows, name, score)
            entry[score] = found if found["n"] else missing(UNASKED[score])
    return table
