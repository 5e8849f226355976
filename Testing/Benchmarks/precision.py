"""The editor in float32 and under bf16 on this processor: python Testing/Benchmarks/precision.py

Prints JSON: seconds of one pass over 16 slices of 128 x 128 pixels in each (the faster of several,
taken in turn), how many times as long bf16 takes, the mean difference of the answers in model
units, and what `computes_bf16` says of the processor.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.see_through import EditPredictor
from DGMVLCCore.ground.devices import computes_bf16
from DGMVLCCore.models.denoiser import Conditions

SLICES, SIDE, ROUNDS = 16, 128, 8


def conditions(pipe: CounterfactualPipeline) -> Conditions:
    """Slices of noise under a denial."""
    torch.manual_seed(0)
    planes = (SLICES, 3, SIDE, SIDE)
    tokens, token_mask, pooled = pipe.text("No nodule.")
    cond = Conditions(
        context=0.3 * torch.randn(planes) - 0.6,
        mask=torch.ones(planes),
        anatomy=torch.ones(SLICES, 4, SIDE, SIDE),
        geometry=torch.ones(SLICES, 2),
        tokens=tokens,
        token_mask=token_mask,
        pooled=pooled,
        hidden=torch.zeros(planes),
    )
    return cond.with_text(tokens, token_mask, pooled)


def main() -> None:
    pipe = CounterfactualPipeline.from_pretrained()
    cond, answers = conditions(pipe), {}
    seconds = {True: float("inf"), False: float("inf")}
    for _ in range(ROUNDS):
        for autocast in (False, True):
            start = time.perf_counter()
            answers[autocast] = EditPredictor(pipe.model, autocast)(cond.context[:, 1:2], 1.0, cond)
            seconds[autocast] = min(seconds[autocast], time.perf_counter() - start)
    apart = (answers[True].target - answers[False].target).abs().mean()
    print(
        json.dumps(
            {
                "float32_s": round(seconds[False], 3),
                "bf16_s": round(seconds[True], 3),
                "bf16_takes_times": round(seconds[True] / seconds[False], 2),
                "apart": round(float(apart), 5),
                "computes_bf16": computes_bf16("cpu"),
            }
        )
    )


if __name__ == "__main__":
    main()
