"""The panel on substitutes: one process of its own, because Qt, VTK and the scene are process-wide
(see ../test_panel.py)."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from Testing.Slicer.substitutes.desk import Desk, addScan

os.environ["QT_QPA_PLATFORM"] = "offscreen"
ALONE = os.environ.get("DGMVLC_PANEL_TESTS") == "1"
collect_ignore_glob = [] if ALONE else ["*"]
NEVER_MS = 10**8
PROBE_ANSWER = {
    "python": [3, 12, 1],
    "dgmvlc": None,
    "torch": "2.9",
}  # dgmvlc: filled with the carried wheel's or the core's version

if ALONE:
    import tempfile

    from Testing.Slicer.substitutes.application import install

    FOLDER = tempfile.TemporaryDirectory(prefix="panel tests ä ", ignore_cleanup_errors=True)
    APPLICATION = install(Path(FOLDER.name))


@pytest.fixture(scope="session")
def application():
    return APPLICATION


@pytest.fixture(scope="session")
def prepared(tmp_path_factory, make_chest, make_record, no_figures):
    """Folder of the fake worker: a result and a proposed region as the core writes them."""
    from DGMVLCCore.editing.result import AttentionMap, CounterfactualResult, EditPlan
    from DGMVLCCore.imaging.anatomy import segment_anatomy
    from DGMVLCCore.report import edit as results
    from DGMVLCCore.report.comparison import write_comparison

    folder = tmp_path_factory.mktemp("fake worker ü")
    volume = make_chest((6, 56, 64), (4.0, 5.0, 5.0))
    mask = np.zeros(volume.shape, bool)
    mask[2:4, 22:32, 40:50] = True
    edited = np.where(mask, volume.array - 100, volume.array)
    result = CounterfactualResult(
        volume,
        volume.with_array(edited),
        edited,
        mask * np.float32(5),
        mask,
        EditPlan(mask, "Nodule.", "No nodule. Clear lung.", "nodule"),
        [],
        {"seed": 1},
        {"nodule": AttentionMap("nodule", np.where(mask, 0.9, 0).astype(np.float32))},
    )
    keep, results.make_scene = results.make_scene, lambda *_: "not made here"
    try:
        results.write_result(
            result,
            folder / "result",
            anatomy=segment_anatomy(volume),
            report="Nodule.",
            findings=[],
            inputs={},
            weights={"name": "w", "sha256": "0" * 64},
        )
    finally:
        results.make_scene = keep
    facts = results.Facts("Nodule.", [], {}, {"name": "w", "sha256": "0" * 64})
    with no_figures():
        write_comparison(
            [result] * 3,
            make_record(("nodule", "emphysema", "no finding (clear lung)")),
            folder / "comparison",
            facts=facts,
            anatomy=segment_anatomy(volume),
        )
    (folder / "region.seg.nrrd").write_bytes(
        (folder / "result" / "edit-mask.seg.nrrd").read_bytes()
    )
    (folder / "preview.nrrd").write_bytes((folder / "result" / "counterfactual.nrrd").read_bytes())
    return folder


@pytest.fixture
def desk(application, prepared, tmp_path):
    """An open panel in an empty scene, with the fake worker behind it."""
    import qt
    import slicer
    from SlicerDGMVLCLib import ahead, environment, report_box, runner

    import SlicerDGMVLC
    from Testing.Slicer.substitutes.pythonqt import errors

    application.scene.Clear(0)
    application.scene.RemoveNode(
        application.scene.GetSingletonNode("SlicerDGMVLC", "vtkMRMLScriptedModuleNode")
    )  # a singleton outlives Clear
    errors.clear()
    report_box.TYPING_PAUSE_MS = 30
    ahead.PAUSE_MS = NEVER_MS  # only its own tests look ahead
    slicer.app.userSettings().clear()
    (prepared / "heard.jsonl").unlink(missing_ok=True)
    desk = Desk(None, None, tmp_path, prepared / "behaviour.json")
    try:
        carried = environment.findWheel().version
    except FileNotFoundError:
        carried = "0.1.0"
    desk.probe = PROBE_ANSWER | {"dgmvlc": carried}
    desk.behave()
    slicer.app.temporaryPath = str(tmp_path / "temporary é")
    parent = slicer.qMRMLWidget()
    parent.setLayout(qt.QVBoxLayout())
    desk.widget = SlicerDGMVLC.SlicerDGMVLCWidget(parent)
    original = SlicerDGMVLC.applicationServices
    SlicerDGMVLC.applicationServices = lambda: _services(original(), desk)
    try:
        desk.widget.setup()
    finally:
        SlicerDGMVLC.applicationServices = original
    desk.panel = desk.widget.panel
    desk.widget.enter()
    desk.until(lambda: desk.panel.setup.found is not None, "the set-up's answer")
    yield desk
    desk.widget.cleanup()
    desk.until(lambda: not runner._ending, "the end of every process")
    parent.deleteLater()
    qt.QApplication.processEvents()
    gc.collect()
    assert not errors, f"exceptions in slots: {errors}"


def _services(services, desk):
    services.editSegment = lambda *what: desk.edited.append(what)
    services.confirm = lambda question: (desk.questions.append(question), desk.consent)[1]
    services.askScenePath = lambda: desk.scenePath
    services.openFolder = desk.opened.append
    services.statusMessage = desk.messages.append
    services.processFactory = desk.makeProcess
    return services


@pytest.fixture
def scan(desk, make_chest):
    """A small scan in the scene, chosen in the panel."""
    node = addScan(make_chest((6, 56, 64), (4.0, 5.0, 5.0)))
    desk.ui.inputSelector.setCurrentNode(node)
    return node


def pytest_sessionfinish(session, exitstatus):
    session.config.stash["status"] = int(exitstatus)


def pytest_unconfigure(config):
    """Qt, VTK and Python take each other's objects down in no particular order at the end of a
    process."""
    if ALONE:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash.get("status", 1))
