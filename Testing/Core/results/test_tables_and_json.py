"""What leaves as a table runs no formula; what comes as JSON is limited."""

import csv
import io
import json
import os
import sys
import threading

import pytest

from DGMVLCCore.errors import DGMVLCError, UnreadableError, UsageError, quoted
from DGMVLCCore.ground import plain_json
from DGMVLCCore.ground.plain_json import parse_json, read_json, read_limited
from DGMVLCCore.results.csv_table import csv_text, guarded, unguarded

RUN = ("=cmd|' /C calc'!A0", "+1+cmd", "-2+3+cmd", "@SUM(A1)", "\t=1+1", "\r=1", " =1+1", "＝1+1")


@pytest.mark.parametrize("text", RUN)
def test_no_cell_runs_and_every_cell_comes_back(text):
    made = csv_text(("who", "value"), [{"who": text, "value": -3.5}])
    row = next(csv.DictReader(io.StringIO(made, newline="")))
    assert row["who"].startswith("'") and row["value"] == "-3.5"
    assert unguarded(row["who"]) == text.replace("\r", "\n")
    for name in (text, f"'{text}"):  # nor a column's name
        assert not csv_text((name,), []).lstrip('"').startswith(tuple(RUN))


@pytest.mark.parametrize("plain", ["nodule", "-3.5", "+12", "1e-3", "O'Neill", "'quoted'", ""])
def test_words_and_numbers_stay(plain):
    assert guarded(plain) == plain == unguarded(plain)


@pytest.mark.parametrize(
    "content, word",
    [
        (b"[" * 100_000, "nests|no readable JSON"),
        (b'{"a":' * 100_000, "nests|no readable JSON"),
        (b"", "no readable JSON"),
        (b"\xff\xfe{}", "no readable JSON"),
        (b"[1]", "no JSON object"),
        (b'"' + b"x" * 100_000, "no readable JSON"),
    ],
)
def test_json_of_somebody_else_is_one_short_sentence(tmp_path, content, word):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(UnreadableError, match=word) as caught:
        read_json(tmp_path / "a.json")
    assert len(str(caught.value)) < 500 and "\n" not in str(caught.value)


def test_json_that_is_well_is_read(tmp_path):
    deep = {"a": [[[[1]]]], "text": "[" * 500 + '\\"'}
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(deep).encode())
    assert read_json(tmp_path / "a.json") == deep
    assert parse_json("3", "a line") == 3


def test_a_refusal_is_short_and_of_one_line():
    assert len(quoted("x" * 10**6)) <= 82 and "\n" not in quoted("a\nb\x00c")
    error = UsageError("It says " + "long\n" * 100_000 + "and ends here.")
    assert len(str(error)) <= 1600 and str(error).endswith("ends here.") and "\n" not in str(error)
    assert isinstance(error, DGMVLCError)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_pipe_is_read_to_its_end_and_a_silent_one_is_given_up(tmp_path, monkeypatch):
    pipe = tmp_path / "report.txt"
    os.mkfifo(pipe)
    content = b"A 9 mm nodule. " * 20_000  # more than a pipe holds at once
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    assert read_limited(pipe) == content
    writer.join()
    monkeypatch.setattr(plain_json, "SILENCE_S", 0.1)
    with pytest.raises(OSError, match="nothing came through this pipe"):
        read_limited(pipe)
