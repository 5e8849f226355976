"""Where a scan lies is read from its file or asked for; it is never guessed."""

import struct

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.imaging.io import load_volume, save_volume, write_image
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.imaging.untilt import Tilt
from DGMVLCCore.imaging.volume import Volume

RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def scan():
    whole = load_volume(resource("sample/ct.nrrd"))
    return whole.with_array(whole.array[:, ::4, ::4], affine=whole.affine @ np.diag([4, 4, 1, 1]))


def nifti(path, scan, *, sform=None, qform=None, zooms=None):
    """A NIfTI file with these forms in RAS; None: its code is 0."""
    save_volume(scan, path)
    content = bytearray(path.read_bytes())
    struct.pack_into("<hh", content, 252, 0 if qform is None else 1, 0 if sform is None else 1)
    if zooms is not None:
        struct.pack_into("<3f", content, 80, *zooms)
    if sform is not None:
        struct.pack_into("<12f", content, 280, *sform[:3].ravel())
    if qform is not None:
        spacing = np.linalg.norm(qform[:3, :3], axis=0)
        turn = qform[:3, :3] / spacing
        sign = np.sign(np.linalg.det(turn))
        x, y, z, w = Rotation.from_matrix(turn @ np.diag([1, 1, sign])).as_quat()
        x, y, z = np.array([x, y, z]) * (np.sign(w) or 1)
        struct.pack_into("<6f", content, 256, x, y, z, *qform[:3, 3])
        struct.pack_into("<f", content, 76, sign)
    path.write_bytes(content)
    return path


def turned(scan):
    """RAS affine of the scan, turned about two axes."""
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("zx", [12, 7], degrees=True).as_matrix()
    return turn @ RAS @ scan.affine


def off_square(affine):
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return float(np.abs(axes.T @ axes - np.eye(3)).max())


@pytest.mark.parametrize("decimals, qform", [(2, False), (3, False), (3, True)])
def test_a_rounded_sform_is_read_with_the_nearest_square_axes(tmp_path, scan, decimals, qform):
    exact = turned(scan)
    path = nifti(
        tmp_path / "a.nii", scan, sform=np.round(exact, decimals), qform=exact if qform else None
    )
    volume = load_volume(path)
    assert volume.spacing == pytest.approx(scan.spacing, abs=1e-5)
    assert off_square(volume.affine) < 1e-6
    corner = np.array([*np.array(scan.shape)[::-1] - 1, 1.0])
    assert np.abs((volume.affine - RAS @ exact) @ corner).max() < 2.0
    assert "off square" in " ".join(volume.metadata["notes"])


def test_a_sform_of_bare_directions_takes_its_voxels_from_pixdim(tmp_path, scan):
    sform = (RAS @ scan.affine).copy()
    sform[:3, :3] /= np.array(scan.spacing[::-1])
    volume = load_volume(nifti(tmp_path / "a.nii", scan, sform=sform))
    assert volume.same_grid(scan) and "pixdim" in volume.metadata["notes"][0]
    sform = RAS @ scan.affine @ np.diag([1, 1, 1.3, 1])
    with pytest.raises(UnsuitableInputError, match="two voxel sizes.*3.250 mm by its sform"):
        load_volume(nifti(tmp_path / "b.nii", scan, sform=sform))


@pytest.mark.parametrize("degrees", [15, 1])
def test_a_tilted_sform_beside_a_straight_qform_is_refused_with_its_angle(tmp_path, scan, degrees):
    straight = RAS @ scan.affine
    tilted = straight.copy()
    tilted[1, 2] = np.tan(np.radians(degrees)) * scan.spacing[0]
    path = nifti(tmp_path / "a.nii", scan, sform=tilted, qform=straight)
    with pytest.raises(UnsuitableInputError, match=rf"two orientations.*tilted by {degrees}\.0°"):
        load_volume(path)


def test_forms_a_little_apart_are_told(tmp_path, scan, caplog):
    moved = RAS @ scan.affine
    moved[2, 3] += 0.3 * max(scan.spacing)
    load_volume(nifti(tmp_path / "a.nii", scan, sform=moved, qform=RAS @ scan.affine))
    assert "from its qform; read by the sform" in caplog.text


@pytest.mark.parametrize("change", [np.diag([-1.0, 1, 1, 1]), np.diag([1.0, 1, -1, 1])])
def test_forms_that_name_other_sides_are_refused(tmp_path, scan, change):
    straight = RAS @ scan.affine
    path = nifti(tmp_path / "a.nii", scan, sform=straight @ change, qform=straight)
    with pytest.raises(UnsuitableInputError, match="two orientations: its sform lies up to"):
        load_volume(path)


@pytest.mark.parametrize("name", ["a.nii", "a.nrrd", "a.mha"])
def test_an_unknown_side_is_asked_for(tmp_path, scan, name):
    path = tmp_path / name
    if name == "a.nii":
        nifti(path, scan)
    else:
        save_volume(scan, path)
        content = path.read_bytes()
        start, end = (
            (content.find(b"space: "), b"\n")
            if name == "a.nrrd"
            else (content.find(b"TransformMatrix"), b"\n")
        )
        stop = content.find(end, start) + 1
        path.write_bytes(content[:start] + content[stop:])
    with pytest.raises(UnsuitableInputError, match="which side of it is the patient's left"):
        load_volume(path)
    spacing = scan.spacing[::-1]
    for letters, signs in (("LPS", (1, 1, 1)), ("ras", (-1, -1, 1)), ("LAS", (1, -1, 1))):
        volume = load_volume(path, orientation=letters)
        assert volume.affine[:3, :3] == pytest.approx(np.diag(signs * np.array(spacing)), abs=1e-4)
    with pytest.raises(UsageError, match="three letters"):
        load_volume(path, orientation="LRS")
    # a mask that does not say it either lies as its scan does
    volume = load_volume(path, orientation="LPS")
    mask = path.with_name(f"mask-{name}")
    bright = scan.array > 0
    save_volume(scan.with_array(bright.astype(np.float32), stored_dtype="uint8"), mask)
    with_sides = mask.read_bytes()
    if name == "a.nii":
        mask.write_bytes(with_sides[:252] + bytes(4) + with_sides[256:])
    else:
        line = b"space: left" if name == "a.nrrd" else b"TransformMatrix"
        start = with_sides.find(line)
        mask.write_bytes(with_sides[:start] + with_sides[with_sides.find(b"\n", start) + 1 :])
    assert load_labels(mask, volume).union().sum() == bright.sum()
    with pytest.raises(UnsuitableInputError, match="never guessed"):
        load_labels(mask, scan)


def test_an_orientation_is_not_taken_where_the_file_says_it(tmp_path, scan):
    save_volume(scan, tmp_path / "a.nrrd")
    with pytest.raises(UsageError, match="says itself"):
        load_volume(tmp_path / "a.nrrd", orientation="RAS")


def test_a_single_picture_needs_no_side(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (1, 40, 30)).astype(np.float32)
    save_volume(Volume(picture, np.eye(4), "XR", "uint8"), tmp_path / "a.nrrd")
    content = (tmp_path / "a.nrrd").read_bytes()
    (tmp_path / "a.nrrd").write_bytes(content.replace(b"space: left-posterior-superior\n", b""))
    assert load_volume(tmp_path / "a.nrrd", "XR").shape == (1, 40, 30)


def tilted_pair(scan, degrees):
    """A scan as a tilted gantry takes it, and the straight one: a bar along z at one place of the
    patient."""
    d, h, w = 9, 40, 48
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    affine[1, 2] = np.tan(np.radians(degrees)) * 5.0
    array = np.full((d, h, w), -900.0, np.float32)
    z, y, x = np.mgrid[:d, :h, :w]
    place = affine @ np.stack([x.ravel(), y.ravel(), z.ravel(), np.ones(x.size)])
    bar = (np.abs(place[0] - 40) < 9) & (np.abs(place[1] - 44) < 9)
    array.ravel()[bar] = 40.0
    return Volume(array, affine), bar.reshape(array.shape)


def test_a_tilt_is_refused_or_resampled_and_so_is_the_region(tmp_path, scan):
    import SimpleITK as sitk

    tilted, bar = tilted_pair(scan, 12.0)
    save_volume(tilted, tmp_path / "a.nrrd")
    with pytest.raises(UnsuitableInputError, match=r"tilted by 12\.0°.*--untilt"):
        load_volume(tmp_path / "a.nrrd")
    volume = load_volume(tmp_path / "a.nrrd", untilt=True)
    assert off_square(volume.affine) < 1e-9 and isinstance(volume.metadata["tilt"], Tilt)
    assert "12.0°" in volume.metadata["notes"][-1]
    centres = []
    for plane in volume.array:
        y, x = np.nonzero(plane > -400)
        centres.append(volume.affine[:3, 3][:2] + 2.0 * np.array([x.mean(), y.mean()]))
    assert np.abs(np.array(centres) - (40, 44)).max() < 1.1
    straight_mm = volume.affine[:3, :3] @ (0, 0, len(volume.array) - 1)
    assert straight_mm[2] == pytest.approx(40) and straight_mm[1] == pytest.approx(0)
    image = sitk.GetImageFromArray(bar.astype(np.uint8))
    image.SetSpacing(np.linalg.norm(tilted.affine[:3, :3], axis=0).tolist())
    image.SetDirection((tilted.affine[:3, :3] / image.GetSpacing()).ravel().tolist())
    write_image(image, tmp_path / "mask.nrrd")
    mask = load_labels(tmp_path / "mask.nrrd", volume).union()
    wrong = (mask != (volume.array > -430)).mean()
    assert mask.shape == volume.shape and wrong < 0.01


def test_a_straight_scan_is_not_resampled(tmp_path, scan):
    save_volume(scan, tmp_path / "a.nrrd")
    assert np.array_equal(load_volume(tmp_path / "a.nrrd", untilt=True).array, scan.array)
