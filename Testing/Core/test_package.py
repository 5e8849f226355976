"""The package as a whole: light to import, split intact, resources complete, files small."""

import subprocess
import sys
from pathlib import Path

import pytest

import DGMVLCCore
from DGMVLCCore._resources import resource
from DGMVLCCore.errors import UnreadableError, UnsuitableInputError
from DGMVLCCore.evaluation.splits import load_splits

ROOT = Path(__file__).resolve().parents[2]


def test_import_is_light():
    code = "import sys, DGMVLCCore; sys.exit(any(m in sys.modules for m in ('torch', 'numpy', 'SimpleITK', 'diffusers')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_every_public_name_exists():
    for name in DGMVLCCore.__all__:
        assert getattr(DGMVLCCore, name) is not None
    with pytest.raises(AttributeError):
        getattr(DGMVLCCore, "no_" + "such_name")


def test_resources_are_there():
    for name in ("splits.json", "vocabulary.json", "sample/ct.nrrd", "sample/nodule.nrrd", "sample/report.txt", "weights/dgmvlc-ct/config.json"):
        assert resource(name).exists()
    with pytest.raises(UnreadableError, match=r"nothing\.bin"):
        resource("nothing.bin")


def test_weights_are_small_and_safe():
    files = [p for p in (ROOT / "Resources" / "weights").rglob("*") if p.is_file()]
    assert all(p.suffix in (".json", ".md", ".safetensors") and p.stat().st_size <= 15 * 2**20 for p in files)


def test_split_refuses_other_data(tmp_path):
    with pytest.raises(UnsuitableInputError, match="lacks"):
        load_splits().verify(tmp_path)
    name = next(iter(load_splits().sha256))
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(b"other")
    with pytest.raises(UnsuitableInputError, match="differs"):
        load_splits().verify(tmp_path)


def test_no_file_grows_into_a_god_file():
    long = {str(p): n for p in (*ROOT.glob("DGMVLCCore/**/*.py"), *ROOT.glob("SlicerDGMVLC/**/*.py")) if (n := len(p.read_text().splitlines())) > 420}
    assert not long
