"""Parts of the viewer that need no browser: token, paths, private folder, reader, words."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

if importlib.util.find_spec("trame_slicer") is None:
    pytest.skip(
        "trame-slicer is not installed: pip install 'dgmvlc[view]'", allow_module_level=True
    )

from SlicerDGMVLCBrowser.access import Access
from SlicerDGMVLCBrowser.choose import SCANS, PathError, clean_path, list_folder
from SlicerDGMVLCBrowser.server import port_problem
from SlicerDGMVLCBrowser.workspace import Workspace, remove_leftovers
from SlicerDGMVLCPresenters.case import Case, Scan
from SlicerDGMVLCPresenters.findings import Finding, finding_row
from SlicerDGMVLCPresenters.progress import time_left
from SlicerDGMVLCPresenters.words import why_not_run

ROOT = Path(__file__).resolve().parents[2]


def test_only_the_token_from_this_machine_is_let_in():
    access = Access(8080)
    good, host = access.token, "127.0.0.1:8080"
    assert access.allows(host, None, good) and access.allows(
        "localhost:8080", "http://localhost:8080", good
    )
    for wrong in (None, "", good[:-1], good + "x", "é"):
        assert not access.allows(host, None, wrong)
    assert not access.allows("evil.example:8080", None, good), (
        "a foreign name that points here (DNS rebinding)"
    )
    assert not access.allows(host, "http://evil.example", good), "a page of another origin"
    assert access.token != Access(8080).token


def test_paths_are_checked_before_they_are_used(tmp_path):
    scan = tmp_path / "scän 1.nrrd"
    scan.touch()
    assert clean_path(f"  '{scan}' ") == scan
    for text, said in (
        ("", "Type the path"),
        ("  ", "Type the path"),
        ("a\0b", "Type the path"),
        ("scan.nrrd", "not a whole path"),
        (str(tmp_path / "none.nrrd"), "does not exist"),
        ("/" + "x" * 5000, "check"),
    ):
        with pytest.raises(PathError, match=said):
            clean_path(text)


def test_the_file_dialog_lists_folders_and_scans_only(tmp_path):
    for name in ("b.nrrd", "a.NII.GZ", "notes.txt", ".hidden.nrrd", "slice0001"):
        (tmp_path / name).touch()
    (tmp_path / "series").mkdir()
    files, note = list_folder(tmp_path, SCANS)
    assert [file.name for file in files] == [
        "series",
        "a.NII.GZ",
        "b.nrrd",
        "slice0001",
    ] and not note
    with pytest.raises(PathError, match="cannot be listed"):
        list_folder(tmp_path / "none", SCANS)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and process ids")
def test_the_private_folder_is_private_and_goes_away(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / f"dgmvlc-view-{dead.pid}-left").mkdir()
    (tmp_path / f"dgmvlc-view-{os.getppid()}-alive").mkdir()
    workspace = Workspace()
    assert (
        not (tmp_path / f"dgmvlc-view-{dead.pid}-left").exists()
        and (tmp_path / f"dgmvlc-view-{os.getppid()}-alive").exists()
    )
    assert workspace.root.stat().st_mode & 0o077 == 0
    assert workspace.new("scans", "scan.nrrd") != workspace.new("scans", "scan.nrrd")
    workspace.close()
    assert not workspace.root.exists()
    remove_leftovers(tmp_path / "nowhere")


def read(path: Path, out: Path) -> dict:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "SlicerDGMVLC"), str(ROOT)]),
    }
    command = [sys.executable, "-m", "SlicerDGMVLCBrowser.reader", str(path), str(out)]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", env=environment, timeout=120
    )
    return json.loads(done.stdout)


def test_the_reader_says_what_is_wrong_with_a_file(tmp_path):
    text, four, tiny = tmp_path / "text.nrrd", tmp_path / "four.nrrd", tmp_path / "tiny.nrrd"
    text.write_text("FINDINGS: none of this is an image.", encoding="utf-8")
    sitk.WriteImage(
        sitk.GetImageFromArray(np.zeros((2, 3, 4, 5), np.int16), isVector=False), str(four)
    )
    sitk.WriteImage(
        sitk.GetImageFromArray(np.arange(8, dtype=np.int16).reshape(2, 2, 2) * 100 - 1000),
        str(tiny),
    )
    assert "text.nrrd" in read(text, tmp_path / "o.nrrd")["error"]
    assert "dimensions" in read(four, tmp_path / "o.nrrd")["error"]
    assert (
        "does not exist" in read(tmp_path / "none.nrrd", tmp_path / "o.nrrd")["error"]
        and not (tmp_path / "o.nrrd").exists()
    )
    answer = read(tiny, tmp_path / "o.nrrd")
    assert answer.get("size") == [2, 2, 2] or "tiny.nrrd" in answer["error"], (
        "shown, or refused by its name"
    )


def test_the_button_says_why_it_waits():
    case, known = Case(), ("nodule",)
    finding = Finding("nodule", "present", "nodule", "s", ("solid",), side="left", size_mm=26.0)
    assert "Open a scan" in why_not_run(case, known)
    case.scan = Scan("/ct.nrrd", "ct", "", "CT")
    assert "Paste a report" in why_not_run(case, known)
    case.raw_findings = [
        finding,
        replace(finding, term="fracture"),
        replace(finding, presence="absent"),
    ]
    first = finding_row(1, finding, known)
    assert (first.phrase, first.place, first.size) == ("solid nodule", "left", "26 mm")
    said = [
        finding_row(1, replace(finding, **facts), ())
        for facts in (
            {"lobe": "upper", "zone": "upper", "count": 5},
            {"lobe": "lingula", "zone": "middle", "earlier_size_mm": 9.0},
            {"side": "right", "zone": "lower", "size_mm": None, "count": 2},
            {"side": None, "organ": "liver", "size_mm": None},
        )
    ]
    assert [(row.place, row.size) for row in said] == [
        ("left upper lobe", "5, up to 26 mm"),
        ("left lingula", "26 mm (before 9 mm)"),
        ("right lower zone", "2"),
        ("liver", ""),
    ]
    for number, said in ((1, ""), (2, "not taught"), (3, "absent")):
        case.finding = number
        assert said in why_not_run(case, known) and bool(said) == bool(why_not_run(case, known))
    case.finding, case.what = 3, "instead"
    assert "what to show" in why_not_run(case, known)
    case.target, case.region.origin = "ground-glass opacity", "file"
    assert "segmentation file" in why_not_run(case, known)
    case.region.path = "/nodule.seg.nrrd"
    assert why_not_run(case, known) == ""
    case.scan = Scan("/mr.nrrd", "mr", "", "MR")
    assert "no CT" in why_not_run(case, known)
    assert (
        time_left(None) == ""
        and time_left(12.4) == "about 12 s left"
        and time_left(150) == "about 2 min left"
    )


def test_a_port_that_cannot_be_used_is_one_sentence():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = port_problem(taken.getsockname()[1])
    assert said and "cannot be used" in said and "PORT=" in said and "\n" not in said
    assert "between 1 and 65535" in str(port_problem(0)) and "between" in str(port_problem(70000))


@pytest.mark.parametrize(
    "name", ["🫁" * 150 + ".nrrd", "x" * 5000, "\ud800" * 90, "a/../../b.nrrd"]
)
def test_an_uploads_name_fits_every_file_system(tmp_path, name):
    from SlicerDGMVLCBrowser.transfers import Transfers

    (tmp_path / "uploads").mkdir()
    query = {"batch": "abcdefgh12", "name": name}
    target = Transfers(SimpleNamespace(root=tmp_path))._target(SimpleNamespace(query=query))
    target.write_bytes(b"x")
    assert target.parent == tmp_path / "uploads" / "abcdefgh12"
    assert len(target.name.encode()) <= 180 and target.suffix == Path(name).suffix


@pytest.mark.parametrize(("study", "read"), [("1.2.3", "A 9 mm nodule."), ("9.9.9", "")])
def test_a_report_of_the_same_study_comes_with_its_folder(tmp_path, study, read):
    from SlicerDGMVLCBrowser.reader import report_of

    from Testing.Core.language.report_makers import content, structured

    write_two_series(folder := tmp_path / "study")
    path = folder / "report"
    path.write_bytes(structured(content("TEXT", ("121071", "Finding"), text="A 9 mm nodule.")))
    document = pydicom.dcmread(path)
    document.StudyInstanceUID = study
    document.save_as(path, enforce_file_format=True)
    (folder / "notes.bin").write_bytes(b"none of ours")
    assert (read in report_of(folder, 1)) and bool(report_of(folder, 1)) == bool(read)
    assert report_of(folder / "thin-0.dcm", None) == ""


def test_a_kept_case_knows_its_scan_by_its_files(tmp_path):
    from SlicerDGMVLCBrowser.cases import fingerprint

    write_two_series(folder := tmp_path / "study")
    before = fingerprint(folder)
    assert fingerprint(folder) == before
    (folder / "thin-0.dcm").write_bytes(b"another patient")
    assert fingerprint(folder) != before


def write_two_series(folder):
    """A DICOM folder of one study that holds two series of 4 images."""
    folder.mkdir()
    for series, name in enumerate(("thin", "thick"), 1):
        for index in range(4):
            image = sitk.GetImageFromArray(
                np.linspace(-1000, 60, 64).astype(np.int16).reshape(1, 8, 8)
            )
            image.SetOrigin((0.0, 0.0, 5.0 * index))
            for tag, value in (
                ("0008|0060", "CT"),
                ("0010|0010", "Doe^Jane"),
                ("0008|103e", name),
                ("0020|000d", "1.2.3"),
                ("0020|000e", f"1.2.3.{series}"),
                ("0020|0013", str(index + 1)),
                ("0020|0032", f"0\\0\\{5 * index}"),
                ("0020|0037", "1\\0\\0\\0\\1\\0"),
            ):
                image.SetMetaData(tag, value)
            writer = sitk.ImageFileWriter()
            writer.KeepOriginalImageUIDOn()
            writer.SetFileName(str(folder / f"{name}-{index}.dcm"))
            writer.Execute(image)


def test_several_series_of_a_folder_are_offered(tmp_path):
    write_two_series(folder := tmp_path / "study")
    answer = read(folder, tmp_path / "o.nrrd")
    assert [row["number"] for row in answer["series"]] == [1, 2], answer
    assert all("4 images" in row["words"] for row in answer["series"])
    assert {"thin", "thick"} == {row["words"].split(" ·")[0] for row in answer["series"]}
