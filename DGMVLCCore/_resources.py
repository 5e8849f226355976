"""Finds the files the package carries: vocabulary, split file, sample scan, weights."""

from __future__ import annotations

from pathlib import Path

from DGMVLCCore.errors import UnreadableError, WeightsError


def resource(name: str) -> Path:
    """Path of a carried file, e.g. `resource("splits.json")`; from a checkout or from an installed
    wheel.

    Raises:
        WeightsError, UnreadableError: this installation does not hold it.
    """
    here = Path(__file__).parent
    for root in (here.parent / "Resources", here / "resources"):
        if (root / name).exists():
            return root / name
    kind = WeightsError if name.startswith("weights") else UnreadableError
    raise kind(f"This installation lacks the file {name}; install dgmvlc again.")
