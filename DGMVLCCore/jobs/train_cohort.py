"""Train the generator on a cohort: folder of scans and masks + clinical table -> shards -> weights
that know the cohort's attributes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from DGMVLCCore.cohort.cohort import refuse_unpaired, require_several
from DGMVLCCore.cohort.plan import CohortPlan, CohortRequest, plan_cohort
from DGMVLCCore.cohort.teach import write_shards
from DGMVLCCore.errors import WeightsError
from DGMVLCCore.ground.plain_json import read_json
from DGMVLCCore.jobs.discover import load_cohort
from DGMVLCCore.models.checks import COHORT
from DGMVLCCore.results.folders import check_output, replaced_folder
from DGMVLCCore.training.loop import train
from DGMVLCCore.training.tuning import cohort_recipe

CHECKPOINT_EVERY = 100
Tell = Callable[[str, float], None]


def _key(request: CohortRequest, plan: CohortPlan) -> str:
    """Changes when anything the shards are made from does: table, schema, attributes, or a scan's
    or mask's file."""
    paths = [*plan.layout.scans.values(), *plan.layout.masks.values()]
    files = [
        (str(p), p.stat().st_size, p.stat().st_mtime_ns)
        for folder in paths
        for p in (sorted(folder.iterdir()) if folder.is_dir() else [folder])
    ]
    words = [p.read_bytes().hex() if p else "" for p in (request.table, request.schema)]
    return hashlib.sha256(
        json.dumps(
            [words, plan.sentences.names, list(plan.cohort.attributes), files, *request.series]
        ).encode()
    ).hexdigest()


def cohort_shards(
    request: CohortRequest, plan: CohortPlan, folder: Path, missing: str, tell: Tell
) -> list[str]:
    """Write the shards of a cohort, or keep those that an interrupted run left; returns a sentence
    for each patient left out.

    Args:
        folder: to write; whole or not there. missing: "stop" or "skip" at what does not pair or
            cannot be read.

    Raises:
        UnsuitableInputError: patients are missing and the choice is to stop, or fewer than two are
            left. WeightsError: the run began with another cohort.
    """
    refuse_unpaired(plan.unpaired, missing)
    key, record = _key(request, plan), folder / COHORT
    if record.exists():
        facts = read_json(record)
        if facts.get("key") == key:
            return list(facts["left_out"])
        if (folder.parent / "checkpoint.pt").exists():
            raise WeightsError(
                f"{folder.parent} holds a run on other scans, rows or attributes than these; "
                "give the same, or choose another output folder."
            )
    else:
        check_output(folder, False, COHORT)
    scans, unread = load_cohort(plan.cohort, plan.layout, tell, request.series)
    refuse_unpaired(unread, missing)
    require_several(scans, unread)
    with replaced_folder(folder) as written:
        write_shards(written, list(scans.values()), plan.cohort.attributes, plan.sentences)
        facts = json.loads((written / COHORT).read_text(encoding="utf-8"))
        (written / COHORT).write_text(
            json.dumps({**facts, "key": key, "left_out": unread}), encoding="utf-8"
        )
    return unread


class Trained(Struct, frozen=True):
    """The weights' folder, what they were trained on, and what to know of it."""

    weights: str
    patients: int
    attributes: str
    problems: list[str]
    notes: list[str]


def train_cohort(
    request: CohortRequest,
    out: Path,
    *,
    missing: str = "stop",
    weights: Path | None = None,
    tell: Tell | None = None,
    quiet: bool = False,
    **fields: Any,
) -> Trained:
    """Do the whole job; an interrupted run goes on.

    Args:
        out: folder for shards, checkpoint, log and weights. weights: to begin with; the shipped
            ones when None.
        quiet: show no progress bar of the training. fields: of the recipe (minutes, steps, batch,
            workers, …).

    Raises:
        DGMVLCError: every refusal, with its sentence.
    """
    plan, shards = plan_cohort(request), out / "shards"
    how = {"checkpoint_every": CHECKPOINT_EVERY, **fields}
    recipe = cohort_recipe(shards, out, weights, **how)
    refuse_unpaired(plan.unpaired, missing)
    out.mkdir(parents=True, exist_ok=True)
    unread = cohort_shards(request, plan, shards, missing, tell or (lambda stage, share: None))
    trained = train(recipe, quiet=quiet)
    facts = json.loads((trained / COHORT).read_text(encoding="utf-8"))
    kept = f"{shards} holds the patients' scans; delete it when the run needs not go on."
    return Trained(
        str(trained),
        len(facts["scans"]),
        ", ".join(facts["attributes"]),
        list(dict.fromkeys([*plan.layout.problems, *plan.cohort.problems, *unread])),
        [*plan.notes, kept],
    )
