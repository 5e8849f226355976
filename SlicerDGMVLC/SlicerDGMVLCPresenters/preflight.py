"""What is said before a run: on what it computes, what memory it needs and there is, how long."""

from __future__ import annotations

from dataclasses import dataclass

BASE_MB = 700.0  # the worker with its networks
BYTES_A_VOXEL = 14.0  # scan, labels, masks, difference and spread of an edit
KEPT_FREE_MB = 300.0  # what the machine itself wants to keep


@dataclass(frozen=True)
class Machine:
    """Where runs are computed.

    Args:
        device: as the worker names it, "" before one is known. free_mb: memory that can be had,
            None when it is not known. held_mb: what the worker holds already. threads: 0 for as
            many as the worker takes by itself.
    """

    device: str = ""
    free_mb: float | None = None
    held_mb: float = 0.0
    threads: int = 0


@dataclass(frozen=True)
class Preflight:
    """A run that is not started yet. voxels: of the scan. seconds: the last run took, None before
    the first."""

    machine: Machine
    voxels: int
    seconds: float | None = None

    @property
    def needed_mb(self) -> float:
        """Memory that the worker needs for a run of this scan, MB."""
        return BASE_MB + self.voxels * BYTES_A_VOXEL / 2**20

    @property
    def words(self) -> str:
        """One line: device, memory, time."""
        machine = self.machine
        if not self.voxels or not machine.device:
            return ""
        threads = f", {machine.threads} thread{'s' * (machine.threads > 1)}"
        parts = [f"{machine.device}{threads if machine.threads else ''}"]
        if machine.free_mb is not None:
            has = machine.free_mb + machine.held_mb
            parts.append(f"needs about {_gb(self.needed_mb)} of {_gb(has)} free memory")
        timed = f"about {self.seconds:.0f} s, as the last run" if self.seconds else ""
        parts.append(timed or "its time is known after the first run")
        return " · ".join(parts)

    @property
    def refusal(self) -> str:
        """Why the run would not fit into memory; "" when it does or nobody knows."""
        free = self.machine.free_mb
        if free is None or not self.voxels:
            return ""
        missing = self.needed_mb - self.machine.held_mb - (free - KEPT_FREE_MB)
        if missing <= 0:
            return ""
        return (
            f"A run of this scan needs about {_gb(self.needed_mb)} of memory, "
            f"{_gb(missing)} more than is free; close other programs or crop the scan."
        )


def _gb(mb: float) -> str:
    return f"{mb / 1024:.1f} GB"
