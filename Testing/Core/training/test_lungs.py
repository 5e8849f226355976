"""What the lungs' network learns from: the label stays the healthy lung, whatever is painted."""

import json

import numpy as np

from DGMVLCCore.imaging.anatomy import AIRWAY, BODY, LEFT, RIGHT
from DGMVLCCore.training.loop import train
from DGMVLCCore.training.lung_slices import (
    LungMaker,
    bent,
    emptied,
    outside,
    trachea_only,
    turned,
)
from DGMVLCCore.training.recipe import make_recipe


def chest(rows=12):
    z, y, x = np.mgrid[:rows, :96, :128]
    labels = np.zeros((rows, 96, 128), np.uint8)
    labels[((y - 48) / 42) ** 2 + ((x - 64) / 60) ** 2 < 1] = BODY
    for label, middle in ((RIGHT, 36), (LEFT, 92)):
        labels[((y - 48) / 27) ** 2 + ((x - middle) / 20) ** 2 < 1] = label
    hu = np.where(labels > BODY, -850.0, np.where(labels > 0, 40.0, -1024.0)).astype(np.float32)
    return hu, labels


def test_only_the_trachea_is_airway():
    _, labels = chest()
    labels[6:, 46:50, 62:66] = AIRWAY  # the trachea
    labels[:3, 46:50, 62:66] = AIRWAY  # gas of the stomach
    labels[6:, 20:24, 60:64] = BODY
    labels[8:9, 70:74, 62:66] = AIRWAY  # a bubble of the oesophagus
    kept = trachea_only(labels) == AIRWAY
    assert kept[6:, 46:50, 62:66].all() and kept.sum() == 6 * 16


def test_the_outside_varies_and_the_body_stays():
    hu, labels = chest(3)
    rooms = [outside(hu, labels > 0, np.random.default_rng(seed)) for seed in range(12)]
    for seen, view in rooms:
        kept = (labels > 0) & view
        assert np.array_equal(seen[kept], hu[kept]) and (seen[:, ~view] == -1024).all()
    assert len({round(float(seen[labels == 0].mean())) for seen, _ in rooms}) > 5


def test_emptied_slices_hold_no_lung():
    hu, labels = chest(3)
    out = emptied(hu, labels, np.random.default_rng(3))
    assert np.median(out[labels > BODY]) > -50


def test_sides_stay_the_images_sides_when_mirrored():
    hu, labels = chest(3)
    for seed in range(12):
        moved, label = turned(hu, labels[1], np.random.default_rng(seed))
        if (label == LEFT).any() and (label == RIGHT).any():
            assert np.nonzero(label == LEFT)[1].mean() > np.nonzero(label == RIGHT)[1].mean()
        assert np.median(moved[1][np.isin(label, (LEFT, RIGHT))]) < -700


def test_a_bent_body_keeps_lung_and_label_together():
    hu, labels = chest(3)
    shares = []
    for seed in range(6):
        moved, label = bent(hu, labels, np.random.default_rng(seed))
        lungs = np.isin(label, (LEFT, RIGHT))
        assert np.median(moved[lungs]) < -700 and np.median(moved[label == BODY]) > 0
        assert abs(lungs.sum() / np.isin(labels, (LEFT, RIGHT)).sum() - 1) < 0.2
        shares.append((label != labels).mean())
    assert max(shares) > 0.01  # it does something


def test_scans_with_an_outlined_tumour_are_left_out(tmp_path):
    hu, labels = chest()
    fields = {
        "hu": hu.astype(np.int16),
        "labels": labels,
        "spacing": np.array([4.0, 1.6, 1.6]),
        "unclear": np.zeros(12, bool),
        "noise": np.array([10.0, 1.0]),
    }
    for name, tumour in (("a", np.zeros(hu.shape, bool)), ("b", labels == LEFT)):
        np.savez(tmp_path / f"scan-volumes-{name}.npz", **fields, tumour=tumour)
    maker = LungMaker(tmp_path)
    assert len(maker.scans) == 1
    example = maker.example(np.random.default_rng(0))
    assert example["planes"].shape == (10, 128, 128) and example["label"].shape == (128, 128)


def test_a_short_run_writes_weights_and_their_record(shards, tmp_path):
    recipe = make_recipe(
        shards=str(shards), out=str(tmp_path), task="lungs", steps=2, batch=2, workers=0
    )
    weights = train(recipe, quiet=True)
    assert (
        json.loads((weights / "training.json").read_text(encoding="utf-8"))["recipe"]["task"]
        == "lungs"
    )
