"""Weights as a MONAI bundle: configs, weights, licence and model card in the folders that MONAI's
tools look in.

The network is built by this package, so a bundle is run where `dgmvlc` is installed; its weights
are safetensors, which `monai.bundle.load` does not read
(it calls `torch.load`): load it by `monai.bundle.ConfigWorkflow`, or `python -m monai.bundle run`.
"""

from __future__ import annotations

import json
import shutil
from importlib import metadata
from pathlib import Path

from DGMVLCCore.editing.result import NOTICE
from DGMVLCCore.errors import UnreadableError, UsageError
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.models.checks import check_weights
from DGMVLCCore.models.networks import WEIGHTS
from DGMVLCCore.results.folders import whole_folder
from DGMVLCCore.results.manifest import sha256_of

RECORD = "configs/metadata.json"
SCHEMA_URL = (
    "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/"
    "meta_schema_20220324.json"
)
CARRIED = ("config.json", "diffusion_pytorch_model.safetensors", "training.json")
PARTS = "DGMVLCCore.jobs.bundle_parts"
USE = """## As a MONAI bundle

Needs `pip install dgmvlc[bundle]`. One edit, written as a result folder:

    python -m monai.bundle run --config_file configs/inference.json \\
        --meta_file configs/metadata.json --bundle_root . \\
        --dataset_dir FOLDER --output_dir result

`FOLDER` holds `ct.nrrd` (HU), `region.nrrd` (a segmentation) and `report.txt`. In Python:

    from monai.bundle import ConfigWorkflow
    bundle = ConfigWorkflow("configs/inference.json", workflow_type="infer", bundle_root=".")
    bundle.initialize()
    pipe = bundle.inferer            # a CounterfactualPipeline; bundle.network_def is its network

The weights are safetensors; `monai.bundle.load` reads pickled weights only.
"""


def _licence() -> str:
    """Text of the licence, from a checkout or from the installed distribution.

    Raises:
        UnreadableError: it is nowhere.
    """
    path = Path(__file__).parents[2] / "LICENSE"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    try:
        found = [file for file in metadata.files("dgmvlc") or [] if file.name == "LICENSE"]
    except metadata.PackageNotFoundError:
        found = []
    if not found:
        raise UnreadableError(
            "This installation lacks its LICENSE file, which a bundle must carry; install dgmvlc "
            "again."
        )
    return found[0].read_text(encoding="utf-8")


def inference_config() -> dict[str, object]:
    """configs/inference.json: the properties that MONAI asks of a bundle for inference."""
    return {
        "imports": ["$from pathlib import Path", "$import torch"],
        "bundle_root": ".",
        "device": "cpu",
        "dataset_dir": ".",
        "output_dir": "$@bundle_root + '/result'",
        "dataset": (
            "$[{'image': @dataset_dir + '/ct.nrrd', 'region': @dataset_dir + '/region.nrrd', "
            "'report': @dataset_dir + '/report.txt'}]"
        ),
        "inferer": {
            "_target_": f"{PARTS}.pipeline_of",
            "folder": "$@bundle_root + '/models'",
            "device": "@device",
        },
        "network_def": "$@inferer.model",
        "evaluator": {
            "_target_": f"{PARTS}.Editor",
            "inferer": "@inferer",
            "dataset": "@dataset",
            "output_dir": "@output_dir",
            "weights": "$@bundle_root + '/models'",
            "device": "@device",
        },
        "initialize": ["$torch.manual_seed(0)"],
        "run": ["$@evaluator.run()"],
    }


def metadata_of(weights: Path) -> dict[str, object]:
    """configs/metadata.json.

    Raises:
        UsageError: MONAI is not installed, so that its version cannot be said.
    """
    from DGMVLCCore import __version__

    return {
        "schema": SCHEMA_URL,
        "software": {"name": "dgmvlc", "version": __version__},
        "version": __version__,
        "changelog": {__version__: "exported"},
        **_versions(),
        "required_packages_version": {"dgmvlc": __version__},
        **ABOUT,
        "weights_sha256": check_weights(weights),
        "network_data_format": {
            "inputs": {"image": _channel("hounsfield", "slice, noise where it is hidden")},
            "outputs": {"pred": _channel("image", "clean slice")},
        },
    }


ABOUT = {
    "name": "DGM-VLC counterfactual chest CT",
    "synthetic": True,
    "notice": NOTICE,
    "task": "Counterfactual editing of chest CT inside a region, from a scan, a report and a mask",
    "description": (
        "A mask- and text-conditioned U-Net that edits a CT slice through the region's own voxels; "
        "what is too dense to see through it samples by a rectified flow."
    ),
    "authors": "DGM-VLC authors",
    "copyright": "Apache-2.0",
    "intended_use": "Research use only; not a medical device.",
    "data_type": "nrrd",
    "image_classes": "CT in HU",
    "label_classes": "edit region, 1 inside",
    "pred_classes": "CT in HU, synthetic inside the region",
    "references": ["arXiv:2410.13823"],
}


def _versions() -> dict[str, str]:
    packages = {"monai_version": "monai", "pytorch_version": "torch", "numpy_version": "numpy"}
    try:
        return {name: metadata.version(package) for name, package in packages.items()}
    except metadata.PackageNotFoundError as error:
        raise UsageError(
            "A MONAI bundle needs MONAI; install it with: pip install dgmvlc[bundle]."
        ) from error


def _channel(kind: str, words: str) -> dict[str, object]:
    """A slice as the bundle's schema describes what goes in or comes out."""
    return {
        "type": "image",
        "modality": "CT",
        "spatial_shape": ["16*n", "16*n"],
        "dtype": "float32",
        "value_range": [-1100, 400],
        "is_patch_data": True,
        "format": kind,
        "num_channels": 1,
        "channel_def": {"0": words},
    }


def _card(weights: Path) -> str:
    """The model card of a weights folder, a short one where there is none."""
    card = weights / "README.md"
    written = card.exists()
    return card.read_text(encoding="utf-8") if written else f"# {weights.name}\n\n{NOTICE}\n"


def export_bundle(out: Path, weights: Path | None = None, *, overwrite: bool = False) -> list[str]:
    """Write a bundle, whole or not at all; returns its files' names.

    Args:
        out: new folder. weights: a generator's folder; the shipped one when None.

    Raises:
        WeightsError: no weights, or altered ones. UsageError: MONAI is not installed. OutputError:
            `out` cannot be written.
    """
    folder = weights or resource(WEIGHTS)
    about = metadata_of(folder)
    with whole_folder(out, overwrite, RECORD) as work:
        for name in ("configs", "models", "docs"):
            (work / name).mkdir()
        for name in CARRIED:
            if (folder / name).exists():
                shutil.copyfile(folder / name, work / "models" / name)
        (work / "docs" / "README.md").write_text(f"{_card(folder)}\n{USE}", encoding="utf-8")
        (work / "LICENSE").write_text(_licence(), encoding="utf-8")
        (work / "configs" / "inference.json").write_text(
            json.dumps(inference_config(), indent=1) + "\n", encoding="utf-8"
        )
        files = {
            path.relative_to(work).as_posix(): sha256_of(path)
            for path in sorted(work.rglob("*"))
            if path.is_file()
        }
        about["files"] = [{"name": name, "sha256": digest} for name, digest in files.items()]
        (work / RECORD).write_text(
            json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    return list(files)
