"""Work in a process of its own, so that its memory is its own; answers come back as JSON.

python -m DGMVLCCore.evaluation.benchmark.jobs JOB SPEC.json ANSWER.json
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from DGMVLCCore import errors
from DGMVLCCore.evaluation.benchmark.records import Json

# job -> (module of this room, function from the spec to the answer)
JOBS = {
    "train": ("training", "train_job"),
    "measure": ("measuring", "measure_job"),
    "time": ("measuring", "time_job"),
    "score": ("scoring", "score_job"),
}
ROOT = Path(__file__).parents[3]


def run_job(job: str, spec: Json) -> Json:
    """Do a job in this process."""
    module, function = JOBS[job]
    room = import_module(f"DGMVLCCore.evaluation.benchmark.{module}")
    answer: Json = getattr(room, function)(spec)
    return answer


def call(job: str, spec: Json, threads: int = 1) -> Json:
    """Do a job in a new process, on one thread, and wait for its answer.

    Raises:
        DGMVLCError: what the job raised, with its class and sentence; or that it ended without an
            answer.
    """
    with tempfile.TemporaryDirectory() as folder:
        names = ("spec.json", "answer.json", "said.txt")
        asked, answered, said = (Path(folder) / name for name in names)
        asked.write_text(json.dumps(spec), encoding="utf-8")
        code = _wait([job, str(asked), str(answered)], said, threads)
        if not answered.exists():
            lines = said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise errors.DGMVLCError(
                f"The process for “{job}” ended with code {code} and without an answer "
                f"({lines[-1][:200] if lines else 'no word'}); free some memory and resume."
            )
        answer: Json = json.loads(answered.read_text(encoding="utf-8"))
    if problem := answer.get("error"):
        raise getattr(errors, problem["kind"], errors.DGMVLCError)(problem["message"])
    return answer


def _wait(words: list[str], said: Path, threads: int) -> int:
    """Run this file with these arguments in a new process; what it prints goes into `said`."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
    command = [sys.executable, "-m", "DGMVLCCore.evaluation.benchmark.jobs", *words]
    with said.open("wb") as file:
        process = subprocess.Popen(command, stderr=file, stdout=file, env=environment)
        try:
            return process.wait()
        finally:
            process.kill()
            process.wait()


def main(job: str, spec: Path, answer: Path) -> None:
    """The new process."""
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    try:
        found = run_job(job, json.loads(spec.read_text(encoding="utf-8")))
    except (errors.DGMVLCError, MemoryError, OSError, RuntimeError) as error:
        known = errors.as_dgmvlc_error(error)
        if known is None:
            raise
        found = {"error": {"kind": type(known).__name__, "message": str(known)}}
    answer.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
