"""Keeps a toolkit's warnings off the terminal while it reads or writes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import SimpleITK as sitk

STDERR = 2


class _Silence:
    """Standard error turned away while anybody wishes it: by the first, and back by the last."""

    def __init__(self) -> None:
        self._lock, self._wished = threading.Lock(), 0
        self._kept: int | None = None
        self._shown = True

    def begin(self) -> None:
        with self._lock:
            if not self._wished:
                self._turn_away()
            self._wished += 1  # not where turning away failed

    def _turn_away(self) -> None:
        self._shown = sitk.ProcessObject.GetGlobalWarningDisplay()
        sitk.ProcessObject.SetGlobalWarningDisplay(False)
        try:
            self._kept = os.dup(STDERR)
        except OSError:
            return  # a desktop program started without a console has no stderr to keep quiet
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, STDERR)
        os.close(nowhere)

    def end(self) -> None:
        with self._lock:
            self._wished -= 1
            if self._wished:
                return
            if self._kept is not None:
                os.dup2(self._kept, STDERR)
                os.close(self._kept)
                self._kept = None
            sitk.ProcessObject.SetGlobalWarningDisplay(self._shown)


_silence = _Silence()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the toolkit's C++ warnings off stderr: some of its readers write there past every
    switch. Several threads may be in it at once."""
    _silence.begin()
    try:
        yield
    finally:
        _silence.end()
