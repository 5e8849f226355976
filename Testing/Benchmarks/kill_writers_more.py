"""More writers that are killed: comparisons, fills, discoveries, cases and reader studies, data
sets, shards, lists of scans, segmentations, pages, and what an archive brought."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from Testing.Benchmarks.kill_writers import (
    Version,
    Writer,
    _begin_file,
    _begin_folder,
    _begin_session,
    _edit,
    _scan,
    _studies,
)

WEIGHTS = {"name": "w", "sha256": "1" * 64}


def _nothing(_: Path) -> None:
    return None


def _whole(out: Path, record: str) -> dict[str, Any] | None:
    """A folder's record; raises when a file that it lists is not as it was written, or when there
    are others."""
    if not out.exists():
        return None
    value = dict(json.loads((out / record).read_text(encoding="utf-8")))
    listed = {entry["name"]: entry["sha256"] for entry in value["files"]}
    below = {record, *listed, *value.get("results", [])}
    there = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    if strange := {name for name in there if name not in below and name.split("/")[0] not in below}:
        raise ValueError(f"not in the record: {sorted(strange)}")
    for name, digest in listed.items():
        if hashlib.sha256((out / name).read_bytes()).hexdigest() != digest:
            raise ValueError(f"{name} is not as it was written")
    return value


def _compare(made: Any, out: Path, version: int, overwrite: bool) -> None:
    from DGMVLCCore.report.comparison import write_comparison
    from DGMVLCCore.report.edit import Facts
    from Testing.conftest import comparison_record, without_figures

    facts = Facts(f"{version}", [], {}, WEIGHTS)
    record = comparison_record(("nodule", "emphysema"))
    with without_figures():
        write_comparison(
            [made[0]] * 2, record, out, anatomy=made[1], facts=facts, overwrite=overwrite
        )


def _read_comparison(_: Any, out: Path) -> Version:
    from DGMVLCCore.results.manifest import checked_files

    if (record := _whole(out, "comparison.json")) is None:
        return None
    for row in record["hypotheses"]:
        checked_files(out / row["folder"])
    return int(record["report"])


def _filled(root: Path) -> Any:
    """A fill is made of pictures of another modality."""
    from dataclasses import replace

    result, _ = _edit(root)
    return replace(result, original=replace(result.original, modality="MR"))


def _fill(made: Any, out: Path, version: int, overwrite: bool) -> None:
    from DGMVLCCore.report.fill import write_fill
    from Testing.conftest import without_figures

    with without_figures():
        write_fill(
            made,
            out,
            inputs={"image": {"name": str(version), "sha256": "0" * 64}},
            weights=WEIGHTS,
            overwrite=overwrite,
        )


def _read_fill(_: Any, out: Path) -> Version:
    record = _whole(out, "fill.json")
    return None if record is None else int(record["inputs"]["image"]["name"])


def _discover(_: Any, out: Path, version: int, overwrite: bool) -> None:
    """A discovery in which nothing was asked: its page and its record."""
    from DGMVLCCore.cohort.patterns import Discovery
    from DGMVLCCore.cohort.records import CohortCount, CohortFiles, MethodFact
    from DGMVLCCore.cohort.report import build_record, write_discovery
    from DGMVLCCore.results.records import FileFact

    record = build_record(
        Discovery([]),
        cohort=CohortCount(2, 2, 2),
        method=MethodFact(permutations=10, seed=0, fdr=0.05, sweep=None),
        inputs=CohortFiles(FileFact("t.csv", "0" * 64)),
        weights=None,
        problems=[],
        notes=[str(version)],
    )
    write_discovery(Discovery([]), [], out, record, overwrite)


def _read_discovery(_: Any, out: Path) -> Version:
    record = _whole(out, "discovery.json")
    return None if record is None else int(record["notes"][0])


def _two_cases(_: Path) -> Any:
    """Two cases of a phantom, with and without a finding, made once."""
    import tempfile

    from DGMVLCCore.imaging.io import save_volume
    from DGMVLCCore.readers.cases import make_cases
    from DGMVLCCore.readers.design import Wish, plan_cases
    from DGMVLCCore.readers.source import load_clear_scan
    from Testing.conftest import chest

    with tempfile.TemporaryDirectory() as folder:
        save_volume(chest((14, 112, 128), (5.0, 2.5, 2.5)), Path(folder) / "chest.nrrd")
        scan = load_clear_scan(Path(folder) / "chest.nrrd")
    specs = plan_cases(Wish(("nodule",), ("medium",)), 2, scan.places, seed=5, clear=2)
    return list(make_cases([scan], specs, seed=5))


def _aid(made: Any, folder: Path, name: str) -> dict[str, str]:
    from DGMVLCCore.imaging.io import save_volume

    for what in ("counterfactual", "difference"):
        save_volume(made.before, folder / f"{name}-{what}.nrrd")
    return {what: f"{name}-{what}.nrrd" for what in ("counterfactual", "difference")}


def _cases(made: Any, out: Path, version: int, overwrite: bool) -> None:
    from DGMVLCCore.readers.cases import write_cases

    asked = {"version": version}
    write_cases(iter(made), out, seed=5, asked_for=asked, aid=_aid, overwrite=overwrite)


def _read_cases(_: Any, out: Path) -> Version:
    from DGMVLCCore.readers.cases import CaseSet

    if not out.exists():
        return None
    CaseSet.read(out).keys()
    keys = json.loads((out / "keys" / "keys.json").read_text(encoding="utf-8"))
    return int(keys["options"]["version"])


def _case_set(root: Path) -> Any:
    _cases(_two_cases(root), root / "set", 1, False)
    return root / "set"


def _study(made: Path, out: Path, version: int, overwrite: bool) -> None:
    from DGMVLCCore.readers.study import plan_study

    plan_study(made, out, ["A", "B"], washout_days=float(version), overwrite=overwrite)


def _read_study(_: Any, out: Path) -> Version:
    from DGMVLCCore.readers.study import Study

    if not out.exists():
        return None
    if {path.name for path in (out / "tables").iterdir()} != {"A.csv", "B.csv"}:
        raise ValueError("not all tables")
    return int(Study.read(out).record.washout_days)


def _item(_: Any, out: Path, version: int, overwrite: bool) -> None:
    """The folder of an item of a data set; made again it replaces what a broken run left."""
    from DGMVLCCore.synthesis.dataset import _write_item

    volume = _scan()
    lesion = np.zeros(volume.shape, bool)
    lesion[4:8, 20:28, 40:50] = True
    result = SimpleNamespace(counterfactual=volume.with_array(volume.array + version))
    made: Any = SimpleNamespace(result=result, lesion=lesion)
    _write_item(out.parent, out.name, made, "nodule")


def _read_item(_: Any, out: Path) -> Version:
    from DGMVLCCore.imaging.io import load_volume
    from DGMVLCCore.imaging.labels import load_labels

    if not out.exists():
        return None
    volume = load_volume(out / "ct.nrrd")
    load_labels(out / "lesion.seg.nrrd", volume)
    return int(volume.array.min() + 1000)


def _manifest(_: Any, out: Path, version: int, overwrite: bool) -> None:
    """A data set's list, to which rows are added one by one."""
    from DGMVLCCore.results.records import SOFTWARE
    from DGMVLCCore.synthesis.dataset import Manifest, Settings
    from DGMVLCCore.synthesis.records import HashedFile, ItemRow, OrderFact

    made = Manifest(out, Settings(0, 10, "0" * 64))
    made.rows = [
        ItemRow(
            schema_version="1.0",
            id=f"{n:012x}",
            synthetic=True,
            notice="made to be killed",
            software=SOFTWARE,
            source=HashedFile("scan.nrrd", "0" * 64),
            order=OrderFact("scan.nrrd", "nodule", None, None, None, False),
            settings=made.settings,
            refused="no room",
            files=[],
        )
        for n in range(200 * version)
    ]
    made.save()


def _read_manifest(_: Any, out: Path) -> Version:
    from DGMVLCCore.synthesis.dataset import Manifest, Settings

    rows = Manifest(out, Settings(0, 10, "0" * 64)).rows
    return len(rows) // 200 if rows else None


def _begin_manifest(made: Any, out: Path) -> None:
    _read_manifest(made, out)


def _shards(_: Any, out: Path, version: int, overwrite: bool) -> None:
    """Shards as the trainers read them, with the writer's own exchange of folders."""
    from DGMVLCCore.results.folders import replaced_folder
    from DGMVLCCore.training.shards import _check_free

    _check_free(out)
    with replaced_folder(out) as folder:
        for name in ("nodules", "phrases"):
            np.savez_compressed(folder / f"{name}.npz", version=version, x=np.arange(20_000))


def _read_shards(_: Any, out: Path) -> Version:
    if not out.exists():
        return None
    versions = set()
    for name in ("nodules", "phrases"):
        with np.load(out / f"{name}.npz") as file:
            versions.add(int(file["version"]) if file["x"][-1] == 19_999 else 0)
    if len(versions) != 1:
        raise ValueError("shards of two versions")
    return versions.pop()


def _list(_: Any, out: Path, version: int, overwrite: bool) -> None:
    """A list of scans of which each gives a row; the same list is continued."""
    from DGMVLCCore.jobs.many import Item, Place, Use, run_list

    def run(session: Any, request: Any, tell: Any) -> dict[str, Any]:
        return {"version": version}

    run_list("kills", [Item(f"scan-{n}", Use(run), None) for n in range(3)], out, Place())


def _read_list(_: Any, out: Path) -> Version:
    import csv

    if not (out / "summary.csv").exists():
        return None
    with (out / "summary.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if len(rows) != 3 or len({row["version"] for row in rows}) != 1:
        raise ValueError("a summary of two versions")
    return int(rows[0]["version"])


def _begin_list(_: Any, out: Path) -> None:
    from DGMVLCCore.jobs.many import _begin

    _begin("kills", out)


def _segments(_: Any, out: Path, version: int, overwrite: bool) -> None:
    from DGMVLCCore.results.segmentation import Segment, save_segmentation

    mask = np.zeros(_scan().shape, bool)
    mask[4 : 4 + version] = True
    save_segmentation([Segment(mask, "a", (1, 0, 0))], _scan(), out.with_name("out.seg.nrrd"))


def _read_segments(_: Any, out: Path) -> Version:
    from DGMVLCCore.imaging.labels import load_labels

    path = out.with_name("out.seg.nrrd")
    if not path.exists():
        return None
    return int(load_labels(path, _scan()).union().any(axis=(1, 2)).sum())


def _page(_: Any, out: Path, version: int, overwrite: bool) -> None:
    from DGMVLCCore.language.parser import parse_report
    from DGMVLCCore.language.report_files import report_text
    from DGMVLCCore.report.findings import report_page
    from DGMVLCCore.results.records import write_text

    report = report_text(f"Nodule of {version} mm. End.".encode(), "report.txt")
    write_text(report_page(report, parse_report(report.text), []), out.with_name("out.html"))


def _read_page(_: Any, out: Path) -> Version:
    path = out.with_name("out.html")
    if not path.exists():
        return None
    text = path.read_text(encoding="utf-8")
    if not text.rstrip().endswith("</html>"):
        raise ValueError("half a page")
    return 1 if "1 mm" in text else 2


def _ledger(_: Any, out: Path, version: int, overwrite: bool) -> None:
    """What was sent to an archive: as many lines as the version."""
    import msgspec

    from DGMVLCCore.archive.ledger import note_sent
    from DGMVLCCore.archive.records import SentObject

    values: dict[Any, Any] = {int: 1, bool: False}
    kinds = {field.name: field.type for field in msgspec.structs.fields(SentObject)}
    sent = SentObject(**{name: values.get(kind, "x") for name, kind in kinds.items()})
    while (_read_ledger(None, out) or 0) < version:
        note_sent("a", "now", sent)


def _read_ledger(_: Any, out: Path) -> Version:
    import os

    from DGMVLCCore.archive.ledger import read_ledger

    os.environ["XDG_STATE_HOME"] = str(out)
    return len(read_ledger()) or None


def _look(root: Path, out: Path, version: int, overwrite: bool) -> None:
    """A study looked at again: its folder in the session, with an invented analysis."""
    from DGMVLCCore.review import analyse
    from DGMVLCCore.review.decisions import ReviewSession

    def invented(pipe: Any, session: Any, study: Any, base: Any, folder: Path, tell: Any) -> None:
        (folder / "picture.png").write_bytes(b"x" * 100_000)
        base.notes = [str(version)]

    if version == 1:
        ReviewSession.create(root / "studies", out)
    whole, analyse._look_and_write = analyse._look_and_write, invented
    try:
        analyse.analyse_study(
            SimpleNamespace(weights="w", weights_sha256="0" * 64), ReviewSession.open(out), "case"
        )  # type: ignore[arg-type]
    finally:
        analyse._look_and_write = whole


def _read_look(_: Any, out: Path) -> Version:
    from DGMVLCCore.review.decisions import ReviewSession

    if not out.exists():
        return None
    found = ReviewSession.open(out).analysis("case")
    if found is None or not (out / "studies" / "case" / "picture.png").is_file():
        raise ValueError("an analysis without its picture")
    return int(found.notes[0])


MORE = (
    Writer("comparison", _edit, _compare, _begin_folder("comparison.json"), _read_comparison),
    Writer("fill", _filled, _fill, _begin_folder("fill.json"), _read_fill),
    Writer("discovery", _nothing, _discover, _begin_folder("discovery.json"), _read_discovery),
    Writer("cases", _two_cases, _cases, _begin_folder("cases.json"), _read_cases),
    Writer("reader study", _case_set, _study, _begin_folder("study.json"), _read_study),
    Writer("data set item", _nothing, _item, _begin_file, _read_item),
    Writer("data set list", _nothing, _manifest, _begin_manifest, _read_manifest),
    Writer("shards", _nothing, _shards, _begin_file, _read_shards),
    Writer("list of scans", _nothing, _list, _begin_list, _read_list),
    Writer("segmentation", _nothing, _segments, _begin_file, _read_segments),
    Writer("page", _nothing, _page, _begin_file, _read_page),
    Writer("sent list", _nothing, _ledger, _begin_file, _read_ledger),
    Writer("review's look", _studies, _look, _begin_session, _read_look, ("replace",)),
)
