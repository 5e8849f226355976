"""Pictures of another modality to shards and weights: a demonstration that the method does not end
at CT."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from DGMVLCCore.errors import UnsuitableInputError, UsageError, quoted
from DGMVLCCore.ground.plain_json import read_json
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.imaging.profiles import PLAIN
from DGMVLCCore.imaging.resample import resize_in_plane
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.language.bank import plain_bank
from DGMVLCCore.language.encoder import MAX_TOKENS, LanguageEncoder
from DGMVLCCore.language.report_files import read_report
from DGMVLCCore.language.tables import column_key, read_table
from DGMVLCCore.models.checks import check_weights
from DGMVLCCore.models.networks import WEIGHTS
from DGMVLCCore.models.region import FINEST_MM
from DGMVLCCore.models.units import scale_of, to_units
from DGMVLCCore.results.folders import check_output, replaced_folder
from DGMVLCCore.training.recipe import Recipe

LONGEST_SIDE = 512
RECORD = "images.json"
AGAIN = "remove the folder, and the pictures are read again"
DEMONSTRATION = (
    "Demonstration: a few pictures and a short training show that the method runs on {}; nothing "
    "about the quality or the safety of its "
    "pictures was evaluated."
)
USUAL = Recipe(
    "",
    "",
    task="image",
    batch=8,
    learning_rate=4e-4,
    warmup=20,
    ema=0.98,
    workers=0,
    minutes=3.0,
    checkpoint_every=100,
)
ENDINGS = (".nii.gz", ".nrrd", ".nii", ".mha", ".mhd", ".nhdr", ".dcm")
TEXT_COLUMNS = ("text", "sentence", "caption", "description", "report")


def _name(path: Path) -> str:
    ending = next((end for end in ENDINGS if path.name.lower().endswith(end)), "")
    return path.name[: len(path.name) - len(ending)] if ending else path.name


def find_pictures(folder: Path) -> dict[str, Path]:
    """Image files, single DICOM files and DICOM folders, name -> path.

    Raises:
        UnsuitableInputError: no such folder, none in it, or a name twice.
    """
    entries = (
        [p for p in sorted(folder.iterdir()) if not p.name.startswith(".")]
        if folder.is_dir()
        else []
    )
    found = [
        p
        for p in entries
        if (p.is_file() and p.name.lower().endswith(ENDINGS))
        or (p.is_dir() and any(q.is_file() for q in p.iterdir()))
    ]
    names = [_name(p) for p in found]
    if not found:
        raise UnsuitableInputError(
            f"{folder} holds no pictures; give a folder with a NRRD, NIfTI, MetaImage or DICOM "
            "file (or a DICOM folder) for each."
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UnsuitableInputError(
            f"{folder} holds more than one picture named {', '.join(twice)}; rename one."
        )
    return dict(zip(names, found))


def sentences_of(
    pictures: dict[str, Path], modality: str, table: Path | None = None, sheet: str | None = None
) -> dict[str, str]:
    """A sentence for each picture: of the table's row, else of NAME.txt beside it, else the
    modality's plain one.

    Raises:
        UnsuitableInputError: the table has no text column, or its first names no picture.
    """
    said: dict[str, str] = {}
    if table is not None:
        read = read_table(table, sheet)
        column = next((name for name in read.columns if column_key(name) in TEXT_COLUMNS), None)
        if column is None:
            raise UnsuitableInputError(
                f"{table.name} has no column of sentences (it has {', '.join(read.columns)}); "
                f"name it {TEXT_COLUMNS[0]}."
            )
        said = {row[read.columns[0]]: row[column] for row in read.rows}
        if not said.keys() & pictures.keys():
            raise UnsuitableInputError(
                f"Which column of {table.name} names the pictures? The first, {read.columns[0]}, "
                f"names none of them; put their names ({next(iter(pictures))} …) first."
            )
    out = {}
    for name, path in pictures.items():
        beside = path.with_name(f"{name}.txt")
        words = said.get(name, "") or (
            read_report(beside).text if beside.is_file() and beside.stat().st_size else ""
        )
        out[name] = " ".join(words.split()) or PLAIN[modality]
    return out


def picture_record(volume: Volume) -> dict[str, np.ndarray]:
    """A picture in canonical order and network units: units float16 (D,H,W), spacing (z,y,x) mm."""
    scan, _ = volume.canonical()
    dz, dy, dx = scan.spacing
    shrink = max(FINEST_MM / min(dy, dx), max(scan.shape[1:]) / LONGEST_SIDE, 1.0)
    size = tuple(
        max(round(n * mm / (shrink * min(dy, dx))), 16) for n, mm in zip(scan.shape[1:], (dy, dx))
    )
    units = resize_in_plane(to_units(scan.array, scale_of(scan)), (size[0], size[1]))
    return {
        "units": units.astype(np.float16),
        "spacing": np.array([dz, scan.shape[1] * dy / size[0], scan.shape[2] * dx / size[1]]),
    }


def _about(modality: str, said: dict[str, str], series: dict[str, int]) -> dict[str, object]:
    """What shards were made of, as their record says it."""
    return {"modality": modality, "pictures": said, **({"series": series} if series else {})}


def write_shards(
    folder: Path,
    pictures: dict[str, Path],
    said: dict[str, str],
    modality: str,
    encoder: LanguageEncoder,
    series: dict[str, int],
) -> None:
    """Shards of pictures and the bank of their sentences, whole or not at all.

    Args:
        series: picture -> which series of its DICOM folder is read.

    Raises:
        UnreadableError, UnsuitableInputError: a picture cannot be read, is of another modality, or
            its sentence is too long.
    """
    for name, text in said.items():
        if encoder.count_tokens(text) > MAX_TOKENS:
            raise UnsuitableInputError(
                f"The sentence of {name}, “{text[:60]} …”, is longer than the {MAX_TOKENS} "
                "tokens the network reads; shorten it."
            )
    texts = list(dict.fromkeys(said.values()))
    with replaced_folder(folder) as out:
        np.savez(out / "phrases.npz", **plain_bank(texts, encoder))  # type: ignore[arg-type]
        for index, (name, path) in enumerate(pictures.items()):
            record = picture_record(load_volume(path, modality, series.get(name)))
            record["text"] = np.array(1 + texts.index(said[name]))
            np.savez_compressed(out / f"image-{index:05d}.npz", **record)  # type: ignore[arg-type]
        (out / RECORD).write_text(
            json.dumps(_about(modality, said, series), ensure_ascii=False),
            encoding="utf-8",
        )


class TrainedImages(Struct, frozen=True):
    """The weights' folder, how many pictures and which sentences they saw, and what to know."""

    weights: str
    pictures: int
    sentences: list[str]
    notes: list[str]


def train_images(
    folder: Path,
    modality: str,
    out: Path,
    *,
    table: Path | None = None,
    sheet: str | None = None,
    weights: Path | None = None,
    series: tuple[tuple[str, int], ...] = (),
    quiet: bool = False,
    **fields: Any,
) -> TrainedImages:
    """Folder of pictures -> weights of their modality; an interrupted run goes on with its shards.

    Args:
        modality: "MR" or "XR". table: sentences (an id column first, and a text column). weights:
            to begin with; the shipped ones when None. series: (picture, number) of the series to
            read of a DICOM folder that holds several. fields: of the recipe (minutes, steps, …).

    Raises:
        DGMVLCError: every refusal, with its sentence.
    """
    from DGMVLCCore.training.loop import train

    _require_plain(modality)
    start = weights or resource(WEIGHTS)
    check_weights(start)
    pictures = find_pictures(folder)
    sentences = sentences_of(pictures, modality, table, sheet)
    shards = _shards_in(out, pictures, sentences, modality, dict(series))
    about = {"modality": modality, "start_from": str(start), "shards": str(shards)}
    recipe = replace(USUAL, out=str(out), **fields | about)
    trained = str(train(recipe, quiet=quiet))
    notes = [DEMONSTRATION.format(modality)]
    return TrainedImages(trained, len(pictures), sorted(set(sentences.values())), notes)


def _require_plain(modality: str) -> None:
    if modality not in PLAIN:
        raise UsageError(
            f"The modality must be {' or '.join(PLAIN)}, not {modality}; chest CT is trained by "
            "the other tasks."
        )


def _shards_in(
    out: Path,
    pictures: dict[str, Path],
    sentences: dict[str, str],
    modality: str,
    series: dict[str, int],
) -> Path:
    """The shards of a run's folder, written unless they are there from a run before.

    Raises:
        UsageError: a series of a picture that is not there. UnsuitableInputError: the folder holds
            a run on others.
    """
    if unknown := sorted(set(series) - set(pictures)):
        raise UsageError(
            f"There is no picture {quoted(unknown[0])} to choose a series of; there are "
            f"{quoted(', '.join(pictures))}."
        )
    shards = out / "shards"
    there = (shards / RECORD).exists()
    known = there and read_json(shards / RECORD, AGAIN) == _about(modality, sentences, series)
    if there and not known and (out / "checkpoint.pt").exists():
        raise UnsuitableInputError(
            f"{out} holds a run on other pictures or sentences than these; give the same, or "
            "choose another output folder."
        )
    out.mkdir(parents=True, exist_ok=True)
    if not there:
        check_output(shards, False, RECORD)
    if not known:
        write_shards(shards, pictures, sentences, modality, LanguageEncoder(), series)
    return shards
