"""A radiologist's way through the panel, and everything that can go wrong during a run."""

import os
import signal
from pathlib import Path

import pytest
import slicer
import vtk

from DGMVLCCore.jobs.requests import Request, read_request
from Testing.Slicer.substitutes.desk import REPORT, addScan, running


def count(kind):
    return slicer.mrmlScene.GetNumberOfNodesByClass(kind)


def test_from_report_to_result(desk, scan):
    assert not desk.ui.applyButton.enabled and desk.reason.startswith("Paste a report")
    desk.readReport()
    assert desk.parameters.findingNumbers == [1]
    desk.ui.ageSpin.setValue(64)
    desk.apply()
    assert (
        desk.ui.applyButton.text == "Cancel"
        and desk.ui.applyButton.enabled
        and desk.ui.progressBar.isVisibleTo(desk.widget.parent)
    )
    assert not desk.ui.inputSelector.enabled
    desk.finished()
    job = desk.heard("job")[0]
    request = job["request"]
    assert job["preview"] is True
    assert (request["finding"], request["report_text"], request["clinical"], request["slices"]) == (
        1,
        REPORT,
        "64-year-old",
        None,
    )
    assert (request["noises"], request["steps"], request["mode"], request["seed"]) == (
        8,
        10,
        "replace",
        0,
    )
    assert request["target"] is request["mask"] is request["device"] is None
    assert (
        Path(request["image"]).exists()
        and Path(request["out"]).parent == Path(slicer.app.temporaryPath) / "DGM-VLC"
    )
    assert [run.title for run in desk.panel.results.runs] == ["nodule → No nodule. Clear lung"]
    assert count("vtkMRMLScalarVolumeNode") == 6
    assert desk.ui.applyButton.text == "Run" and desk.ui.applyButton.enabled and desk.reason == ""
    assert desk.ui.progressBar.isHidden() and desk.ui.inputSelector.enabled
    assert desk.ui.resultText.plainText


def test_the_request_says_what_the_panel_says(desk, scan):
    desk.readReport()
    desk.ui.questionCombo.setCurrentIndex(1)
    assert desk.reason == "Say what to show instead."
    desk.ui.targetEdit.setText("  ground-glass   opacity ")
    desk.ui.qualityCombo.setCurrentIndex(3)
    desk.ui.noisesSpin.setValue(3)
    desk.ui.stepsSpin.setValue(7)
    desk.ui.seedSpin.setValue(42)
    desk.ui.modeCombo.setCurrentIndex(1)
    desk.ui.previewCheck.setChecked(False)
    desk.ui.deviceCombo.setCurrentIndex(2)
    desk.ui.outputPath.setCurrentPath(str(desk.folder / "my results ö"))
    desk.apply()
    desk.finished()
    job = desk.heard("job")[0]
    request = job["request"]
    assert job["preview"] is False
    assert {
        name: request[name] for name in ("target", "noises", "steps", "seed", "mode", "device")
    } == {
        "target": "ground-glass opacity",
        "noises": 3,
        "steps": 7,
        "seed": 42,
        "mode": "shift",
        "device": "cuda:0",
    }
    assert Path(request["out"]).parent == desk.folder / "my results ö"


def test_requests_are_the_cores(desk, scan):
    desk.readReport()
    desk.ui.questionCombo.setCurrentIndex(1)
    desk.ui.targetEdit.setText("emphysema")
    desk.apply()
    desk.finished()
    request = read_request(desk.heard("job")[0]["request"], Request)
    assert request.target == "emphysema" and Path(request.image).exists()


def test_cancel(desk, scan):
    desk.behave(steps=1000, step_s=0.02)
    desk.readReport()
    desk.apply()
    desk.until(
        lambda: desk.ui.progressBar.value > 0 or "Editing" in desk.ui.progressLabel.text, "progress"
    )
    assert "nodule" in desk.ui.progressLabel.text and "left" in desk.ui.progressLabel.text
    desk.ui.applyButton.click()
    assert desk.ui.applyButton.text == "Stopping …" and not desk.ui.applyButton.enabled
    desk.finished()
    assert desk.ui.applyButton.text == "Run" and desk.ui.applyButton.enabled
    assert desk.reason == "Cancelled; nothing was written."
    assert not desk.panel.results.runs and desk.panel.session._runner.running, "the worker lives on"


def stubborn_run(desk, monkeypatch, grace):
    """A run in a worker that obeys nobody, with short patience; returns the worker's process
    number."""
    from SlicerDGMVLCLib import runner

    monkeypatch.setattr(runner, grace, 100)
    monkeypatch.setattr(runner, "KILL_GRACE_MS", 200)
    desk.behave(steps=1000, step_s=0.05, stubborn=True)
    desk.readReport()
    pid = desk.panel.session._runner.ready.pid
    desk.apply()
    desk.until(lambda: desk.heard("job"), "the job")
    return pid


def test_a_worker_that_does_not_obey_is_ended(desk, scan, monkeypatch):
    pid = stubborn_run(desk, monkeypatch, "CANCEL_GRACE_MS")
    desk.ui.applyButton.click()
    desk.finished()
    desk.until(lambda: not running(pid), "the process's end")
    assert desk.ui.applyButton.text == "Run" and desk.reason == "", (
        "the user wanted it to stop; no complaint"
    )
    desk.behave()
    desk.apply()
    desk.finished()
    assert len(desk.panel.results.runs) == 1


def test_several_findings_run_one_after_the_other(desk, scan):
    desk.readReport("nodule;present;left;33\nemphysema;present;right\n")
    table = desk.ui.findingsTable
    table.item(1, 0).setCheckState(table.item(0, 0).checkState())
    assert desk.parameters.findingNumbers == [1, 2]
    desk.apply()
    desk.finished()
    assert [run.title for run in desk.panel.results.runs] == [
        "nodule → No nodule. Clear lung",
        "nodule → No nodule. Clear lung",
    ]
    outs = [job["request"]["out"] for job in desk.heard("job")]
    assert len(set(outs)) == 2


def test_cancel_stops_the_waiting_runs_too(desk, scan):
    desk.behave(steps=1000, step_s=0.02)
    desk.readReport("nodule;present\nemphysema;present\n")
    desk.parameters.findingNumbers = [1, 2]
    desk.apply()
    desk.until(lambda: len(desk.heard("job")) == 2, "two jobs")
    desk.ui.applyButton.click()
    desk.finished()
    assert not desk.panel.results.runs and not list(
        (Path(slicer.app.temporaryPath) / "DGM-VLC").glob("*/result.json")
    )


def test_killed_worker_is_one_sentence_and_the_panel_goes_on(desk, scan):
    desk.behave(steps=10, step_s=0.02, die_at=3)
    desk.readReport()
    desk.apply()
    desk.finished()
    assert (
        desk.reason.startswith("The worker was stopped by the system")
        and "nothing was written" in desk.reason
    )
    assert desk.ui.applyButton.enabled and desk.ui.applyButton.text == "Run"
    desk.behave()
    desk.apply()
    desk.finished()
    assert len(desk.panel.results.runs) == 1 and desk.reason == ""


def test_a_refusal_of_the_core_is_shown_with_its_advice(desk, scan):
    desk.behave(
        fail={
            "kind": "UnsuitableInputError",
            "message": "The region does not look like a nodule.",
            "advice": "Check the region.",
        }
    )
    desk.readReport()
    desk.apply()
    desk.finished()
    assert (
        desk.reason == "The region does not look like a nodule. Check the region."
        and desk.ui.applyButton.enabled
    )
    desk.ui.seedSpin.setValue(3)
    assert desk.reason == "", "the next choice takes the old sentence away"


def test_scene_closed_during_a_run(desk, scan):
    desk.readReport()
    desk.apply()
    desk.finished()
    desk.behave(steps=1000, step_s=0.02)
    desk.apply()
    desk.until(lambda: len(desk.heard("job")) == 2, "the job")
    files = Path(desk.panel.orders._exchange._folder.name)
    slicer.mrmlScene.Clear(0)
    assert not files.exists() and desk.ui.resultsTable.rowCount == 0
    assert (
        not desk.panel.session.running
        and desk.parameters is not None
        and desk.parameters.inputVolume is None
    )
    assert desk.ui.applyButton.text == "Run" and not desk.ui.applyButton.enabled
    desk.until(lambda: desk.heard("cancel"), "the cancel")
    assert desk.ui.reportEdit.toPlainText() == "" and not desk.panel.results.runs


def test_scan_removed_during_a_run(desk, scan):
    desk.behave(steps=1000, step_s=0.02)
    desk.readReport()
    desk.apply()
    desk.until(lambda: desk.heard("job"), "the job")
    slicer.mrmlScene.RemoveNode(scan)
    assert not desk.panel.session.running
    desk.until(lambda: "removed from the scene" in desk.reason, "the sentence")
    desk.until(lambda: desk.heard("cancel"), "the cancel")


def test_other_nodes_may_go_during_a_run(desk, scan, make_chest):
    other = addScan(make_chest((6, 56, 64), (4.0, 5.0, 5.0)), "other")
    desk.readReport()
    desk.apply()
    slicer.mrmlScene.RemoveNode(other)
    assert desk.panel.session.running
    desk.finished()
    assert len(desk.panel.results.runs) == 1


def test_module_left_during_a_run(desk, scan):
    desk.readReport()
    desk.apply()
    desk.widget.exit()
    desk.finished()
    assert (
        desk.messages == ["DGM-VLC: nodule → No nodule. Clear lung is ready."]
        and count("vtkMRMLScalarVolumeNode") == 1
    ), "nothing moves while the user is elsewhere"
    desk.widget.enter()
    assert count("vtkMRMLScalarVolumeNode") == 6
    desk.widget.exit()
    desk.widget.enter()
    assert count("vtkMRMLScalarVolumeNode") == 6, "shown once"


def test_reload_during_a_run_leaves_no_process_and_no_observer(desk, scan, monkeypatch):
    pid = stubborn_run(desk, monkeypatch, "SHUTDOWN_GRACE_MS")
    panel = desk.panel
    files = Path(panel.orders._exchange._folder.name)
    assert files.is_dir()
    desk.widget.cleanup()
    assert (
        not panel.Observations and not panel.report.Observations and not panel.region.Observations
    )
    assert not files.exists(), "the exported scan does not stay behind"
    desk.until(lambda: not running(pid), "the process's end")
    scan.Modified()
    slicer.mrmlScene.Clear(0)


def test_worker_that_cannot_start(desk, scan):
    desk.readReport()
    desk.panel.session.restart()
    desk.panel.environment.chosen = "/nowhere/python"
    desk.ui.applyButton.click()
    desk.until(lambda: "could not be started" in desk.reason, "the sentence")
    assert not desk.panel.session.running and desk.ui.applyButton.text == "Run"


def test_worker_of_another_protocol(desk, scan):
    desk.behave(protocol=99)
    desk.ui.reportEdit.setPlainText(REPORT)
    desk.until(lambda: "protocol 99" in desk.reason, "the sentence")
    assert not desk.ui.applyButton.enabled or not desk.findings


def test_silent_worker_is_noticed(desk, scan, monkeypatch):
    from SlicerDGMVLCLib import protocol, runner

    monkeypatch.setattr(protocol, "SILENCE_S", 0.5)
    desk.readReport()
    desk.behave(steps=1, step_s=30, silent=True)
    pid = desk.panel.session._runner.ready.pid
    desk.panel.session._runner._timer.setInterval(100)
    os.kill(pid, signal.SIGSTOP)
    desk.apply()
    monkeypatch.setattr(runner, "KILL_GRACE_MS", 100)
    desk.finished()
    assert "has not answered" in desk.reason and desk.ui.applyButton.text == "Run"
    desk.until(lambda: not running(pid), "the process's end")


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_results_that_cannot_be_written(desk, scan):
    blocked = desk.folder / "a file"
    blocked.write_text("", encoding="utf-8")
    desk.ui.outputPath.setCurrentPath(str(blocked / "results"))
    desk.readReport()
    desk.apply()
    assert (
        "cannot be written" in desk.reason
        and "Advanced" in desk.reason
        and not desk.panel.session.running
    )


def test_full_disk(desk, scan, monkeypatch):
    import shutil
    from types import SimpleNamespace

    desk.readReport()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    desk.apply()
    assert "MB free" in desk.reason and not desk.panel.session.running and not desk.heard("job")


def test_the_scan_is_exported_again_only_when_it_changed(desk, scan):
    import slicer.util

    desk.readReport()
    for change in (False, False, True):
        if change:
            slicer.util.arrayFromVolume(scan)[0, 0, 0] = 7
            slicer.util.arrayFromVolumeModified(scan)
        desk.apply()
        desk.finished()
    images = [job["request"]["image"] for job in desk.heard("job")]
    assert images[0] == images[1] != images[2]


@pytest.mark.parametrize("end", ["result", "cancel", "crash"])
def test_preview_covers_the_scan_and_goes_again(desk, scan, end):
    from SlicerDGMVLCLib.layout import showColumns, showVolume

    (view,) = showColumns(slicer.mrmlScene, ["Preview test"])
    axial = vtk.vtkMatrix3x3()
    axial.SetElement(0, 0, -1.0)
    view.AddSliceOrientationPreset("Axial", axial)
    view.SetOrientation("Axial")
    composite = showVolume(slicer.mrmlScene, view, scan)
    desk.behave(steps=60, step_s=0.02, die_at=50 if end == "crash" else None)
    desk.readReport()
    desk.apply()
    desk.until(composite.GetForegroundVolumeID, "the preview")
    assert (
        "synthetic" in slicer.mrmlScene.GetNodeByID(composite.GetForegroundVolumeID()).GetName()
        and composite.GetForegroundOpacity() == 1
    )
    if end == "cancel":
        desk.ui.applyButton.click()
    desk.finished()
    assert composite.GetForegroundVolumeID() is None
    assert count("vtkMRMLScalarVolumeNode") == (6 if end == "result" else 1)


def test_answers_to_earlier_questions_are_ignored(desk, scan):
    from SlicerDGMVLCLib.events import Findings, Result

    desk.readReport("nodule;present")
    desk.panel.session.on_event(Findings("report-99", []))
    desk.panel.session.on_event(Result("job-99", "/nowhere/result.json"))
    assert len(desk.findings) == 1 and not desk.panel.results.runs and desk.reason == ""


def test_runs_of_a_scene_file_come_back_and_no_result_is_a_scan(desk, scan):
    desk.readReport()
    desk.apply()
    desk.finished()
    made = next(
        node
        for node in desk.panel.results.runs[0].nodes.all
        if node.GetAttribute("DGMVLC.Role") == "counterfactual"
    )
    desk.ui.inputSelector.setCurrentNode(made)
    assert "is a result of an earlier run" in desk.reason and not desk.ui.applyButton.enabled
    desk.scenePath = str(desk.folder / "saved ö.mrb")
    desk.ui.saveButton.click()
    slicer.mrmlScene.Clear(0)
    assert desk.panel.results.runs == []
    assert slicer.mrmlScene.ReadFromMRB(desk.scenePath, True, slicer.vtkMRMLMessageCollection())
    desk.until(lambda: desk.panel.results.runs, "the scene's run in the list")
    (run,) = desk.panel.results.runs
    assert run.manifest is None and "nodule" in run.title.lower()
    desk.ui.showButton.click()
    assert (
        slicer.mrmlScene.GetSingletonNode("Counterfactual", "vtkMRMLSliceNode")
        and not desk.ui.folderButton.enabled
    )
    desk.ui.removeButton.click()
    assert desk.panel.results.runs == [] and not [
        n
        for n in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        if n.GetAttribute("DGMVLC.Run")
    ]
