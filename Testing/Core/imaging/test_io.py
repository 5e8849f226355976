"""Files in and out: exact round trips, and one clear sentence for every bad file."""

import os
import re
import signal
import struct
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk

from DGMVLCCore.errors import OutputError, UnreadableError, UnsuitableInputError
from DGMVLCCore.imaging.io import load_volume, save_volume, to_image


@pytest.fixture(scope="module")
def small(phantom):
    return phantom.with_array(phantom.array[:4, 10:90:2, ::2].copy())


def write(array, path, vector=False, compress=False):
    sitk.WriteImage(
        sitk.GetImageFromArray(array, isVector=vector), str(path), useCompression=compress
    )
    return path


@pytest.mark.parametrize("suffix", [".nrrd", ".nii", ".nii.gz", ".mha"])
@pytest.mark.parametrize("kind", ["int16", "int32", "float32"])
def test_round_trip_is_exact(small, tmp_path, suffix, kind):
    array = small.array + (0.25 if kind == "float32" else 0)
    save_volume(small.with_array(array, stored_dtype=kind), tmp_path / f"a{suffix}")
    again = load_volume(tmp_path / f"a{suffix}")
    assert np.array_equal(again.array, array) and again.array.dtype == np.float32
    assert again.stored_dtype == kind and again.modality == "CT"
    assert [p.name for p in tmp_path.iterdir()] == [f"a{suffix}"]


def test_detached_headers_are_read(small, tmp_path):
    for suffix in (".mhd", ".nhdr"):
        sitk.WriteImage(to_image(small), str(tmp_path / f"a{suffix}"))
        assert np.array_equal(load_volume(tmp_path / f"a{suffix}").array, small.array)
    (tmp_path / "a.raw").unlink()
    with pytest.raises(UnreadableError, match="cut or damaged"):
        load_volume(tmp_path / "a.mhd")


def test_whole_numbers_are_rounded_and_never_wrapped(small, tmp_path):
    values = small.array.copy()
    values[0, 0, :4] = (-1000.4, -999.6, 40000, -40000)
    save_volume(small.with_array(values, stored_dtype="int16"), tmp_path / "a.nrrd")
    again = load_volume(tmp_path / "a.nrrd")
    assert (
        again.array[0, 0, :4].tolist() == [-1000, -1000, 40000, -40000]
        and again.stored_dtype == "int32"
    )
    save_volume(small.with_array(small.array, stored_dtype="uint16"), tmp_path / "b.nrrd")
    assert np.array_equal(load_volume(tmp_path / "b.nrrd").array, small.array)


def test_header_fields_survive_in_nrrd(small, tmp_path):
    save_volume(small, tmp_path / "a.nrrd", {"DGMVLC_Unit": "HU"})
    assert sitk.ReadImage(str(tmp_path / "a.nrrd")).GetMetaData("DGMVLC_Unit") == "HU"


def refused(path, kind, word, modality=None):
    with pytest.raises(kind, match=word) as caught:
        load_volume(path, modality)
    text = str(caught.value)
    assert path.name in text and text.endswith(".") and "\n" not in text, text


def test_files_that_are_no_scans(tmp_path):
    for name, content, word in (
        ("empty.nrrd", b"", "empty"),
        ("text.nrrd", b"hello" * 99, "not an image"),
        ("text.nii.gz", b"hello" * 99, "not an image"),
        ("text.mha", b"hello" * 99, "damaged|not an image"),
        ("letter.pdf", b"%PDF" * 99, "not an image"),
    ):
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, UnreadableError, word)
    refused(tmp_path / "none.nrrd", UnreadableError, "does not exist")
    write(np.eye(9, dtype=np.uint8), tmp_path / "photo.png")
    refused(tmp_path / "photo.png", UnreadableError, "not an image this program reads", "XR")
    (tmp_path / "folder.nrrd").mkdir()
    refused(tmp_path / "folder.nrrd", UnreadableError, "no DICOM images")


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("suffix", [".nrrd", ".nii", ".nii.gz", ".mha"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_cut_files_are_refused_in_silence(small, tmp_path, suffix, share, compress, capfd):
    sitk.WriteImage(to_image(small), str(tmp_path / f"whole{suffix}"), useCompression=compress)
    content = (tmp_path / f"whole{suffix}").read_bytes()
    (tmp_path / f"cut{suffix}").write_bytes(content[: int(len(content) * share)])
    refused(tmp_path / f"cut{suffix}", UnreadableError, "cut")
    assert capfd.readouterr().err == ""


def test_flipped_bits_in_a_packed_nifti_are_seen(small, tmp_path):
    save_volume(small, tmp_path / "a.nii.gz")
    content = bytearray((tmp_path / "a.nii.gz").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "a.nii.gz").write_bytes(content)
    refused(tmp_path / "a.nii.gz", UnreadableError, "damaged")


def test_images_nothing_can_be_made_of(small, tmp_path):
    nan, infinite = small.array.copy(), small.array.copy()
    nan[0, 0, 0], infinite[0, 0, 0] = np.nan, np.inf
    for array, vector, word in (
        (nan, False, "NaN"),
        (infinite, False, "infinite"),
        (np.full((3, 4, 5), 7, np.int16), False, "constant .7 everywhere"),
        (np.zeros((3, 8, 8, 3), np.uint8), True, "colour or vector image .3 values"),
        (np.zeros((2, 3, 8, 8), np.int16), False, "4 dimensions .8x8x3x2"),
        (np.full((3, 4, 5), 2**30 + np.arange(5)), False, "beyond 2.24"),
        ((small.array + 1j).astype(np.complex64), False, "complex"),
    ):
        refused(write(array, tmp_path / "bad.nrrd", vector), UnsuitableInputError, word)


def test_a_fourth_axis_of_one_is_no_fourth_axis(small, tmp_path):
    assert (
        load_volume(write(small.array[None].astype(np.int16), tmp_path / "a.nii.gz")).shape
        == small.shape
    )


def test_wrong_modality_is_refused_with_its_file(tmp_path):
    path = write(
        np.random.default_rng(0).integers(0, 800, (4, 30, 30)).astype(np.int16),
        tmp_path / "mr.nii.gz",
    )
    refused(path, UnsuitableInputError, "say the modality")
    refused(path, UnsuitableInputError, "air and soft tissue", "CT")
    with pytest.raises(UnsuitableInputError, match="XY of mr.nii.gz is not known"):
        load_volume(path, "XY")
    assert load_volume(path, "MR").modality == "MR"


def test_sheared_grids_are_refused_with_the_angle(small, tmp_path):
    sitk.WriteImage(to_image(small), str(tmp_path / "a.nrrd"))
    head, voxels = (tmp_path / "a.nrrd").read_bytes().split(b"\n\n", 1)
    head = re.sub(rb"space directions: .*", b"space directions: (1,0,0) (0,1,0) (0,0.5,2)", head)
    (tmp_path / "a.nrrd").write_bytes(head + b"\n\n" + voxels)
    refused(tmp_path / "a.nrrd", UnsuitableInputError, "tilted by 14.0°")
    sitk.WriteImage(to_image(small), str(tmp_path / "a.nii"))
    content = bytearray((tmp_path / "a.nii").read_bytes())
    struct.pack_into("<hh", content, 252, 0, 1)
    struct.pack_into("<f", content, 280 + 8, 2.0)
    (tmp_path / "a.nii").write_bytes(content)
    refused(tmp_path / "a.nii", UnsuitableInputError, "sheared grid")


def test_writing_where_it_cannot_be_written(small, tmp_path):
    with pytest.raises(OutputError, match="does not exist"):
        save_volume(small, tmp_path / "no" / "a.nrrd")
    for name in ("a.txt", "a.mhd"):
        with pytest.raises(OutputError, match="ending"):
            save_volume(small, tmp_path / name)
    (tmp_path / "a.nrrd").mkdir()
    with pytest.raises(OutputError, match="could not be written"):
        save_volume(small, tmp_path / "a.nrrd")
    with pytest.raises(OutputError, match="NaN"):
        save_volume(small.with_array(small.array * np.nan), tmp_path / "b.nrrd")
    assert [p.name for p in tmp_path.iterdir()] == ["a.nrrd"]


def test_an_older_file_is_replaced_never_written_into(small, tmp_path):
    """A second name for the old file still holds the old content: a reader, or a crash, never sees
    half of each."""
    path = tmp_path / "a.nrrd"
    path.write_text("old", encoding="utf-8")
    os.link(path, tmp_path / "second")
    save_volume(small, path)
    assert (tmp_path / "second").read_text(encoding="utf-8") == "old" and np.array_equal(
        load_volume(path).array, small.array
    )


def test_scans_load_and_save_without_a_stderr(small, tmp_path):
    """As in a desktop program that has no console; in a process of its own, since pytest needs its
    stderr."""
    save_volume(small, tmp_path / "a.nrrd")
    code = (
        "import os, sys; os.close(2); from DGMVLCCore.imaging.io import load_volume, save_volume; "
        "save_volume(load_volume(sys.argv[1]), sys.argv[2])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.nrrd", tmp_path / "b.nrrd"],
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0 and np.array_equal(
        load_volume(tmp_path / "b.nrrd").array, small.array
    )


@pytest.mark.parametrize("suffix", [".nrrd", ".nii", ".nii.gz", ".mha"])
def test_a_full_disk_leaves_the_old_file(small, tmp_path, suffix, capfd):
    """A limit on file size stands for the full disk."""
    resource = pytest.importorskip("resource")
    path = tmp_path / f"a{suffix}"
    path.write_text("old", encoding="utf-8")
    handler, limits = (
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
        resource.getrlimit(resource.RLIMIT_FSIZE),
    )
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(OutputError, match="free space"):
            save_volume(small, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_text(encoding="utf-8") == "old" and [p.name for p in tmp_path.iterdir()] == [
        path.name
    ]
    assert capfd.readouterr().err == ""
