"""Files that are not whole, or whose header cannot be meant, cost one sentence and never a wrong
voxel."""

import gzip
import re
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest

from DGMVLCCore.errors import DGMVLCError, UnreadableError, UnsuitableInputError
from DGMVLCCore.imaging.io import load_volume, read_image, save_volume
from DGMVLCCore.imaging.labels import load_labels

LONGEST_SENTENCE = 1000


@pytest.fixture(scope="module")
def small(phantom):
    return phantom.with_array(phantom.array[:4, ::4, ::4])


def refused(path, word, kind=UnreadableError, **how):
    with pytest.raises(kind, match=word) as caught:
        load_volume(path, **how)
    text = str(caught.value)
    assert text.endswith(".") and "\n" not in text and len(text) < LONGEST_SENTENCE, text


def nrrd(array, *, head="", space="left-posterior-superior", encoding="gzip", directions=None):
    """A NRRD file of whole numbers, 2.5 mm cubes."""
    directions = directions or "(2.5,0,0) (0,2.5,0) (0,0,2.5)"
    packed = array.astype("<i2").tobytes()
    packed = gzip.compress(packed, 1) if encoding == "gzip" else packed
    sizes = " ".join(map(str, array.shape[::-1]))
    fields = (
        f"NRRD0005\ntype: short\ndimension: 3\nspace: {space}\nsizes: {sizes}\n"
        f"space directions: {directions}\nkinds: domain domain domain\nendian: little\n"
        f"encoding: {encoding}\nspace origin: (0,0,0)\n{head}\n"
    )
    return fields.encode() + packed


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.nii.gz"])
def test_no_single_flipped_bit_of_packed_voxels_is_read(small, tmp_path, name):
    path = tmp_path / name
    save_volume(small, path)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    start = 2 if name == "a.nii.gz" else max(whole.find(b"\n\n") + 2, whole.find(b"LOCAL\n") + 6)
    wrong = []
    for place in rng.integers(start, len(whole), 120):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            read = load_volume(path)
        except DGMVLCError:
            continue
        if not (np.array_equal(read.array, small.array) and read.same_grid(small)):
            wrong.append(int(place))
    assert not wrong  # a bit of gzip's time stamp or name changes no voxel, and may pass


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.nii", "a.nii.gz"])
def test_more_voxels_than_promised_are_refused_too(small, tmp_path, name):
    path = tmp_path / name
    save_volume(small, path)
    array = small.array.astype("<i2")
    more = np.concatenate([array] * 2).tobytes()
    whole = path.read_bytes()
    if name == "a.nii":
        path.write_bytes(whole + more)
    elif name == "a.nii.gz":
        path.write_bytes(gzip.compress(gzip.decompress(whole) + more))
    elif name == "a.nrrd":
        path.write_bytes(whole[: whole.find(b"\n\n") + 2] + gzip.compress(more))
    else:
        path.write_bytes(whole[: whole.find(b"LOCAL\n") + 6] + zlib.compress(more))
    refused(path, "more than the")


@pytest.mark.parametrize(
    "head, word",
    [
        ("content: " + "x" * 5000, None),
        ("misspelt: 1", "no field"),
        ("type: short", "no field"),
        ("data file: ../../secret.raw", "outside its own folder"),
        ("data file: none.raw", "not there"),
        ("byte skip: 12", "skips bytes"),
    ],
)
def test_nrrd_headers(small, tmp_path, head, word):
    (tmp_path / "a.nrrd").write_bytes(nrrd(small.array, head=head + "\n"))
    if word is None:
        assert np.array_equal(load_volume(tmp_path / "a.nrrd").array, small.array)
    else:
        refused(tmp_path / "a.nrrd", word)


@pytest.mark.parametrize("length", [1_000, 2_000, 200_000])
def test_a_long_field_ends_no_process(small, tmp_path, length):
    """In a process of its own: the toolkit's reader died here."""
    (tmp_path / "a.nrrd").write_bytes(nrrd(small.array, space="x" * length))
    code = (
        "import sys; from DGMVLCCore.errors import DGMVLCError\n"
        "from DGMVLCCore.imaging.io import load_volume\n"
        "try: load_volume(sys.argv[1])\nexcept DGMVLCError as e: print(e); sys.exit(e.exit_code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.nrrd"], capture_output=True, timeout=60
    )
    assert done.returncode == UnreadableError.exit_code and len(done.stdout) < LONGEST_SENTENCE


@pytest.mark.parametrize("dims", ["-1", "0", "99999999999", "3.5", "nan"])
def test_metaimage_dimensions(small, tmp_path, dims):
    save_volume(small, tmp_path / "a.mha")
    whole = (tmp_path / "a.mha").read_bytes().replace(b"NDims = 3", f"NDims = {dims}".encode())
    (tmp_path / "a.mha").write_bytes(whole)
    refused(tmp_path / "a.mha", "dimensions|NDims")


@pytest.mark.parametrize(
    "at, kind, value, word",
    [
        (108, "f", float("inf"), "at byte"),
        (108, "f", 0.0, "at byte"),
        (108, "f", -352.0, "at byte"),
        (80, "f", 0.0, "voxel size"),
        (80, "f", float("nan"), "voxel size"),
        (42, "h", 0, "sizes"),
        (40, "h", -3, "sizes"),
        (70, "h", 999, "type"),
        (72, "h", 8, "bits"),
        (123, "B", 7, "unit"),
        (112, "f", float("inf"), "scales"),
    ],
)
def test_nifti_headers(small, tmp_path, at, kind, value, word):
    save_volume(small, tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    struct.pack_into(f"<{kind}", content, at, value)
    (tmp_path / "a.nii").write_bytes(content)
    refused(tmp_path / "a.nii", word)


@pytest.mark.parametrize("step", ["1e9", "0.001", "60"])
def test_voxels_of_no_scanner_are_refused(small, tmp_path, step):
    (tmp_path / "a.nrrd").write_bytes(
        nrrd(small.array, directions=f"(2.5,0,0) (0,2.5,0) (0,0,{step})")
    )
    refused(tmp_path / "a.nrrd", "no scan of a patient has", UnsuitableInputError)


def test_promised_terabytes_are_refused_before_they_are_asked_for(small, tmp_path):
    text = nrrd(small.array).replace(b"sizes: 32 28 4", b"sizes: 90000 90000 90000")
    (tmp_path / "a.nrrd").write_bytes(text)
    refused(tmp_path / "a.nrrd", "more than", UnsuitableInputError)
    text = nrrd(small.array).replace(b"sizes: 32 28 4", b"sizes: 512 512 900")
    (tmp_path / "a.nrrd").write_bytes(text)
    refused(tmp_path / "a.nrrd", "cut")


def test_every_packing_of_nrrd_is_read(small, tmp_path):
    raw = small.array.astype("<i2")
    (tmp_path / "a.nrrd").write_bytes(nrrd(small.array, encoding="raw"))
    text = nrrd(small.array, encoding="ascii").split(b"\n\n", 1)[0] + b"\n\n"
    (tmp_path / "b.nrrd").write_bytes(text + " ".join(map(str, raw.ravel())).encode())
    hexed = nrrd(small.array, encoding="hex").split(b"\n\n", 1)[0] + b"\n\n"
    (tmp_path / "c.nrrd").write_bytes(hexed + raw.tobytes().hex().encode())
    (tmp_path / "d.raw").write_bytes(b"12345678" + raw.tobytes())
    head = nrrd(small.array, encoding="raw", head="byte skip: -1\ndata file: d.raw\n")
    (tmp_path / "d.nhdr").write_bytes(head.split(b"\n\n", 1)[0] + b"\n\n")
    for name in ("a.nrrd", "b.nrrd", "c.nrrd", "d.nhdr"):
        assert np.array_equal(load_volume(tmp_path / name).array, small.array), name
    assert read_image(tmp_path / "a.nrrd").sides_known


def test_thousands_of_segments_of_one_name_are_refused_at_once(small, tmp_path):
    names = "".join(f"Segment{i}_Name:=a\nSegment{i}_LabelValue:={i}\n" for i in range(3000))
    (tmp_path / "a.seg.nrrd").write_bytes(nrrd(small.array * 0 + 1, head=names))
    scan = small.with_array(small.array, affine=np.diag([2.5, 2.5, 2.5, 1]))
    with pytest.raises(UnsuitableInputError, match="more than 1000 segments"):
        load_labels(tmp_path / "a.seg.nrrd", scan)
    few = "".join(f"Segment{i}_Name:=a\nSegment{i}_LabelValue:={i + 1}\n" for i in range(900))
    (tmp_path / "b.seg.nrrd").write_bytes(nrrd(small.array * 0 + 1, head=few))
    assert list(load_labels(tmp_path / "b.seg.nrrd", scan).segments) == ["a"]
    broken = "Segment0_Name:=a\nSegment0_LabelValue:=one\n"
    (tmp_path / "c.seg.nrrd").write_bytes(nrrd(small.array * 0 + 1, head=broken))
    with pytest.raises(UnreadableError, match="Segment0_LabelValue as “one”"):
        load_labels(tmp_path / "c.seg.nrrd", scan)


@pytest.mark.parametrize("unit, factor", [("mm", 1), ("cm", 10), ("um", 0.001), ("mile", None)])
def test_lengths_are_in_the_unit_that_the_header_names(small, tmp_path, unit, factor):
    step = 2.5 / (factor or 1)
    told = f'space units: "{unit}" "{unit}" "{unit}"\n'
    directions = f"({step},0,0) (0,{step},0) (0,0,{step})"
    (tmp_path / "a.nrrd").write_bytes(nrrd(small.array, head=told, directions=directions))
    save_volume(small, tmp_path / "a.mha")
    told = f"DistanceUnits = {unit}\nElementDataFile".encode()
    whole = (tmp_path / "a.mha").read_bytes().replace(b"ElementDataFile", told)
    shown = " ".join(str(mm / (factor or 1)) for mm in small.spacing[::-1])
    whole = re.sub(rb"ElementSpacing = .*", f"ElementSpacing = {shown}".encode(), whole)
    (tmp_path / "a.mha").write_bytes(whole)
    for name, spacing in (("a.nrrd", (2.5, 2.5, 2.5)), ("a.mha", small.spacing)):
        if factor is None:
            refused(tmp_path / name, "nits")
        else:
            assert np.allclose(load_volume(tmp_path / name).spacing, spacing)


@pytest.mark.parametrize(
    "field, value, word",
    [
        ("ElementSpacing", "-2.5 2.5 2.5", "ElementSpacing"),
        ("ElementSpacing", "0 2.5 2.5", "ElementSpacing"),
        ("TransformMatrix", "2 0 0 0 2 0 0 0 2", "TransformMatrix"),
    ],
)
def test_metaimage_axes_that_cannot_be_meant(small, tmp_path, field, value, word):
    save_volume(small, tmp_path / "a.mha")
    whole = (tmp_path / "a.mha").read_bytes()
    whole = re.sub(f"{field} = .*".encode(), f"{field} = {value}".encode(), whole)
    (tmp_path / "a.mha").write_bytes(whole)
    refused(tmp_path / "a.mha", word)


def test_voxels_of_unknown_size_are_refused(small, tmp_path):
    save_volume(small, tmp_path / "a.mha")
    whole = (tmp_path / "a.mha").read_bytes()
    (tmp_path / "a.mha").write_bytes(re.sub(rb"ElementSpacing = .*\n", b"", whole))
    refused(tmp_path / "a.mha", "size of its voxels")
    bare = re.sub(rb"space[^\n]*: .*\n", b"", nrrd(small.array))
    (tmp_path / "a.nrrd").write_bytes(bare)
    refused(tmp_path / "a.nrrd", "size of its voxels", orientation="LPS")


def test_a_metaimage_that_names_other_axes_than_it_has_is_told(small, tmp_path):
    save_volume(small, tmp_path / "a.mha")
    assert not load_volume(tmp_path / "a.mha").metadata["notes"]
    whole = (tmp_path / "a.mha").read_bytes()
    assert b"AnatomicalOrientation = RAI" in whole
    (tmp_path / "a.mha").write_bytes(whole.replace(b"Orientation = RAI", b"Orientation = LAS"))
    (note,) = load_volume(tmp_path / "a.mha").metadata["notes"]
    assert "LAS" in note and "RAI" in note


def test_a_quaternion_longer_than_a_rotations_is_refused(small, tmp_path):
    save_volume(small, tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    struct.pack_into("<h", content, 254, 0)  # no sform
    struct.pack_into("<3f", content, 256, 0.9, 0.9, 0.9)
    (tmp_path / "a.nii").write_bytes(content)
    refused(tmp_path / "a.nii", "qform")


def test_a_slice_file_named_twice_is_refused(small, tmp_path):
    for number, plane in enumerate(small.array):
        (tmp_path / f"{number}.raw").write_bytes(plane.astype("<i2").tobytes())
    names = [f"{number}.raw" for number in range(len(small.array))]
    for listed, good in ((names, True), ([*names[:-1], names[0]], False)):
        head = "data file: LIST 2\n" + "\n".join(listed)
        text = nrrd(small.array, head=head, encoding="raw")
        (tmp_path / "a.nhdr").write_bytes(text[: -small.array.size * 2])
        if good:
            assert np.array_equal(load_volume(tmp_path / "a.nhdr").array, small.array)
        else:
            refused(tmp_path / "a.nhdr", "twice")
