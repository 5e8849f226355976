"""What the shipped weights know, without loading them."""

from __future__ import annotations

import msgspec

from DGMVLCCore.ground.resources import resource
from DGMVLCCore.models.checks import check_weights
from DGMVLCCore.models.networks import WEIGHTS
from DGMVLCCore.results.records import FileFact


class Known(msgspec.Struct, frozen=True):
    """Findings and attributes that weights know, and which weights; nothing without any."""

    findings: list[str] = []
    attributes: list[str] = []
    weights: FileFact = FileFact("", "")


def weights_facts() -> Known:
    """What the shipped weights know, without loading them.

    Raises:
        WeightsError: they are missing or altered.
    """
    folder = resource(WEIGHTS)
    known = msgspec.json.decode((folder / "config.json").read_bytes(), type=Known)
    weights = FileFact(folder.name, check_weights(folder))
    return msgspec.structs.replace(known, weights=weights)
