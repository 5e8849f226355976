"""Keeps a toolkit's warnings off the terminal while it reads or writes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import SimpleITK as sitk

STDERR = 2
_stderr_lock = threading.RLock()  # two threads turning stderr away at once would lose it


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the toolkit's C++ warnings off stderr: some of its readers write there past every
    switch."""
    with _stderr_lock:
        shown = sitk.ProcessObject.GetGlobalWarningDisplay()
        sitk.ProcessObject.SetGlobalWarningDisplay(False)
        try:
            kept = os.dup(STDERR)
        except OSError:
            kept = None  # a desktop program started without a console has no stderr to keep quiet
        if kept is not None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, STDERR)
            os.close(nowhere)
        try:
            yield
        finally:
            if kept is not None:
                os.dup2(kept, STDERR)
                os.close(kept)
            sitk.ProcessObject.SetGlobalWarningDisplay(shown)
