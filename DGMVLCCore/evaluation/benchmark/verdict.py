"""One sentence a variant, made from its places among the others: what it is good for."""

from __future__ import annotations

from typing import cast

from DGMVLCCore.evaluation.benchmark.records import Line

# score -> (title, whether more is better)
SCORES = {
    "mae_hu": ("MAE, HU", False),
    "texture_error": ("texture error", False),
    "flip_rate": ("probe flip rate", True),
    "faithful": ("text faithfulness", True),
    "rim": ("rim within range", True),
    "z_error": ("z-consistency error", False),
    "psnr_db": ("PSNR, dB", True),
    "ssim": ("SSIM", True),
    "ms_ssim": ("MS-SSIM", True),
    "frd": ("FRD", False),
    "kid": ("KID", False),
    "fid": ("FID, own features", False),
}
COSTS = {
    "seconds_a_slice": "seconds a slice",
    "parameters": "parameters",
    "flops": "FLOPs a pass",
    "peak_mb": "memory",
}


def _value(line: Line, key: str) -> float | None:
    if key in SCORES:
        score = line["scores"].get(key)
        return score["value"] if score else None
    if key == "seconds_a_slice":
        return line["costs"]["seconds_a_slice"]["value"]
    return cast(dict[str, float], line["costs"]).get(key)


def _places(line: Line, peers: list[Line], key: str) -> tuple[int, int] | None:
    """How many peers are not worse, and how many are not better; None where fewer than two have the
    figure."""
    own, sign = _value(line, key), -1 if SCORES.get(key, ("", False))[1] else 1
    others = [
        value for peer in peers if peer is not line and (value := _value(peer, key)) is not None
    ]
    if own is None or not others:
        return None
    return sum(sign * value <= sign * own for value in others), sum(
        sign * value >= sign * own for value in others
    )


def _clear(line: Line, peers: list[Line], key: str) -> bool:
    """True when the line's interval meets no peer's interval; costs and distances between sets have
    none."""
    own, *rest = (
        found.get("ci95") if (found := one["scores"].get(key)) else None
        for one in (line, *(peer for peer in peers if peer is not line))
    )
    return own is not None and all(
        other is not None and (own[1] < other[0] or other[1] < own[0]) for other in rest
    )


def _named(line: Line, peers: list[Line], keys: list[str]) -> str:
    return ", ".join(
        (SCORES[key][0] if key in SCORES else COSTS[key]) + "*" * _clear(line, peers, key)
        for key in keys
    )


def good_for(line: Line, lines: list[Line]) -> str:
    """A sentence from ranks alone; ties are neither first nor last; a star marks an interval that
    meets no other's.

    The variants of equal training are ranked among themselves; a line that was not trained here is
    held against all of them.
    """
    peers = [one for one in lines if one["trained_here"]]
    group = peers if line["trained_here"] else [*peers, line]
    places = {
        key: found for key in (*SCORES, *COSTS) if (found := _places(line, group, key)) is not None
    }
    first, last = ([key for key, found in places.items() if not found[side]] for side in (0, 1))
    lead = (
        f"Of {len(group)} at equal training"
        if line["trained_here"]
        else f"Not trained at equal minutes; beside the {len(peers)} that were"
    )
    parts = [
        f"{said}{_named(line, group, keys)}"
        for said, keys in (("first in ", first), ("last in ", last))
        if keys
    ]
    if not parts:
        parts = ["neither first nor last in anything" if places else "nothing to compare with"]
    warning = "" if line["ranked"] else f" Not ranked as a removal: {line['why']}."
    return f"{lead}: {'; '.join(parts)}.{warning}"
