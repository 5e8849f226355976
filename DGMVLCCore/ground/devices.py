"""Which processors are there, and memory given back to the system."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from contextlib import suppress

from DGMVLCCore.errors import DeviceError


def available_devices() -> list[str]:
    """ "cpu", then every GPU torch can use."""
    import torch

    found = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    return found + (["mps"] if torch.backends.mps.is_available() else [])


def computes_bf16(device_type: str) -> bool:
    """True where a device multiplies bf16 faster than float32.

    A processor does with tiles (AMX); with AVX512-BF16 alone its convolutions took twice as long.
    """
    import torch

    if device_type == "cuda":
        return torch.cuda.is_bf16_supported()
    return device_type == "cpu" and torch.cpu._is_amx_tile_supported()


def threads_of(most: int) -> int:
    """How many threads to start beside torch's: at most so many, no more than the processor has or
    the user allows (OMP_NUM_THREADS)."""
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    there = int(allowed) if allowed.isdecimal() else os.cpu_count() or 1
    return max(min(most, there), 1)


def give_back_memory() -> None:
    """Let the system have the memory that was freed; glibc would keep much of it."""
    gc.collect()
    if sys.platform == "linux":
        with suppress(AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


def choose_device(wanted: str | None = None) -> str:
    """A device by name ("gpu" means the first one); the first GPU, else the CPU, when None.

    Raises:
        DeviceError: it is not there; the sentence lists those that are.
    """
    there = available_devices()
    if wanted is None:
        return there[1] if len(there) > 1 else "cpu"
    name = {"gpu": there[1] if len(there) > 1 else "gpu", "cuda": "cuda:0"}.get(wanted, wanted)
    if name not in there:
        raise DeviceError(
            f"The device {wanted} is not on this machine; available: {', '.join(there)}."
        )
    return name
