"""`dgmvlc doctor`: what is installed and whether it is right, one line each."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from DGMVLCCore import __version__
from DGMVLCCore.cli.shared import Add, Answer, Command
from DGMVLCCore.errors import DeviceError, DGMVLCError, OutputError, UsageError

NEEDED_MEMORY_GB, NEEDED_DISK_GB = 4.0, 2.0
OPTIONAL = {
    "highdicom": "DICOM export",
    "dicomweb_client": "archives by DICOMweb",
    "pynetdicom": "archives by DIMSE",
    "openpyxl": "Excel tables",
    "monai": "bundles, 3D baselines",
    "trame_slicer": "the viewer in a browser",
}
Check = Callable[[], str]


def add_commands(add: Add) -> None:
    """Options of `dgmvlc doctor`."""
    add("doctor", "what is installed, device, free memory and disk, weights: one line each")


def _programs() -> str:
    """Versions; refuses a library that is older than this version needs."""
    import importlib.metadata
    import platform

    from packaging.requirements import Requirement

    try:
        needed = [Requirement(text) for text in importlib.metadata.requires("dgmvlc") or []]
    except importlib.metadata.PackageNotFoundError:
        return f"dgmvlc {__version__} (run from its folder), Python {platform.python_version()}"
    wrong = []
    for wanted in needed:
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            there = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{wanted.name} is missing")
            continue
        if not wanted.specifier.contains(there.partition("+")[0], prereleases=True):
            wrong.append(f"{wanted.name} {there} instead of {wanted.specifier}")
    if wrong:
        raise UsageError(f"{', '.join(wrong)}; install dgmvlc again.")
    return f"dgmvlc {__version__}, Python {platform.python_version()}, {len(needed)} libraries"


def _extras() -> str:
    import importlib.util

    rows = [
        f"{name} ({what}): {'there' if importlib.util.find_spec(name) else 'not installed'}"
        for name, what in OPTIONAL.items()
    ]
    return ", ".join(rows)


def _device() -> str:
    from DGMVLCCore.ground.devices import available_devices, choose_device

    return f"{choose_device()} is used; there are {', '.join(available_devices())}"


def _memory() -> str:
    import psutil

    memory = psutil.virtual_memory()
    free, total = memory.available / 2**30, memory.total / 2**30
    if free < NEEDED_MEMORY_GB:
        raise DeviceError(
            f"{free:.1f} of {total:.1f} GB are free, and {NEEDED_MEMORY_GB:g} are needed for a "
            "chest CT; close other programs."
        )
    return f"{free:.1f} of {total:.1f} GB free"


def _disk() -> str:
    import shutil
    import tempfile

    from DGMVLCCore.ground.scratch import scratch_folder

    folder = Path(tempfile.gettempdir())
    free = shutil.disk_usage(folder).free / 2**30
    if free < NEEDED_DISK_GB:
        raise OutputError(
            f"{free:.1f} GB are free in {folder}, and {NEEDED_DISK_GB:g} are needed; free some."
        )
    try:
        with scratch_folder("doctor") as place:
            (place / "a").write_bytes(b"x")
    except OSError as error:
        raise OutputError(f"{folder} cannot be written to ({error.strerror}).") from error
    return f"{free:.1f} GB free for temporary files in {folder}"


def _carried() -> str:
    from DGMVLCCore.ground.resources import checksums, resource

    root = resource("splits.json").parent
    names = list(checksums(root))
    for name in names:
        resource(name)
    return f"{len(names)} files as they were shipped (vocabulary, sample, records of weights)"


def _weights() -> str:
    from DGMVLCCore.ground.resources import resource
    from DGMVLCCore.models.checks import check_weights

    folders = sorted(path for path in resource("weights").iterdir() if path.is_dir())
    return ", ".join(f"{folder.name} {check_weights(folder)[:12]}" for folder in folders)


def _encoder() -> str:
    from DGMVLCCore.language.encoder import default_folder

    return f"{default_folder().name}, as it was shipped"


def _network() -> str:
    return (
        "not needed: nothing is downloaded when this program runs; only archives that the user "
        "named are asked, and nothing is sent without --send"
    )


CHECKS: dict[str, Check] = {
    "programs": _programs,
    "extras": _extras,
    "device": _device,
    "memory": _memory,
    "disk": _disk,
    "carried files": _carried,
    "weights": _weights,
    "language encoder": _encoder,
    "network": _network,
}


def run_doctor(args: argparse.Namespace) -> Answer:
    """`dgmvlc doctor`; the exit code is that of the first thing that is wrong."""
    rows: dict[str, str] = {}
    code = 0
    for name, check in CHECKS.items():
        try:
            rows[name] = f"right: {check()}"
        except (DGMVLCError, ImportError, OSError) as error:
            rows[name] = f"WRONG: {error}"
            code = code or getattr(error, "exit_code", 1)
    return Answer(rows, exit_code=code)


COMMANDS: dict[str, Command] = {"doctor": run_doctor}
