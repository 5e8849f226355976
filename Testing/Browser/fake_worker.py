"""A worker that edits nothing: it answers the protocol with results prepared beforehand, for tests
of the page alone.

    python fake_worker.py RESULT_FOLDER [--slow SECONDS] [--die]

RESULT_FOLDER is copied to the place a job asks for, the folder `comparison` beside it to that of a
task. --die: ends without a word in the middle of a job.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path

LOCK = threading.Lock()


def say(kind, /, **fields):
    with LOCK:
        sys.stdout.write(json.dumps({"type": kind, **fields}) + "\n")
        sys.stdout.flush()


def beat(busy):
    while True:
        time.sleep(2)
        say("heartbeat", uptime_s=1.0, busy=busy.get("id"), rss_mb=1.0)


def job(message, source, seconds, die, cancelled, busy):
    identifier, out = message["id"], Path(message["request"]["out"])
    busy["id"] = identifier
    for step in range(10):
        say(
            "progress",
            id=identifier,
            stage="editing",
            share=step / 10,
            seconds_left=seconds * (10 - step) / 10,
        )
        time.sleep(seconds / 10)
        if identifier in cancelled:
            say("cancelled", id=identifier)
            busy.clear()
            return
        if die and step == 3:
            os._exit(9)
    busy.clear()
    if message["type"] == "task":
        shutil.copytree(source.parent / "comparison", out)
        say(
            "answer",
            id=identifier,
            name=message["name"],
            answer={"record": str(out / "comparison.json")},
        )
        return
    shutil.copytree(source, out)
    (out / "request.json").write_text(json.dumps(message["request"]), encoding="utf-8")
    say("result", id=identifier, manifest=str(out / "result.json"))


def prepare(message):
    """The lungs as classical means find them; nothing looks at them."""
    from DGMVLCCore.imaging.anatomy import segment_anatomy
    from DGMVLCCore.imaging.io import load_volume, save_volume

    out, scan = message["request"]["out"], load_volume(Path(message["request"]["image"]))
    save_volume(scan.with_array(segment_anatomy(scan).labels, stored_dtype="uint8"), out)
    say("answer", id=message["id"], name="prepare", answer={"labels": out, "notes": []})


def region(message, source):
    """The edit mask of the prepared result, as a proposal."""
    out = message["request"]["out"]
    shutil.copy(source / "edit-mask.seg.nrrd", out)
    words = "Proposed for “nodule”: 1.2 ml. Check it before the run."
    say("region", id=message["id"], path=out, volume_ml=1.2, score=0.8, sentence=words)


def task(message):
    """Tasks that need no network are done by the core; a study is looked at by hand."""
    from DGMVLCCore.errors import DGMVLCError
    from DGMVLCCore.jobs.tasks import run_task

    if message["name"] == "review-study":
        from DGMVLCCore.review.decisions import ReviewSession
        from Testing.conftest import look_by_hand

        look_by_hand(
            ReviewSession.open(Path(message["request"]["session"])), message["request"]["study"]
        )
        say(
            "answer",
            id=message["id"],
            name=message["name"],
            answer={"study": message["request"]["study"], "problem": None},
        )
        return
    request = message["request"] | (
        {"attention": False} if "attention" in message["request"] else {}
    )  # there is no network to read with
    try:
        say(
            "answer",
            id=message["id"],
            name=message["name"],
            answer=run_task(message["name"], None, request, lambda *_: None, lambda: False),
        )
    except DGMVLCError as error:
        say(
            "error",
            id=message["id"],
            kind=type(error).__name__,
            exit_code=error.exit_code,
            message=str(error),
            advice="",
        )


def main():
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from DGMVLCCore.errors import DGMVLCError
    from DGMVLCCore.language.parser import parse_report

    source = Path(sys.argv[1])
    seconds = float(sys.argv[sys.argv.index("--slow") + 1]) if "--slow" in sys.argv else 0.5
    cancelled, busy = set(), {}
    threading.Thread(target=beat, args=(busy,), daemon=True).start()
    for line in sys.stdin:
        message = json.loads(line)
        kind = message["type"]
        if kind == "hello":
            say(
                "hello",
                protocol=1,
                version="0",
                pid=os.getpid(),
                findings=["nodule"],
                attributes=[],
                devices=["cpu"],
                weights={"name": "fake", "sha256": "0"},
            )
        elif kind == "shutdown":
            return
        elif kind == "cancel":
            cancelled.add(message["id"])
        else:
            say("accepted", id=message["id"])
        if kind == "report":
            try:
                say(
                    "findings",
                    id=message["id"],
                    findings=[finding.to_dict() for finding in parse_report(message["text"])],
                )
            except DGMVLCError as error:
                say(
                    "error",
                    id=message["id"],
                    kind=type(error).__name__,
                    exit_code=error.exit_code,
                    message=str(error),
                    advice="",
                )
        elif kind == "task" and message["name"] == "prepare":
            prepare(message)
        elif kind == "task" and message["name"] == "read-ahead":
            say("answer", id=message["id"], name="read-ahead", answer={"terms": ["nodule"]})
        elif kind == "region":
            region(message, source)
        elif kind == "task" and message["name"] != "compare":
            task(message)
        elif kind in ("job", "task"):
            threading.Thread(
                target=job,
                args=(message, source, seconds, "--die" in sys.argv, cancelled, busy),
                daemon=True,
            ).start()


if __name__ == "__main__":
    main()
