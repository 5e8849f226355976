"""One slice edited in a warm process, with region, evidence, attention, 8 noises and the written
result: this code against an earlier one, in one run.

    python Testing/Benchmarks/warm_edit.py [--old REVISION] [--runs 7] [--profile]

Every run takes another slice of the sample's nodule, so that nothing is remembered from the run
before but the scan, the anatomy and the encoded sentences. Wall seconds depend on what else the
machine does; CPU seconds, of one thread with --threads 1, much less. With --old both run in turn,
in processes of their own, from `git archive REVISION`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Runs in either code, so it uses only what both have: imports by either place of the request.
CHILD = """
import cProfile, json, pstats, sys, tempfile, time
from dataclasses import replace
from pathlib import Path
import numpy as np
import torch
torch.set_num_threads(int(sys.argv[2]))
from DGMVLCCore.jobs.edit import Request
from DGMVLCCore.jobs.session import Session
from DGMVLCCore import load_volume
from DGMVLCCore.imaging.labels import load_labels
sample, session = Path(sys.argv[1]), Session()
text = (sample / "report.txt").read_text(encoding="utf-8")
scan = load_volume(sample / "ct.nrrd")
area = scan.orientation().apply(load_labels(sample / "nodule.nrrd", scan).union()).sum((1, 2))
slices = [int(z) for z in np.argsort(-area)[: int(sys.argv[3]) + 1]]
session.warm_up()
with tempfile.TemporaryDirectory() as folder:
    for number, z in enumerate(slices):
        request = Request(
            sample / "ct.nrrd", text, Path(folder) / str(number), mask=sample / "nodule.nrrd",
            slices=(z, z + 1), noises=8, scene=False,
        )
        profiler = cProfile.Profile() if sys.argv[4] == "1" and number == len(slices) - 1 else None
        wall, cpu = time.perf_counter(), time.process_time()
        if profiler:
            profiler.enable()
        session.run(request)
        if profiler:
            profiler.disable()
        took = (time.perf_counter() - wall, time.process_time() - cpu)
        if number:  # the first loads and finds the anatomy
            print(json.dumps(took), flush=True)
        if profiler:
            pstats.Stats(profiler, stream=sys.stderr).sort_stats("cumtime").print_stats(45)
"""


def seconds(code: Path, threads: int, runs: int, profile: bool) -> list[tuple[float, float]]:
    """Wall and CPU seconds of each warm run of the code in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(code), "OMP_NUM_THREADS": str(threads)}
    sample = ROOT / "Resources" / "sample"
    arguments = [str(sample), str(threads), str(runs), str(int(profile))]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *arguments],
        cwd=code,
        env=environment,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    return [tuple(json.loads(line)) for line in done.stdout.splitlines() if line[:1] == "["]


def middle(values: list[float]) -> float:
    """The median."""
    return sorted(values)[len(values) // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--old", help="a revision to compare with")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--profile", action="store_true", help="where the last run's time goes")
    args = parser.parse_args()
    found = {"now": seconds(ROOT, args.threads, args.runs, args.profile)}
    if args.old:
        with tempfile.TemporaryDirectory() as folder:
            archive = subprocess.run(
                ["git", "-C", str(ROOT), "archive", args.old], stdout=subprocess.PIPE, check=True
            )
            subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
            found[args.old] = seconds(Path(folder), args.threads, args.runs, False)
            found["now"] += seconds(ROOT, args.threads, args.runs, False)
    load = os.getloadavg()[0]
    for name, runs in found.items():
        wall, cpu = (middle([run[i] for run in runs]) for i in (0, 1))
        sys.stdout.write(
            f"{name}: median {wall:.2f} s ({min(r[0] for r in runs):.2f}–"
            f"{max(r[0] for r in runs):.2f}), {cpu:.2f} CPU-s, n={len(runs)}, load {load:.1f}\n"
        )
    if args.old:
        ratios = [
            middle([r[i] for r in found[args.old]]) / middle([r[i] for r in found["now"]])
            for i in (0, 1)
        ]
        sys.stdout.write(f"{args.old} / now: {ratios[0]:.1f} x wall, {ratios[1]:.1f} x CPU\n")


if __name__ == "__main__":
    main()
