"""What every record of this room begins with."""

from __future__ import annotations

from typing import Any

SCHEMA_VERSION = "1.0"
NOTICE = "Research use only; not a medical device."


def head(kind: str, seed: int) -> dict[str, Any]:
    """The fields that every record of this room begins with."""
    from DGMVLCCore import __version__

    return {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "software": {"name": "dgmvlc", "version": __version__},
        "notice": NOTICE,
        "synthetic": True,
        "seed": seed,
    }
