"""Has the Slicer scene made by a process of its own, so that this package never imports slicer."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TIMEOUT_S = 600  # for slow discs: 512x512x300 takes 13 s on two cores and 1.3 GB


def scene_package() -> Path | None:
    """Folder that holds `SlicerDGMVLCLib`, in a checkout or an installation."""
    spec = importlib.util.find_spec("SlicerDGMVLCLib")
    if spec is not None and spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).parent
    checkout = Path(__file__).resolve().parents[2] / "SlicerDGMVLC"
    return checkout if (checkout / "SlicerDGMVLCLib").is_dir() else None


def _run(package: Path, manifest: Path, scene: Path) -> str:
    """Run the scene process; returns why it failed, or an empty string."""
    files = [str(manifest.absolute()), str(scene.absolute())]
    command = [sys.executable, "-m", "SlicerDGMVLCLib.make_scene", *files]
    # What Slicer packs lies beside the scene while it is made (large scans do not fit every /tmp)
    # and goes with this process.
    with tempfile.TemporaryDirectory(
        prefix=".scene-", dir=scene.absolute().parent, ignore_cleanup_errors=True
    ) as scratch:
        paths = filter(None, [str(package), os.environ.get("PYTHONPATH", "")])
        environment = {
            **os.environ,
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), scratch),
            "PYTHONPATH": os.pathsep.join(paths),
        }
        try:
            done = subprocess.run(
                command,
                env=environment,
                timeout=TIMEOUT_S,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
            )
        except subprocess.TimeoutExpired:
            return f"the scene process took longer than {TIMEOUT_S} s"
        except OSError as error:
            return f"the scene process could not be started ({error.strerror or error})"
    if done.returncode == 0 and scene.exists():
        return ""
    silent = f"the scene process ended without a word (exit code {done.returncode})"
    last = (done.stderr.strip().splitlines() or [silent])[-1]
    for noise in ("ValueError: ", "OSError: "):
        last = last.removeprefix(noise)
    return last.replace(f"{manifest.absolute().parent}{os.sep}", "").rstrip(".")


def make_scene(manifest: Path, scene: Path) -> str | None:
    """Write `scene.mrb` from a result.json.

    Returns:
        None when it was written, otherwise why not; then nothing half-written stays.
    """
    package = scene_package()
    if (
        package is None or importlib.util.find_spec("slicer_core") is None
    ):  # another package on PyPI is called slicer, too
        return (
            "scene.mrb was not made: slicer-core is not installed (pip install 'dgmvlc[scene]'); "
            "the "
            "volumes open in Slicer one by one."
        )
    if reason := _run(package, manifest, scene):
        scene.unlink(missing_ok=True)
        return f"scene.mrb was not made: {reason}."
    return None
