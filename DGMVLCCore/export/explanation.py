"""Two sentences made only from measured numbers."""

from __future__ import annotations

from DGMVLCCore.anatomy.zones import Location
from DGMVLCCore.counterfactual.result import CounterfactualResult
from DGMVLCCore.export.manifest import measures


def explain(result: CounterfactualResult, location: Location) -> str:
    """What was changed where and by how much, and whether the checks passed."""
    numbers = measures(result)
    side = {"bilateral": "both lungs", "left": "the left lung", "right": "the right lung"}.get(location.side or "", "the scan")
    zone = f"the {location.zone} zone of " if location.zone else ""
    text = (f"Inside a region of {numbers['volume_ml']:.1f} ml in {zone}{side}, the scan “{result.plan.target.rstrip('.')}” differs from the "
            f"original by {numbers['mean_change_hu']:+.0f} HU on average (from {numbers['mean_hu_before']:.0f} to {numbers['mean_hu_after']:.0f} HU; "
            f"spread between {result.settings.get('noises', 1)} samples {numbers['mean_uncertainty_hu']:.0f} HU), and by "
            f"{numbers['max_change_outside_hu']:.0f} HU outside it.")
    failed = [gate for gate in result.gates if not gate.passed]
    if failed:
        checks = "Not every check passed: " + " ".join(gate.sentence for gate in failed)
    else:
        checks = f"All {len(result.gates)} checks passed: " + "; ".join(f"{g.name} {g.value:g} {g.unit} (allowed {g.limit})" for g in result.gates) + "."
    return f"{text}\n{checks}\nResearch use only; not a medical device. Voxels inside the region are synthetic.\n"
