"""Weights are what their record says they are."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from DGMVLCCore.errors import DeviceError, WeightsError


def check_weights(folder: Path) -> str:
    """SHA-256 of a weights folder's safetensors, compared with the `sha256` its model card data
    names.

    Raises:
        WeightsError: no weights there, or altered ones.
    """
    path = folder / "diffusion_pytorch_model.safetensors"
    if not path.exists():
        raise WeightsError(
            f"There are no weights in {folder} (diffusion_pytorch_model.safetensors is missing)."
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    facts = folder / "training.json"
    wanted = json.loads(facts.read_text()).get("sha256") if facts.exists() else None
    if wanted is not None and wanted != found:
        raise WeightsError(
            f"{path} has SHA-256 {found[:12]}…, its record says {wanted[:12]}…: the file was "
            "altered; get it again."
        )
    return found


def load_network(kind: Any, folder: Path, name: str) -> tuple[Any, str]:
    """A network of `kind` (a diffusers model) in float32 from a weights folder, and its weights'
    SHA-256.

    Raises:
        WeightsError: missing, altered, or of another architecture.
    """
    import torch

    sha256 = check_weights(folder)
    try:
        model = kind.from_pretrained(
            str(folder), torch_dtype=torch.float32, low_cpu_mem_usage=False, local_files_only=True
        )
    except (OSError, ValueError, TypeError, RuntimeError, KeyError) as error:
        reason = str(error).strip().splitlines()[0][:160]
        raise WeightsError(
            f"The weights in {folder} do not fit this version's {name} ({reason})."
        ) from error
    return model, sha256


def move(model: Any, device: Any) -> None:
    """Move a network to a device.

    Raises:
        DeviceError: it cannot be used.
    """
    try:
        model.to(device)
    except (RuntimeError, AssertionError) as error:
        raise DeviceError(
            f"The device {device} cannot be used ({str(error).splitlines()[0]})."
        ) from error
