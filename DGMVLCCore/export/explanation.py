"""Two sentences made only from measured numbers."""

from __future__ import annotations

from DGMVLCCore.anatomy.zones import Location
from DGMVLCCore.counterfactual.result import CounterfactualResult
from DGMVLCCore.export.manifest import NOTICE, measures
from DGMVLCCore.language.prompts import difference_words

SIDES = {"bilateral": "both lungs", "left": "the left lung", "right": "the right lung"}


def _change(result: CounterfactualResult, location: Location) -> str:
    """What changed, where and by how much."""
    numbers, target = measures(result), result.plan.target.rstrip(".")
    largest = numbers["max_change_outside_hu"]
    outside = f"voxels outside it differ by up to {largest:g} HU" if largest else "no voxel outside it differs"
    if not result.difference.any():
        return f"No voxel changed: the scan “{target}” equals the original everywhere."
    zone = f"the {location.zone} zone of " if location.zone else ""
    place = zone + SIDES.get(location.side or "", "the scan")
    return (f"Inside a region of {numbers['volume_ml']:.1f} ml in {place}, the scan “{target}” differs from the original by "
            f"{numbers['mean_change_hu']:+.0f} HU on average (median {numbers['median_change_hu']:+.0f}; "
            f"mean from {numbers['mean_hu_before']:.0f} to {numbers['mean_hu_after']:.0f} HU; "
            f"standard deviation between {result.settings.get('noises', 1)} samples {numbers['mean_uncertainty_hu']:.0f} HU), "
            f"and {outside}.")


def _verdict(result: CounterfactualResult) -> str:
    """Which checks passed, with their numbers; a failed one in its own plain words."""
    if not result.gates:
        return "No check of the change was needed or made."
    said = [f"{gate.name} {gate.value:g} {gate.unit} (allowed {gate.limit})" + ("" if gate.passed else f": {gate.sentence.rstrip('.')}")
            for gate in sorted(result.gates, key=lambda gate: gate.passed)]
    failed = sum(not gate.passed for gate in result.gates)
    start = f"{failed} of {len(result.gates)} checks failed" if failed else f"All {len(result.gates)} checks passed"
    return f"{start}: {'; '.join(said)}."


def _words(result: CounterfactualResult) -> str:
    """What the two sentences behind the pictures differ in."""
    changes = difference_words(result.plan.source, result.plan.target)
    said = [f"“{a}” became “{b}”" if a and b else f"“{a or b}” was {'left out' if a else 'added'}" for a, b in changes]
    return f"Asked: “{result.plan.target}” instead of “{result.plan.source}”" + (f" ({'; '.join(said)})." if said else ", the same words.")


def explain(result: CounterfactualResult, location: Location) -> str:
    """The change and the words behind it, the checks, and the notice, a line each."""
    return f"{_change(result, location)} {_words(result)}\n{_verdict(result)}\n{NOTICE}\n"
