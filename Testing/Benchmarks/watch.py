"""A watch whose archive is killed at random moments, while studies are found, brought, reviewed and
their results sent: after the restarts everything must be there once. A private Orthanc on
loopback.

    python Testing/Benchmarks/watch.py OUT.json [--moments 20] [--seed 0]

Needs Debian's orthanc, orthanc-dicomweb and dcmtk.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from DGMVLCCore.archive.archive import Archive  # noqa: E402
from DGMVLCCore.archive.records import StudyQuery  # noqa: E402
from DGMVLCCore.errors import ArchiveError  # noqa: E402
from DGMVLCCore.jobs.many import Row  # noqa: E402
from DGMVLCCore.jobs.watch import WatchRequest, run_watch  # noqa: E402
from Testing.conftest import chest  # noqa: E402
from Testing.Core.archive.conftest import write_study  # noqa: E402
from Testing.Core.archive.orthanc import PASSWORD, USER, Orthanc  # noqa: E402


def named(server: Orthanc, folder: Path) -> None:
    """Name the archive for this process, with few tries, so that a dead one is noticed."""
    web = {"type": "dicomweb", "url": f"{server.url}/dicom-web", "tries": 2, "timeout_s": 20}
    (folder / "archives.json").write_text(json.dumps({"archives": {"web": web}}), encoding="utf-8")
    os.environ |= {
        "DGMVLC_ARCHIVES": str(folder / "archives.json"),
        "XDG_STATE_HOME": str(folder / "state"),
        "NETRC": str(folder / "netrc"),
        "DGMVLC_ARCHIVE_WEB_USER": USER,
        "DGMVLC_ARCHIVE_WEB_PASSWORD": PASSWORD,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=60, help="end before, if need be")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng, kills = random.Random(args.seed), 0
    during: Counter[str] = Counter()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "orthanc").mkdir()
        server = Orthanc(folder / "orthanc")
        named(server, folder)
        server.start()
        request = WatchRequest("web", StudyQuery(), folder / "watch", settle_s=0.0, send="web")
        stage = {"now": "find"}
        watched(stage)

        def look() -> dict[str, Any] | None:
            try:
                return run_watch(
                    request,
                    once=True,
                    tell=lambda said: None,
                    on_row=lambda row, _: rows.append(row),
                )
            except ArchiveError:
                return None

        stored, studies_stored, span = 0, 0, 3.0
        end = time.monotonic() + 60 * args.minutes
        while kills < args.moments and time.monotonic() < end:
            sent = folder / f"sent-{studies_stored}"
            scan = chest((8, 112, 128), nodule=True, seed=kills)
            write_study(sent, scan.array, patient=f"P-{studies_stored}")
            server.storescu(*sorted(sent.iterdir()))
            stored, studies_stored = stored + len(scan.array), studies_stored + 1
            done = threading.Event()

            def strike(end: threading.Event = done, wait: float = rng.uniform(0, span)) -> None:
                nonlocal kills
                if not end.wait(wait):
                    during[stage["now"]] += 1
                    server.kill()
                    kills += 1

            killer = threading.Thread(target=strike)
            killer.start()
            began = time.monotonic()
            look()
            done.set()
            killer.join()
            span = max(1.0, 0.5 * span + 0.5 * (time.monotonic() - began))
            if server.process is None:
                server.start()
        answer = look()
        seen = Counter(row.id for row in rows if row.state == "done")
        there = server.count()
        uids = {
            server.rest(f"instances/{i}")["MainDicomTags"]["SOPInstanceUID"]
            for i in server.rest("instances")
        }
        made = sorted((folder / "watch").glob("*/dicom/*/**/*.dcm"))
        server.kill()
        studies = len(list((folder / "watch").glob("*/studies/*")))
        left = [str(p.name) for p in (folder / "watch").rglob(".*") if p.is_dir()]
    result = {
        "moments": kills,
        "killed during": dict(during),
        "studies stored": studies_stored,
        "states": (answer or {}).get("studies"),
        "studies brought": studies,
        "looked at twice": sum(count - 1 for count in seen.values()),
        "objects stored by the sender": stored,
        "results made": len(made),
        "objects in the archive": there,
        "of one UID": there - len(uids),
        "left over": left,
    }
    args.out.write_text(json.dumps(result, indent=1), encoding="utf-8")
    sys.stdout.write(args.out.read_text(encoding="utf-8") + "\n")


def watched(stage: dict[str, str]) -> None:
    """Keep the name of the archive's call that runs now."""
    for name in ("find", "get", "send"):
        call = getattr(Archive, name)

        def around(
            self: Archive, *args: Any, _call: Any = call, _name: str = name, **more: Any
        ) -> Any:
            stage["now"] = _name
            try:
                return _call(self, *args, **more)
            finally:
                stage["now"] = "review"

        setattr(Archive, name, around)


if __name__ == "__main__":
    main()
