"""Everything a training run depends on, in one record that is stored beside the weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from DGMVLCCore.errors import UsageError, quoted
from DGMVLCCore.ground.plain_json import read_json
from DGMVLCCore.results.records import write_text

# task -> (module of DGMVLCCore, trainer)
TASKS: dict[str, tuple[str, str]] = {
    "denoiser": ("training.denoising", "DenoisingTrainer"),
    "editor": ("training.editing", "EditingTrainer"),
    "volume": ("training.volumes", "VolumeTrainer"),
    "dual": ("training.aligning", "AligningTrainer"),
    "cohort": ("training.cohort", "CohortTrainer"),
    "gan": ("training.adversarial", "AdversarialTrainer"),
    "image": ("training.images", "ImageTrainer"),
    "probe": ("training.probing", "ProbeTrainer"),
    "lungs": ("training.lungs", "LungTrainer"),
    "finder": ("training.finding", "FinderTrainer"),
    "anomaly": ("evaluation.anomaly", "AnomalyTrainer"),
}
# task -> fields that it sets otherwise than `Recipe` does, unless the recipe names them
OWN_FIELDS: dict[str, dict[str, object]] = {
    "gan": {"widths": (32, 32, 48), "batch": 16, "learning_rate": 5e-4},
    "lungs": {"batch": 8, "learning_rate": 2e-3, "warmup": 30, "ema": 0.98},
    "finder": {"batch": 16, "learning_rate": 2e-3, "warmup": 60, "ema": 0.995},
}


FREE = (
    "shards",
    "out",
    "minutes",
    "steps",
    "workers",
    "checkpoint_every",
    "compile",
)  # may differ when a run is resumed


@dataclass(frozen=True)
class Recipe:
    """A training run.

    Args:
        shards: folder made by `dgmvlc data`. out: folder for checkpoints, log and final weights.
        task: "denoiser", "volume" (the denoiser of slabs; on a 2D network in `start_from` only its
            layers along z), "gan" (the one-pass
            generator), "dual" (the vision and language encoders that share a space), "cohort" (the
            denoiser, from `start_from`, on clinical
            rows), "image" (the denoiser on pictures of another modality), "probe" (the held-out
            judge), "lungs" (the network of lungs and airway), "finder" (the review's map) or
            "anomaly" (the autoencoder of the baseline map).
        minutes: wall-clock budget; the learning rate decays to zero over it (over `steps` when that
            is given).
        batch: slices of 128x128 a step; nodule batches (48x48) hold four times as many.
        depth: consecutive slices of a slab, for "volume"; `batch` counts slices and is a multiple
            of it.
        vision: folder of a trained dual encoder whose scan embedding conditions the denoiser; none
            when empty.
        frozen: beginnings of the names of weights that stay as they are.
        grounding: weight of the loss that asks the full-grid attention to name the lesion's cells.
        misread: share of examples read under a sentence about another finding; they teach attention
            to stay away, and no voxel.
        detail: channels of the editor's layers at full resolution; 0 for none.
        tissue: show the editor how much denser than clear lung the tissue between vessels is.
        lesion_weight: of a lesion's voxels in the editor's loss, besides 1.
        compile: fuse the network with torch.compile (needs a C++ compiler on a CPU).
        modality: of the scans: "CT", "MR" or "XR".
    """

    shards: str
    out: str
    task: str = "denoiser"
    minutes: float = 60.0
    steps: int = 0
    batch: int = 32
    learning_rate: float = 8e-4
    warmup: int = 100
    weight_decay: float = 0.01
    ema: float = 0.999
    text_dropout: float = 0.1
    scan_dropout: float = 0.2
    nodule_share: float = 0.2
    grounding: float = 0.05
    misread: float = 0.1
    compile: bool = False
    workers: int = 1
    seed: int = 0
    checkpoint_every: int = 500
    widths: tuple[int, int, int] = (64, 112, 176)
    affine_fusion: bool = True
    cross_attention: bool = True
    anatomy: bool = True
    start_from: str = ""
    vision: str = ""
    depth: int = 8
    lesion_weight: float = 10.0
    detail: int = 0
    tissue: bool = False
    frozen: tuple[str, ...] = ()
    modality: str = "CT"

    def save(self, path: Path) -> None:
        """Write as JSON.

        Raises:
            OutputError: it cannot be written.
        """
        write_text(json.dumps(asdict(self), indent=1), path)


def make_recipe(**fields: Any) -> Recipe:
    """A recipe of these fields; those of its task's own fill what is left out."""
    return Recipe(**{**OWN_FIELDS.get(fields.get("task", ""), {}), **fields})


def load_recipe(path: Path, **overrides: object) -> Recipe:
    """A recipe from a JSON file, with fields replaced; unknown fields are refused."""
    fields = read_json(Path(path), "give a recipe")
    fields.update(overrides)
    known = set(Recipe.__dataclass_fields__)
    if unknown := set(fields) - known:
        raise UsageError(
            f"The recipe has unknown fields {quoted(sorted(unknown))}; known are {sorted(known)}."
        )
    if missing := {"shards", "out"} - set(fields):
        raise UsageError(f"The recipe lacks {sorted(missing)}; add them to {path} or as options.")
    if fields.get("task", "denoiser") not in TASKS:
        raise UsageError(
            f"The recipe's task is {fields['task']!r}; it must be one of {', '.join(TASKS)}."
        )
    if "widths" in fields:
        fields["widths"] = tuple(fields["widths"])
    fields["frozen"] = tuple(fields.get("frozen", ()))
    return make_recipe(**fields)


def changed_fields(path: Path, recipe: Recipe) -> list[str]:
    """Fields of a run's `recipe.json` that a resumed run may not change but would, each with both
    values; none when the file is not there."""
    if not path.exists():
        return []
    then = read_json(path, "remove it together with the run, or choose another output folder")
    now = json.loads(json.dumps(asdict(recipe)))
    return [
        f"{name} was {then[name]!r}, now {value!r}"
        for name, value in now.items()
        if name not in FREE and name in then and then[name] != value
    ]
