"""Figures of the dual encoder on held-out patients: retrieval, zero-shot, negation, region
proposals, throughput.

python Testing/Benchmarks/alignment.py DATA_FOLDER OUT.json [--weights FOLDER] [--part test]
[--seeds 2]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import alignment_scores as alignment
from DGMVLCCore.editing.alignment import AlignmentPipeline
from DGMVLCCore.simulation.insert import HELD_OUT_KIND
from DGMVLCCore.simulation.phrases import HELD_OUT_FAMILY
from DGMVLCCore.training.shards import build_shards


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--part", default="test", choices=("val", "test"))
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args()
    pipe = AlignmentPipeline.from_pretrained(args.weights)
    with tempfile.TemporaryDirectory() as name:
        shards = Path(name)
        build_shards(args.data, shards, part=args.part, phrases=40)
        found = list(alignment.cases(shards, args.seeds))
        started = time.monotonic()
        seen = alignment.see_cases(pipe, found)
        regions_a_second = 2 * len(found) / (time.monotonic() - started)
        nodules, pointed = (
            alignment.see_nodules(pipe, shards),
            alignment.point_nodules(pipe, shards),
        )
    taught = [one for one in seen if one.lesion is None or one.lesion.kind != HELD_OUT_KIND]
    strange = [one for one in seen if one.lesion is None or one.lesion.kind == HELD_OUT_KIND]
    everything = seen + nodules
    answer = {
        "part": args.part,
        "weights_sha256": pipe.weights_sha256,
        "regions": len(everything),
        "regions a second": round(regions_a_second, 1),
        "retrieval": {
            "all": alignment.retrieval(pipe, everything),
            "simulated": alignment.retrieval(pipe, seen),
            "real nodules": alignment.retrieval(pipe, nodules),
            "phrasing never taught": alignment.retrieval(pipe, everything, HELD_OUT_FAMILY),
            "shuffled text": alignment.retrieval(pipe, everything, shuffled=True),
        },
        "zero-shot AUROC, simulated": alignment.zero_shot(pipe, taught),
        "zero-shot AUROC, kind never taught": alignment.zero_shot(pipe, strange)["nodule"],
        "zero-shot AUROC, real nodules": alignment.nodule_probes(pipe, nodules),
        "negation": alignment.negation(pipe, seen),
        "negation, real nodules": alignment.negation(pipe, nodules),
        "real nodules in 48 mm squares": pointed,
        "proposals": {
            name: alignment.summary(rows) for name, rows in alignment.proposals(pipe, found).items()
        },
    }
    args.out.write_text(json.dumps(answer, indent=1), encoding="utf-8")
    sys.stdout.write(json.dumps(answer, indent=1) + "\n")


if __name__ == "__main__":
    main()
