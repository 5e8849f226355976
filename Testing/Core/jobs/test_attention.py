"""Lungs read before anybody asks for an edit: nothing is written, nothing is read twice."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from DGMVLCCore.editing.memory import ScanMemory
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.errors import Cancelled, UnsuitableInputError
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.imaging.io import save_volume
from DGMVLCCore.jobs import edit
from DGMVLCCore.jobs.attention import read_finding
from DGMVLCCore.jobs.edit import asked_of
from DGMVLCCore.jobs.region import region_evidence
from DGMVLCCore.jobs.requests import Request
from DGMVLCCore.jobs.tasks import run_task
from DGMVLCCore.language.encoder import LanguageEncoder
from DGMVLCCore.models.denoiser import Denoiser
from DGMVLCCore.models.editor import Editor
from DGMVLCCore.results.segmentation import Segment, save_segmentation

REPORT = "There is a 26 mm nodule in the left lung. Emphysema in the right upper lobe."


def session(kind=Editor):
    """Warm with an untrained network and lungs that classical means find."""
    torch.manual_seed(0)
    pipe = CounterfactualPipeline(
        kind(widths=(16, 16, 16), findings=("nodule", "emphysema")), LanguageEncoder()
    )
    return SimpleNamespace(memory=ScanMemory(), pipeline=lambda weights: pipe, pipe=pipe)


@pytest.fixture
def asked(make_chest, tmp_path, monkeypatch):
    """The fields of a request."""
    monkeypatch.setattr("DGMVLCCore.editing.memory.find_anatomy", segment_anatomy)
    save_volume(make_chest((12, 112, 128), (4.0, 2.5, 2.5), nodule=True), tmp_path / "ct.nrrd")
    fields = {"image": str(tmp_path / "ct.nrrd"), "report_text": REPORT, "device": "cpu"}
    return fields | {"out": str(tmp_path / "out"), "slices": [4, 7]}


def ahead(session, asked, cancelled=lambda: False):
    return run_task("read-ahead", session, asked, lambda *_: None, cancelled)


def test_an_edit_finds_what_was_read_ahead(asked, tmp_path, monkeypatch):
    warm = session()
    assert ahead(warm, asked) == {"terms": ["nodule", "emphysema"]}
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(warm.pipe, "edit_predictor", lambda: pytest.fail("read again"))
    request = Request(tmp_path / "ct.nrrd", REPORT, tmp_path / "out", slices=(4, 7))
    volume = warm.memory.volume(request.image, None)
    anatomy = warm.memory.anatomy(volume, None)
    for finding in asked_of(request).to_read:
        found = read_finding(
            warm.pipe, volume, anatomy, finding, (4, 7), warm.memory, lambda *_: None
        )
        assert found.term == finding.term and found.values[4:7].any()
    assert ahead(warm, asked)["terms"] == ["nodule", "emphysema"]


def test_an_edit_finds_what_was_seen_in_its_region(asked, make_chest, tmp_path, monkeypatch):
    chests = [make_chest((12, 112, 128), (4.0, 2.5, 2.5), nodule=there) for there in (True, False)]
    nodule = chests[0].array - chests[1].array > 300
    save_segmentation([Segment(nodule, "nodule", (1, 0, 0))], chests[0], tmp_path / "a.seg.nrrd")
    warm, asked = session(), {**asked, "mask": str(tmp_path / "a.seg.nrrd")}
    ahead(warm, asked)
    kept, again = region_evidence, []
    monkeypatch.setattr(edit, "region_evidence", lambda *a, **k: again.append(a) or kept(*a, **k))
    ahead(warm, asked)
    assert not again, "the same region is read once"
    ahead(warm, {**asked, "slices": [5, 7]})
    nodule[:5] = False
    save_segmentation([Segment(nodule, "nodule", (1, 0, 0))], chests[0], tmp_path / "b.seg.nrrd")
    ahead(warm, {**asked, "mask": str(tmp_path / "b.seg.nrrd")})
    assert len(again) == 2, "other slices and another region are read"


def test_it_stops_when_it_is_told_to_and_refuses_as_an_edit_does(asked):
    with pytest.raises(Cancelled):
        ahead(session(), asked, lambda: True)
    with pytest.raises(UnsuitableInputError, match="no present finding"):
        ahead(session(), {**asked, "report_text": "No nodule."})
    assert ahead(session(Denoiser), asked) == {"terms": []}, "a network that reads nothing"
