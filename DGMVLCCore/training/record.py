"""The record beside the weights: how they came to be, and the hash they are known by."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from DGMVLCCore.models.checks import file_hashes
from DGMVLCCore.training.recipe import Recipe


def write_record(weights: Path, recipe: Recipe, *, steps: int, seconds: float, device: str) -> None:
    """Write `training.json`: recipe without paths, steps, time, device, SHA-256 of the weights
    file and of those that are read beside it."""
    facts = {
        name: value
        for name, value in asdict(recipe).items()
        if name not in ("shards", "out", "start_from", "vision")
    }
    digest = hashlib.sha256(
        (weights / "diffusion_pytorch_model.safetensors").read_bytes()
    ).hexdigest()
    record = {
        "sha256": digest,
        "files": file_hashes(weights),
        "steps": steps,
        "seconds": round(seconds),
        "device": device,
        "recipe": facts,
    }
    (weights / "training.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
