"""Many small studies reviewed on Ray with one worker killed midway, against one process in the
same run: results, doubles, failures, throughput, memory of a worker.

    python Testing/Benchmarks/many.py OUT.json [--studies 200] [--alone 40] [--workers 2]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from conftest import chest  # noqa: E402

from DGMVLCCore.imaging.io import save_volume  # noqa: E402
from DGMVLCCore.jobs.many import Pace, Place, Row  # noqa: E402
from DGMVLCCore.jobs.uses import review_all, review_items  # noqa: E402
from DGMVLCCore.review.decisions import ReviewSession  # noqa: E402

SHAPE, SPACING = (6, 56, 64), (5.0, 5.0, 5.0)


def studies_in(folder: Path, count: int) -> Path:
    """Phantom chests, each with its report beside it; no two alike."""
    folder.mkdir()
    for number in range(count):
        scan = chest(SHAPE, SPACING, nodule=number % 2 == 0, seed=number)
        save_volume(scan, folder / f"case-{number:03d}.nrrd")
        (folder / f"case-{number:03d}.txt").write_text(
            "There is a 26 mm nodule in the left lung.", encoding="utf-8"
        )
    return folder


def reviewed(folder: Path, place: Place, kill_at: int | None = None) -> dict[str, Any]:
    """One review of a folder; with `kill_at` the worker that did this row is killed at once."""
    session = ReviewSession.create(folder, folder.with_name(f"{folder.name}-session"))
    items = review_items(session, None, None)
    rows: list[Row] = []
    ends: list[float] = []
    killed = ""

    def seen(row: Row, pace: Pace) -> None:
        nonlocal killed
        rows.append(row)
        ends.append(time.monotonic())
        if len(rows) == kill_at:
            killed = row.where
            os.kill(int(row.where.rpartition(":")[2]), signal.SIGKILL)

    began = time.monotonic()
    review_all(session, items, place, seen)
    made = sorted(path.parent.name for path in (session.folder / "studies").glob("*/review.json"))
    wheres = {row.where for row in rows}
    return {
        "studies": len(items),
        "results": len(made),
        "double": sum(count - 1 for count in Counter(row.id for row in rows).values()),
        "left over": sum(
            1 for path in (session.folder / "studies").iterdir() if path.name[0] == "."
        ),
        "failures": sum(row.state == "failed" for row in rows),
        "killed": killed,
        "processes": len(wheres),
        "seconds": round(time.monotonic() - began, 1),
        # from the first result on: without starting processes and loading models
        "studies a minute, warm": round(60 * (len(ends) - 1) / (ends[-1] - ends[0]), 1),
        "memory of a process, MB": round(max(row.memory_mb for row in rows)),
        "load": [round(value, 1) for value in os.getloadavg()],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--alone", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        alone = reviewed(studies_in(Path(scratch) / "alone", args.alone), Place())
        args.out.write_text(json.dumps({"one process": alone}, indent=1), encoding="utf-8")
        on_ray = reviewed(
            studies_in(Path(scratch) / "ray", args.studies),
            Place("", args.workers),
            args.studies // 2,
        )
    answer = {"one process": alone, f"Ray, {args.workers} workers": on_ray}
    args.out.write_text(json.dumps(answer, indent=1), encoding="utf-8")
    sys.stdout.write(args.out.read_text(encoding="utf-8") + "\n")


if __name__ == "__main__":
    main()
