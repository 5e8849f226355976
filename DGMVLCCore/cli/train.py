"""Commands that train: data, train."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from DGMVLCCore.cli.options import add_options, request_of
from DGMVLCCore.cli.shared import (
    COHORT,
    Add,
    Answer,
    CohortOptions,
    Command,
    chosen_series,
    progress_of,
)
from DGMVLCCore.errors import UnreadableError, UsageError
from DGMVLCCore.ground.options import Option, Output

LEARN = "learn this attribute only (repeatable); an outcome must be named"
FIELDS = ("vision", "minutes", "steps", "batch", "depth", "workers", "start_from", "seed")


@dataclass(frozen=True, kw_only=True)
class Data:
    """Options of `data`."""

    input: Annotated[Path, Option(None, "-i --input")]
    output: Output
    look_alikes: Annotated[
        Path | None,
        Option(
            "note for the next training the clear places that these editor's weights change",
            metavar="WEIGHTS",
        ),
    ] = None


OF_A_COHORT = (
    "--task cohort",
    "a cohort's clinical rows, from the shipped weights; shards are made too, in the output folder",
)
OF_PICTURES = (
    "--task image",
    "a demonstration: pictures of another modality, from the shipped weights",
)


@dataclass(frozen=True, kw_only=True)
class Train:
    """Options of `train`; what is left out has the recipe's value."""

    task: Annotated[
        Literal[
            "editor",
            "denoiser",
            "volume",
            "gan",
            "cohort",
            "image",
            "dual",
            "lungs",
            "finder",
            "probe",
            "anomaly",
        ]
        | None,
        Option(),
    ] = None
    recipe: Annotated[Path | None, Option("JSON file with recipe fields")] = None
    shards: Annotated[str | None, Option("folder made by `dgmvlc data`")] = None
    output: Annotated[
        str | None, Option("folder for checkpoint, log and weights", "-o --output")
    ] = None
    minutes: Annotated[float | None, Option()] = None
    steps: Annotated[int | None, Option()] = None
    batch: Annotated[int | None, Option()] = None
    depth: Annotated[int | None, Option("slices of a slab (task volume; default 8)")] = None
    workers: Annotated[int | None, Option()] = None
    seed: Annotated[int | None, Option()] = None
    start_from: Annotated[str | None, Option("weights folder to begin with")] = None
    vision: Annotated[
        str | None,
        Option("folder of a dual encoder whose scan embedding conditions the denoiser"),
    ] = None
    images: Annotated[
        Path | None,
        Option(
            "a picture or DICOM folder for each patient, perhaps with ID.txt (one sentence) "
            "beside it",
            metavar="FOLDER",
            group=OF_PICTURES,
        ),
    ] = None
    modality: Annotated[
        Literal["MR", "XR"] | None, Option("what the pictures are", group=OF_PICTURES)
    ] = None


@dataclass(frozen=True, kw_only=True)
class TrainCohort(CohortOptions):
    """Options of `train --task cohort`."""

    cohort: Annotated[Path | None, Option(COHORT, metavar="FOLDER")] = None
    table: Annotated[
        Path | None,
        Option(
            "CSV or Excel (.xlsx) with an id column and clinical columns (of --task image: id "
            "and text)",
        ),
    ] = None
    series: Annotated[
        tuple[tuple[str, int], ...],
        Option(
            "read series N of the DICOM folder of this patient (of --task image: picture); may be "
            "repeated",
            metavar="NAME=N",
            parse=chosen_series,
        ),
    ] = ()


def add_commands(add: Add) -> None:
    """Options of the commands that train."""
    add_options(add("data", "training shards from a data folder"), Data)
    train = add(
        "train",
        "train or resume the editor, the denoiser (of slices, of slabs, on a cohort, on pictures "
        "of another modality), the one-pass generator, "
        "the dual encoder, the probe or the anomaly baseline",
    )
    add_options(train, TrainCohort, helps={"attributes": LEARN}, group=OF_A_COHORT)
    add_options(train, Train)


def run_data(args: argparse.Namespace) -> Answer:
    """`dgmvlc data`."""
    from DGMVLCCore.models.checks import check_weights
    from DGMVLCCore.training.look_alikes import write_look_alikes
    from DGMVLCCore.training.shards import build_shards

    if args.look_alikes:
        check_weights(args.look_alikes)
    written = build_shards(args.input, args.output)
    answer: dict[str, object] = {
        "shards": len(written),
        "megabytes": round(sum(p.stat().st_size for p in written) / 1e6, 1),
        "output": str(args.output),
    }
    if args.look_alikes:
        answer["look_alikes"] = write_look_alikes(args.look_alikes, args.output)
    return Answer(answer)


def _given(args: argparse.Namespace, *names: str) -> dict[str, object]:
    return {name: value for name in names if (value := getattr(args, name)) is not None}


def _run_cohort(args: argparse.Namespace) -> Answer:
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
    request = request_of(args, CohortRequest, folder=args.cohort)
    if args.dry_run:
        return Answer(describe(plan_cohort(request)))
    with progress_of(args) as progress:
        return Answer(
            train_cohort(
                request,
                Path(args.output),
                missing=args.missing,
                weights=Path(args.start_from) if args.start_from else None,
                tell=progress,
                quiet=args.quiet or args.json,
                **_given(args, "minutes", "steps", "batch", "workers", "seed"),
            )
        )


def _run_images(args: argparse.Namespace) -> Answer:
    from DGMVLCCore.training.image_shards import train_images

    if args.output is None or args.modality is None or args.shards or args.recipe or args.vision:
        raise UsageError(
            "Training on pictures needs --images, --modality and --output, and makes its own "
            "shards and recipe."
        )
    return Answer(
        train_images(
            args.images,
            args.modality,
            Path(args.output),
            table=args.table,
            sheet=args.sheet,
            quiet=args.quiet or args.json,
            weights=Path(args.start_from) if args.start_from else None,
            series=tuple(args.series),
            **_given(args, "minutes", "steps", "batch", "workers", "seed"),
        )
    )


def run_train(args: argparse.Namespace) -> Answer:
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
    if args.series:
        raise UsageError("--series is for a folder of --cohort or --images.")
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
    return Answer({"weights": str(train(recipe, quiet=args.quiet or args.json))})


COMMANDS: dict[str, Command] = {"data": run_data, "train": run_train}
