"""A real archive (a private Orthanc on loopback): is what we store there given back unchanged, does
a study go through a watch and back, and is everything there once when the archive is killed?

    python Testing/Benchmarks/orthanc.py result RESULT_FOLDER OUT.json [--source DICOM_FOLDER]
    python Testing/Benchmarks/orthanc.py round OUT.json
    python Testing/Benchmarks/orthanc.py kills OUT.json [--moments 20] [--seed 0]

Needs Debian's orthanc, orthanc-dicomweb, dcmtk and dicom3tools. `watch.py` kills during a watch.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.uid import generate_uid

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from DGMVLCCore import cli  # noqa: E402
from DGMVLCCore.archive.archive import Archive, open_archive  # noqa: E402
from DGMVLCCore.archive.ledger import read_ledger  # noqa: E402
from DGMVLCCore.ground.resources import resource  # noqa: E402
from DGMVLCCore.imaging.io import load_volume  # noqa: E402
from DGMVLCCore.results.dicom_result import export_dicom  # noqa: E402
from Testing.Core.archive.conftest import write_report, write_study  # noqa: E402
from Testing.Core.archive.orthanc import Orthanc  # noqa: E402

# dicom3tools of 2022 does not know Synthetic Data (0008,001C), which DICOM has had since 2023; both
# of its errors about that attribute are counted apart.
YOUNG = "(0x0008,0x001c)"


def validate(paths: list[Path]) -> dict[str, Any]:
    """Errors that dciodvfy finds in each object."""
    errors: list[str] = []
    young = 0
    for path in paths:
        said = subprocess.run(
            ["dciodvfy", str(path)], capture_output=True, encoding="utf-8", errors="replace"
        )
        lines = [
            line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")
        ]
        young += any(YOUNG in line for line in lines)
        errors += [f"{path.parent.name}/{path.name}: {line}" for line in lines if YOUNG not in line]
    return {
        "validator": "dciodvfy",
        "objects": len(paths),
        "errors": errors[:20],
        "error_count": len(errors),
        "objects_with_synthetic_data_tag": young,
    }


def returned(server: Orthanc, folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """The DICOM objects of a result, stored and given back."""
    record = export_dicom(args.result, folder / "dicom", source=args.source)
    paths = sorted((folder / "dicom").rglob("*.dcm"))
    stored = [server.rest("instances", body=path.read_bytes())["Status"] for path in paths]
    originals = {path.read_bytes() for path in paths}
    same, found = 0, set()
    names = {entry.series_uid: Path(entry.name).stem for entry in record.objects}
    for instance in server.rest("instances"):
        data = server.file(instance)
        same += data in originals
        series = server.rest(f"instances/{instance}/series")["MainDicomTags"]["SeriesInstanceUID"]
        found.add(series)
        (folder / "back" / names[series]).mkdir(parents=True, exist_ok=True)
        (folder / "back" / names[series] / f"{instance}.dcm").write_bytes(data)
    edited, _ = load_volume(folder / "back" / "counterfactual").canonical()
    result = args.result if args.result.is_dir() else args.result.parent
    wanted, _ = load_volume(result / "counterfactual.nrrd").canonical()
    return {
        "instances": len(paths),
        "stored": stored.count("Success"),
        "series_sent": len(names),
        "series_found": len(found & names.keys()),
        "files_identical": same,
        "counterfactual_hu_equal": bool(np.array_equal(edited.array, wanted.array)),
        "grid_equal": edited.same_grid(wanted),
        "validation": validate(paths),
    }


def sample_study(folder: Path) -> tuple[str, list[Path]]:
    """The sample scan as a CT series, its report as a structured one; UID and files."""
    scan = load_volume(resource("sample/ct.nrrd"))
    origin = tuple(map(float, scan.affine[:3, 3]))
    hu = np.rint(scan.array).astype(np.int16)
    study, _ = write_study(folder, hu, spacing=scan.spacing, origin=origin)
    text = resource("sample/report.txt").read_text(encoding="utf-8")
    write_report(folder / "report.dcm", study, "P-4711", text)
    return study, sorted(folder.iterdir())


def round_trip(server: Orthanc, folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """The sample study stored by storescu, reviewed by a watch, its results read by others."""
    import highdicom as hd

    study, files = sample_study(folder / "sent")
    server.storescu(*files)
    began = time.monotonic()
    watched = ["watch", "web", "-o", str(folder / "watch"), "--once", "--send", "web", "-q"]
    code = cli.main(watched)
    seconds = round(time.monotonic() - began, 1)
    sources = {str(pydicom.dcmread(path).SOPInstanceUID) for path in files}
    made: dict[str, Path] = {}
    for identifier in server.rest("instances"):
        path = folder / f"{identifier}.dcm"
        path.write_bytes(server.file(identifier))
        data = pydicom.dcmread(path)
        if str(data.SOPInstanceUID) not in sources:
            made[str(data.Modality)] = path
    images = [path for path in files if path.name != "report.dcm"]
    seg = hd.seg.segread(made["SEG"])
    uids = [str(pydicom.dcmread(path).SOPInstanceUID) for path in images]
    pixels = seg.get_pixels_by_source_instance(uids, assert_missing_frames_are_empty=True)
    scan = hd.get_volume_from_series([pydicom.dcmread(path) for path in images])
    drawn = seg.get_volume(combine_segments=False).match_geometry(scan)
    dump = subprocess.run(
        ["dsrdump", "+Pl", str(made["SR"])], capture_output=True, encoding="utf-8", check=True
    ).stdout
    analyses = list((folder / "watch").glob("*/session/studies/*/review.json"))
    analysis = json.loads(analyses[0].read_text(encoding="utf-8"))
    return {
        "exit code": code,
        "seconds of the watch": seconds,
        "objects back": sorted(made),
        "validation": validate(list(made.values())),
        "segments": [seg.get_segment_description(n).segment_label for n in seg.segment_numbers],
        "voxels of each": [int(count) for count in np.count_nonzero(pixels, axis=(0, 1, 2))],
        "SEG shape by source slices": list(pixels.shape[:3]),
        "grid of the scan": list(scan.spatial_shape) == list(drawn.spatial_shape)
        and bool(np.allclose(drawn.affine, scan.affine, atol=1e-3)),
        "voxels there": [int(count) for count in np.count_nonzero(drawn.array, axis=(0, 1, 2))],
        "numbers in the SR": dump.count("NUM:"),
        "SR says": [
            words
            for words in ("Research use only", "Decision of the reader", "Cross-check")
            if words in dump
        ],
        "regions": len(analysis["regions"]),
        "cross-check": [region["check"]["status"] for region in analysis["regions"]],
        "report read": analysis["report"][:60],
        "in the ledger": len(read_ledger()),
    }


def struck(server: Orthanc, wait_s: float, action: Callable[[], Any]) -> tuple[Any, bool]:
    """An action while the archive is killed after `wait_s` and started again; its answer, and
    whether it was running then."""
    done = threading.Event()
    hit = False

    def strike() -> None:
        nonlocal hit
        if not done.wait(wait_s):
            hit = True
            server.kill()
            server.start()

    killer = threading.Thread(target=strike)
    killer.start()
    try:
        return action(), hit
    finally:
        done.set()
        killer.join()


def patient(way: str) -> Archive:
    """An archive that is asked as often as a restart takes."""
    archive = open_archive(way)
    archive._backend.tries = 40
    return archive


def renewed(paths: list[Path]) -> list[str]:
    """Other objects of the same series; their UIDs."""
    uids = []
    for path in paths:
        data = pydicom.dcmread(path)
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        data.save_as(path)
        uids.append(str(data.SOPInstanceUID))
    return sorted(uids)


def kills(server: Orthanc, folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Get and send by both protocols, the archive killed at random moments of each."""
    rng, rows = random.Random(args.seed), {}
    hu = np.random.default_rng(0).integers(-900, 0, (40, 128, 128))
    study, _ = write_study(folder / "sent", hu)
    paths = sorted((folder / "sent").iterdir())
    for way in ("web", "get"):
        for name in ("get", "send"):
            hits = wrong = tries = unnoted = 0
            span = 1.0
            while hits < args.moments and tries < 6 * args.moments:
                tries += 1
                server.empty()
                uids = renewed(paths)
                began = time.monotonic()
                if name == "get":
                    server.storescu(*paths)
                    began = time.monotonic()
                    out = folder / f"{way}-{tries}"
                    _, hit = struck(
                        server,
                        rng.uniform(0, span),
                        lambda: patient(way).get(study, None, out),  # noqa: B023
                    )
                    there = [str(pydicom.dcmread(p).SOPInstanceUID) for p in out.iterdir()]
                    wrong += sorted(there) != uids
                else:
                    _, hit = struck(
                        server,
                        rng.uniform(0, span),
                        lambda: patient(way).send(paths),  # noqa: B023
                    )
                    wrong += server.uids() != uids
                    noted = [one.object.uid for one in read_ledger()]
                    unnoted += sum(noted.count(uid) != 1 for uid in uids)
                hits += hit
                if not hit:
                    span = max(0.05, 0.7 * (time.monotonic() - began))
            rows[f"{name} by {'DICOMweb' if way == 'web' else 'DIMSE'}"] = {
                "killed": hits,
                "objects": len(paths),
                "not there once": wrong,
                **({"not in the ledger once": unnoted} if name == "send" else {}),
            }
    left = [path.name for path in folder.iterdir() if path.name.startswith(".")]
    return {**rows, "left over": left}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    steps = parser.add_subparsers(dest="what", required=True)
    for name in ("result", "round", "kills"):
        step = steps.add_parser(name)
        if name == "result":
            step.add_argument("result", type=Path)
            step.add_argument("--source", type=Path)
        if name == "kills":
            step.add_argument("--moments", type=int, default=20)
            step.add_argument("--seed", type=int, default=0)
        step.add_argument("out", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "orthanc").mkdir()
        server = Orthanc(folder / "orthanc")
        os.environ |= server.named(timeout_s=20)
        server.start()
        try:
            steps_done = {"result": returned, "round": round_trip, "kills": kills}
            answer = {
                "orthanc": server.rest("system")["Version"],
                **steps_done[args.what](server, folder, args),
            }
        finally:
            server.kill()
    text = json.dumps(answer, indent=1)
    args.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
