"""A few kills of every real writer; `Testing/Benchmarks/kills.py` kills as often as one likes."""

import sys

import pytest

from Testing.Benchmarks.kill_writers import Writer
from Testing.Benchmarks.kills import BAD, WRITERS, Bench, table

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX matter")
SLOW = ("result + scene", "comparison", "fill", "discovery", "cases")  # the benchmark kills them


@pytest.mark.parametrize("writer", [w for w in WRITERS if w.name not in SLOW], ids=lambda w: w.name)
def test_a_killed_writer_leaves_old_or_new_and_no_rest(writer, tmp_path):
    bench = Bench(writer, tmp_path / "kills", seed=5)
    for mode in writer.modes:
        bench.kill_often(2, mode)
        assert bench.counts[mode]["kills"] == 2
    assert not bench.reasons, table([bench])


def careless(_, out, version, overwrite):
    """Writes where it will lie, in two steps."""
    out.mkdir(exist_ok=True)
    for name in ("a", "b"):
        with (out / f"{name}.partial").open("w", encoding="utf-8") as file:
            file.write(str(version))
        (out / f"{name}.partial").rename(out / name)


def both(_, out):
    if not out.exists():
        return None
    said = {(out / name).read_text(encoding="utf-8") for name in ("a", "b")}
    if len(said) != 1:
        raise ValueError("two versions")
    return int(said.pop())


def test_the_bench_sees_a_careless_writer(tmp_path):
    """The test can fail."""
    writer = Writer("careless", lambda root: None, careless, lambda made, out: None, both)
    bench = Bench(writer, tmp_path / "kills", seed=1)
    for mode in writer.modes:
        bench.kill_often(6, mode)
    assert sum(bench.counts[mode][bad] for mode in writer.modes for bad in BAD) > 4
