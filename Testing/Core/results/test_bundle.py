"""A MONAI bundle loads back through MONAI's own loader and edits as the pipeline does."""

import json
import pydoc
from importlib import metadata

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from monai.bundle import ConfigParser, ConfigWorkflow

from DGMVLCCore.cli import main
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.editing.result import EditPlan
from DGMVLCCore.errors import OutputError, UnreadableError, UsageError, WeightsError
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.jobs import bundle
from DGMVLCCore.jobs.bundle_parts import Editor
from DGMVLCCore.models.denoiser import Denoiser


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A tiny network whose zero-initialised heads are filled, so that it changes something."""
    torch.manual_seed(0)
    model = Denoiser(widths=(16, 16, 16), findings=("nodule",))
    torch.nn.init.normal_(model.head.weight, std=0.1)
    folder = tmp_path_factory.mktemp("weights") / "tiny"
    model.half().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(weights, tmp_path_factory):
    out = tmp_path_factory.mktemp("bundle") / "dgmvlc"
    assert main(["bundle", "-q", "-o", str(out), "--weights", str(weights)]) == 0
    return out


@pytest.fixture(scope="module")
def loaded(folder):
    workflow = ConfigWorkflow(
        str(folder / "configs" / "inference.json"),
        meta_file=str(folder / "configs" / "metadata.json"),
        logging_file=False,
        workflow_type="infer",
        bundle_root=str(folder),
    )
    workflow.initialize()
    return workflow


def test_it_has_the_places_that_monai_looks_in(folder):
    found = {
        str(path.relative_to(folder).as_posix()) for path in folder.rglob("*") if path.is_file()
    }
    assert {
        "configs/metadata.json",
        "configs/inference.json",
        "models/diffusion_pytorch_model.safetensors",
        "LICENSE",
        "docs/README.md",
    } <= found
    about = ConfigParser.load_config_file(str(folder / "configs" / "metadata.json"))
    assert (
        about["monai_version"] == metadata.version("monai")
        and about["synthetic"]
        and "Research use only" in about["intended_use"]
    )
    assert "Apache" in (folder / "LICENSE").read_text(encoding="utf-8") and "ConfigWorkflow" in (
        folder / "docs" / "README.md"
    ).read_text(encoding="utf-8")
    assert not [name for name in found if name.endswith((".pt", ".pth", ".bin"))]


def test_monai_finds_every_property_it_asks_for(loaded, folder):
    assert loaded.check_properties() in (None, [])
    assert (
        loaded.version
        == json.loads((folder / "configs" / "metadata.json").read_text(encoding="utf-8"))["version"]
    )


def test_the_loaded_network_is_the_pipelines(loaded, weights, make_chest):
    volume = make_chest(nodule=True)
    anatomy, mask = segment_anatomy(volume), np.zeros(volume.shape, bool)
    mask[5:7, 48:62, 84:98] = True
    plan = EditPlan(mask, "Nodule.", "No nodule.", "nodule")
    own, theirs = (
        pipe(volume, plan, anatomy=anatomy, noises=1, steps=2).counterfactual.array
        for pipe in (CounterfactualPipeline.from_pretrained(weights), loaded.inferer)
    )
    assert np.array_equal(own, theirs) and (own != volume.array).any()
    assert loaded.network_def is loaded.inferer.model


def test_its_evaluator_edits_the_dataset(loaded, folder, make_chest, tmp_path, monkeypatch):
    volume, asked = make_chest(nodule=True), []
    sitk.WriteImage(sitk.GetImageFromArray(volume.array), str(tmp_path / "ct.nrrd"))
    (tmp_path / "report.txt").write_text("Nodule in the left lung.", encoding="utf-8")
    monkeypatch.setattr(
        "DGMVLCCore.jobs.edit.run_counterfactual",
        lambda request, pipe: asked.append((request, pipe)),
    )
    loaded.parser.update({"dataset_dir": str(tmp_path), "output_dir": str(tmp_path / "result")})
    loaded.parser.parse(reset=True)
    loaded.run()
    request, pipe = asked[0]
    assert (
        request.image == tmp_path / "ct.nrrd"
        and request.mask == tmp_path / "region.nrrd"
        and request.report_text == "Nodule in the left lung."
    )
    assert request.out == tmp_path / "result" and tuple(pipe.model.config["widths"]) == (16, 16, 16)
    with pytest.raises(UnreadableError, match=r"none\.txt could not be read"):
        Editor(
            pipe,
            [{"image": "a", "region": "b", "report": str(tmp_path / "none.txt")}],
            str(tmp_path / "r"),
            "w",
        ).run()
    with pytest.raises(UsageError, match="empty"):
        Editor(pipe, [], str(tmp_path / "r"), "w")


def test_it_is_written_whole_or_not_at_all(folder, weights, tmp_path, monkeypatch):
    with pytest.raises(OutputError, match="--overwrite"):
        bundle.export_bundle(folder, weights)
    bundle.export_bundle(folder, weights, overwrite=True)
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match=r"notes\.txt"):
        bundle.export_bundle(folder, weights, overwrite=True)
    (folder / "notes.txt").unlink()
    with pytest.raises(WeightsError):
        bundle.export_bundle(tmp_path / "b", tmp_path)

    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(bundle.metadata, "version", absent)
    with pytest.raises(UsageError, match=r"pip install dgmvlc\[bundle\]"):
        bundle.export_bundle(tmp_path / "c", weights)
    assert not (tmp_path / "c").exists() and not list(tmp_path.glob(".*partial"))


def test_a_bundle_of_an_earlier_version_finds_its_parts():
    from monai.utils.module import instantiate

    from DGMVLCCore.jobs.bundle_parts import Editor

    before = "DGMVLCCore.export.bundle_parts"  # as an earlier inference.json says
    with pytest.raises(RuntimeError, match="instantiate") as refused:
        instantiate(
            f"{before}.Editor", "default", inferer=None, dataset=[], output_dir="o", weights="w"
        )
    assert "dataset is empty" in str(refused.value.__cause__)
    assert pydoc.locate(f"{before}.Editor") is Editor
