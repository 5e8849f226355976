"""Kills every real writer with SIGKILL, at a random moment or at a random file-system call of its
own, and looks at what is there before and after the next start.

python Testing/Benchmarks/kills.py [--kills 60] [--seed S] [--only WRITER ...]

Prints a table, a line a writer and mode ("new": nothing was there; "replace": an earlier version
was, and may be overwritten): kills that met the writer at work, and those that came after its end;
the old version (or nothing) and the new one that were met; and what must never be: something
half-written, an earlier version gone, a rest that the next start left behind, or a next run that
cannot write. Exit code 1 when there was any.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
for place in (ROOT, ROOT / "SlicerDGMVLC"):
    if str(place) not in sys.path:
        sys.path.insert(0, str(place))

from DGMVLCCore.errors import DGMVLCError  # noqa: E402
from DGMVLCCore.ground.scratch import sweep  # noqa: E402
from Testing.Benchmarks import kill_writers  # noqa: E402
from Testing.Benchmarks.kill_writers import Writer  # noqa: E402
from Testing.Benchmarks.kill_writers_more import MORE  # noqa: E402

WRITERS = (*kill_writers.WRITERS, *MORE)

CALLS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree", "os.link")
BAD = ("half", "lost", "rest", "stuck")
COLUMNS = ("kills", "late", "old", "new", *BAD)


class Bench:
    """One writer's kills, in a folder of their own."""

    def __init__(self, writer: Writer, root: Path, seed: int) -> None:
        self.writer, self.root, self.seed = writer, root, seed
        (root / "made").mkdir(parents=True)
        self.made = writer.prepare(root / "made")
        self.counts: dict[str, Counter[str]] = {mode: Counter() for mode in writer.modes}
        self.reasons: list[str] = []
        self._measured: dict[str, tuple[float, int]] = {}
        (root / "warm").mkdir()  # what the writer imports is no part of its writing
        writer.write(self.made, root / "warm" / "out", 1, False)

    def _place(self, name: str, mode: str) -> Path:
        """A folder with version 1 as `out` in it, or with nothing."""
        place = self.root / name
        (place / "tmp").mkdir(parents=True)
        if mode == "replace":
            earlier = self.root / "earlier"
            if not earlier.exists():
                earlier.mkdir()
                self.writer.write(self.made, earlier / "out", 1, False)
            shutil.copytree(earlier, place, dirs_exist_ok=True)
        return place

    def _child(self, place: Path, mode: str, last: int | None, told: int | None = None) -> int:
        """A process that writes version 2 and kills itself at its `last` call; its id."""
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            tempfile.tempdir = str(place / "tmp")
            os.environ["TMPDIR"] = tempfile.tempdir
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            calls = 0

            def count(event: str, _: Any) -> None:
                nonlocal calls
                if event in CALLS:
                    calls += 1
                    if calls == last:
                        os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(count)
            self.writer.write(self.made, place / "out", 2, mode == "replace")
            if told is not None:
                os.write(told, str(calls).encode())
            code = 0
        finally:
            os._exit(code)

    def measured(self, mode: str) -> tuple[float, int]:
        """Seconds and file-system calls of a writing that nobody kills."""
        if mode not in self._measured:
            place = self._place(f"whole-{mode}", mode)
            heard, told = os.pipe()
            began = time.monotonic()
            pid = self._child(place, mode, None, told)
            _, status = os.waitpid(pid, 0)
            seconds = time.monotonic() - began
            os.close(told)
            calls = int(os.read(heard, 20) or 0)
            os.close(heard)
            if status or self.writer.read(self.made, place / "out") != 2:
                raise RuntimeError(f"{self.writer.name} does not write at all")
            self._measured[mode] = seconds, calls
        return self._measured[mode]

    def kill(self, number: int, mode: str) -> None:
        """One writing that is killed, what it left, and the next start."""
        rng = random.Random(f"{self.seed} {self.writer.name} {mode} {number}")
        seconds, calls = self.measured(mode)
        place, counts = self._place(f"{mode}-{number}", mode), self.counts[mode]
        by_call = number % 2 == 0 and calls > 0
        pid = self._child(place, mode, rng.randint(1, calls) if by_call else None)
        if not by_call:
            time.sleep(rng.uniform(0, 1.05 * seconds))
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        counts["kills" if os.WIFSIGNALED(status) else "late"] += 1
        try:
            self._look(place, mode, counts)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def kill_often(self, kills: int, mode: str) -> None:
        """Writings until so many were killed at work; one that was done before does not count."""
        for number in range(4 * kills):
            if self.counts[mode]["kills"] < kills:
                self.kill(number, mode)

    def _bad(self, counts: Counter[str], what: str, place: Path, why: object) -> None:
        counts[what] += 1
        self.reasons.append(f"{self.writer.name}, {place.name}: {what}: {why}")

    def _look(self, place: Path, mode: str, counts: Counter[str]) -> None:
        """Judge what is there."""
        out, writer = place / "out", self.writer
        try:
            writer.begin(self.made, out)
            version = writer.read(self.made, out)
        except (DGMVLCError, OSError, ValueError, KeyError) as error:
            self._bad(counts, "half", place, error)
            return
        if version is None and mode == "replace":
            self._bad(counts, "lost", place, "the earlier version")
            return
        counts["new" if version == 2 else "old"] += 1
        self._rests(place, writer.kept, counts)
        try:  # the same command once more
            if version != 2:
                writer.write(self.made, out, 2, mode == "replace")
            if writer.read(self.made, out) != 2:
                self._bad(counts, "stuck", place, "not written by the next run")
        except (DGMVLCError, OSError, ValueError, KeyError) as error:
            self._bad(counts, "stuck", place, error)
            return
        self._rests(place, (), counts)

    def _rests(self, place: Path, kept: tuple[str, ...], counts: Counter[str]) -> None:
        """What the next start left of the killed one."""
        before, tempfile.tempdir = tempfile.tempdir, str(place / "tmp")
        sweep()
        tempfile.tempdir = before
        named = [str(path.relative_to(place)) for path in place.rglob("*")]
        hidden = [
            name
            for name in named
            if name.split("/")[0] not in kept
            and (name.startswith("tmp/") or ".partial" in name or ".earlier" in name)
        ]
        strange = {path.name.split(".")[0] for path in place.iterdir()} - {"out", "tmp"} - {""}
        if hidden or strange:
            self._bad(counts, "rest", place, sorted({*hidden, *strange})[:3])


def table(benches: list[Bench]) -> str:
    """The counts in columns."""
    rows = [f"{'writer':16}{'mode':9}" + "".join(f"{name:>7}" for name in COLUMNS)]
    for bench in benches:
        for mode, counts in bench.counts.items():
            numbers = "".join(f"{counts[name]:>7}" for name in COLUMNS)
            rows.append(f"{bench.writer.name:16}{mode:9}{numbers}")
    return "\n".join(rows)


def main() -> int:
    """Kill, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--kills", type=int, default=60, help="a writer and mode (default 60)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=[writer.name for writer in WRITERS])
    args = parser.parse_args()
    benches = []
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        for writer in WRITERS:
            if args.only and writer.name not in args.only:
                continue
            bench = Bench(writer, Path(folder) / writer.name.replace(" ", "-"), args.seed)
            for mode in writer.modes:
                bench.kill_often(args.kills, mode)
            benches.append(bench)
            print(table([bench]), flush=True)
    print("\n".join(reason for bench in benches for reason in bench.reasons))
    print(table(benches))
    return int(
        any(bench.counts[mode][bad] for bench in benches for mode in bench.counts for bad in BAD)
    )


if __name__ == "__main__":
    sys.exit(main())
