"""`dgmvlc`: the command line. Thin: it reads options, calls the core, and turns errors into exit codes."""

from __future__ import annotations

import argparse
import io
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from DGMVLCCore import __version__
from DGMVLCCore.errors import Cancelled, OutputError, UnreadableError, UsageError, as_dgmvlc_error

Command = Callable[[argparse.Namespace], dict[str, Any]]


class Progress:
    """One progress bar a stage, on standard error."""

    def __init__(self, quiet: bool) -> None:
        self.quiet, self.stage, self.bar = quiet, "", None

    def __call__(self, stage: str, share: float) -> None:
        """Show that `share` of `stage` is done."""
        if self.quiet:
            return
        from tqdm import tqdm

        if stage != self.stage:
            self.close()
            self.stage = stage
            self.bar = tqdm(total=100, desc=f"{stage:8}", bar_format="{desc} {bar:30} {percentage:3.0f}% {elapsed}<{remaining}", file=sys.stderr)
        if self.bar is not None:
            self.bar.update(round(100 * share) - self.bar.n)

    def close(self) -> None:
        """End the current bar."""
        if self.bar is not None:
            self.bar.update(100 - self.bar.n)
            self.bar.close()
            self.bar = None


def _slices(text: str) -> tuple[int, int]:
    try:
        low, high = (int(part) for part in text.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"slices are A:B, for example 10:24, not {text!r}") from None
    return low, high


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableError(f"The report {path} could not be read as text.") from error


def _check_new_file(path: Path, overwrite: bool) -> None:
    """Refuse before the work what could not be written after it."""
    if not path.name.endswith(".seg.nrrd"):
        raise UsageError(f"The output is a segmentation, so its name must end in .seg.nrrd, not {path.name}.")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists already; choose another name or add --overwrite.")


def _edit_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--target", help="what to show instead, e.g. “ground-glass opacity”; default: without the finding")
    parser.add_argument("--mode", choices=("replace", "shift"), default="replace")
    parser.add_argument("--slices", type=_slices, metavar="A:B", help="slices to edit, counted from the feet")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--noises", type=int, default=8, help="samples behind the uncertainty map (default 8)")
    parser.add_argument("--steps", type=int, default=10, help="integration steps (default 10)")
    parser.add_argument("-d", "--device", help="cpu, gpu, cuda:N or mps; default: the first GPU, else the CPU")
    parser.add_argument("--weights", type=Path, help="weights folder; default: the shipped weights")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier result in the output folder")


def build_parser() -> argparse.ArgumentParser:
    """All commands and options."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")
    common.add_argument("-v", "--verbose", action="store_true", help="say more; show the traceback of an unexpected error")
    common.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    parser = argparse.ArgumentParser(prog="dgmvlc", description="Counterfactual chest CT. Research use only; not a medical device.")
    parser.add_argument("--version", action="version", version=f"dgmvlc {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, parents=[common])

    demo = add("demo", "edit the sample scan that comes with the program")
    demo.add_argument("-o", "--output", type=Path, default=Path("demo-output"))
    _edit_options(demo)
    edit = add("counterfactual", "this patient's scan without a finding, or with another one")
    edit.add_argument("-i", "--image", type=Path, required=True, help="NRRD, NIfTI, MetaImage or DICOM folder")
    edit.add_argument("-r", "--report", type=Path, required=True, help="text file with the report")
    edit.add_argument("-o", "--output", type=Path, required=True)
    edit.add_argument("--finding", type=int, metavar="N", help="number of the finding in the report, from 1")
    edit.add_argument("--mask", type=Path, metavar="SEG", help="segmentation of the region; proposed when left out")
    edit.add_argument("--segment", help="name of the segment in --mask")
    edit.add_argument("--anatomy", type=Path, metavar="SEG", help="lung segmentation; found in the scan when left out")
    edit.add_argument("--clinical", type=Path, metavar="TABLE", help="CSV table of clinical data")
    edit.add_argument("--row", metavar="ID", help="row of --clinical, by its first column")
    edit.add_argument("--modality", help="CT, MR or XR when the file does not say")
    _edit_options(edit)
    report = add("report", "what a report says: findings, certainty, side, size")
    report.add_argument("-i", "--input", type=Path, required=True)
    anatomy = add("anatomy", "body, lungs and airway of a scan as a segmentation")
    anatomy.add_argument("-i", "--image", type=Path, required=True)
    anatomy.add_argument("-o", "--output", type=Path, required=True, help=".seg.nrrd file")
    anatomy.add_argument("--overwrite", action="store_true", help="replace an earlier file")
    data = add("data", "training shards from a data folder")
    data.add_argument("-i", "--input", type=Path, required=True)
    data.add_argument("-o", "--output", type=Path, required=True)
    train = add("train", "train or resume the denoiser")
    train.add_argument("--recipe", type=Path, help="JSON file with recipe fields")
    train.add_argument("--shards", help="folder made by `dgmvlc data`")
    train.add_argument("-o", "--output", help="folder for checkpoint, log and weights")
    train.add_argument("--minutes", type=float)
    train.add_argument("--steps", type=int)
    train.add_argument("--batch", type=int)
    train.add_argument("--workers", type=int)
    train.add_argument("--start-from", help="weights folder to begin with")
    add("worker", "run jobs that a viewer sends as JSON lines on standard input, until it closes")
    add("info", "versions, devices, weights and the findings they know")
    return parser


def _request(args: argparse.Namespace, **fields: Any) -> Any:
    from DGMVLCCore.counterfactual.run import Request

    same = {name: getattr(args, name) for name in ("target", "mode", "slices", "seed", "noises", "steps", "device", "overwrite", "weights")}
    return Request(out=args.output, **same, **fields)


def _run_edit(args: argparse.Namespace, request: Any) -> dict[str, Any]:
    from DGMVLCCore.counterfactual.run import run_counterfactual

    progress = Progress(args.quiet or args.json)
    try:
        path = run_counterfactual(request, progress)
    finally:
        progress.close()
    manifest = json.loads(path.read_text(encoding="utf-8"))
    folder = path.parent
    scene = folder / "scene.mrb"
    return {"result": str(path), "figure": str(folder / "figure.png"), "scene": str(scene) if scene.exists() else None,
            "volumes": [str(folder / f["name"]) for f in manifest["files"] if f["name"].endswith(".nrrd")],
            "explanation": (folder / "explanation.txt").read_text(encoding="utf-8").strip(), "notes": manifest["notes"]}


def run_demo(args: argparse.Namespace) -> dict[str, Any]:
    """The sample scan without its nodule."""
    from DGMVLCCore._resources import resource

    sample = resource("sample")
    return _run_edit(args, _request(args, image=sample / "ct.nrrd", report_text=_read_text(sample / "report.txt"), mask=sample / "nodule.nrrd"))


def run_edit(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc counterfactual`."""
    clinical = ""
    if bool(args.clinical) != bool(args.row):
        raise UsageError("--clinical and --row go together: the table and the row in it.")
    if args.clinical:
        from DGMVLCCore.language.clinical import read_row, row_to_text

        clinical = row_to_text(read_row(args.clinical, args.row))
    return _run_edit(args, _request(args, image=args.image, report_text=_read_text(args.report), finding=args.finding, mask=args.mask,
                                    segment=args.segment, anatomy=args.anatomy, clinical=clinical, modality=args.modality))


def run_report(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc report`."""
    from DGMVLCCore.language.parser import parse_report

    return {"findings": [finding.to_dict() for finding in parse_report(_read_text(args.input))]}


def run_anatomy(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc anatomy`."""
    from DGMVLCCore.anatomy.segment import NAMES, segment_anatomy
    from DGMVLCCore.export.segmentation import Segment, save_segmentation
    from DGMVLCCore.imaging.io import load_volume

    _check_new_file(args.output, args.overwrite)
    volume = load_volume(args.image)
    labels = segment_anatomy(volume).labels
    colours = {1: (0.9, 0.75, 0.6), 2: (0.3, 0.6, 0.9), 3: (0.9, 0.4, 0.4), 4: (0.5, 0.8, 0.5)}
    segments = [Segment(labels == value, name, colours[value], 0, value) for value, name in NAMES.items() if (labels == value).any()]
    save_segmentation(segments, volume, args.output)
    millilitre = volume.spacing[0] * volume.spacing[1] * volume.spacing[2] / 1000
    return {"output": str(args.output), "volume_ml": {s.name: round(float(s.mask.sum() * millilitre), 1) for s in segments}}


def run_data(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc data`."""
    from DGMVLCCore.training.shards import build_shards

    written = build_shards(args.input, args.output)
    return {"shards": len(written), "megabytes": round(sum(p.stat().st_size for p in written) / 1e6, 1), "output": str(args.output)}


def run_train(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc train`."""
    from DGMVLCCore.training.loop import train
    from DGMVLCCore.training.recipe import Recipe, load_recipe

    given = {"shards": args.shards, "out": args.output, "minutes": args.minutes, "steps": args.steps, "batch": args.batch,
             "workers": args.workers, "start_from": args.start_from}
    given = {name: value for name, value in given.items() if value is not None}
    if args.recipe is None and not {"shards", "out"} <= set(given):
        raise UsageError("Training needs --recipe, or --shards and --output.")
    recipe = load_recipe(args.recipe, **given) if args.recipe else Recipe(**given)
    if not (Path(recipe.shards) / "phrases.npz").is_file():
        raise UnreadableError(f"{recipe.shards} holds no training shards; make them with: dgmvlc data -i FOLDER -o {recipe.shards}.")
    return {"weights": str(train(recipe))}


def run_worker(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc worker`; ends when its standard input does."""
    from DGMVLCCore.worker import main as work

    work()
    return {}


def run_info(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc info`."""
    import importlib.metadata
    import platform

    from DGMVLCCore._resources import resource
    from DGMVLCCore.counterfactual.pipeline import WEIGHTS, check_weights
    from DGMVLCCore.devices import available_devices
    from DGMVLCCore.language.vocabulary import load_vocabulary

    folder = resource(WEIGHTS)
    config = json.loads((folder / "config.json").read_text())
    libraries = {name: importlib.metadata.version(name) for name in ("torch", "diffusers", "transformers", "SimpleITK", "numpy")}
    return {"version": __version__, "python": platform.python_version(), "libraries": libraries, "devices": available_devices(),
            "weights": {"name": folder.name, "sha256": check_weights(folder)}, "findings": config["findings"], "attributes": config["attributes"],
            "vocabulary": list(load_vocabulary().terms)}


COMMANDS: dict[str, Command] = {"demo": run_demo, "counterfactual": run_edit, "report": run_report, "anatomy": run_anatomy,
                                "data": run_data, "train": run_train, "worker": run_worker, "info": run_info}


def _say(args: argparse.Namespace, answer: dict[str, Any]) -> None:
    if args.json:
        print(json.dumps(answer, indent=1))
    elif not args.quiet:
        for name, value in answer.items():
            if value in (None, [], ""):
                continue
            lines = value if isinstance(value, list) else [value]
            print(f"{name}: " + ("\n" + " " * 2 if len(lines) > 1 else "") + "\n  ".join(
                json.dumps(line, ensure_ascii=False) if isinstance(line, dict) else str(line) for line in lines))


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code (0 done, 2 usage, 3 unreadable, 4 unsuitable, 5 device, 6 output, 7 weights, 130 cancelled)."""
    args = build_parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):  # a console that cannot show “ or − must not end a run
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    logging.basicConfig(level=logging.INFO if args.verbose else logging.WARNING, format="%(name)s: %(message)s")
    try:
        _say(args, COMMANDS[args.command](args))
    except KeyboardInterrupt:
        return _fail(args, "Cancelled; nothing was written.", Cancelled.exit_code, "Cancelled")
    except Exception as error:
        if known := as_dgmvlc_error(error):
            return _fail(args, str(known), known.exit_code, type(known).__name__)
        if args.verbose:
            logging.getLogger(__name__).exception("unexpected error")
        return _fail(args, f"Unexpected error ({type(error).__name__}: {error}); run again with -v and report it.", 1, "Unexpected")
    return 0


def _fail(args: argparse.Namespace, sentence: str, code: int, kind: str) -> int:
    if args.json:
        print(json.dumps({"error": {"kind": kind, "message": sentence, "exit_code": code}}))
    print(f"dgmvlc: {sentence}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
