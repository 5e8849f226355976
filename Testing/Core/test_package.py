"""The package as a whole: light to import, split intact, resources complete, files small."""

import ast
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import DGMVLCCore
from DGMVLCCore.errors import UnreadableError, UnsuitableInputError, WeightsError
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.training.splits import load_splits

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]


def test_import_is_light():
    code = (
        "import sys, DGMVLCCore, DGMVLCCore.cli\n"
        "sys.exit(any(m in sys.modules for m in ('torch', 'numpy', 'SimpleITK', 'diffusers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_every_public_name_exists():
    for name in DGMVLCCore.__all__:
        assert getattr(DGMVLCCore, name) is not None
    with pytest.raises(AttributeError):
        getattr(DGMVLCCore, "no_" + "such_name")


def test_resources_are_there():
    for name in (
        "splits.json",
        "vocabulary.json",
        "sample/ct.nrrd",
        "sample/nodule.nrrd",
        "sample/report.txt",
        "weights/dgmvlc-editor/config.json",
    ):
        assert resource(name).exists()
    with pytest.raises(UnreadableError, match=r"nothing\.bin"):
        resource("nothing.bin")
    with pytest.raises(WeightsError, match="weights/other"):
        resource("weights/other")


def test_constraints_pin_every_dependency_within_its_range():
    """A fresh machine gets the tested set; a pin that a Python lacks stands under a marker, or
    nothing installs there."""
    pins = {
        pin.name.lower(): pin
        for pin in map(
            Requirement, (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        )
    }
    for wanted in map(Requirement, importlib.metadata.requires("dgmvlc")):
        assert wanted.specifier.contains(str(pins[wanted.name.lower()].specifier).lstrip("=")), (
            wanted
        )
    installed = {
        entry.metadata["Name"].lower().replace("_", "-")
        for entry in importlib.metadata.distributions()
    }
    for name, pin in pins.items():
        if name.replace("_", "-") not in installed:  # of an extra that is not installed here
            continue
        needs = SpecifierSet(importlib.metadata.metadata(name).get("Requires-Python") or "")
        assert "3.10" in needs or (
            pin.marker and not pin.marker.evaluate({"python_version": "3.10"})
        ), name


def locked(name):
    """Requirement -> number of hashes, of a lock."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.split("--hash=sha256:") for line in text.splitlines() if line[:1] != "#"]
    assert all(len(value.strip()) == 64 for _, *values in lines for value in values)
    return [(Requirement(line.strip()), len(values)) for line, *values in lines]


def test_the_locks_hold_every_dependency_at_its_version_with_hashes():
    """`make lock` was run after the last change of pyproject.toml or constraints.txt."""
    entries = locked("requirements.lock") + locked("requirements-torch.lock")
    assert all(hashes and str(entry.specifier).startswith("==") for entry, hashes in entries)
    versions = {}
    for entry, _ in entries:
        versions.setdefault(canonicalize_name(entry.name), set()).add(str(entry.specifier)[2:])
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = settings["optional-dependencies"]
    wanted = [*settings["dependencies"], *extras["scene"], *extras["view"], *extras["docs"]]
    wanted += extras["dev"]
    for need in map(Requirement, wanted):
        assert all(map(need.specifier.contains, versions[canonicalize_name(need.name)])), need
    for pin in map(
        Requirement, (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    ):
        name = canonicalize_name(pin.name)
        assert str(pin.specifier)[2:] in versions.get(name, {str(pin.specifier)[2:]}), pin
    ((cpu, hashes),) = locked("requirements-cpu.lock")
    assert str(cpu.specifier) == f"=={next(iter(versions['torch']))}+cpu" and hashes


def test_weights_are_small_and_safe():
    files = [p for p in (ROOT / "Resources" / "weights").rglob("*") if p.is_file()]
    assert all(
        p.suffix in (".json", ".md", ".safetensors") and p.stat().st_size <= 15 * 2**20
        for p in files
    )


def test_split_refuses_other_data(tmp_path):
    with pytest.raises(UnsuitableInputError, match="lacks"):
        load_splits().verify(tmp_path)
    name = next(iter(load_splits().sha256))
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(b"other")
    with pytest.raises(UnsuitableInputError, match="differs"):
        load_splits().verify(tmp_path)


def _without_encoding(call: ast.Call) -> bool:
    """Whether a call reads or writes text in whatever encoding the process has."""
    if any(keyword.arg in ("encoding", None) for keyword in call.keywords):
        return False
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    method = isinstance(call.func, ast.Attribute)
    if name in ("run", "Popen", "check_output"):
        return any(keyword.arg in ("text", "universal_newlines") for keyword in call.keywords)
    if method and name == "read_text":
        return not call.args
    if method and name == "write_text":
        return len(call.args) == 1
    if name not in ("open", "fdopen"):
        return False
    mode = call.args[0 if method and name == "open" else 1 :][:1]
    text = "r" if not mode else getattr(mode[0], "value", None)
    plain = isinstance(text, str) and set(text) <= set("rwax+t")
    return plain and (bool(mode) or not method)


def test_text_is_read_and_written_as_utf8_whatever_the_locale_is():
    """A library below may change the process's locale, and Windows has another from the start."""
    places = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for room in ("DGMVLCCore", "SlicerDGMVLC", "Testing")
        for path in ROOT.glob(f"{room}/**/*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and _without_encoding(node)
    ]
    assert not places


def test_no_file_grows_into_a_god_file():
    long = {
        str(p): n
        for p in (*ROOT.glob("DGMVLCCore/**/*.py"), *ROOT.glob("SlicerDGMVLC/**/*.py"))
        if (n := len(p.read_text(encoding="utf-8").splitlines())) > 420
    }
    assert not long
