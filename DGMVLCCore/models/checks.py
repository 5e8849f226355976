"""Weights are what their record says they are."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from DGMVLCCore.errors import WeightsError


def check_weights(folder: Path) -> str:
    """SHA-256 of a weights folder's safetensors, compared with the `sha256` its model card data names.

    Raises:
        WeightsError: no weights there, or altered ones.
    """
    path = folder / "diffusion_pytorch_model.safetensors"
    if not path.exists():
        raise WeightsError(f"There are no weights in {folder} (diffusion_pytorch_model.safetensors is missing).")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    facts = folder / "training.json"
    wanted = json.loads(facts.read_text()).get("sha256") if facts.exists() else None
    if wanted is not None and wanted != found:
        raise WeightsError(f"{path} has SHA-256 {found[:12]}…, its record says {wanted[:12]}…: the file was altered; get it again.")
    return found
