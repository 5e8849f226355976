"""An edit from report to folder with an editor that takes away what is dense."""

import json

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.preview import preview_slice
from DGMVLCCore.editing.result import EditPlan
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.imaging.io import load_volume, save_volume
from DGMVLCCore.jobs.edit import Request, run_counterfactual
from DGMVLCCore.language.encoder import LanguageEncoder
from DGMVLCCore.models.editor import Edit, Editor
from DGMVLCCore.models.units import to_units
from DGMVLCCore.simulation.phrases import TERMS


class Removing(Editor):
    """Turns what is denser than -500 HU in the mask into lung, if it is wide; says no word why."""

    def forward(self, x_t, t, cond):
        source = cond.context[:, 1:2]
        wide = torch.nn.functional.avg_pool2d(source, 5, 1, 2)
        asked = torch.where(wide > float(to_units(-500.0)), 20.0, -20.0)
        attention = torch.full((len(source), source[0].numel() // 16, 4), 0.25)
        return Edit(torch.full_like(source, float(to_units(-850.0))), asked, attention)


@pytest.fixture(scope="module")
def editor():
    model = Removing((16, 16, 16), findings=TERMS)
    return CounterfactualPipeline(model, LanguageEncoder(), "0" * 64, "removing")


@pytest.fixture
def case(phantom_with_nodule, tmp_path):
    save_volume(phantom_with_nodule, tmp_path / "ct.nrrd")
    anatomy = segment_anatomy(phantom_with_nodule)
    lesion = (phantom_with_nodule.array > -300) & anatomy.lungs
    # the phantom's vessels are as dense as its nodule, which is the widest of them
    z, y, x = np.indices(lesion.shape)
    lesion &= np.hypot(y - 112 * 0.48, x - 128 * 0.71) < 7
    save_volume(phantom_with_nodule.with_array(lesion.astype(np.float32)), tmp_path / "mask.nrrd")
    return tmp_path


def request(case, report, **fields):
    return Request(
        case / "ct.nrrd",
        report,
        case / "out",
        **{"mask": case / "mask.nrrd", "noises": 2, "scene": False, **fields},
    )


def test_the_finding_goes_and_the_record_says_how(editor, case):
    path = run_counterfactual(request(case, "Nodule in the left lung."), pipe=editor)
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["plan"]["target"] == "No nodule."
    assert record["settings"]["evidence"]["value"] > 0.9
    assert 0 < record["settings"]["invented_share"] < 1
    roles = {entry["role"] for entry in record["files"]}
    assert {"change", "invented", "attention"} <= roles
    names = {gate["name"] for gate in record["gates"]}
    assert {"finding in the region", "share in the lungs", "rim gradient"} <= names
    original, edited = (
        load_volume(path.parent / f"{name}.nrrd").array for name in ("original", "counterfactual")
    )
    change = sitk.GetArrayFromImage(sitk.ReadImage(str(path.parent / "change.nrrd")))
    assert (edited[change == 0] == original[change == 0]).all()
    assert edited[change > 0.99].mean() < -600 < original[change > 0.99].mean()
    explanation = (path.parent / "explanation.txt").read_text(encoding="utf-8")
    assert "asked to change and what looked like disease" in explanation


def test_an_absent_finding_is_made_anew_where_it_is_marked(editor, case):
    report = "No nodule in the left lung."
    path = run_counterfactual(request(case, report, finding=1, target="nodule"), pipe=editor)
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["plan"]["target"] == "Nodule." and record["settings"]["evidence"] is None
    invented, marked = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(name))) > 0
        for name in (path.parent / "invented.seg.nrrd", case / "mask.nrrd")
    )
    assert (invented[marked]).all() and invented.sum() < 4 * marked.sum()


def test_the_wrong_side_ends_without_an_image(editor, case):
    with pytest.raises(UnsuitableInputError, match="the region lies in the left lung"):
        run_counterfactual(request(case, "Nodule in the right lung."), pipe=editor)
    assert not (case / "out").exists()


def test_a_wrong_size_is_not_all_checks_passed(editor, case):
    path = run_counterfactual(request(case, "A 90 mm nodule in the left lung."), pipe=editor)
    failed = [
        gate for gate in json.loads(path.read_text(encoding="utf-8"))["gates"] if not gate["passed"]
    ]
    assert any(gate["name"] == "size" for gate in failed)


def test_where_the_finding_is_not_the_editor_abstains(editor, case, phantom):
    save_volume(phantom, case / "ct.nrrd")
    with pytest.raises(UnsuitableInputError, match="does not look like “nodule”"):
        run_counterfactual(request(case, "Nodule in the left lung."), pipe=editor)


def test_equal_texts_and_the_shift_of_equal_answers_change_nothing(editor, phantom_with_nodule):
    anatomy = segment_anatomy(phantom_with_nodule)
    mask = anatomy.left
    plan = EditPlan(mask, "Nodule.", "No nodule.", "nodule", mode="shift")
    result = editor(phantom_with_nodule, plan, anatomy=anatomy, noises=1)
    assert not result.difference.any(), "this editor answers every text alike, so all cancels"
    plan = EditPlan(mask, "Nodule.", "No nodule.", "nodule")
    result = editor(phantom_with_nodule, plan, anatomy=anatomy, noises=2)
    assert result.difference.any() and not result.difference[~mask].any()


def test_the_preview_is_the_editors_own(editor, phantom_with_nodule):
    anatomy = segment_anatomy(phantom_with_nodule)
    plan = EditPlan(anatomy.left, "Nodule.", "No nodule.", "nodule")
    shown = preview_slice(editor, phantom_with_nodule, anatomy, plan)
    assert shown.volume.array.shape[0] == 1 and "synthetic" in shown.note


def test_what_is_hidden_is_made_anew_and_nothing_else(untrained_editor, phantom_with_nodule):
    anatomy = segment_anatomy(phantom_with_nodule)
    mask, hidden = anatomy.left.copy(), np.zeros(anatomy.left.shape, bool)
    hidden[6, 50:60, 85:95] = True
    hidden &= mask
    plan = EditPlan(mask, "No nodule.", "Nodule.", "nodule", removes=False, hidden=hidden)
    result = untrained_editor(phantom_with_nodule, plan, anatomy=anatomy, noises=1, steps=2)
    assert result.difference[hidden].any() and not result.difference[6][~hidden[6]].any()
    other = phantom_with_nodule.array.copy()
    other[hidden] = 900
    scan = phantom_with_nodule.with_array(other)
    again = untrained_editor(scan, plan, anatomy=anatomy, noises=1, steps=2)
    inside = hidden & (result.mask > 0)
    made, twin = result.counterfactual.array[inside], again.counterfactual.array[inside]
    assert np.abs(made - twin).mean() < np.abs(900 - made).mean() / 4, "what was there is not seen"


def test_a_smooth_change_differs_less_from_slice_to_slice(untrained_editor, phantom_with_nodule):
    anatomy = segment_anatomy(phantom_with_nodule)
    plan = EditPlan(anatomy.left, "Nodule.", "No nodule.", "nodule")

    def jumps(smooth_z):
        result = untrained_editor(
            phantom_with_nodule, plan, anatomy=anatomy, noises=1, smooth_z=smooth_z
        )
        both = anatomy.left[1:] & anatomy.left[:-1]
        return np.abs(np.diff(result.change, axis=0))[both].mean()

    assert jumps(True) < 0.8 * jumps(False)


def test_only_an_editor_changes_smoothly(untrained, phantom_with_nodule):
    anatomy = segment_anatomy(phantom_with_nodule)
    plan = EditPlan(anatomy.left, "Nodule.", "No nodule.", "nodule")
    with pytest.raises(UnsuitableInputError, match="--smooth-z.*editor's weights"):
        untrained(phantom_with_nodule, plan, anatomy=anatomy, noises=1, smooth_z=True)
