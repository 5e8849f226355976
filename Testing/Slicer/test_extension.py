"""The extension as the Extensions Index wants it: every file listed, every control explained,
nothing heavy in Slicer's process."""

import ast
import json
import re
import shutil
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "SlicerDGMVLC"
LIBRARY = MODULE / "SlicerDGMVLCLib"
PRESENTERS = MODULE / "SlicerDGMVLCPresenters"
PANEL = [MODULE / "SlicerDGMVLC.py", *sorted(LIBRARY.glob("*.py"))]
UI = ET.parse(MODULE / "Resources" / "UI" / "SlicerDGMVLC.ui").getroot()
CONTROLS = {
    "QPushButton",
    "QComboBox",
    "QSpinBox",
    "QLineEdit",
    "QPlainTextEdit",
    "QTableWidget",
    "QCheckBox",
    "QProgressBar",
    "qMRMLNodeComboBox",
    "ctkPathLineEdit",
}
ALLOWED = {
    "slicer",
    "qt",
    "ctk",
    "vtk",
    "numpy",
    "SlicerDGMVLCLib",
    "SlicerDGMVLCPresenters",
} | set(sys.stdlib_module_names)


def listed():
    text = (
        (MODULE / "CMakeLists.txt")
        .read_text(encoding="utf-8")
        .replace("${MODULE_NAME}", "SlicerDGMVLC")
    )
    return set(re.findall(r"^  (\S+\.(?:py|ui|png|svg))$", text, re.M))


def test_cmake_lists_every_file_and_no_other():
    files = {
        path.relative_to(MODULE).as_posix()
        for folder in ("SlicerDGMVLCLib", "SlicerDGMVLCPresenters", "Resources")
        for path in (MODULE / folder).rglob("*")
        if path.is_file()
        and path.suffix in (".py", ".ui", ".png", ".svg")
        and "__pycache__" not in path.parts
    } | {"SlicerDGMVLC.py"}
    assert listed() == files


def test_extension_description():
    described = json.loads((ROOT / "DGMVLC.json").read_text(encoding="utf-8"))
    assert set(described) == {
        "$schema",
        "build_dependencies",
        "build_subdirectory",
        "category",
        "scm_revision",
        "scm_url",
        "tier",
    }
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    settings = dict(re.findall(r'set\(EXTENSION_(\w+) "([^"]+)"\)', text))
    assert set(settings) == {
        "HOMEPAGE",
        "CATEGORY",
        "CONTRIBUTORS",
        "DESCRIPTION",
        "ICONURL",
        "SCREENSHOTURLS",
        "DEPENDS",
    }
    assert settings["CATEGORY"] == described["category"] == "Image Synthesis" and described[
        "build_dependencies"
    ] == settings["DEPENDS"].split() == ["PyTorch"]
    assert "project(DGMVLC)" in text and (ROOT / "LICENSE").is_file()
    for url in (settings["ICONURL"], *settings["SCREENSHOTURLS"].split()):
        assert (ROOT / url.partition("/raw/main/")[2]).is_file(), url
    assert described["scm_url"].removesuffix(".git") == re.search(
        r'DGMVLC_REPOSITORY "([^"]+)"', text
    ).group(1)


def test_icon_is_128_by_128():
    header = (MODULE / "Resources" / "Icons" / "SlicerDGMVLC.png").read_bytes()[:24]
    assert struct.unpack(">II", header[16:24]) == (128, 128)


def test_every_control_has_a_tooltip():
    bare = [
        widget.get("name")
        for widget in UI.iter("widget")
        if widget.get("class") in CONTROLS
        and not widget.findtext("property[@name='toolTip']/string")
    ]
    assert not bare


def test_ui_names_only_parameters_that_exist():
    tree = ast.parse((LIBRARY / "parameters.py").read_text(encoding="utf-8"))
    names = {
        node.target.id
        for kind in tree.body
        if isinstance(kind, ast.ClassDef) and kind.name == "Parameters"
        for node in kind.body
        if isinstance(node, ast.AnnAssign)
    }
    bound = [
        setting.findtext("string")
        for setting in UI.iter("property")
        if setting.get("name") == "SlicerParameterName"
    ]
    assert set(bound) <= names and len(bound) == len(set(bound))
    by_hand = {
        "reportText",
        "findingNumbers",
        "regionSegment",
        "device",
    }  # kept in step by the panel's own code
    assert names - set(bound) == by_hand


def test_code_names_only_widgets_that_exist_and_none_is_forgotten():
    names = {widget.get("name") for widget in UI.iter("widget")}
    source = "\n".join(path.read_text(encoding="utf-8") for path in PANEL)
    used = set(re.findall(r"(?:\b|_)ui\.([a-zA-Z]\w*)", source)) | set(
        re.findall(r'"(\w+)"', source[source.index("BUSY_LOCKED") :].partition(")")[0])
    )
    assert used <= names, used - names
    bound = {
        widget.get("name")
        for widget in UI.iter("widget")
        if widget.find("property[@name='SlicerParameterName']") is not None
    }
    idle = (
        {widget.get("name") for widget in UI.iter("widget") if widget.get("class") in CONTROLS}
        - used
        - bound
    )
    assert not idle, f"widgets that do nothing: {idle}"


def test_every_node_selector_gets_the_scene():
    selectors = {
        widget.get("name")
        for widget in UI.iter("widget")
        if widget.get("class") == "qMRMLNodeComboBox"
    }
    assert selectors == {connection.findtext("receiver") for connection in UI.iter("connection")}


def test_slicers_process_imports_nothing_heavy():
    for path in PANEL:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for name in (name.partition(".")[0] for name in names if not getattr(node, "level", 0)):
                assert name in ALLOWED | {"SampleData", "PyTorchUtils"}, (
                    f"{path.name} imports {name}"
                )
                assert name in ALLOWED or node not in tree.body, (
                    f"{path.name} imports {name} when it is loaded"
                )


def test_the_extensions_library_wins_over_an_installed_one():
    source = (MODULE / "SlicerDGMVLC.py").read_text(encoding="utf-8")
    assert source.index("sys.path.insert(0") < source.index("from SlicerDGMVLCLib")


def test_wheel_holds_core_weights_sample_and_vocabulary(tmp_path):
    copy = tmp_path / "source"  # a build in the tree would take up what an older build left
    for name in ("DGMVLCCore", "Resources", "SlicerDGMVLC"):
        shutil.copytree(
            ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "Wheel")
        )
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
    ]
    done = subprocess.run(
        [*pip, "-w", str(tmp_path / "wheel"), str(copy)], capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (path,) = (tmp_path / "wheel").glob("dgmvlc-*.whl")
    names = zipfile.ZipFile(path).namelist()
    weights = [
        p.relative_to(ROOT / "Resources").as_posix()
        for p in (ROOT / "Resources" / "weights").rglob("*")
        if p.is_file()
    ]
    for name in (
        *weights,
        "sample/ct.nrrd",
        "sample/nodule.nrrd",
        "sample/report.txt",
        "vocabulary.json",
        "splits.json",
    ):
        assert f"DGMVLCCore/resources/{name}" in names
    assert "DGMVLCCore/worker.py" in names and "SlicerDGMVLCLib/scene.py" in names
    assert path.stat().st_size < 60 * 2**20
