"""Cohort folders as they come: three layouts, masks told apart, pairing listed before anything
runs."""

import json

import numpy as np
import pytest

from DGMVLCCore import cli
from DGMVLCCore.cohort.layout import find_cohort
from DGMVLCCore.cohort.plan import learnable
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import AIRWAY, BODY, LEFT, RIGHT, segment_anatomy
from DGMVLCCore.imaging.io import save_volume
from DGMVLCCore.imaging.labels import LabelMap
from DGMVLCCore.imaging.numbered import cohort_anatomy
from DGMVLCCore.language.schema import load_schema

SCHEMA = load_schema()


def put(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


@pytest.mark.parametrize(
    "names",
    [
        ("img/AIIB23_1.nii.gz", "img/AIIB23_2.nii.gz", "gt/AIIB23_1.nii.gz", "README.md"),
        (
            "imagesTr/AIIB23_1_0000.nii.gz",
            "imagesTr/AIIB23_2_0000.nii.gz",
            "labelsTr/AIIB23_1.nii.gz",
        ),
        ("AIIB23_1.nii.gz", "AIIB23_2.nii.gz", "AIIB23_1_mask.nii.gz"),
        ("AIIB23_1.mha", "AIIB23_2.nrrd", "AIIB23_1.seg.nrrd"),
        ("AIIB23_1/1.dcm", "AIIB23_1/2.dcm", "AIIB23_1/mask.nii.gz", "AIIB23_2/ct.nrrd"),
    ],
)
def test_layouts_are_read_as_they_are(tmp_path, names):
    put(tmp_path, *names)
    found = find_cohort(tmp_path)
    assert (
        sorted(found.scans) == ["AIIB23_1", "AIIB23_2"]
        and list(found.masks) == ["AIIB23_1"]
        and found.problems == []
    )
    assert "1 scan(s) have no mask; their lungs are found in the scan: AIIB23_2." in found.notes


def test_lungs_are_preferred_to_airways_and_lost_masks_are_listed(tmp_path):
    put(tmp_path, "img/A.nii.gz", "gt/A.nii.gz", "lungs/A.nii.gz", "lungs/Z.nii.gz")
    found = find_cohort(tmp_path)
    assert found.masks["A"].parent.name == "lungs" and found.problems == [
        "1 mask(s) have no scan: Z."
    ]
    put(tmp_path, "mine/A_lung.nrrd")
    assert find_cohort(tmp_path, tmp_path / "mine").masks["A"].name == "A_lung.nrrd"


def test_a_folder_of_scans_may_have_any_name(tmp_path):
    put(tmp_path, "A.nii.gz", "labels/A.nii.gz")
    assert find_cohort(tmp_path).masks == {}, (
        "masks beside scans are only taken when the scans have a folder of their own, or are "
        "named as masks"
    )


@pytest.fixture(scope="module")
def parts(make_chest):
    """A phantom chest and its classical parts."""
    volume = make_chest((8, 112, 128), (6.0, 2.5, 2.5))
    found = segment_anatomy(volume)
    tree = np.zeros(volume.shape, bool)
    tree[:, 44:50, 60:68] = True
    return volume, {
        "left": found.left,
        "right": found.right,
        "lungs": found.lungs,
        "airway": tree,
        "body": found.body & ~found.lungs & ~tree,
    }


@pytest.mark.parametrize(
    "names",
    [
        ("left", "right"),
        ("right", "left"),
        ("left", "right", "airway"),
        ("airway", "right", "left"),
        ("lungs",),
        ("lungs", "airway"),
        ("body", "left", "right", "airway"),
        ("airway",),
    ],
)
def test_bare_numbers_are_told_apart_by_what_they_cover(parts, names):
    volume, masks = parts
    found = cohort_anatomy(
        LabelMap({f"label {i}": masks[name] for i, name in enumerate(names, 1)}), volume
    ).labels
    assert (found[masks["left"] & ~masks["airway"]] == LEFT).mean() > 0.97 and (
        found[masks["right"] & ~masks["airway"]] == RIGHT
    ).mean() > 0.97
    assert (found[masks["body"]] == BODY).mean() > 0.9
    if "airway" in names:
        assert (found[masks["airway"]] == AIRWAY).all()


def test_the_patients_own_side_counts_not_the_order_of_the_axes(parts):
    volume, masks = parts
    affine = volume.affine.copy()
    affine[:, 0], affine[:3, 3] = -affine[:, 0], affine[:3, 3] + 127 * affine[:3, 0]
    flipped = volume.with_array(volume.array[..., ::-1].copy(), affine=affine)
    found = cohort_anatomy(
        LabelMap({"label 1": masks["right"][..., ::-1], "label 2": masks["left"][..., ::-1]}),
        flipped,
    ).labels
    assert (found[masks["left"][..., ::-1]] == LEFT).mean() > 0.97


def test_other_labels_are_named_with_what_is_accepted(parts):
    volume, masks = parts
    row = np.arange(volume.shape[1])[None, :, None] < 54
    many = {
        "label 3": masks["left"] & row,
        "label 4": masks["left"] & ~row,
        "label 5": masks["right"] & row,
        "label 6": masks["right"] & ~row,
    }
    two = {
        "label 1": masks["body"] & row,
        "label 2": masks["body"] & ~row,
        "label 3": masks["lungs"],
    }
    for labels, words in (
        ({**many, "label 9": masks["body"]}, "labels 3, 4, 5, 6, 9, too many"),
        (many, "labels 3, 4, 5, 6, more than two of which"),
        ({"label 7": masks["body"]}, "labels 7, none of which"),
        (two, "1, 2, 3, more than one of which is dense"),
    ):
        with pytest.raises(
            UnsuitableInputError, match=f"{words}.*; accepted are segments named left lung"
        ):
            cohort_anatomy(LabelMap(labels), volume)


def test_an_attribute_with_one_value_cannot_be_learned():
    rows = {f"P{i}": {"age": 50 + i, "sex": "male", "precipitins": True} for i in range(4)}
    names, notes = learnable(rows, SCHEMA)
    assert names == ["age"] and notes == [
        "sex cannot be learned: all 4 patient(s) with a value have the same (male). It is left "
        "out.",
        "precipitins cannot be learned: all 4 patient(s) with a value have the same (yes). It is "
        "left out.",
    ]
    with pytest.raises(
        UnsuitableInputError, match=r"sex cannot be learned.*add patients of the other group"
    ):
        learnable(rows, SCHEMA, ("sex",))
    with pytest.raises(
        UnsuitableInputError, match="pack_years cannot be learned: no patient has a value"
    ):
        learnable(rows, SCHEMA, ("pack_years",))
    with pytest.raises(UnsuitableInputError, match="Nothing can be learned"):
        learnable({"A": {"sex": "male"}, "B": {"sex": "male"}}, SCHEMA)


def test_a_dry_run_lists_every_pairing_and_sentence_and_writes_nothing(
    tmp_path, capsys, make_chest
):
    put(tmp_path, "c/img/A.nii.gz", "c/img/B.nii.gz", "c/img/X.nii.gz", "c/gt/A.nii.gz")
    (tmp_path / "t.csv").write_text(
        "id,age,sex,smoking,one_year_survival\n"
        "A,61,F,never,alive\nB,70,F,active,dead\nE,50,M,ex,alive\n",
        encoding="utf-8",
    )
    for command in (["train", "--task", "cohort", "--cohort"], ["discover", "-i"]):
        assert (
            cli.main(
                [
                    *command,
                    str(tmp_path / "c"),
                    "--table",
                    str(tmp_path / "t.csv"),
                    "--dry-run",
                    "--json",
                ]
            )
            == 0
        )
        said = json.loads(capsys.readouterr().out)
        assert said["attributes"] == "age, smoking" and (
            said["scans"],
            said["paired"],
            said["masks"],
        ) == (3, 2, 1)
        assert (
            said["patients"][0].startswith("A: scan A.nii.gz, mask A.nii.gz; “")
            and "never smoker" in said["patients"][0]
            and "61" in said["patients"][0]
        )
        assert "mask none" in said["patients"][1]
        assert {"1 scan(s) have no row in the table: X.", "1 row(s) have no scan: E."} <= {
            *said["problems"]
        }
        assert any("sex cannot be learned" in note for note in said["notes"])
    outcome = ["--dry-run", "--attribute", "one_year_survival", "--json"]
    assert (
        cli.main(
            ["train", "--cohort", str(tmp_path / "c"), "--table", str(tmp_path / "t.csv"), *outcome]
        )
        == 0
    )
    assert "dead within one year" in json.loads(capsys.readouterr().out)["patients"][1]
    for command in (["train", "--cohort"], ["discover", "-i"]):
        assert (
            cli.main(
                [
                    *command,
                    str(tmp_path / "c"),
                    "--table",
                    str(tmp_path / "t.csv"),
                    "-o",
                    str(tmp_path / "out"),
                ]
            )
            == 4
        )
        assert (
            "1 row(s) have no scan: E. Complete the cohort, or go on without them: --missing skip."
            in capsys.readouterr().err
        )
    assert not (tmp_path / "out").exists()


def test_a_mask_on_another_grid_is_named(tmp_path, make_chest, capsys):
    volume = make_chest((16, 96, 112), (6.0, 2.5, 2.5))
    for name in "AB":
        save_volume(volume, tmp_path / f"{name}.nrrd")
    small = volume.affine @ np.diag([2.0, 2.0, 1.0, 1.0])
    save_volume(
        volume.with_array(np.ones((16, 48, 56), np.float32), affine=small, stored_dtype="uint8"),
        tmp_path / "A_mask.nrrd",
    )
    (tmp_path / "t.csv").write_text("id,smoking\nA,never\nB,active\n", encoding="utf-8")
    assert (
        cli.main(
            [
                "train",
                "--cohort",
                str(tmp_path),
                "--table",
                str(tmp_path / "t.csv"),
                "-o",
                str(tmp_path / "out"),
                "-q",
            ]
        )
        == 4
    )
    assert (
        "The scan of A was left out: The segmentation A_mask.nrrd"
        in (said := capsys.readouterr().err)
        and "lies on another grid" in said
    )
