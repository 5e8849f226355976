"""Every carried file is as it was shipped: one flipped bit of any is noticed."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from DGMVLCCore.errors import DGMVLCError, UnreadableError, WeightsError
from DGMVLCCore.ground import resources
from DGMVLCCore.ground.resources import SUMS, checksums, covered, resource
from DGMVLCCore.models.checks import check_weights

ROOT = Path(resources.__file__).parents[2] / "Resources"


def test_the_list_of_checksums_is_of_these_files():
    names = [path.relative_to(ROOT).as_posix() for path in covered(ROOT)]
    assert names == list(checksums(ROOT)), "run python -m DGMVLCCore.ground.resources"
    assert {"splits.json", "vocabulary.json", "sample/ct.nrrd", "sample/report.txt"} < set(names)
    for path, name in zip(covered(ROOT), names):
        assert resources.digest(path) == checksums(ROOT)[name], f"{name}: list it anew"


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The carried files below a package of their own."""
    root = tmp_path_factory.mktemp("carried")
    (root / "DGMVLCCore").mkdir()
    for path in (*covered(ROOT), *ROOT.glob("weights/*/*.safetensors"), ROOT / SUMS):
        target = root / "Resources" / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return root


def noticed(root, monkeypatch, name):
    """True when using the file `name` is refused."""
    monkeypatch.setattr(resources, "__file__", str(root / "DGMVLCCore" / "ground" / "resources.py"))
    resources._check_file.cache_clear()
    parts = Path(name).parts
    try:
        if parts[0] == "weights":
            check_weights(resource("/".join(parts[:2])))
        else:
            resource(name)
    except DGMVLCError as error:
        wanted = WeightsError if parts[0] == "weights" else UnreadableError
        return isinstance(error, wanted)
    return False


TENSORS = [p.relative_to(ROOT).as_posix() for p in sorted(ROOT.glob("weights/*/*.safetensors"))]


@pytest.mark.parametrize("name", [*checksums(ROOT), *TENSORS, SUMS])
def test_one_flipped_bit_is_noticed(copy, monkeypatch, name):
    path, rng = copy / "Resources" / name, np.random.default_rng(len(name))
    whole = path.read_bytes()
    assert name == SUMS or not noticed(copy, monkeypatch, name)
    uses = list(checksums(ROOT)) if name == SUMS else [name]
    for place in rng.integers(0, len(whole), 3 if len(whole) > 10**6 else 10):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            assert any(noticed(copy, monkeypatch, use) for use in uses), (name, place)
        finally:
            path.write_bytes(whole)


def test_a_missing_file_says_so():
    with pytest.raises(WeightsError, match="lacks the file weights/none"):
        resource("weights/none")
