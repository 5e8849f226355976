"""Two or three sentences on a result, made only from measured numbers; each number says which
voxels or which record it comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from DGMVLCCore.editing.result import CounterfactualResult
from DGMVLCCore.errors import UnreadableError
from DGMVLCCore.imaging.zones import Location, axial_diameter
from DGMVLCCore.language.prompts import absent_prompt, denial_prompt
from DGMVLCCore.results.manifest import Number, RegionRead, StatementFact, checked_files
from DGMVLCCore.results.records import builtins_of
from DGMVLCCore.stats import t_interval

SIDES = {"bilateral": "both lungs", "left": "the left lung", "right": "the right lung"}
REGION_FILE, REGION_SEGMENT = "edit-mask.seg.nrrd", "edit mask"
DIFFERENCE, LARGEST = (
    "difference.nrrd",
    "largest absolute value outside the region of difference.nrrd",
)
INTERVAL = "95 % t interval, {} end, of /settings/sample_change_hu"
Json = Mapping[str, object]  # a record as its file holds it, for JSON pointers
TOLERANCE = 0.01  # what single precision and the record's own rounding leave, in the number's unit


class NumberCheck(Struct, frozen=True, kw_only=True, rename={"source": "from"}):
    """A number of a statement as it was said, and computed once more."""

    value: float
    said: str
    unit: str
    source: str
    again: float
    agrees: bool


@dataclass
class Statement:
    """One sentence and its numbers."""

    text: str = ""
    numbers: list[Number] = field(default_factory=list)
    region: RegionRead | None = None

    def say(self, value: float, form: str, unit: str, source: str) -> str:
        """The number as the sentence writes it; what it is and whence is kept."""
        said = format(value, form)
        of_voxels = (
            self.region is not None and " /" not in f" {source}"
        )  # the rest points into the record
        region = self.region if of_voxels else None
        self.numbers.append(Number(float(value), said, unit, source, region))
        return said

    def fact(self) -> StatementFact:
        """As result.json holds it."""
        return StatementFact(self.text, self.numbers)


def _place(result: CounterfactualResult, location: Location, region: RegionRead) -> Statement:
    """Where the edit is and how large."""
    out = Statement(region=region)
    zone = f"the {location.zone} zone of " if location.zone else ""
    size = axial_diameter(
        result.original.orientation().apply(result.mask), result.original.canonical()[0].spacing
    )
    out.text = (
        f"The edited region lies in {zone}{SIDES.get(location.side or '', 'the scan')}, holds "
        f"{out.say(location.volume_ml, '.1f', 'ml', 'volume')} ml "
        f"and is {out.say(size, '.0f', 'mm', 'axial diameter')} mm across in the slice."
    )
    return out


def _change(result: CounterfactualResult, region: RegionRead) -> Statement:
    """By how much the scan changed, with the spread over samples."""
    out, target, inside = Statement(region=region), result.plan.target.rstrip("."), result.mask
    before, after = result.original.array[inside], result.counterfactual.array[inside]
    change = after - before
    mean = out.say(change.mean(), "+.0f", "HU", f"mean of {DIFFERENCE}")
    middle = out.say(np.median(change), "+.0f", "HU", f"median of {DIFFERENCE}")
    levels = (
        f"mean from {out.say(before.mean(), '.0f', 'HU', 'mean of original.nrrd')} "
        f"to {out.say(after.mean(), '.0f', 'HU', 'mean of counterfactual.nrrd')} HU"
    )
    samples, spread = result.settings.get("sample_change_hu") or [], ""
    if len(samples) > 1:
        low, high = t_interval(samples)
        mean_change, between = float(np.mean(samples)), float(result.uncertainty[inside].mean())
        spread = (
            f"; mean of {out.say(len(samples), '.0f', 'samples', '/settings/noises')} samples "
            f"{out.say(mean_change, '+.0f', 'HU', 'mean of /settings/sample_change_hu')}, "
            "95 % interval "
            f"{out.say(low, '+.0f', 'HU', INTERVAL.format('lower'))} to "
            f"{out.say(high, '+.0f', 'HU', INTERVAL.format('upper'))}, standard deviation "
            "between samples "
            f"{out.say(between, '.0f', 'HU', 'mean of uncertainty.nrrd')} HU a voxel"
        )
    largest = result.largest_outside
    outside = (
        f"voxels outside it differ by up to {out.say(largest, 'g', 'HU', LARGEST)} HU"
        if largest
        else (
            "no voxel outside it differs (largest difference "
            f"{out.say(0, '.0f', 'HU', LARGEST)} HU)"
        )
    )
    out.text = (
        f"Inside it the scan “{target}” differs from the original by {mean} HU on average (median "
        f"{middle}; {levels}{spread}); {outside}."
    )
    return out


def _error(out: Statement, evidence: Mapping[str, float], result: CounterfactualResult) -> str:
    """What a hole-filling network's error says."""
    value, low, high = (
        out.say(100 * evidence[key], "+.0f", "%", f"100 x /settings/evidence/{key}")
        for key in ("value", "low", "high")
    )
    return (
        f"the network's error on the region's own voxels under "
        f"“{absent_prompt(result.plan.term)}” "
        f"differed from that under “{result.plan.source}” by "
        f"{value} % (95 % interval {low} to {high} %)"
    )


def _asked(out: Statement, evidence: Mapping[str, float], term: str) -> str:
    """What the editor's change map and the finder say."""

    def share(key: str) -> str:
        return out.say(100 * evidence[key], ".0f", "%", f"100 x /settings/evidence/{key}")

    said = (
        f"what “{denial_prompt(term)}” asked to change and what looked like disease came to "
        f"{share('value')} % on average in the region's most suspicious twentieth (95 % interval "
        f"{share('low')} to {share('high')} %)"
    )
    if evidence["clear_high"] is None:
        return said
    places = out.say(evidence["places"], ".0f", "places", "/settings/evidence/places")
    return (
        f"{said}, against {share('clear_low')} to {share('clear_high')} % at {places} other "
        "places of these lungs"
    )


def _support(result: CounterfactualResult) -> Statement | None:
    """What spoke for the finding before the edit: the rank of its words, and the network's error
    with and without it."""
    out, term, parts = Statement(), result.plan.term, []
    if result.agreement and result.agreement.ranked:
        ranked = [name for name, _ in result.agreement.ranked]
        if term in ranked:
            at = ranked.index(term)
            score, where = result.agreement.ranked[at][1], f"/agreement/ranked/{at}/1"
            parts.append(
                f"“{term}” was at rank "
                f"{out.say(at + 1, '.0f', 'rank', f'rank of {term} in /agreement/ranked')} of "
                "the findings that fit the region "
                f"(agreement {out.say(score, '.2f', '0..1', where)})"
            )
        else:
            first = out.say(result.agreement.ranked[0][1], ".2f", "0..1", "/agreement/ranked/0/1")
            parts.append(
                f"“{ranked[0]}”, not “{term}”, was the finding that fits the region best "
                f"(agreement {first})"
            )
    if evidence := result.settings.get("evidence"):
        parts.append(
            _asked(out, evidence, term) if "places" in evidence else _error(out, evidence, result)
        )
    out.text = f"Before the edit {', and '.join(parts)}."
    return out if parts else None


def make_statements(result: CounterfactualResult, location: Location) -> list[Statement]:
    """Place and size, change, and what spoke for the finding; one sentence when nothing changed."""
    if np.array_equal(result.counterfactual.array, result.original.array):
        out = Statement()
        none = out.say(0, ".0f", "HU", f"largest absolute value of {DIFFERENCE}")
        out.text = (
            f"No voxel changed: the scan “{result.plan.target.rstrip('.')}” equals the original "
            f"everywhere (largest difference {none} HU)."
        )
        return [out]
    region = RegionRead(REGION_FILE, REGION_SEGMENT, int(result.mask.sum()))
    return [
        s
        for s in (_place(result, location, region), _change(result, region), _support(result))
        if s
    ]


def _pointed(manifest: Json, pointer: str) -> Any:
    """The value a JSON pointer (RFC 6901) names."""
    value: Any = manifest
    try:
        for part in pointer.split("/")[1:]:
            value = (
                value[int(part)]
                if isinstance(value, list)
                else value[part.replace("~1", "/").replace("~0", "~")]
            )
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise UnreadableError(
            f"The result holds nothing at {pointer}, which one of its statements names."
        ) from error
    return value


def _from_record(manifest: Json, source: str) -> float | None:
    """A number that stands in the record itself, or follows from one; None when it comes from
    voxels."""
    if source.startswith("/"):
        return float(_pointed(manifest, source))
    if source.startswith("100 x /"):
        return 100 * float(_pointed(manifest, source.removeprefix("100 x ")))
    if source.startswith("mean of /"):
        return float(np.mean(_pointed(manifest, source.removeprefix("mean of "))))
    if found := re.fullmatch(r"rank of (.+) in (/.+)", source):
        return float([row[0] for row in _pointed(manifest, found[2])].index(found[1]) + 1)
    if found := re.fullmatch(r"95 % t interval, (lower|upper) end, of (/.+)", source):
        return t_interval(_pointed(manifest, found[2]))[found[1] == "upper"]
    return None


def recompute(folder: Path, manifest: Json, number: Number) -> float:
    """A statement's number once more, from the result's files.

    Raises:
        UnreadableError: its source is not of a kind that is known, or is not there.
    """
    from DGMVLCCore.imaging.io import load_volume, read_image
    from DGMVLCCore.imaging.labels import load_labels

    source = number.source
    if (value := _from_record(manifest, source)) is not None:
        return value
    scan = load_volume(folder / "original.nrrd", "CT")
    inside = np.ones(scan.shape, bool)
    if region := number.region:
        inside = load_labels(folder / region.file, scan).segments[region.segment]
    if source == "volume":
        return float(
            inside.sum()
            * abs(np.linalg.det(read_image(folder / "original.nrrd").affine[:3, :3]))
            / 1000
        )
    if source == "axial diameter":
        return axial_diameter(scan.orientation().apply(inside), scan.canonical()[0].spacing)
    return _of_picture(folder, source, inside)


def _of_picture(folder: Path, source: str, inside: np.ndarray) -> float:
    """A number over the voxels of one of a result's files; inside: bool (D,H,W), its region."""
    from DGMVLCCore.imaging.io import read_image

    found = re.fullmatch(
        r"(mean|median|largest absolute value|largest absolute value outside the region) of "
        r"([\w.-]+\.nrrd)",
        source,
    )
    if found is None:
        raise UnreadableError(
            f"The statement's number comes from “{source}”, which this version cannot compute; "
            "update the program."
        )
    values = read_image(folder / found[2]).array.astype(np.float64)
    pick = {
        "mean": lambda v: v[inside].mean(),
        "median": lambda v: np.median(v[inside]),
        "largest absolute value": lambda v: np.abs(v).max(),
        "largest absolute value outside the region": lambda v: np.abs(v[~inside]).max(initial=0),
    }
    return float(pick[found[1]](values))


def check_result(folder: Path) -> list[NumberCheck]:
    """Every number of a result's statements, computed again from its files.

    Raises:
        UnreadableError: no result, a file that is missing or was changed, or a result of a version
            without statements.
    """
    folder, record = checked_files(folder)
    if not record.statements:
        raise UnreadableError(
            f"{folder} is of a version without statements; make the result again."
        )
    rows, manifest = [], builtins_of(record)
    for number in (number for statement in record.statements for number in statement.numbers):
        again = recompute(folder, manifest, number)
        rows.append(
            NumberCheck(
                value=number.value,
                said=number.said,
                unit=number.unit,
                source=number.source,
                again=again,
                agrees=abs(again - number.value) <= TOLERANCE,
            )
        )
    return rows
