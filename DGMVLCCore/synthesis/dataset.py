"""A synthetic data set: ordered lesions, one folder an item, and a manifest of JSON lines; a broken
run goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from msgspec import structs

from DGMVLCCore.archive.address import from_row, is_address
from DGMVLCCore.editing.memory import ScanMemory
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.errors import OutputError, UnreadableError, UnsuitableInputError
from DGMVLCCore.ground.whole import clean_folder
from DGMVLCCore.imaging.io import load_volume, save_volume
from DGMVLCCore.imaging.profiles import require_ct
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.results.folders import replaced_folder
from DGMVLCCore.results.manifest import sha256_of
from DGMVLCCore.results.records import SOFTWARE, as_record, builtins_of, write_text
from DGMVLCCore.results.segmentation import Segment, save_segmentation
from DGMVLCCore.synthesis.lesions import Made, make_lesion
from DGMVLCCore.synthesis.memorisation import (
    Memorisation,
    lesion_patch,
    memorisation,
    reference_patches,
)
from DGMVLCCore.synthesis.orders import Order
from DGMVLCCore.synthesis.records import (
    HashedFile,
    ItemRow,
    Kind,
    NetworkFact,
    OrderFact,
    Settings,
)

MANIFEST = "manifest.jsonl"
NOTICE = (
    "Synthetic. Research use only; not a medical device. The lesion was generated; it was never in "
    "this patient."
)
LESION_COLOUR = (0.95, 0.55, 0.25)


def save_synthetic(
    volume: Volume, mask: np.ndarray, name: str, folder: Path, notice: str = NOTICE
) -> list[HashedFile]:
    """ct.nrrd (marked in its header) and a segmentation of what was generated; returns names and
    hashes."""
    save_volume(
        volume,
        folder / "ct.nrrd",
        {"DGMVLC_Unit": "HU", "DGMVLC_Synthetic": name, "DGMVLC_Notice": notice},
    )
    save_segmentation(
        [Segment(mask, name, LESION_COLOUR, tags={"DGMVLC.Origin": "synthetic"})],
        volume,
        folder / "lesion.seg.nrrd",
    )
    return [HashedFile(n, sha256_of(folder / n)) for n in ("ct.nrrd", "lesion.seg.nrrd")]


def network_fact(pipe: CounterfactualPipeline) -> NetworkFact:
    """Which network this is: its kind, the name of its weights and their hash."""
    kind: Kind = "one pass" if pipe.one_pass else "editor" if pipe.sees else "denoiser"
    return NetworkFact(kind, pipe.weights, pipe.weights_sha256)


class Manifest:
    """The lines of manifest.jsonl, each checked against its schema and written at once."""

    def __init__(self, out: Path, settings: Settings) -> None:
        self.path, self.settings = out / MANIFEST, settings
        self.rows: list[ItemRow] = []
        clean_folder(out)
        if self.path.exists():
            try:
                lines = self.path.read_text(encoding="utf-8").splitlines()
                self.rows = [as_record(json.loads(line), ItemRow) for line in lines]
            except (OSError, ValueError, RecursionError, UnreadableError) as error:
                raise OutputError(
                    f"{self.path} is no manifest of this program; choose another folder."
                ) from error
            if any(row.settings != settings for row in self.rows):
                raise OutputError(
                    f"{out} was made with another seed, other steps or other weights; choose "
                    "another folder."
                )
        elif out.exists() and any(out.iterdir()):
            raise OutputError(f"{out} holds other files; choose another folder.")
        elif not out.absolute().parent.is_dir():
            raise OutputError(
                f"The folder {out.absolute().parent} does not exist; create it first."
            )

    def known(self, name: str) -> bool:
        """True when this item was made or refused before."""
        return any(row.id == name for row in self.rows)

    def add(self, row: ItemRow) -> None:
        """Write one more line; the file is replaced whole."""
        as_record(builtins_of(row), ItemRow)
        self.rows.append(row)
        self.save()

    def save(self) -> None:
        """Write the file, which says whose folder this is even before its first line."""
        self.path.parent.mkdir(exist_ok=True)
        lines = (json.dumps(builtins_of(row), ensure_ascii=False) + "\n" for row in self.rows)
        write_text("".join(lines), self.path)


def item_id(order: Order, scan_sha256: str, copy: int, settings: Settings) -> str:
    """Name of an item: the same order, scan, copy and settings give the same one."""
    facts = {**order.facts(), "scan": scan_sha256, "copy": copy, **vars(settings)}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


def _require_scans(orders: list[Order], root: Path) -> None:
    named = [order.scan for order in orders if not is_address(order.scan)]
    if missing := next((name for name in named if not (root / name).exists()), None):
        raise UnreadableError(
            f"The scan {missing} of the order does not exist in {root}; correct its name."
        )


def _wanted(
    orders: list[Order], root: Path, settings: Settings, memory: ScanMemory
) -> Iterator[tuple[str, Order, Volume]]:
    """Every item in turn, with its scan; equal orders count on."""
    copies: dict[str, int] = {}
    for order in orders:
        volume = require_ct(memory.volume(from_row(root, order.scan), None), order.scan)
        for _ in range(order.count):
            key = json.dumps({**order.facts(), "scan": memory.facts["sha256"]}, sort_keys=True)
            copies[key] = copies.get(key, -1) + 1
            yield item_id(order, memory.facts["sha256"], copies[key], settings), order, volume


def _write_item(out: Path, name: str, made: Made, term: str) -> list[HashedFile]:
    """The item's folder, whole or not there; its files as the manifest names them."""
    with replaced_folder(out / name) as folder:  # a run may have broken before its line was written
        scan, title = made.result.counterfactual, f"{term} (synthetic)"
        files = save_synthetic(scan, made.lesion, title, folder)
    return [HashedFile(f"{name}/{file.name}", file.sha256) for file in files]


def synthesize(
    orders: list[Order],
    root: Path,
    out: Path,
    pipe: CounterfactualPipeline,
    *,
    seed: int = 0,
    steps: int = 10,
    judge: CounterfactualPipeline | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> dict[str, int]:
    """Make every ordered lesion that is not in the folder yet.

    Args:
        root: folder that relative scan names start from. out: data set folder; an earlier run with
            the same seed, steps and weights is continued.
        judge: the denoiser that looks for the finding in what a one-pass `pipe` made; `pipe` itself
            by default.

    Returns:
        counts: {"made", "refused", "kept"} of this call.

    Raises:
        OutputError: the folder holds something else, or cannot be written. UnreadableError,
            UnsuitableInputError: a scan cannot be used.
    """
    settings = Settings(seed, 1 if pipe.one_pass else steps, pipe.weights_sha256)
    manifest, memory = Manifest(out, settings), ScanMemory()
    _require_scans(orders, root)
    total, counts = sum(order.count for order in orders), {"made": 0, "refused": 0, "kept": 0}
    try:
        for index, item in enumerate(_wanted(orders, root, settings, memory)):
            if progress:
                progress("making", index / total)
            if manifest.known(item[0]):
                counts["kept"] += 1
                continue
            row = _make_item(item, out, pipe, judge, manifest, memory)
            manifest.add(row)
            counts["refused" if row.refused else "made"] += 1
    except OSError as error:
        raise OutputError(
            f"{out} could not be written ({error.strerror or error}); free space, then start "
            "again: what is done is kept."
        ) from error
    return counts


def _make_item(
    item: tuple[str, Order, Volume],
    out: Path,
    pipe: CounterfactualPipeline,
    judge: CounterfactualPipeline | None,
    manifest: Manifest,
    memory: ScanMemory,
) -> ItemRow:
    """An item's folder and its row of the manifest; a refused one has a row alone."""
    (name, order, volume), settings = item, manifest.settings
    row = partial(
        ItemRow,
        schema_version="1.0",
        id=name,
        synthetic=True,
        notice=NOTICE,
        software=SOFTWARE,
        source=HashedFile(**memory.facts),
        order=as_record(order.facts(), OrderFact),
        settings=settings,
        made_by=network_fact(pipe),
        judged_by=network_fact(judge or pipe),
    )
    anatomy, seeds = memory.anatomy(volume, None), [settings.seed, int(name, 16)]
    try:
        made = make_lesion(pipe, volume, anatomy, order, seeds, steps=settings.steps, judge=judge)
    except UnsuitableInputError as error:
        return row(refused=str(error), files=[])
    if not manifest.path.exists():
        manifest.save()
    files = _write_item(out, name, made, order.finding)
    return row(**structs.asdict(made.facts), files=files)


def compare(out: Path, training: Path, held_out: Path | None = None) -> Memorisation:
    """The memorisation check of a data set against training shards, written beside its manifest as
    memorisation.json.

    Raises:
        UnsuitableInputError: the data set holds no lesion. UnreadableError: a folder is no data set
            or no shards.
    """
    from DGMVLCCore.imaging.labels import load_labels

    patches = []
    for path in sorted(out.glob("*/ct.nrrd")):
        volume = load_volume(path)
        scan, turn = volume.canonical()
        patches.append(
            lesion_patch(
                scan.array,
                turn.apply(load_labels(path.with_name("lesion.seg.nrrd"), volume).union()),
                scan.spacing,
            )
        )
    if not patches:
        raise UnsuitableInputError(f"{out} holds no synthetic lesion to compare.")
    answer = memorisation(
        np.stack(patches),
        reference_patches(training),
        reference_patches(held_out) if held_out else None,
    )
    write_text(json.dumps(answer, indent=1), out / "memorisation.json")
    return answer
