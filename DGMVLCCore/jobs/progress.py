"""Progress of a job: cancelling it, its parts, and what a device that runs out of memory says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from DGMVLCCore.editing.pipeline import Progress
from DGMVLCCore.errors import Cancelled, DeviceError


@contextmanager
def memory_named(device: object) -> Iterator[None]:
    """Say which device ran out of memory and what to do."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if (
            isinstance(error, RuntimeError)
            and "out of memory" not in str(error)
            and "can't allocate" not in str(error)
        ):
            raise
        raise DeviceError(
            f"{device} ran out of memory; take fewer slices (--slices A:B) or another device."
        ) from error


def guarded(progress: Progress | None, should_cancel: Callable[[], bool] | None) -> Progress:
    """Progress that ends the run when it is to be cancelled."""

    def tell(stage: str, share: float) -> None:
        if should_cancel and should_cancel():
            raise Cancelled("Cancelled; nothing was written.")
        if progress:
            progress(stage, share)

    return tell


def part_of(tell: Progress, index: int, count: int) -> Progress:
    """Progress of the index-th of `count` equal parts of a stage."""
    return lambda stage, share: tell(stage, (index + share) / count)
