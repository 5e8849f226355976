"""Commands that train: data, train."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from DGMVLCCore.cli.shared import ANATOMY, COHORT, DRY_RUN, MISSING, Add, Command, Progress
from DGMVLCCore.errors import UnreadableError, UsageError

FIELDS = ("vision", "minutes", "steps", "batch", "depth", "workers", "start_from", "seed")


def add_commands(add: Add) -> None:
    """Options of the commands that train."""
    data = add("data", "training shards from a data folder")
    data.add_argument("-i", "--input", type=Path, required=True)
    data.add_argument("-o", "--output", type=Path, required=True)
    train = add(
        "train",
        "train or resume the editor, the denoiser (of slices, of slabs, on a cohort, on pictures "
        "of another modality), the one-pass generator, "
        "the dual encoder, the probe or the anomaly baseline",
    )
    train.add_argument(
        "--task",
        choices=(
            "editor",
            "denoiser",
            "volume",
            "gan",
            "cohort",
            "image",
            "dual",
            "lungs",
            "probe",
            "anomaly",
        ),
    )
    train.add_argument("--recipe", type=Path, help="JSON file with recipe fields")
    train.add_argument("--shards", help="folder made by `dgmvlc data`")
    train.add_argument("-o", "--output", help="folder for checkpoint, log and weights")
    train.add_argument("--minutes", type=float)
    train.add_argument("--steps", type=int)
    train.add_argument("--batch", type=int)
    train.add_argument("--depth", type=int, help="slices of a slab (task volume; default 8)")
    train.add_argument("--workers", type=int)
    train.add_argument("--seed", type=int)
    train.add_argument("--start-from", help="weights folder to begin with")
    train.add_argument(
        "--vision", help="folder of a dual encoder whose scan embedding conditions the denoiser"
    )
    cohort = train.add_argument_group(
        "--task cohort",
        "a cohort's clinical rows, from the shipped weights; shards are made too, in the output "
        "folder",
    )
    cohort.add_argument("--cohort", type=Path, metavar="FOLDER", help=COHORT)
    cohort.add_argument(
        "--table",
        type=Path,
        help=(
            "CSV or Excel (.xlsx) with an id column and clinical columns (of --task image: id and "
            "text)"
        ),
    )
    cohort.add_argument(
        "--schema",
        type=Path,
        metavar="FILE",
        help="JSON file that says what the columns mean; default: the shipped one",
    )
    cohort.add_argument(
        "--sheet", metavar="NAME", help="sheet of an Excel file; the first when left out"
    )
    cohort.add_argument(
        "--attribute",
        action="append",
        default=[],
        metavar="NAME",
        help="learn this attribute only (repeatable); an outcome must be named",
    )
    cohort.add_argument("--anatomy", type=Path, metavar="FOLDER", help=ANATOMY)
    cohort.add_argument("--missing", choices=("stop", "skip"), default="stop", help=MISSING)
    cohort.add_argument("--dry-run", action="store_true", help=DRY_RUN)
    image = train.add_argument_group(
        "--task image", "a demonstration: pictures of another modality, from the shipped weights"
    )
    image.add_argument(
        "--images",
        type=Path,
        metavar="FOLDER",
        help=(
            "a picture or DICOM folder for each patient, "
            "perhaps with ID.txt (one sentence) beside it"
        ),
    )
    image.add_argument("--modality", choices=("MR", "XR"), help="what the pictures are")


def run_data(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc data`."""
    from DGMVLCCore.training.shards import build_shards

    written = build_shards(args.input, args.output)
    return {
        "shards": len(written),
        "megabytes": round(sum(p.stat().st_size for p in written) / 1e6, 1),
        "output": str(args.output),
    }


def _given(args: argparse.Namespace, *names: str) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(args, name)) is not None}


def _run_cohort(args: argparse.Namespace) -> dict[str, Any]:
    from DGMVLCCore.cohort.plan import CohortRequest, describe, plan_cohort
    from DGMVLCCore.jobs.train_cohort import train_cohort

    if (
        args.table is None
        or (args.output is None and not args.dry_run)
        or args.shards
        or args.recipe
        or args.vision
    ):
        raise UsageError(
            "Training on a cohort needs --cohort, --table and --output (or --dry-run), and makes "
            "its own shards and recipe."
        )
    request = CohortRequest(
        args.cohort, args.table, args.schema, args.sheet, tuple(args.attribute), args.anatomy
    )
    if args.dry_run:
        return describe(plan_cohort(request))
    progress = Progress(args.quiet or args.json)
    try:
        return train_cohort(
            request,
            Path(args.output),
            missing=args.missing,
            weights=Path(args.start_from) if args.start_from else None,
            tell=progress,
            quiet=args.quiet or args.json,
            **_given(args, "minutes", "steps", "batch", "workers", "seed"),
        )
    finally:
        progress.close()


def _run_images(args: argparse.Namespace) -> dict[str, Any]:
    from DGMVLCCore.training.image_shards import train_images

    if args.output is None or args.modality is None or args.shards or args.recipe or args.vision:
        raise UsageError(
            "Training on pictures needs --images, --modality and --output, and makes its own "
            "shards and recipe."
        )
    return train_images(
        args.images,
        args.modality,
        Path(args.output),
        table=args.table,
        sheet=args.sheet,
        quiet=args.quiet or args.json,
        weights=Path(args.start_from) if args.start_from else None,
        **_given(args, "minutes", "steps", "batch", "workers", "seed"),
    )


def run_train(args: argparse.Namespace) -> dict[str, Any]:
    """`dgmvlc train`."""
    from DGMVLCCore.training.loop import train
    from DGMVLCCore.training.recipe import load_recipe, make_recipe

    for task, folder, run in (
        ("cohort", args.cohort, _run_cohort),
        ("image", args.images, _run_images),
    ):
        if folder is not None:
            if args.task not in (None, task):
                raise UsageError(
                    f"--{'cohort' if task == 'cohort' else 'images'} is for --task {task}, not "
                    f"--task {args.task}."
                )
            return run(args)
    given = {"shards": args.shards, "out": args.output, **_given(args, "task", *FIELDS)}
    given = {name: value for name, value in given.items() if value is not None}
    if args.recipe is None and not {"shards", "out"} <= set(given):
        raise UsageError(
            "Training needs --recipe, or --shards and --output, or a folder of --cohort or "
            "--images."
        )
    recipe = load_recipe(args.recipe, **given) if args.recipe else make_recipe(**given)
    if not (Path(recipe.shards) / "phrases.npz").is_file():
        raise UnreadableError(
            f"{recipe.shards} holds no training shards; make them with: dgmvlc data -i FOLDER -o "
            f"{recipe.shards}."
        )
    return {"weights": str(train(recipe, quiet=args.quiet or args.json))}


COMMANDS: dict[str, Command] = {"data": run_data, "train": run_train}
