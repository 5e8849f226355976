"""A watch whose archive, or that itself, is killed at random moments, while studies are found,
brought, reviewed and their results sent: after the restarts everything must be there once. A
private Orthanc on loopback.

    python Testing/Benchmarks/watch.py OUT.json [--kill archive|watch] [--moments 20] [--seed 0]

Each look is a process of its own: `dgmvlc watch --once`, forked from one that has its models
loaded, so that the moments fall into the work. Needs Debian's orthanc, orthanc-dicomweb and dcmtk.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from DGMVLCCore import cli  # noqa: E402
from DGMVLCCore.archive.archive import Archive  # noqa: E402
from DGMVLCCore.archive.ledger import read_ledger  # noqa: E402
from DGMVLCCore.jobs import uses  # noqa: E402
from DGMVLCCore.jobs.watch_state import WatchState  # noqa: E402
from Testing.conftest import chest  # noqa: E402
from Testing.Core.archive.conftest import write_study  # noqa: E402
from Testing.Core.archive.orthanc import Orthanc  # noqa: E402

FORK = multiprocessing.get_context("fork")
RESULTS = 4  # objects of a study: segmentation, map, measurements, pages


def noted(folder: Path, word: str) -> None:
    """Add a word to what the killed processes leave behind of what they did."""
    handle = os.open(folder / "steps", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, f"{word}\n".encode())
    os.close(handle)


def observed(folder: Path) -> None:
    """Note each call of the archive and each look at a study, begun and done."""
    for name in ("find", "get", "send"):
        call = getattr(Archive, name)

        def around(
            self: Archive, *args: Any, _call: Any = call, _name: str = name, **more: Any
        ) -> Any:
            noted(folder, _name)
            made = _call(self, *args, **more)
            noted(folder, "between")
            return made

        setattr(Archive, name, around)
    run = uses.REVIEW.run

    def looked(session: Any, request: Any, tell: Any) -> dict[str, Any]:
        noted(folder, "review")
        made = run(session, request, tell)
        noted(folder, f"looked {request.study}")
        noted(folder, "between")
        return made

    uses.REVIEW = uses.Use(looked)


def look(folder: Path) -> None:
    """The command, in a process of its own."""
    noted(folder, "start")
    command = ["watch", "web", "-o", str(folder / "watch"), "--once", "--send", "web", "-q"]
    with open(os.devnull, "w", encoding="utf-8") as nothing, redirect_stdout(nothing):
        sys.exit(cli.main(command))


def steps(folder: Path) -> Iterator[str]:
    return iter((folder / "steps").read_text(encoding="utf-8").split("\n")[:-1])


def one_look(folder: Path, server: Orthanc, wait_s: float | None, victim: str) -> str | None:
    """A look; after `wait_s` the archive or the look is killed. What it was doing then, None when
    it was over."""
    process = FORK.Process(target=look, args=(folder,))
    process.start()
    process.join(wait_s)
    if process.exitcode is not None:
        return None
    during = list(steps(folder))[-1]
    if victim == "watch":
        process.kill()
        process.join()
    else:
        server.kill()
        process.join()
        server.start()
    return during


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--kill", choices=("archive", "watch"), default="archive")
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=60, help="end before, if need be")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng, end = random.Random(args.seed), time.monotonic() + 60 * args.minutes
    during: Counter[str] = Counter()
    stored = studies = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "orthanc").mkdir()
        server = Orthanc(folder / "orthanc")
        os.environ |= server.named(tries=2, timeout_s=20)
        server.start()
        observed(folder)
        span = 5.0
        while sum(during.values()) < args.moments and time.monotonic() < end:
            scan = chest((8, 112, 128), nodule=True, seed=studies)
            write_study(folder / f"sent-{studies}", scan.array, patient=f"P-{studies}")
            server.storescu(*sorted((folder / f"sent-{studies}").iterdir()))
            stored, studies = stored + len(scan.array), studies + 1
            began = time.monotonic()
            killed = one_look(folder, server, rng.uniform(0, span), args.kill)
            if killed is None:
                span = max(1.0, 0.5 * span + 0.5 * (time.monotonic() - began))
            else:
                span = min(1.3 * span, 60.0)
                during[killed.split()[0]] += 1
        one_look(folder, server, None, args.kill)
        state = WatchState(folder / "watch" / "watch.sqlite")
        looked = Counter(word for word in steps(folder) if word.startswith("looked "))
        uids, sent = server.uids(), [entry.object.uid for entry in read_ledger()]
        result = {
            "killed": args.kill,
            "moments": sum(during.values()),
            "while it did": dict(during),
            "studies stored": studies,
            "states": state.counts(),
            "studies sent": sum(study.sent for study in state.studies()),
            "problems": [study.problem for study in state.studies() if study.problem],
            "studies brought": len(list((folder / "watch").glob("*/studies/*"))),
            "looked at twice": sum(count - 1 for count in looked.values()),
            "objects in the archive": len(uids),
            "too many or too few of them": len(uids) - stored - RESULTS * studies,
            "of one UID": len(uids) - len(set(uids)),
            "in the ledger": len(sent),
            "in the ledger twice": len(sent) - len(set(sent)),
            "left over": [p.name for p in (folder / "watch").rglob(".*") if p.is_dir()],
        }
        server.kill()
    text = json.dumps(result, indent=1)
    args.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
