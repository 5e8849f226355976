"""Opens a scan: read and checked in a process of its own, then loaded into the scene."""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from SlicerDGMVLCLib.nodes import loadVolume
from SlicerDGMVLCLib.records import asFields, readRecord
from SlicerDGMVLCPresenters.case import Scan as CaseScan
from SlicerDGMVLCPresenters.requests import Reading

from .scan_facts import Refusal, ScanFacts

TIMEOUT_S = 300.0
PACKAGES = (
    Path(__file__).resolve().parents[1]
)  # folder that holds this package and the scene library


class ScanError(Exception):
    """A scan that cannot be opened; the text is one sentence for the user. refusal: the reader's,
    with what would make it readable."""

    def __init__(self, sentence: str, refusal: Refusal | None = None) -> None:
        super().__init__(sentence)
        self.refusal = refusal or Refusal(sentence)


@dataclass(frozen=True)
class Scan:
    """An opened scan.

    Args:
        path: what the user chose; the worker reads it. node: vtkMRMLScalarVolumeNode. reading: how
            it was read.
    """

    path: Path
    node: Any
    facts: ScanFacts
    reading: Reading

    def kept(self, title: str) -> CaseScan:
        """What a case keeps of it, under a title of its own."""
        facts = self.facts
        size, spacing = map(str, facts.size), (f"{mm:g}" for mm in facts.spacing)
        words = f"{' × '.join(size)} voxels of {' × '.join(spacing)} mm · {facts.modality}"
        return CaseScan(
            str(self.path),
            title or facts.title,
            words,
            facts.modality,
            self.reading,
            voxels=math.prod(facts.size),
            slices=facts.slices,
        )


def child_environment() -> dict[str, str]:
    """Environment in which a child process finds this package and the core as this process does."""
    checkout = str(PACKAGES.parent) if (PACKAGES.parent / "DGMVLCCore").is_dir() else ""
    paths = [str(PACKAGES), checkout, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONUTF8": "1"}


async def run_child(
    module: str, *arguments: str, timeout: float = TIMEOUT_S
) -> tuple[int, str, str]:
    """Run `python -m module` without blocking; returns exit code, standard output, standard error.

    Raises:
        TimeoutError: it took longer than `timeout` seconds and was ended.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        env=child_environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), timeout)
    except (TimeoutError, asyncio.TimeoutError) as error:
        raise TimeoutError(f"{module} took longer than {timeout:.0f} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


def load_volume_node(scene: Any, path: Path, name: str) -> Any:
    """A scalar volume node read from a file the core wrote; raises ScanError when MRML cannot read
    it."""
    try:
        return loadVolume(scene, path, name)
    except ValueError as error:
        raise ScanError(
            f"{name} could not be loaded into the viewer; free some memory and open it again."
        ) from error


async def open_scan(scene: Any, path: Path, out: Path, reading: Reading) -> Scan:
    """Read `path` (file or DICOM folder), converting it to `out` (.nrrd), and load it.

    Raises:
        ScanError: with the sentence to show; the scene is as it was.
    """
    try:
        code, answer, log = await run_child(
            "SlicerDGMVLCBrowser.reader",
            str(path),
            str(out),
            json.dumps(asFields(reading)),
        )
        said = json.loads(answer)
        if "error" in said:
            refusal = readRecord(Refusal, said)
            raise ScanError(refusal.error, refusal)
        facts = readRecord(ScanFacts, said)
    except TimeoutError as error:
        raise ScanError(
            f"{path.name} took longer than {TIMEOUT_S / 60:.0f} minutes to read; copy it to a "
            "local disc first."
        ) from error
    except ValueError as error:
        raise ScanError(
            f"{path.name} ended the reader (exit code {code}); it is damaged or too large: "
            "export it again."
        ) from error
    return Scan(path, load_volume_node(scene, out, path.name), facts, reading)
