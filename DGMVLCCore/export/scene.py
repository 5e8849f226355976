"""Has the Slicer scene made by a process of its own, so that this package never imports slicer."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

TIMEOUT_S = 180


def scene_package() -> Path | None:
    """Folder that holds `SlicerDGMVLCLib`, in a checkout or an installation."""
    spec = importlib.util.find_spec("SlicerDGMVLCLib")
    if spec is not None and spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).parent
    checkout = Path(__file__).resolve().parents[2] / "SlicerDGMVLC"
    return checkout if (checkout / "SlicerDGMVLCLib").is_dir() else None


def make_scene(manifest: Path, scene: Path) -> str | None:
    """Write `scene.mrb` from a result.json.

    Returns:
        None when it was written, otherwise why not.
    """
    package = scene_package()
    if package is None or importlib.util.find_spec("slicer") is None:
        return "scene.mrb was not made: slicer-core is not installed (pip install 'dgmvlc[scene]'); the volumes open in Slicer one by one."
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH", "")]))}
    command = [sys.executable, "-m", "SlicerDGMVLCLib.make_scene", str(manifest.absolute()), str(scene.absolute())]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"scene.mrb was not made: {error}."
    if done.returncode or not scene.exists():
        lines = done.stderr.strip().splitlines()
        return f"scene.mrb was not made: {lines[-1] if lines else 'the scene process ended without a word'}."
    return None
