"""Does the presence check tell lesions from clear regions? python Testing/Benchmarks/presence.py
SHARDS OUT.json [--seeds N]

SHARDS holds native shards of one part (`dgmvlc data`). Each kind of lesion is put into each scan
and the check is asked of its region with and without it: the area under the curve, and the shares
that reach the check's limit, by the editor alone, by the finder alone, and by both.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from DGMVLCCore.editing.asked import EVIDENCE_SHARE, SEEN, evidence_of, read_places, top_share
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.evaluation.cases import Case, make_cases
from DGMVLCCore.language.prompts import denial_prompt

WAYS = ("editor", "finder", "both")


def ask(pipe: CounterfactualPipeline, case: Case, *, there: bool) -> dict[str, float]:
    """What each way says of the case's region with or without its lesion.

    The editor alone is read as it was alone: in the region's most suspicious tenth.
    """
    scan, denial = case.scan if there else case.true, denial_prompt(case.lesion.term)
    rng = np.random.default_rng(0)
    (own,) = read_places(pipe, scan, case.anatomy, case.mask, denial, rng, others=False)
    editor, finder = (np.concatenate(each) for each in zip(*own))
    said = top_share(editor), top_share(finder, EVIDENCE_SHARE), evidence_of(own)
    return dict(zip(WAYS, said))


def figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Area under the curve and shares that reach the limit, by way."""
    out = {}
    for way in WAYS:
        there, clear = ([row[place][way] for row in rows] for place in ("lesion", "clear"))
        truth, limit = [1] * len(there) + [0] * len(clear), SEEN
        out[way] = {
            "auc": round(float(roc_auc_score(truth, there + clear)), 3),
            "lesions seen": round(float(np.mean(np.array(there) >= limit)), 3),
            "clear regions seen": round(float(np.mean(np.array(clear) >= limit)), 3),
            "n": len(there),
        }
    return out


def main() -> None:
    """Ask, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shards", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=2, help="lesions of a kind in a scan")
    args = parser.parse_args()
    pipe, rows = CounterfactualPipeline.from_pretrained(None), []
    for case in make_cases(args.shards, seeds=args.seeds):
        row = {"patient": case.patient, "kind": case.lesion.kind}
        rows.append(
            row | {place: ask(pipe, case, there=place == "lesion") for place in ("lesion", "clear")}
        )
    record = {"all": figures(rows), "kinds": {}, "rows": rows}
    for kind in dict.fromkeys(row["kind"] for row in rows):
        record["kinds"][kind] = figures([row for row in rows if row["kind"] == kind])
    args.out.write_text(json.dumps(record, indent=1), encoding="utf-8")
    for name, part in {"all": record["all"], **record["kinds"]}.items():
        sys.stdout.writelines(f"{name:20s} {way:8s} {row}\n" for way, row in part.items())


if __name__ == "__main__":
    main()
