"""A worker that answers the protocol without a model, for tests of the panel; `behaviour.json`
beside the result says how.

Usage: python fake_worker.py FOLDER, where FOLDER holds result/ and comparison/ (copied for every
job or comparison), region.seg.nrrd and behaviour.json:
steps, step_s: length of a job; prepare_s: of looking ahead; stubborn: ignores cancel and terminate;
die_at: step at which it kills itself; protocol; fail: {"kind", "message", "advice"}.
"""

import json
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from queue import Empty, Queue

FOLDER = Path(sys.argv[1])
DEFAULT = {
    "steps": 5,
    "step_s": 0.02,
    "stubborn": False,
    "die_at": None,
    "protocol": 1,
    "fail": None,
    "silent": False,
    "prepare_s": 0.0,
}
lines: Queue = Queue()
cancelled: set = set()


def say(type: str, **fields) -> None:
    sys.stdout.write(json.dumps({"type": type, **fields}, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def listen() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        with open(FOLDER / "heard.jsonl", "a", encoding="utf-8") as file:
            file.write(line)
        if message["type"] == "cancel":
            cancelled.add(message["id"])
        lines.put(message)
    os._exit(0)


def findings(text: str) -> list:
    """One finding a line that reads “term;presence;side;size”."""
    found = []
    for line in text.splitlines():
        term, presence, side, size = [*line.split(";"), "", "", ""][:4]
        if term.strip() and presence:
            found.append(
                {
                    "term": term,
                    "presence": presence,
                    "side": side or None,
                    "zone": None,
                    "size_mm": float(size) if size else None,
                    "descriptors": [],
                    "span": [0, len(term)],
                    "text": term.upper(),
                    "sentence": line,
                }
            )
    return found


def work(message: dict, how: dict) -> None:
    id, request = message["id"], message["request"]
    say("accepted", id=id)
    for step in range(how["steps"]):
        if id in cancelled and not how["stubborn"]:
            say("cancelled", id=id)
            return
        say(
            "progress",
            id=id,
            stage="editing",
            share=(step + 1) / how["steps"],
            seconds_left=how["step_s"] * (how["steps"] - step),
        )
        if step == 0 and message.get("preview"):
            say(
                "preview",
                id=id,
                path=str(FOLDER / "preview.nrrd"),
                slice=2,
                note="synthetic, one noise",
            )
        if how["die_at"] == step:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(how["step_s"])
    if how["fail"]:
        say("error", id=id, exit_code=4, **how["fail"])
    elif message["type"] == "region":
        shutil.copy(FOLDER / "region.seg.nrrd", request["out"])
        say(
            "region",
            id=id,
            path=request["out"],
            volume_ml=12.5,
            score=0.8,
            sentence="Proposed for “nodule”: 12.5 ml, 29 mm, fit 0.80 of 1.",
        )
    elif message["type"] == "task" and message["name"] != "compare":
        core(message)
    elif message["type"] == "task":
        shutil.copytree(FOLDER / "comparison", request["out"])
        say(
            "answer",
            id=id,
            name=message["name"],
            answer={"record": str(Path(request["out"]) / "comparison.json")},
        )
    else:
        shutil.copytree(FOLDER / "result", request["out"])
        say("result", id=id, manifest=str(Path(request["out"]) / "result.json"))


def prepare(message: dict, how: dict) -> None:
    """Finds no lungs, in as long as it is told to take."""
    id = message["id"]
    end = time.monotonic() + how["prepare_s"]
    while time.monotonic() < end:
        if id in cancelled:
            say("cancelled", id=id)
            return
        time.sleep(0.01)
    answer = {"labels": message["request"]["out"], "notes": ["The lungs are cut below."]}
    say("answer", id=id, name="prepare", answer=answer)


def core(message: dict) -> None:
    """Tasks that need no network are done by the core itself; a study is looked at by hand."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    from DGMVLCCore.errors import DGMVLCError
    from DGMVLCCore.jobs.tasks import run_task

    request = message["request"]
    try:
        if message["name"] == "review-study":
            from DGMVLCCore.review.decisions import ReviewSession
            from Testing.conftest import look_by_hand

            look_by_hand(ReviewSession.open(Path(request["session"])), request["study"])
            answer = {"study": request["study"], "problem": None}
        else:
            answer = run_task(message["name"], None, request, lambda *_: None, lambda: False)
        say("answer", id=message["id"], name=message["name"], answer=answer)
    except DGMVLCError as error:
        say(
            "error",
            id=message["id"],
            kind=type(error).__name__,
            exit_code=error.exit_code,
            message=str(error),
            advice="",
        )


def main() -> None:
    if json.loads((FOLDER / "behaviour.json").read_text(encoding="utf-8")).get("stubborn"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=listen, daemon=True).start()
    while True:
        how = DEFAULT | json.loads((FOLDER / "behaviour.json").read_text(encoding="utf-8"))
        try:
            message = lines.get(timeout=1.0)
        except Empty:
            if not how["silent"]:
                say("heartbeat", uptime_s=1.0, busy=None, rss_mb=10.0)
            continue
        kind = message["type"]
        if kind == "hello":
            sys.stderr.write("fake worker is up\n")
            sys.stderr.flush()
            say(
                "hello",
                protocol=how["protocol"],
                version="0.0.fake",
                pid=os.getpid(),
                findings=["nodule", "emphysema"],
                attributes=[],
                devices=["cpu", "cuda:0"],
                weights={"name": "fake", "sha256": "0" * 64},
            )
        elif kind == "report":
            say("findings", id=message["id"], findings=findings(message["text"]))
        elif kind in ("job", "region", "task"):
            if message["id"] in cancelled:
                say("cancelled", id=message["id"])
            elif message.get("name") == "prepare":
                prepare(message, how)
            elif message.get("name") == "read-ahead":
                say("answer", id=message["id"], name="read-ahead", answer={"terms": ["nodule"]})
            else:
                work(message, how)
        elif kind == "shutdown" and not how["stubborn"]:
            sys.exit(0)


main()
