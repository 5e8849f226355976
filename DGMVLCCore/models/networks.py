"""The generators that a weights folder may hold, by the class its config.json names."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from DGMVLCCore.errors import WeightsError, quoted
from DGMVLCCore.models.checks import CONFIG, check_weights, load_network, read_facts

WEIGHTS = "weights/dgmvlc-editor"  # the shipped generator
# class named in config.json -> (module of DGMVLCCore, what it is called to a user)
NETWORKS: dict[str, tuple[str, str]] = {
    "Denoiser": ("models.denoiser", "denoiser"),
    "Editor": ("models.editor", "editor"),
    "VolumeDenoiser": ("models.volume_denoiser", "volume denoiser"),
    "Generator": ("models.generator", "one-pass network"),
}


def modality_of(folder: Path) -> str:
    """The modality a weights folder names, "CT" where it names none; without loading anything."""
    try:
        return str(read_facts(folder / CONFIG).get("modality", "CT"))
    except WeightsError:
        return "CT"  # load_generator says what is missing


def load_generator(folder: Path) -> tuple[Any, str]:
    """The generator of a weights folder in float32, of whichever class it is, and its weights'
    SHA-256.

    Raises:
        WeightsError: missing, altered, of no known class, or of another architecture.
    """
    check_weights(folder)
    kind, name = generator_class(folder)
    return load_network(kind, folder, name)


def generator_class(folder: Path) -> tuple[Any, str]:
    """The class that a weights folder names, and what it is called to a user.

    Raises:
        WeightsError: no known one.
    """
    named = read_facts(folder / CONFIG).get("_class_name")
    if not isinstance(named, str) or named not in NETWORKS:
        raise WeightsError(
            f"The weights in {folder} are of the class {quoted(named)}, not one of "
            f"{', '.join(NETWORKS)}; give the folder of a generator."
        )
    module, name = NETWORKS[named]
    return getattr(import_module(f"DGMVLCCore.{module}"), named), name
