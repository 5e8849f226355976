"""Commands that look at a scan: anatomy, explain, find."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from DGMVLCCore.cli.options import add_options
from DGMVLCCore.cli.shared import Add, Answer, Command, progress_of, reading
from DGMVLCCore.errors import UsageError
from DGMVLCCore.ground.options import Device, Image, Lungs, Option, ScanOptions
from DGMVLCCore.ground.whole import check_new_file

SEGMENTATION = (".seg.nrrd",)
AGREEMENT_NOTE = (
    "Agreement says how well words fit the picture, learned from few patients; it is no "
    "probability "
    "of disease. Research use only."
)


@dataclass(frozen=True, kw_only=True)
class Anatomy(ScanOptions):
    """Options of `anatomy`."""

    image: Image
    output: Annotated[Path, Option(".seg.nrrd file", "-o --output")]
    overwrite: Annotated[bool, Option("replace an earlier file")] = False


@dataclass(frozen=True, kw_only=True)
class Look(ScanOptions):
    """Options of `explain` and `find`."""

    image: Image
    anatomy: Lungs = None
    device: Device = None
    weights: Annotated[
        Path | None, Option("folder of a dual encoder; default: the shipped one")
    ] = None


@dataclass(frozen=True, kw_only=True)
class Explain(Look):
    """Options of `explain`."""

    region: Annotated[Path, Option("segmentation of the region", metavar="SEG")]
    segment: Annotated[str | None, Option("name of the segment in --region")] = None


@dataclass(frozen=True, kw_only=True)
class Find(Look):
    """Options of `find`."""

    text: Annotated[
        str, Option("a finding in words, e.g. “12 mm nodule in the right upper lobe”", "text")
    ]
    output: Annotated[Path | None, Option(".seg.nrrd file for the regions", "-o --output")] = None
    most: Annotated[int, Option("regions at most (default 5)")] = 5
    overwrite: Annotated[bool, Option("replace an earlier file")] = False


def add_commands(add: Add) -> None:
    """Options of the commands that look."""
    add_options(add("anatomy", "body, lungs and airway of a scan as a segmentation"), Anatomy)
    add_options(add("explain", "which findings fit a region of a scan"), Explain)
    add_options(add("find", "which regions of a scan fit a sentence"), Find)


def run_anatomy(args: argparse.Namespace) -> Answer:
    """`dgmvlc anatomy`."""
    from DGMVLCCore.imaging.anatomy import NAMES
    from DGMVLCCore.imaging.io import load_volume
    from DGMVLCCore.models.anatomy import find_anatomy
    from DGMVLCCore.results.segmentation import Segment, save_segmentation

    check_new_file(args.output, args.overwrite, SEGMENTATION, [args.image])
    volume = load_volume(args.image, **asdict(reading(args)))
    anatomy = find_anatomy(volume)
    labels = anatomy.labels
    colours = {1: (0.9, 0.75, 0.6), 2: (0.3, 0.6, 0.9), 3: (0.9, 0.4, 0.4), 4: (0.5, 0.8, 0.5)}
    segments = [
        Segment(labels == value, name, colours[value], 0, value)
        for value, name in NAMES.items()
        if (labels == value).any()
    ]
    save_segmentation(segments, volume, args.output)
    millilitre = volume.spacing[0] * volume.spacing[1] * volume.spacing[2] / 1000
    return Answer(
        {
            "output": str(args.output),
            "volume_ml": {s.name: round(float(s.mask.sum() * millilitre), 1) for s in segments},
            "found_by": anatomy.origin,
            "notes": list(anatomy.notes),
        }
    )


def _look(args: argparse.Namespace) -> tuple[Any, Any, Any]:
    """Dual encoder, scan and anatomy of `explain` and `find`."""
    from DGMVLCCore.editing.alignment import AlignmentPipeline
    from DGMVLCCore.editing.memory import ScanMemory
    from DGMVLCCore.ground.devices import choose_device
    from DGMVLCCore.imaging.profiles import require_ct

    device, memory = choose_device(args.device), ScanMemory()
    volume = require_ct(memory.volume(args.image, None, reading(args)), args.image.name)
    return (
        AlignmentPipeline.from_pretrained(args.weights).to(device),
        volume,
        memory.anatomy(volume, args.anatomy),
    )


def run_explain(args: argparse.Namespace) -> Answer:
    """`dgmvlc explain`."""
    from DGMVLCCore.imaging.labels import load_region

    pipe, volume, anatomy = _look(args)
    matches = pipe.explain(volume, anatomy, load_region(args.region, volume, args.segment))
    return Answer(
        {
            "findings": [{"term": m.term, "agreement": round(m.agreement, 3)} for m in matches],
            "notes": [AGREEMENT_NOTE],
        }
    )


def run_find(args: argparse.Namespace) -> Answer:
    """`dgmvlc find`."""
    from DGMVLCCore.editing.find import find
    from DGMVLCCore.language.prompts import wanted_finding
    from DGMVLCCore.results.segmentation import proposal_segments, save_segmentation

    if args.output:
        read = [args.image, args.anatomy]
        check_new_file(args.output, args.overwrite, SEGMENTATION, read)
    if args.most < 1:
        raise UsageError(f"--most must be 1 or more, not {args.most}.")
    finding = wanted_finding(args.text)
    pipe, volume, anatomy = _look(args)
    with progress_of(args) as progress:
        found = find(pipe, volume, anatomy, finding, most=args.most, callback=progress)
    if args.output and found:
        save_segmentation(
            proposal_segments(finding.term, [(p.mask, p.score) for p in found]), volume, args.output
        )
    regions = [
        {"score": round(p.score, 3), "agreement": round(p.agreement, 3), **vars(p.location)}
        for p in found
    ]
    return Answer(
        {
            "finding": finding.to_dict(),
            "regions": regions,
            "output": str(args.output) if args.output and found else None,
            "notes": [AGREEMENT_NOTE],
        }
    )


COMMANDS: dict[str, Command] = {"anatomy": run_anatomy, "explain": run_explain, "find": run_find}
