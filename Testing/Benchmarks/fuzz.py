"""Damages real files and reads each in a child process with limits on time and memory.

python Testing/Benchmarks/fuzz.py --minutes N [--seed S] [--only KIND ...] [--keep FOLDER]

Prints a table: cases tried; read right; read as the damaged header now says (a digit of a spacing
carries no checksum, in any format); refused in one sentence; and what must never be: a traceback, a
dead process, a hang above 20 s, memory above 4 GB, a refusal nobody reads to its end, and damage
under a checksum, or that changes voxels alone, that went unnoticed. Exit code 1 when there was any.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
for place in (ROOT, ROOT / "SlicerDGMVLC"):
    if str(place) not in sys.path:
        sys.path.insert(0, str(place))

from Testing.Benchmarks.fuzz_subjects import SUBJECTS, Subject  # noqa: E402

HANG_S, START_S, LARGEST_GB, LONGEST_SENTENCE = 20.0, 120.0, 4.0, 1600
SLOW = (
    "DGMVLCCore.evaluation.anomaly",
    "DGMVLCCore.language.parser",
    "DGMVLCCore.language.report_files",
    "DGMVLCCore.review.listing",
    "DGMVLCCore.training.recipe",
    "pydicom.pixels",
    "diffusers.models.modeling_utils",
    "Testing.conftest",
)
BAD = ("traceback", "death", "hang", "memory", "long", "wrong")
COLUMNS = ("tried", "right", "header", "refused", *BAD)
HOSTILE = (
    b"nan", b"inf", b"-1", b"0", b"1e400", b"-1e-400", b"99999999999999999999", b"", b"None",
    b"1\\2", b"../../etc/passwd", b"\xff\xfe", b"\x00", b"(1,0,0)", b"x" * 3000, b"[[[[", b"1,5",
    b"2147483648", b"65536", b"-32769", b"{}", b"null", b"true", b"\xf0\x9f\xab\x81",
)  # fmt: skip


def mutate(content: bytes, rng: random.Random) -> bytes:
    """One to three damages of a file, of kinds that disks, networks and people make."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        # Half of the damage goes where the headers are.
        reach = len(data) if rng.random() < 0.5 else min(len(data), 1500)
        at = rng.randrange(max(reach, 1))
        kind = rng.randrange(9)
        if kind <= 1 and data:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2 and data:
            data[at] = rng.randrange(256)
        elif kind == 3:
            del data[at:]
        elif kind == 4:
            del data[at : at + rng.choice((1, 4, 100, 5000))]
        elif kind == 5:
            data[at:at] = rng.randbytes(rng.choice((1, 2, 8, 300)))
        elif kind == 6:
            data[at:at] = data[at : at + rng.choice((10, 200, 4000))]
        elif kind == 7:
            data[at : at + 4] = rng.choice((b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff"))
        else:
            numbers = list(re.finditer(rb"[\w.+-]+", bytes(data[:3000])))
            if numbers:
                word = rng.choice(numbers)
                data[word.start() : word.end()] = rng.choice(HOSTILE)
    return bytes(data)


class Reader:
    """A child process that reads damaged files one after another; a new one when it has died."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """End the child."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def _start(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, __file__, "--child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
            )
            self._answer(self.process, START_S)  # it says when it is ready
        return self.process

    @staticmethod
    def _answer(process: subprocess.Popen[bytes], seconds: float) -> dict[str, Any] | None:
        """The child's next line, None when none came in time, {} when it has died."""
        ready, _, _ = select.select([process.stdout], [], [], seconds)
        if not ready or process.stdout is None:
            return None
        line = process.stdout.readline()
        return dict(json.loads(line)) if line else {}

    def read(self, subject: int, folder: Path, seconds: float = HANG_S) -> dict[str, Any]:
        """{"outcome", …} of reading a folder."""
        process = self._start()
        order = json.dumps({"subject": subject, "folder": str(folder)}) + "\n"
        if process.stdin is None:
            return {"outcome": "death"}
        try:
            process.stdin.write(order.encode())
            process.stdin.flush()
            answer = self._answer(process, seconds)
        except OSError:
            answer = {}
        if not answer:
            self.stop()
            return {"outcome": "hang" if answer is None else "death"}
        return answer


def child() -> int:
    """Read what standard input names, line after line."""
    import logging
    import resource

    from DGMVLCCore.errors import as_dgmvlc_error

    for name in SLOW:  # what is imported at the first case is no hang of that case
        import_module(name)
    logging.disable(logging.CRITICAL)
    limit = int(2.5 * LARGEST_GB * 2**30)  # address space; libraries map more than they use
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    print("{}", file=out, flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        answer: dict[str, Any]
        try:
            subject = SUBJECTS[order["subject"]]
            answer = {"outcome": "read", "digest": subject.read(Path(order["folder"]))}
        except Exception as error:  # noqa: BLE001 - whatever escapes is what is looked for
            known = as_dgmvlc_error(error)
            text = str(known or error)
            answer = {
                "outcome": "traceback" if known is None else "refused",
                "text": f"{type(error).__name__}: {text}",
            }
            if known is not None and (len(text) > LONGEST_SENTENCE or "\n" in text):
                answer["outcome"] = "long"
        answer["gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps(answer), file=out, flush=True)
    return 0


class Fuzz:
    """Subjects, their undamaged forms, and the counts.

    Args:
        folder: for the files. seed: of all damage. only: names of subjects; all when empty. keep:
            where bad cases are copied to.
    """

    def __init__(
        self, folder: Path, seed: int, only: tuple[str, ...] = (), keep: Path | None = None
    ) -> None:
        self.folder, self.seed, self.keep = folder, seed, keep
        self.reader, self.counts = Reader(), {s.name: Counter() for s in SUBJECTS}
        self.chosen = [i for i, s in enumerate(SUBJECTS) if not only or s.name in only]
        self.truth: dict[int, str] = {}
        for index in self.chosen:
            whole = self._whole(index)
            SUBJECTS[index].make(whole)
            answer = self.reader.read(index, self._copy(index), START_S)
            if answer["outcome"] != "read":
                raise RuntimeError(f"undamaged {SUBJECTS[index].name} was not read: {answer}")
            self.truth[index] = answer["digest"]

    def _whole(self, index: int) -> Path:
        path = self.folder / f"whole-{index}"
        path.mkdir(exist_ok=True)
        return path

    def _copy(self, index: int) -> Path:
        case = self.folder / "case"
        shutil.rmtree(case, ignore_errors=True)
        shutil.copytree(self._whole(index), case)
        for path in case.rglob("worklist.json"):  # it names its folder of studies
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace(str(self._whole(index)), str(case)), encoding="utf-8")
        return case

    def once(self, index: int, number: int) -> str:
        """One damaged file of a subject; returns what came of it."""
        subject, case = SUBJECTS[index], self._copy(index)
        target = case / subject.target
        content = target.read_bytes()
        damaged = mutate(content, random.Random(f"{self.seed} {index} {number}"))
        target.write_bytes(damaged)
        answer = self.reader.read(index, case)
        outcome = judge(subject, content, damaged, answer, self.truth[index])
        if answer.get("gb", 0) > LARGEST_GB:
            outcome = "memory"
            self.reader.stop()
        count = self.counts[subject.name]
        count["tried"] += 1
        count[outcome] += 1
        if outcome in BAD:
            print(f"{subject.name} {number}: {outcome} {answer.get('text', '')[:300]}", flush=True)
            if self.keep:
                shutil.copytree(case, self.keep / f"{subject.name}-{number}-{outcome}")
        return outcome

    def table(self) -> str:
        """The counts, a subject a row."""
        rows = [("kind", *COLUMNS)]
        total: Counter[str] = Counter()
        for index in self.chosen:
            count = self.counts[SUBJECTS[index].name]
            total.update(count)
            rows.append((SUBJECTS[index].name, *(str(count[c]) for c in COLUMNS)))
        rows.append(("all", *(str(total[c]) for c in COLUMNS)))
        return "\n".join(
            row[0].ljust(16) + "".join(cell.rjust(10) for cell in row[1:]) for row in rows
        )

    def bad(self) -> int:
        """Cases that must never be."""
        return sum(count[kind] for count in self.counts.values() for kind in BAD)


def judge(
    subject: Subject, whole: bytes, damaged: bytes, answer: dict[str, Any], truth: str
) -> str:
    """What an answer means: `right`, `header`, `refused` or one of `BAD`."""
    if answer["outcome"] != "read":
        return str(answer["outcome"])
    if answer["digest"] == truth:
        return "right"
    if subject.header is None:
        return "header"  # nothing in such a file tells what it was
    start = subject.header(whole)
    return "wrong" if damaged[:start] == whole[:start] else "header"


def run(minutes: float, seed: int, only: tuple[str, ...], keep: Path | None) -> int:
    """Damage subjects in turn until the time is over."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        fuzz, number = Fuzz(Path(place), seed, only, keep), 0
        until = time.monotonic() + 60 * minutes
        try:
            while time.monotonic() < until:
                for index in fuzz.chosen:
                    fuzz.once(index, number)
                number += 1
        finally:
            fuzz.reader.stop()
            print(fuzz.table())
        return int(fuzz.bad() > 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[], choices=[s.name for s in SUBJECTS])
    parser.add_argument("--keep", type=Path, help="folder for cases that must never be")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    return child() if args.child else run(args.minutes, args.seed, tuple(args.only), args.keep)


if __name__ == "__main__":
    sys.exit(main())
