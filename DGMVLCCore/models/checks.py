"""Weights are what their record says they are, whole, finite and of this version's networks."""

from __future__ import annotations

import hashlib
import logging
import re
from pathlib import Path
from typing import Any

from DGMVLCCore.errors import DeviceError, UnreadableError, WeightsError, quoted
from DGMVLCCore.ground.plain_json import read_json
from DGMVLCCore.ground.resources import resource

logger = logging.getLogger(__name__)

FILE, RECORD, CONFIG = "diffusion_pytorch_model.safetensors", "training.json", "config.json"
COHORT = "cohort.json"  # what weights learned of a cohort, copied from the shards
BESIDE = (CONFIG, "alignment.json", "probe.json")  # what a loader reads beside the tensors
SHA256 = re.compile(r"[0-9a-f]{64}")


def weights_folder(path: str | Path | None, shipped: str) -> Path:
    """The folder that is given, else the carried one (its name among the resources)."""
    return Path(path) if path else resource(shipped)


def read_facts(path: Path) -> dict[str, Any]:
    """A JSON object of a weights folder.

    Raises:
        WeightsError: missing or damaged.
    """
    try:
        return read_json(path, "get the weights again")
    except UnreadableError as error:
        raise WeightsError(str(error)) from error


def file_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of the small files that a loader reads beside the tensors."""
    return {
        name: hashlib.sha256((folder / name).read_bytes().replace(b"\r\n", b"\n")).hexdigest()
        for name in BESIDE
        if (folder / name).is_file()
    }


def _check_recorded(path: Path, found: str, wanted: Any) -> None:
    """Refuse a file whose hash is not the recorded one."""
    if not isinstance(wanted, str) or not SHA256.fullmatch(wanted):
        raise WeightsError(
            f"{path.parent / RECORD} holds no SHA-256 of {path.name} but {quoted(wanted)}; get the "
            "weights again."
        )
    if wanted != found:
        raise WeightsError(
            f"{path} has SHA-256 {found[:12]}…, its record says {wanted[:12]}…: the file was "
            "altered; get it again."
        )


def check_weights(folder: Path) -> str:
    """SHA-256 of a weights folder's safetensors; it and the configuration are compared with the
    hashes that the record beside them names.

    Raises:
        WeightsError: no weights there, a damaged record, or altered files.
    """
    path = folder / FILE
    if not path.is_file():
        raise WeightsError(f"There are no weights in {folder} ({FILE} is missing).")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if not (folder / RECORD).exists():
        logger.warning("%s has no %s, so its weights cannot be verified.", folder, RECORD)
        return found
    facts = read_facts(folder / RECORD)
    if "sha256" not in facts:
        logger.warning("%s names no SHA-256, so the weights cannot be verified.", folder / RECORD)
        return found
    _check_recorded(path, found, facts["sha256"])
    listed = facts.get("files")
    if listed is None:
        logger.warning(
            "The record of %s is of an earlier version: its %s cannot be verified.", folder, CONFIG
        )
        return found
    if not isinstance(listed, dict):
        raise WeightsError(f"{folder / RECORD} holds no list of files; get the weights again.")
    for name, digest in file_hashes(folder).items():
        _check_recorded(folder / name, digest, listed.get(name))
    return found


def _check_class(kind: Any, folder: Path, name: str) -> None:
    """Refuse a configuration of another network."""
    named = read_facts(folder / CONFIG).get("_class_name")
    if named != kind.__name__:
        raise WeightsError(
            f"The weights in {folder} are of the class {quoted(named)}, not of this version's "
            f"{name} ({kind.__name__}); give the folder of a {name}."
        )


def _check_tensors(model: Any, folder: Path) -> None:
    """Refuse tensors that are missing, left over, or not finite: a network with some of its weights
    made up looks like any other."""
    import torch
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(folder / FILE), framework="pt") as file:
            stored = set(file.keys())
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"{folder / FILE} is cut or damaged ({quoted(error)}); get it again."
        ) from error
    wanted = set(getattr(model, "stored_names", lambda: model.state_dict().keys())())
    for which, names in (("lack", wanted - stored), ("hold the unknown", stored - wanted)):
        if names:
            raise WeightsError(
                f"The weights in {folder} {which} {len(names)} tensor(s), such as "
                f"{quoted(min(names))}; get them again."
            )
    for name, value in model.state_dict().items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise WeightsError(
                f"The weights in {folder} hold numbers that are not finite ({quoted(name)}); get "
                "them again."
            )


def load_network(kind: Any, folder: Path, name: str) -> tuple[Any, str]:
    """A network of `kind` (a diffusers model) in float32 from a weights folder, and its weights'
    SHA-256.

    Raises:
        WeightsError: missing, altered, incomplete, not finite, or of another architecture.
    """
    import torch
    from safetensors import SafetensorError

    folder = Path(folder)
    sha256 = check_weights(folder)
    _check_class(kind, folder, name)
    try:
        model = kind.from_pretrained(
            str(folder), torch_dtype=torch.float32, low_cpu_mem_usage=False, local_files_only=True
        )
    except WeightsError:
        raise
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        OSError,
        RuntimeError,
        SafetensorError,
        TypeError,
        ValueError,
    ) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise WeightsError(
            f"The weights in {folder} do not fit this version's {name} ({reason})."
        ) from error
    _check_tensors(model, folder)
    return model.to(memory_format=torch.channels_last), sha256  # convolutions are fastest so


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
