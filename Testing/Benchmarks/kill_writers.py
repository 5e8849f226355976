"""The writers that are killed: each writes one of two versions of something real, small enough to
be written often, and says which version a reader meets afterwards."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
Version = int | None  # 1 or 2; None: nothing is there


@dataclass(frozen=True)
class Writer:
    """Something that writes.

    Args:
        prepare: makes what it needs in an empty folder, once. write: (made, out, version,
            overwrite). begin: what its next start does first. read: the version that is there;
            raises when it is not whole.
        modes: "new" (nothing is there) and "replace" (version 1 is there).
        kept: names beside the output that an interrupted run may leave for itself.
    """

    name: str
    prepare: Callable[[Path], Any]
    write: Callable[[Any, Path, int, bool], None]
    begin: Callable[[Any, Path], None]
    read: Callable[[Any, Path], Version]
    modes: tuple[str, ...] = ("new", "replace")
    kept: tuple[str, ...] = ()


def _scan(shape: tuple[int, int, int] = (12, 48, 64)) -> Any:
    """A small chest of air and tissue."""
    from DGMVLCCore.imaging.volume import Volume

    z, y, x = np.mgrid[: shape[0], : shape[1], : shape[2]]
    body = ((y / shape[1] - 0.5) / 0.45) ** 2 + ((x / shape[2] - 0.5) / 0.45) ** 2 < 1
    lungs = body & (np.abs(np.abs(x / shape[2] - 0.5) - 0.2) < 0.13) & (abs(y - 24) < 14)
    noise = np.random.default_rng(0).normal(0, 20, shape)
    array = np.rint(np.where(lungs, -860, np.where(body, 40, -1000)) + body * noise)
    return Volume(array.astype(np.float32), np.diag([3.0, 3.0, 4.0, 1.0]), "CT", "int16", {})


def _edit(_: Path) -> Any:
    """An edited scan, made without a network."""
    from DGMVLCCore.editing.result import AttentionMap, CounterfactualResult, EditPlan
    from DGMVLCCore.imaging.anatomy import Anatomy

    scan = _scan()
    mask = np.zeros(scan.shape, bool)
    mask[4:8, 20:28, 40:50] = True
    edited = np.where(mask, -900, scan.array).astype(np.float32)
    plan = EditPlan(mask, "Nodule.", "Clear lung.", "nodule")
    heat = {"nodule": AttentionMap("nodule", mask * np.float32(0.5))}
    facts = {"seed": 3, "noises": 3, "sample_change_hu": [-301.5, -310.25, -295.0]}
    result = CounterfactualResult(
        scan, scan.with_array(edited), edited, mask * np.float32(9), mask, plan, [], facts, heat
    )
    return result, Anatomy(np.where(scan.array < -600, 2, 1).astype(np.uint8))


def _write_result(made: Any, out: Path, version: int, overwrite: bool, scene: bool = False) -> None:
    from DGMVLCCore.report.edit import write_result

    write_result(
        made[0],
        out,
        anatomy=made[1],
        report=f"Version {version}.",
        findings=[],
        inputs={"image": {"name": "ct", "sha256": "0" * 64}},
        weights={"name": "w", "sha256": "1" * 64},
        overwrite=overwrite,
        scene=scene,
    )


def _write_scene(made: Any, out: Path, version: int, overwrite: bool) -> None:
    _write_result(made, out, version, overwrite, scene=True)


def _read_result(_: Any, out: Path) -> Version:
    from DGMVLCCore.results.manifest import checked_files

    if not out.exists():
        return None
    folder, manifest = checked_files(out)
    names = {"result.json", *(entry.name for entry in manifest.files)}
    if {path.name for path in folder.iterdir()} != names:
        raise ValueError("other files than the manifest lists")
    return int(manifest.report.split()[1][0])


def _begin_folder(record: str) -> Callable[[Any, Path], None]:
    """The first thing that a command with an output folder does."""

    def begin(_: Any, out: Path) -> None:
        from DGMVLCCore.results.folders import check_output

        check_output(out, True, record)

    return begin


def _two_results(root: Path) -> Any:
    made = _edit(root)
    for version in (1, 2):
        _write_result(made, root / f"result-{version}", version, False)
    return root


def _write_dicom(root: Path, out: Path, version: int, overwrite: bool) -> None:
    from DGMVLCCore.results.dicom_result import export_dicom

    export_dicom(root / f"result-{version}", out, overwrite=overwrite)


def _read_dicom(root: Path, out: Path) -> Version:
    from DGMVLCCore.results.manifest import sha256_of

    if not out.exists():
        return None
    record = json.loads((out / "dicom.json").read_text(encoding="utf-8"))
    if any(sha256_of(out / each["name"]) != each["sha256"] for each in record["files"]):
        raise ValueError("a file is not as it was written")
    hashes = [sha256_of(root / f"result-{version}" / "result.json") for version in (1, 2)]
    return hashes.index(record["result_sha256"]) + 1


def _two_networks(root: Path) -> Any:
    from DGMVLCCore.models.denoiser import Denoiser
    from DGMVLCCore.training.recipe import Recipe
    from DGMVLCCore.training.record import write_record

    for version in (1, 2):
        folder = root / f"weights-{version}"
        Denoiser(widths=(16, 16, 16), findings=("nodule",)).half().save_pretrained(str(folder))
        write_record(folder, Recipe("s", "o"), steps=version, seconds=1, device="cpu")
    return root


def _write_bundle(root: Path, out: Path, version: int, overwrite: bool) -> None:
    from DGMVLCCore.jobs.bundle import export_bundle

    export_bundle(out, root / f"weights-{version}", overwrite=overwrite)


def _read_bundle(root: Path, out: Path) -> Version:
    from DGMVLCCore.models.checks import check_weights
    from DGMVLCCore.results.manifest import sha256_of

    if not out.exists():
        return None
    about = json.loads((out / "configs" / "metadata.json").read_text(encoding="utf-8"))
    if any(sha256_of(out / each["name"]) != each["sha256"] for each in about["files"]):
        raise ValueError("a file is not as it was written")
    hashes = [check_weights(root / f"weights-{version}") for version in (1, 2)]
    return hashes.index(about["weights_sha256"]) + 1


def _studies(root: Path) -> Any:
    from DGMVLCCore.imaging.io import save_volume

    (root / "studies").mkdir()
    save_volume(_scan(), root / "studies" / "case.nrrd")
    (root / "studies" / "case.txt").write_text("No pleural effusion.", encoding="utf-8")
    return root


def _create_session(root: Path, out: Path, version: int, overwrite: bool) -> None:
    from DGMVLCCore.review.decisions import ReviewSession

    ReviewSession.create(root / "studies", out, report=root / "studies" / "case.txt")


def _begin_session(root: Path, out: Path) -> None:
    from DGMVLCCore.ground.whole import clean
    from DGMVLCCore.review.decisions import ReviewSession

    ReviewSession.open(out, refresh=True) if out.exists() else clean(out)


def _read_session(_: Any, out: Path) -> Version:
    from DGMVLCCore.review.decisions import ReviewSession

    if not out.exists():
        return None
    session = ReviewSession.open(out)
    made = session.decisions().get("case/1")
    if session.report(session.study("case")) is None:
        raise ValueError("no report")
    return int(made.comment) if made else 2


def _reviewed(root: Path) -> Any:
    from DGMVLCCore.review.decisions import ReviewSession
    from Testing.conftest import look_by_hand

    _studies(root)
    for version in (1, 2):
        session = ReviewSession.create(root / "studies", root / f"session-{version}")
        look_by_hand(session, "case")
        session.decide("case/1", "accepted", str(version))
    return root


def _decide(root: Path, out: Path, version: int, overwrite: bool) -> None:
    from DGMVLCCore.review.decisions import ReviewSession

    if version == 1:
        shutil.copytree(root / "session-1", out)
        return
    ReviewSession.open(out).decide("case/1", "accepted", "2")


def _export(root: Path, out: Path, version: int, overwrite: bool) -> None:
    from DGMVLCCore.review.decisions import ReviewSession
    from DGMVLCCore.review.review_report import export

    export(ReviewSession.open(root / f"session-{version}"), out, overwrite=overwrite)


def _read_export(_: Any, out: Path) -> Version:
    import csv

    if not out.exists():
        return None
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    if names != {*(f"review.{kind}" for kind in ("csv", "html", "pdf")), "accepted/case.seg.nrrd"}:
        raise ValueError(f"{sorted(names)}")
    with (out / "review.csv").open(encoding="utf-8", newline="") as file:
        return int(next(row["comment"] for row in csv.DictReader(file) if row["comment"]))


def _run(root: Path) -> Any:
    """Training shards of nothing, enough for a trainer to be made."""
    words = [json.dumps({"text": "never smoker", "term": "", "present": True})]
    shape = {"tokens": np.zeros((4, 384), np.float16), "lengths": np.full(2, 2)}
    pooled = np.zeros((2, 384), np.float16)
    np.savez(root / "phrases.npz", pooled=pooled, phrases=np.array(words), **shape)
    (root / "cohort.json").write_text(
        '{"attributes": ["smoking"], "scans": ["0"]}', encoding="utf-8"
    )
    return root


def _trainer(root: Path, out: Path) -> Any:
    from DGMVLCCore.training.cohort import CohortTrainer
    from DGMVLCCore.training.recipe import Recipe

    recipe = Recipe(
        str(root), str(out), task="cohort", steps=2, batch=2, workers=0, widths=(16, 16, 16)
    )
    return CohortTrainer(recipe)


def _checkpoint(root: Path, out: Path, version: int, overwrite: bool) -> None:
    trainer = _trainer(root, out)
    trainer.begin()
    trainer.step = version
    trainer.report([{"flow": float(version)}], SimpleNamespace(set_postfix=lambda **_: None))
    trainer.save()


def _begin_run(root: Path, out: Path) -> None:
    _trainer(root, out).begin()


def _read_run(_: Any, out: Path) -> Version:
    import torch

    from DGMVLCCore.models.checks import check_weights

    steps = None
    if (out / "checkpoint.pt").exists():
        steps = int(torch.load(out / "checkpoint.pt", weights_only=True)["step"])
    if (out / "weights").exists():  # they follow the checkpoint
        check_weights(out / "weights")
        record = json.loads((out / "weights" / "training.json").read_text(encoding="utf-8"))
        if not (out / "weights" / "cohort.json").is_file() or record["steps"] > (steps or 0):
            raise ValueError("weights without what belongs to them")
    lines = (
        (out / "log.jsonl").read_text(encoding="utf-8").splitlines()
        if (out / "log.jsonl").exists()
        else []
    )
    if any(json.loads(line)["step"] > (steps or 0) for line in lines):
        raise ValueError("the log runs ahead of the checkpoint")
    return steps


def _write_readings(_: Any, out: Path, version: int, overwrite: bool) -> None:
    from DGMVLCCore.readers.readings import Item, Reading, write_readings

    items = (Item("A", 1, place, f"case-{place}", "scan", "nodule") for place in range(1, 400))
    write_readings([Reading(item, 50.0, comment=str(version)) for item in items], out)


def _read_readings(_: Any, out: Path) -> Version:
    import csv

    if not out.exists():
        return None
    with out.open(encoding="utf-8", newline="") as file:
        said = [row["comment"] for row in csv.DictReader(file)]
    if len(said) != 399 or len(set(said)) != 1:
        raise ValueError("a table of two versions")
    return int(said[0])


def _begin_file(_: Any, out: Path) -> None:
    from DGMVLCCore.ground.whole import clean

    clean(out)


def _write_scan(_: Any, out: Path, version: int, overwrite: bool) -> None:
    from DGMVLCCore.imaging.io import save_volume

    scan = _scan()
    save_volume(scan.with_array(scan.array + version), out.with_name("out.nii.gz"))


def _read_scan(_: Any, out: Path) -> Version:
    from DGMVLCCore.imaging.io import load_volume

    path = out.with_name("out.nii.gz")
    return int(load_volume(path).array.min() + 1000) if path.exists() else None


def _evaluate(_: Any, out: Path, version: int, overwrite: bool) -> None:
    """A benchmark's rows and tables, with the committed ones for the tables' content."""
    from DGMVLCCore.evaluation.output import close_output, open_output
    from DGMVLCCore.evaluation.records import Records

    work = open_output(out, resume=True, overwrite=overwrite, name="benchmark.json")
    records = Records(work, {"seed": 0}, resume=True)
    for number in range(5):
        records.add("case", str(number), {"value": number})
        records.keep(str(number), {"values": np.zeros(1000)})
    source = ROOT / "Resources" / "evaluation" / "benchmark"
    for name in ("benchmark.csv", "benchmark.md", "benchmark.png"):
        shutil.copyfile(source / name, work / name)
    record = {
        **json.loads((source / "benchmark.json").read_text(encoding="utf-8")),
        "seed": version,
    }
    (work / "benchmark.json").write_text(json.dumps(record), encoding="utf-8")
    for name in ("arrays", "rows.jsonl"):
        shutil.rmtree(work / name) if name == "arrays" else (work / name).unlink()
    close_output(work, out)


def _begin_evaluation(_: Any, out: Path) -> None:
    from DGMVLCCore.evaluation.output import open_output

    work = open_output(out, resume=True, overwrite=True, name="benchmark.json")
    with suppress(OSError):  # nothing was begun
        work.rmdir()


def _read_evaluation(_: Any, out: Path) -> Version:
    if not out.exists():
        return None
    if len([path for path in out.iterdir() if path.name[0] != "."]) != 4:
        raise ValueError("not all tables")
    return int(json.loads((out / "benchmark.json").read_text(encoding="utf-8"))["seed"])


WRITERS = (
    Writer("result", _edit, _write_result, _begin_folder("result.json"), _read_result),
    Writer("result + scene", _edit, _write_scene, _begin_folder("result.json"), _read_result),
    Writer("DICOM export", _two_results, _write_dicom, _begin_folder("dicom.json"), _read_dicom),
    Writer(
        "MONAI bundle",
        _two_networks,
        _write_bundle,
        _begin_folder("configs/metadata.json"),
        _read_bundle,
    ),
    Writer("session", _studies, _create_session, _begin_session, _read_session, ("new",)),
    Writer("decision", _reviewed, _decide, _begin_session, _read_session, ("replace",)),
    Writer("review export", _reviewed, _export, _begin_file, _read_export),
    Writer("checkpoint", _run, _checkpoint, _begin_run, _read_run),
    Writer("table", lambda root: root, _write_readings, _begin_file, _read_readings),
    Writer("scan", lambda root: root, _write_scan, _begin_file, _read_scan),
    Writer(
        "evaluation",
        lambda root: root,
        _evaluate,
        _begin_evaluation,
        _read_evaluation,
        kept=("out.partial",),
    ),
)
