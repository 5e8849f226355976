"""Findings put into clear lung by the editor: seen through, with the lesion's place hidden, and
with all of the mask hidden.

    python Testing/Benchmarks/insertion.py SHARDS

SHARDS is made of the validation patients: build_shards(DATA, SHARDS, "val"). A lesion's shape is
drawn in an untouched scan, its fullest slice is edited under the finding's plain sentence; the
simulated lesion of the same shape is what it is compared with.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from DGMVLCCore import CounterfactualPipeline
from DGMVLCCore.editing.asked import change_evidence
from DGMVLCCore.editing.insertion import RIM_MM
from DGMVLCCore.editing.result import EditPlan
from DGMVLCCore.evaluation.cases import Case, make_cases
from DGMVLCCore.imaging.masks import dilate_mm
from DGMVLCCore.language.prompts import absent_prompt, denial_prompt, present_prompt

MARGIN_MM = 3.0
WAYS = ("seen through", "place hidden", "mask hidden")


def measure(pipe: CounterfactualPipeline, case: Case, way: str) -> dict[str, float]:
    """Density and error beside the simulated lesion, evidence and agreement afterwards."""
    lesion, term, spacing = case.lesion.mask, case.lesion.term, case.true.spacing
    row = int(lesion.sum((1, 2)).argmax())
    mask = dilate_mm(lesion, spacing, MARGIN_MM) & (case.anatomy.lungs | lesion)
    place = dilate_mm(lesion, spacing, RIM_MM) & mask
    hidden = {WAYS[0]: None, WAYS[1]: place, WAYS[2]: mask}[way]
    words = (absent_prompt(term), present_prompt(term))
    plan = EditPlan(mask, *words, term, removes=False, hidden=hidden)
    result = pipe(case.true, plan, anatomy=case.anatomy, noises=1, slices=(row, row + 1))
    made, true = (
        (scan - case.true.array)[row][lesion[row]]
        for scan in (result.counterfactual.array, case.scan.array)
    )
    seen = result.counterfactual, case.anatomy, result.mask
    evidence = change_evidence(pipe, *seen, denial_prompt(term))
    absent, present = pipe.alignment.agreement(*seen, list(words))  # type: ignore[union-attr]
    return {
        "density made over simulated": made.mean() / true.mean(),
        "error HU": np.abs(made - true).mean(),
        "evidence finds it": float(not evidence.absent and evidence.stands_out),
        "agrees with the words": float(present > absent),
    }


def main() -> None:
    pipe = CounterfactualPipeline.from_pretrained()
    cases = list(make_cases(Path(sys.argv[1])))
    for way in WAYS:
        kinds: dict[str, list[dict[str, float]]] = {"all": []}
        for case in cases:
            kinds["all"].append(measure(pipe, case, way))
            kinds.setdefault(case.lesion.term, []).append(kinds["all"][-1])
        for kind, rows in kinds.items():
            means = {name: round(float(np.mean([r[name] for r in rows])), 2) for name in rows[0]}
            sys.stdout.write(f"{way}, {kind} (n={len(rows)}): {means}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
