"""A scan that was opened is read, its lungs found and looked at, once for all later edits."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from DGMVLCCore.editing import memory as memories
from DGMVLCCore.editing.memory import ScanMemory
from DGMVLCCore.errors import Cancelled, UnsuitableInputError
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.imaging.io import load_volume, save_volume
from DGMVLCCore.jobs.tasks import run_task


@pytest.fixture
def session(monkeypatch):
    """Warm without weights: counts the scans read, the lungs found and the looks."""
    done: list[str] = []

    def counted(name, function):
        return lambda *args, **more: done.append(name) or function(*args, **more)

    monkeypatch.setattr(memories, "read_scan", counted("read", memories.read_scan))
    monkeypatch.setattr(memories, "find_anatomy", counted("lungs", segment_anatomy))
    monkeypatch.setattr(memories, "look_at_cells", counted("look", lambda *_: "cells"))
    alignment = SimpleNamespace(weights_sha256="w", device="cpu")
    pipe = SimpleNamespace(alignment=alignment)
    pipe.to = lambda device: pipe
    return SimpleNamespace(memory=ScanMemory(), pipeline=lambda: pipe, done=done)


def prepare(session, image, out, cancel=False):
    fields = {"image": str(image), "out": str(out), "device": "cpu"}
    return run_task("prepare", session, fields, lambda *_: None, lambda: cancel)


def test_a_scan_is_prepared_once(session, make_chest, tmp_path):
    save_volume(make_chest((12, 112, 128), (4.0, 2.5, 2.5)), tmp_path / "ct.nrrd")
    answer = prepare(session, tmp_path / "ct.nrrd", tmp_path / "labels.nrrd")
    scan = load_volume(tmp_path / "ct.nrrd")
    labels = sitk.ReadImage(answer["labels"])
    assert np.allclose(labels.GetOrigin(), scan.affine[:3, 3])
    assert np.array_equal(sitk.GetArrayFromImage(labels), segment_anatomy(scan).labels)
    prepare(session, tmp_path / "ct.nrrd", tmp_path / "again.nrrd")
    assert session.done == ["read", "lungs", "look"]
    save_volume(make_chest((14, 112, 128), (4.0, 2.5, 2.5)), tmp_path / "other.nrrd")
    prepare(session, tmp_path / "other.nrrd", tmp_path / "other-labels.nrrd")
    assert session.done == 2 * ["read", "lungs", "look"], "another scan is another case"


def test_a_cancelled_or_strange_scan_is_not_prepared(session, make_chest, tmp_path):
    save_volume(make_chest((12, 112, 128), (4.0, 2.5, 2.5)), tmp_path / "ct.nrrd")
    with pytest.raises(Cancelled):
        prepare(session, tmp_path / "ct.nrrd", tmp_path / "labels.nrrd", cancel=True)
    save_volume(
        make_chest((12, 112, 128), (4.0, 2.5, 2.5)).with_array(np.zeros((12, 112, 128))),
        tmp_path / "empty.nrrd",
    )
    with pytest.raises(UnsuitableInputError):
        prepare(session, tmp_path / "empty.nrrd", tmp_path / "labels.nrrd")
    assert not (tmp_path / "labels.nrrd").exists()
