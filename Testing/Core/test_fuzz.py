"""A minute of the fuzz test: `Testing/Benchmarks/fuzz.py` runs it for as long as one likes."""

import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from DGMVLCCore.errors import DGMVLCError
from DGMVLCCore.imaging.metaimage import read_metaimage
from DGMVLCCore.imaging.nrrd import read_nrrd
from Testing.Benchmarks.fuzz import BAD, SUBJECTS, Fuzz, judge, mutate

SECONDS = 20.0
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits of a child process")


def test_damaged_files_end_in_a_sentence_or_are_read_right(tmp_path):
    fuzz = Fuzz(tmp_path, seed=7)
    until, number, bad = time.monotonic() + SECONDS, 0, []
    try:
        while time.monotonic() < until or number < 1:
            for index in fuzz.chosen:
                if (outcome := fuzz.once(index, number)) in BAD:
                    bad.append((SUBJECTS[index].name, number, outcome))
            number += 1
    finally:
        fuzz.reader.stop()
    assert not bad, fuzz.table()


def test_the_judge_sees_what_went_unnoticed():
    """The fuzz test itself can fail."""
    subject = SUBJECTS[0]
    whole, read = b"NRRD\n\nvoxels", {"outcome": "read", "digest": "other"}
    assert judge(subject, whole, b"NRRD\n\nvoxelz", read, "truth") == "wrong"
    assert judge(subject, whole, b"NRRE\n\nvoxels", read, "truth") == "header"
    assert judge(subject, whole, whole, {"outcome": "death"}, "truth") == "death"
    assert judge(subject, whole, whole, {"outcome": "read", "digest": "truth"}, "truth") == "right"


def test_damage_is_the_same_for_the_same_seed():
    import random

    content = bytes(range(256)) * 20
    assert mutate(content, random.Random("a")) == mutate(content, random.Random("a"))
    assert any(mutate(content, random.Random(str(n))) != content for n in range(5))


NAMES = st.sampled_from(
    ["type", "dimension", "sizes", "space", "space directions", "space origin", "kinds", "endian",
     "encoding", "spacings", "data file", "byte skip", "line skip", "NDims", "DimSize", "Offset",
     "ElementType", "ElementDataFile", "TransformMatrix", "ElementSpacing", "CompressedData"]
)  # fmt: skip
VALUES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["short", "3", "4 4 4", "(1,0,0) (0,1,0) (0,0,1)", "raw", "gzip", "LOCAL",
                     "LIST", "nan", "-1", "1e999", "a%d 1 9 1", "../x", "MET_SHORT", "little"]),
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(NAMES, VALUES), max_size=14), st.binary(max_size=200))
def test_any_text_header_is_refused_or_read(tmp_path_factory, fields, rest):
    folder = tmp_path_factory.mktemp("headers")
    text = "".join(f"{name}: {value}\n" for name, value in fields)
    (folder / "a.nrrd").write_bytes(b"NRRD0005\n" + text.encode("utf-8", "replace") + b"\n" + rest)
    text = "".join(f"{name} = {value}\n" for name, value in fields)
    (folder / "a.mha").write_bytes(text.encode("utf-8", "replace") + rest)
    for read, name in ((read_nrrd, "a.nrrd"), (read_metaimage, "a.mha")):
        try:
            read(folder / name)
        except DGMVLCError as error:
            assert len(str(error)) < 1600 and "\n" not in str(error)
