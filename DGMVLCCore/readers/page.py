"""A page about one result for the patient: three pictures and plain sentences, one HTML file to
print."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.errors import UnreadableError
from DGMVLCCore.ground.whole import check_new_file
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.readers.records import NOTICE
from DGMVLCCore.report.drawing import MARK, Layer, hu_limit, key_slice, panel, save, signed
from DGMVLCCore.report.pages import render
from DGMVLCCore.results.manifest import ResultFile, ResultRecord, read_manifest, sha256_of
from DGMVLCCore.results.records import write_text

SIDES = {"left": "the left lung", "right": "the right lung", "bilateral": "both lungs"}
PLAIN = {
    "nodule": "a solid spot in the lung",
    "part-solid nodule": "a spot that is partly solid and partly hazy",
    "ground-glass opacity": "a hazy area, as if breathed on glass",
    "consolidation": "an area where the air spaces are filled",
    "emphysema": "an area where fine lung tissue has been lost and more air is left",
    "reticulation": "a fine net of thickened lines",
    "honeycombing": "small rounded air spaces close together, like a honeycomb",
    "pleural effusion": "fluid beside the lung",
}
ALTS = (
    "one slice of the original CT scan",
    "the same slice as changed by the computer",
    "colour picture of the difference",
)


def _load(folder: Path, manifest: ResultRecord) -> tuple[Volume, Volume, np.ndarray]:
    """Original and counterfactual on the canonical grid, and the edit mask.

    Raises:
        UnreadableError: a file is missing, or is not the one that the record names.
    """
    files: dict[str, ResultFile] = {entry.role: entry for entry in manifest.files}
    for role in ("original", "counterfactual", "edit-mask"):
        if role not in files:
            raise UnreadableError(
                f"The result in {folder} has no {role}, so there is nothing to explain; choose a "
                "result that changed something."
            )
        path = folder / files[role].name
        if not path.is_file() or sha256_of(path) != files[role].sha256:
            raise UnreadableError(
                f"{path} is missing or was changed after the result was written; run the edit "
                "again."
            )
    original = load_volume(folder / files["original"].name, "CT")
    edited = load_volume(folder / files["counterfactual"].name, "CT")
    mask = load_labels(folder / files["edit-mask"].name, original).union()
    scan, turn = original.canonical()
    return (
        scan,
        scan.with_array(np.ascontiguousarray(turn.apply(edited.array))),
        np.ascontiguousarray(turn.apply(mask)),
    )


def _picture(layer: Layer, spacing: Sequence[float]) -> str:
    """One slice (H,W) as PNG in a data address, without a margin."""
    rows, columns = layer.image.shape

    def draw() -> Any:
        from matplotlib.figure import Figure

        size = (4, 4 * rows * spacing[0] / (columns * spacing[1]))
        figure = Figure(figsize=size, facecolor="black")
        panel(figure.add_axes((0, 0, 1, 1)), layer, spacing, size=13)
        return figure

    data = io.BytesIO()
    save(draw, data, layer.mark or "original", dpi=130)
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode("ascii")


def _body_box(hu: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of a slice that show the patient."""
    rows, columns = (np.flatnonzero((hu > -500).mean(axis) > 0.06) for axis in (1, 0))
    if len(rows) < 16 or len(columns) < 16:
        return slice(None), slice(None)
    return slice(max(int(rows[0]) - 6, 0), int(rows[-1]) + 7), slice(
        max(int(columns[0]) - 6, 0), int(columns[-1]) + 7
    )


def _pictures(scan: Volume, edited: Volume, mask: np.ndarray) -> tuple[list[str], int, float]:
    """The three pictures of the slice that changed most, its number from the feet, and the limit of
    the difference's colours (HU)."""
    change = edited.array - scan.array
    z = key_slice(change, mask)
    box = _body_box(scan.array[z])
    limit = hu_limit(change[z])
    layers = (
        Layer(scan.array[z][box], mask=mask[z][box]),
        Layer(edited.array[z][box], mark=MARK, mask=mask[z][box]),
        Layer(change[z][box], scale=signed(limit), mark=MARK, mask=mask[z][box]),
    )
    return [_picture(layer, scan.spacing[1:]) for layer in layers], z + 1, limit


def plain_sentences(manifest: ResultRecord) -> list[str]:
    """What the pictures show, for a lay reader; every number is one of the record's own."""
    plan, numbers = manifest.plan, manifest.measures
    term, finding = plan.term, plan.finding
    sentences = []
    if finding is not None and finding.presence in ("present", "uncertain"):
        meaning = PLAIN.get(finding.term, "a finding")
        sentences.append(f"The report speaks of {_named(finding.term)}: {meaning}.")
    shown = f"with {_named(term)} ({PLAIN.get(term, 'a finding')})"
    if plan.removes:
        shown = f"without {_named(term)}"
    change = float(numbers.get("mean_change_hu") or 0.0)
    way = "brighter, which means that it is denser"
    if change < 0:
        way = "darker, which means that it holds more air"
    rest = "Everything outside the dashed line is the original scan, unchanged."
    if float(numbers.get("max_change_outside_hu") or 0.0):
        rest = "Small parts outside the dashed line differ as well."
    sentences += [
        f"The second picture was made by a computer. It shows how the same scan might look "
        f"{shown}. It is not a real scan and not a forecast.",
        f"The change is limited to {_where(manifest)}, inside the dashed line. There the second "
        f"picture is on average {abs(change):.0f} Hounsfield units "
        f"(the unit of CT brightness) {way}. {rest}",
    ]
    failed = sum(not gate.passed for gate in manifest.gates)
    if failed:
        sentences.append(
            f"{failed} of the {len(manifest.gates)} automatic checks of this picture failed, so "
            "it must be read with special care."
        )
    return sentences


def _where(manifest: ResultRecord) -> str:
    """The region by size and place."""
    volume, place = manifest.measures.get("volume_ml"), manifest.location
    size = f"a region of {volume:.1f} millilitres" if volume else "a region"
    zone = f"the {place.zone} part of " if place.zone else ""
    return f"{size} in {zone}{SIDES.get(place.side or '', 'the chest')}"


def _named(term: str) -> str:
    """A finding with its article."""
    without = ("consolidation", "emphysema", "reticulation", "honeycombing")
    return term if term in without else f"{'an' if term[0] in 'aeiou' else 'a'} {term}"


def write_page(result: Path, out: Path, *, overwrite: bool = False) -> Path:
    """Write the page of a result folder (or of its `result.json`); one file that needs no other.

    Raises:
        UsageError: the name is no .html. OutputError: it is there already or cannot be written.
            UnreadableError: no whole result.
    """
    result, out = Path(result), Path(out)
    check_new_file(out, overwrite, (".html", ".htm"), [result])
    folder = result if result.is_dir() else result.parent
    manifest = read_manifest(folder / "result.json")
    scan, edited, mask = _load(folder, manifest)
    pictures, z, limit = _pictures(scan, edited, mask)
    write_text(_html(manifest, pictures, z, limit), out)
    return out


def _html(manifest: ResultRecord, pictures: list[str], z: int, limit: float) -> str:
    target = manifest.plan.target.rstrip(".")
    captions = (
        "1. The original scan",
        f"2. Made by a computer: “{target}”",
        "3. Difference (2 − 1): blue is darker, red is brighter in 2; the colours reach from "
        f"−{limit:.0f} to +{limit:.0f} Hounsfield units",
    )
    image = manifest.inputs.get("image")
    origin = (
        f"dgmvlc {manifest.software.version}; scan {image.name if image else 'not named'}; weights "
        f"{manifest.weights.name}; seed {manifest.settings['seed']}"
    )
    return render(
        "patient",
        notice=NOTICE,
        pictures=[
            {"address": address, "alt": alt, "caption": caption}
            for address, alt, caption in zip(pictures, ALTS, captions)
        ],
        slice=z,
        sentences=plain_sentences(manifest),
        report=manifest.report,
        origin=origin,
    )
