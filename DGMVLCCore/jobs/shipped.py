"""What the shipped weights know, without loading them."""

from __future__ import annotations

import json
from typing import Any

from DGMVLCCore.ground.resources import resource
from DGMVLCCore.models.checks import check_weights
from DGMVLCCore.models.networks import WEIGHTS


def weights_facts() -> dict[str, Any]:
    """What the shipped weights know, without loading them.

    Raises:
        WeightsError: they are missing or altered.
    """
    folder = resource(WEIGHTS)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return {
        "findings": config["findings"],
        "attributes": config["attributes"],
        "weights": {"name": folder.name, "sha256": check_weights(folder)},
    }
