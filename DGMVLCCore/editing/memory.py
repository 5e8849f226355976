"""What is kept of the last scan between runs, so that a second edit of it starts at once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Hashable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import numpy as np

from DGMVLCCore.archive.address import local
from DGMVLCCore.editing.alignment import AlignmentPipeline
from DGMVLCCore.editing.asked import Evidence
from DGMVLCCore.editing.find import Cells, Progress, look_at_cells
from DGMVLCCore.editing.reading import LungsReading, PackedMap
from DGMVLCCore.editing.result import AttentionMap
from DGMVLCCore.errors import UnreadableError
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.io import read_scan
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.imaging.lung_labels import anatomy_from_labels
from DGMVLCCore.imaging.untilt import AS_IT_IS, Reading
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.language.report_files import ReportSource
from DGMVLCCore.models.anatomy import find_anatomy

TICK_NS = 3_000_000_000  # the coarsest clock of a file system ticks every two seconds
MAPS_KEPT = 4  # each is a part of the scan's size
# role of a file that a run read -> name and SHA-256; of a report also its kind and encoding
Inputs = dict[str, dict[str, str | None]]


@lru_cache(maxsize=8192)
def _sha256(path: Path, size: int, changed_ns: int, node: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _hashed(path: Path) -> str:
    """SHA-256 of a file, computed again when it was changed; one that was written just now may be
    changed again within the same tick of the file system's clock."""
    facts = path.stat()
    fresh = abs(time.time_ns() - facts.st_mtime_ns) < TICK_NS
    read = _sha256.__wrapped__ if fresh else _sha256
    return read(path.absolute(), facts.st_size, facts.st_mtime_ns, facts.st_ino)


def file_facts(path: Path) -> dict[str, str]:
    """Name and SHA-256 of an input file; a folder's hash is that of its files' hashes in order.

    Raises:
        UnreadableError: it is not there or may not be read.
    """
    try:
        path = local(path)
        files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
        digests = [_hashed(file) for file in files]
    except OSError as error:
        raise UnreadableError(
            f"{path} could not be read ({error.strerror or error}); check the name and the "
            "permissions."
        ) from error
    joined = (
        digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    )
    return {"name": path.name, "sha256": joined}


def input_facts(image: dict[str, str], mask: Path | None, report: ReportSource | None) -> Inputs:
    """Role -> name and SHA-256 of every file a run read; of a report also its kind and encoding.

    Raises:
        UnreadableError: the mask is gone.
    """
    inputs: Inputs = {"image": {**image}}
    if mask:
        inputs["mask"] = {**file_facts(mask)}
    if report:
        inputs["report"] = asdict(report)
    return inputs


class ScanMemory:
    """Volume, anatomy and attention maps of the last scan, found again by what its file holds, not
    by its name."""

    def __init__(self) -> None:
        self.facts: dict[str, str] = {}  # name and hash of the scan last asked for
        self._key: Hashable = None
        self._volume: Volume | None = None
        self._anatomy: tuple[Hashable, Anatomy] | None = None
        self._maps: dict[Hashable, PackedMap] = {}
        self._begun: tuple[Hashable, LungsReading] | None = None
        self._cells: tuple[Hashable, Cells] | None = None
        self._evidence: tuple[Hashable, Evidence] | None = None

    def forget(self) -> None:
        """Free what is kept."""
        self._key, self._volume, self._anatomy = None, None, None
        self._forget_reading()

    def _forget_reading(self) -> None:
        """Free what was read inside the lungs."""
        self._cells = self._begun = self._evidence = None
        self._maps.clear()

    def volume(self, path: Path, modality: str | None, how: Reading = AS_IT_IS) -> Volume:
        """The scan, read when it is not the last one."""
        path = local(path)
        if not path.exists():
            return read_scan(path, modality, how)  # which says what is wrong
        self.facts = file_facts(path)
        key = (self.facts["sha256"], path.is_dir(), path.suffix, modality, how)
        if key != self._key or self._volume is None:
            self.forget()
            self._volume, self._key = read_scan(path, modality, how), key
        return self._volume

    def anatomy(self, volume: Volume, path: Path | None) -> Anatomy:
        """The scan's anatomy: from a segmentation file, else found in the scan."""
        key = file_facts(path)["sha256"] if path else None
        if self._anatomy is None or self._anatomy[0] != key or volume is not self._volume:
            self._forget_reading()
            found = (
                anatomy_from_labels(load_labels(path, volume), volume)
                if path
                else find_anatomy(volume)
            )
            self._anatomy = (key, found)
        return self._anatomy[1]

    def look(
        self,
        pipe: AlignmentPipeline,
        volume: Volume,
        anatomy: Anatomy,
        callback: Progress | None = None,
    ) -> Cells:
        """What the dual encoder sees of the scan's lungs, looked at once."""
        key = (pipe.weights_sha256, str(pipe.device))
        if self._cells is None or self._cells[0] != key:
            self._cells = (key, look_at_cells(pipe, volume, anatomy, callback))
        return self._cells[1]

    def attention(
        self,
        key: Hashable,
        begin: Callable[[], LungsReading],
        read: Callable[[LungsReading], AttentionMap],
    ) -> AttentionMap:
        """The attention map of this key, read when it is not among the last few; a reading that
        was stopped goes on where it was.

        Args:
            begin: the lungs, nothing of them read. read: reads what is left.
        """
        if key not in self._maps:
            if self._begun is None or self._begun[0] != key:
                self._begun = (key, begin())
            made = read(self._begun[1])
            self._begun = None
            while len(self._maps) >= MAPS_KEPT:
                self._maps.pop(next(iter(self._maps)))
            self._maps[key] = PackedMap.of(made)
            return made
        return self._maps[key].unpacked()

    def evidence(self, mask: np.ndarray, asked: Hashable, read: Callable[[], Evidence]) -> Evidence:
        """What the networks see in a region, bool (D,H,W), read when it is not the last one.

        Args:
            asked: what they are asked. read: asks them.
        """
        key = (hashlib.sha256(np.packbits(mask).tobytes()).hexdigest(), asked)
        if self._evidence is None or self._evidence[0] != key:
            self._evidence = (key, read())
        return self._evidence[1]
