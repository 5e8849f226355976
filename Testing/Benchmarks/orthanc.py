"""Does a real archive take the DICOM objects of a result, and give them back unchanged? A private
Orthanc on a free loopback port, in a temporary folder.

    python Testing/Benchmarks/orthanc.py RESULT_FOLDER [--source DICOM_FOLDER] [--out OUT.json]

Needs Debian's `orthanc`; with `dicom3tools` every object is also read by dciodvfy.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.results.dicom_result import export_dicom

# dicom3tools of 2022 does not know Synthetic Data (0008,001C), which DICOM has had since 2023; both
# of its errors about that attribute are counted apart.
YOUNG = "(0x0008,0x001c)"


class Archive:
    """One Orthanc process of our own."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
        if program is None:
            sys.exit("Orthanc is not installed (Debian: apt-get install orthanc).")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        settings = {
            "Name": "DGMVLC",
            "StorageDirectory": str(folder / "db"),
            "IndexDirectory": str(folder / "db"),
            "HttpPort": self.port,
            "RemoteAccessAllowed": False,
            "HttpBindAddresses": ["127.0.0.1"],
            "DicomServerEnabled": False,
            "AuthenticationEnabled": False,
            "Plugins": [],
            "HttpVerbose": False,
        }
        (folder / "orthanc.json").write_text(json.dumps(settings), encoding="utf-8")
        self.process = subprocess.Popen(
            [program, str(folder / "orthanc.json")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(100):
            try:
                self.version = json.loads(self.ask("/system"))["Version"]
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.2)
        self.close()
        sys.exit("Orthanc did not answer within 20 s.")

    def ask(self, path: str, body: bytes | None = None) -> bytes:
        """GET, or POST with a body."""
        with urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=body), timeout=60
        ) as answer:
            return bytes(answer.read())

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def validate(paths: list[Path]) -> dict[str, Any]:
    """Errors that dciodvfy finds in each object."""
    if shutil.which("dciodvfy") is None:
        return {"validator": None}
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        record = export_dicom(args.result, folder / "dicom", source=args.source)
        paths = sorted((folder / "dicom").rglob("*.dcm"))
        archive = Archive(folder)
        try:
            stored = [
                json.loads(archive.ask("/instances", path.read_bytes()))["Status"] for path in paths
            ]
            query = {
                "Level": "Series",
                "Query": {"StudyInstanceUID": record["study_uid"]},
                "Expand": True,
            }
            series = json.loads(archive.ask("/tools/find", json.dumps(query).encode()))
            found = {
                entry["MainDicomTags"]["SeriesInstanceUID"]: entry["Instances"] for entry in series
            }
            back = folder / "back"
            same = 0
            originals = {path.read_bytes() for path in paths}
            for entry in record["objects"]:
                (back / Path(entry["name"]).stem).mkdir(parents=True)
                for instance in found.get(entry["series_uid"], []):
                    data = archive.ask(f"/instances/{instance}/file")
                    same += data in originals
                    (back / Path(entry["name"]).stem / f"{instance}.dcm").write_bytes(data)
        finally:
            archive.close()
        edited = load_volume(back / "counterfactual")
        wanted = load_volume(
            (args.result if args.result.is_dir() else args.result.parent) / "counterfactual.nrrd"
        )
        answer = {
            "orthanc": archive.version,
            "instances": len(paths),
            "stored": stored.count("Success"),
            "series_sent": len(record["objects"]),
            "series_found": sum(entry["series_uid"] in found for entry in record["objects"]),
            "files_identical": same,
            "counterfactual_hu_equal": bool(
                np.array_equal(edited.canonical()[0].array, wanted.canonical()[0].array)
            ),
            "grid_equal": edited.canonical()[0].same_grid(wanted.canonical()[0]),
            "validation": validate(paths),
        }
    text = json.dumps(answer, indent=1)
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
