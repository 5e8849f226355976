"""Commands that look at a scan: anatomy, explain, find."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from DGMVLCCore.cli.shared import (
    Add,
    Command,
    Progress,
    check_new_file,
    device_option,
    reading,
    scan_options,
)
from DGMVLCCore.errors import UsageError

AGREEMENT_NOTE = (
    "Agreement says how well words fit the picture, learned from few patients; it is no "
    "probability "
    "of disease. Research use only."
)


def add_commands(add: Add) -> None:
    """Options of the commands that look."""
    anatomy = add("anatomy", "body, lungs and airway of a scan as a segmentation")
    anatomy.add_argument("-i", "--image", type=Path, required=True)
    anatomy.add_argument("-o", "--output", type=Path, required=True, help=".seg.nrrd file")
    anatomy.add_argument("--overwrite", action="store_true", help="replace an earlier file")
    explain = add("explain", "which findings fit a region of a scan")
    explain.add_argument(
        "-i", "--image", type=Path, required=True, help="NRRD, NIfTI, MetaImage or DICOM folder"
    )
    explain.add_argument(
        "--region", type=Path, required=True, metavar="SEG", help="segmentation of the region"
    )
    explain.add_argument("--segment", help="name of the segment in --region")
    seek = add("find", "which regions of a scan fit a sentence")
    seek.add_argument(
        "-i", "--image", type=Path, required=True, help="NRRD, NIfTI, MetaImage or DICOM folder"
    )
    seek.add_argument(
        "text", help="a finding in words, e.g. “12 mm nodule in the right upper lobe”"
    )
    seek.add_argument("-o", "--output", type=Path, help=".seg.nrrd file for the regions")
    seek.add_argument("--most", type=int, default=5, help="regions at most (default 5)")
    seek.add_argument("--overwrite", action="store_true", help="replace an earlier file")
    scan_options(anatomy)
    for each in (explain, seek):
        scan_options(each)
        each.add_argument(
            "--anatomy",
            type=Path,
            metavar="SEG",
            help="lung segmentation; found in the scan when left out",
        )
        device_option(each)
        each.add_argument(
            "--weights", type=Path, help="folder of a dual encoder; default: the shipped one"
        )


def run_anatomy(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc anatomy`."""
    from DGMVLCCore.anatomy.find import find_anatomy
    from DGMVLCCore.imaging.anatomy import NAMES
    from DGMVLCCore.imaging.io import load_volume
    from DGMVLCCore.results.segmentation import Segment, save_segmentation

    check_new_file(args.output, args.overwrite)
    volume = load_volume(args.image, **reading(args))
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
    return {
        "output": str(args.output),
        "volume_ml": {s.name: round(float(s.mask.sum() * millilitre), 1) for s in segments},
        "found_by": anatomy.origin,
        "notes": list(anatomy.notes),
    }


def _look(args: argparse.Namespace) -> tuple[Any, Any, Any]:
    """Dual encoder, scan and anatomy of `explain` and `find`."""
    from DGMVLCCore.devices import choose_device
    from DGMVLCCore.editing.memory import ScanMemory
    from DGMVLCCore.imaging.profiles import require_ct
    from DGMVLCCore.imaging.untilt import Reading
    from DGMVLCCore.models.alignment import AlignmentPipeline

    device, memory = choose_device(args.device), ScanMemory()
    volume = require_ct(memory.volume(args.image, None, Reading(**reading(args))), args.image.name)
    return (
        AlignmentPipeline.from_pretrained(args.weights).to(device),
        volume,
        memory.anatomy(volume, args.anatomy),
    )


def run_explain(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc explain`."""
    from DGMVLCCore.imaging.labels import load_region

    pipe, volume, anatomy = _look(args)
    matches = pipe.explain(volume, anatomy, load_region(args.region, volume, args.segment))
    return {
        "findings": [{"term": m.term, "agreement": round(m.agreement, 3)} for m in matches],
        "notes": [AGREEMENT_NOTE],
    }


def run_find(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc find`."""
    from DGMVLCCore.editing.find import find
    from DGMVLCCore.language.prompts import wanted_finding
    from DGMVLCCore.results.segmentation import proposal_segments, save_segmentation

    if args.output:
        check_new_file(args.output, args.overwrite)
    if args.most < 1:
        raise UsageError(f"--most must be 1 or more, not {args.most}.")
    finding = wanted_finding(args.text)
    pipe, volume, anatomy = _look(args)
    progress = Progress(args.quiet or args.json)
    try:
        found = find(pipe, volume, anatomy, finding, most=args.most, callback=progress)
    finally:
        progress.close()
    if args.output and found:
        save_segmentation(
            proposal_segments(finding.term, [(p.mask, p.score) for p in found]), volume, args.output
        )
    regions = [
        {"score": round(p.score, 3), "agreement": round(p.agreement, 3), **vars(p.location)}
        for p in found
    ]
    return {
        "finding": finding.to_dict(),
        "regions": regions,
        "output": str(args.output) if args.output and found else None,
        "notes": [AGREEMENT_NOTE],
    }


COMMANDS: dict[str, Command] = {"anatomy": run_anatomy, "explain": run_explain, "find": run_find}
