"""MR and X-ray phantoms: training on pictures, and what the shards hold."""

import json

import numpy as np
import pytest
import torch

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError, UsageError, WeightsError
from DGMVLCCore.imaging.io import save_volume
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.denoiser import Denoiser
from DGMVLCCore.models.networks import modality_of
from DGMVLCCore.training.image_shards import find_pictures, sentences_of, train_images
from DGMVLCCore.training.images import ImageMaker, ImageTrainer
from DGMVLCCore.training.recipe import Recipe


def phantom(shape, spacing, modality, seed=0):
    """Smooth blobs over a dark border, in stored units of 0 to about 900."""
    rng = np.random.default_rng(seed)
    z, y, x = np.mgrid[: shape[0], : shape[1], : shape[2]]
    body = ((y / shape[1] - 0.5) / 0.42) ** 2 + ((x / shape[2] - 0.5) / 0.42) ** 2 < 1
    array = body * (400 + 200 * np.sin(x / 9) + 150 * np.cos(y / 7)) + rng.normal(0, 15, shape)
    return Volume(
        np.rint(np.clip(array, 0, None)).astype(np.float32),
        np.diag([*spacing[::-1], 1.0]),
        modality,
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small CT network with the eye of a dual encoder, which other modalities have not."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
    Denoiser(
        widths=(16, 16, 16), scan_dim=64, vision_sha256="0" * 64, findings=("nodule",)
    ).half().save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    save_volume(phantom((5, 90, 110), (4.0, 3.0, 3.0), "MR"), folder / "a.nii.gz")
    save_volume(phantom((4, 140, 100), (6.0, 1.0, 1.0), "MR", 1), folder / "b.nrrd")
    (folder / "a.txt").write_text("MR of the\n abdomen.\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(pictures, small, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "mr"
    answer = train_images(pictures, "MR", out, weights=small, steps=3, batch=2, quiet=True)
    return out, answer


def test_weights_record_their_modality_and_forget_what_is_of_ct(run):
    out, answer = run
    config = json.loads((out / "weights" / "config.json").read_text(encoding="utf-8"))
    assert (
        config["modality"] == modality_of(out / "weights") == "MR"
        and config["findings"] == []
        and config["scan_dim"] == 0
        and not config["vision_sha256"]
    )
    assert (
        answer.pictures == 2
        and answer.sentences == ["MR of the abdomen.", "MR scan."]
        and answer.notes[0].startswith("Demonstration")
    )
    assert (
        json.loads((out / "weights" / "training.json").read_text(encoding="utf-8"))["recipe"][
            "modality"
        ]
        == "MR"
    )


def test_examples_hide_the_hole_and_nothing_else(run):
    maker, rng = ImageMaker(run[0] / "shards"), np.random.default_rng(0)
    drawn = [e for e in (maker.example(rng) for _ in range(60)) if e is not None]
    assert len(drawn) > 20
    for example in drawn:
        mask, clean, context = example["mask"][1] > 0, example["clean"][0], example["context"][1]
        assert (
            np.array_equal(context[~mask], clean[~mask])
            and np.abs(clean).max() <= 1
            and example["text"] in (1, 2)
        )
        assert mask.all() or not np.array_equal(context[mask], clean[mask])
    assert {int(e["text"]) for e in drawn} == {1, 2} and {
        bool(e["mask"][1].all()) for e in drawn
    } == {True, False}


def test_an_x_ray_is_one_slice_and_its_neighbours_are_itself(small, tmp_path):
    (tmp_path / "in").mkdir()
    save_volume(phantom((1, 700, 600), (1.0, 0.2, 0.2), "XR"), tmp_path / "in" / "x.mha")
    train_images(
        tmp_path / "in", "XR", tmp_path / "run", weights=small, steps=1, batch=1, quiet=True
    )
    maker = ImageMaker(tmp_path / "run" / "shards")
    assert maker.pictures[0]["units"].shape[0] == 1 and maker.pictures[0]["spacing"][1] >= 0.54
    rng = np.random.default_rng(0)
    example = next(e for e in (maker.example(rng) for _ in range(30)) if e is not None)
    assert np.array_equal(example["context"][0], example["context"][1]) and np.array_equal(
        example["context"][1], example["context"][2]
    )


def test_the_loss_falls(run, small, tmp_path):
    recipe = Recipe(
        str(run[0] / "shards"),
        str(tmp_path),
        task="image",
        modality="MR",
        start_from=str(small),
        steps=30,
        batch=2,
        workers=0,
        learning_rate=4e-3,
        warmup=3,
    )
    trainer = ImageTrainer(recipe)
    trainer.quiet = True
    batch = {k: torch.from_numpy(v) for k, v in next(trainer.batches(recipe, 1)).items()}

    def loss():
        torch.manual_seed(0)
        with torch.no_grad():
            return float(trainer.losses(batch)["flow"])

    before = loss()
    trainer.run()
    assert loss() < 0.9 * before


def test_pictures_and_sentences_are_checked(pictures, small, run, tmp_path):
    with pytest.raises(UnsuitableInputError, match="holds no pictures"):
        find_pictures(tmp_path)
    for name in ("p.nrrd", "p.mha"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UnsuitableInputError, match="more than one picture named p"):
        find_pictures(tmp_path)
    (tmp_path / "t.csv").write_text("id,text\na,MR of a knee.\n", encoding="utf-8")
    assert sentences_of(find_pictures(pictures), "MR", tmp_path / "t.csv") == {
        "a": "MR of a knee.",
        "b": "MR scan.",
    }
    (tmp_path / "u.csv").write_text("id,age\na,50\n", encoding="utf-8")
    with pytest.raises(UnsuitableInputError, match=r"no column of sentences \(it has id, age\)"):
        sentences_of(find_pictures(pictures), "MR", tmp_path / "u.csv")
    (tmp_path / "v.csv").write_text("text,id\nMR of a knee.,a\n", encoding="utf-8")
    with pytest.raises(UnsuitableInputError, match="Which column of v.csv names the pictures"):
        sentences_of(find_pictures(pictures), "MR", tmp_path / "v.csv")
    with pytest.raises(UnsuitableInputError, match="other pictures or sentences"):
        train_images(pictures, "MR", run[0], table=tmp_path / "t.csv", weights=small, quiet=True)
    (tmp_path / "long.csv").write_text(f"id,text\na,{'very long ' * 20}\n", encoding="utf-8")
    with pytest.raises(UnsuitableInputError, match="longer than the 24 tokens"):
        train_images(
            pictures,
            "MR",
            tmp_path / "long",
            table=tmp_path / "long.csv",
            weights=small,
            quiet=True,
        )
    with pytest.raises(UsageError, match="MR or XR, not CT"):
        train_images(pictures, "CT", tmp_path / "ct", weights=small)
    with pytest.raises(WeightsError, match="no weights in"):
        train_images(pictures, "MR", tmp_path / "none", weights=tmp_path)
    with pytest.raises(UnreadableError, match="no shards of pictures"):
        ImageMaker(tmp_path)


def test_the_series_of_a_folder_is_chosen_by_name_and_number(small, tmp_path):
    from Testing.Core.imaging.test_dicom import write_series

    folder = tmp_path / "in" / "a"
    folder.mkdir(parents=True)
    for number, level in enumerate((300, 700)):
        array = np.full((4, 64, 64), level) + 50 * np.arange(64)
        write_series(tmp_path / str(number), array.astype(np.float32), Modality="MR")
        for path in (tmp_path / str(number)).iterdir():
            path.rename(folder / f"{number}-{path.name}")

    def run(*series):
        return train_images(
            tmp_path / "in", "MR", tmp_path / "run", weights=small, steps=1, batch=1,
            workers=0, series=series, quiet=True,
        )  # fmt: skip

    with pytest.raises(UnsuitableInputError, match="2 series"):
        run()
    with pytest.raises(UsageError, match="no picture “b”"):
        run(("b", 1))
    run(("a", 2))
    with pytest.raises(UnsuitableInputError, match="other pictures"):
        run(("a", 1))
