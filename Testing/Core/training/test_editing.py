"""The editor's pairs are true, its losses know right from wrong, and a few steps teach it."""

import shutil

import numpy as np
import pytest
import torch

from DGMVLCCore.errors import UnsuitableInputError, WeightsError
from DGMVLCCore.models.denoiser import Denoiser
from DGMVLCCore.models.editor import Edit, Editor
from DGMVLCCore.models.finder import Finder
from DGMVLCCore.models.networks import load_generator
from DGMVLCCore.simulation.patch import NoiseModel, ScanPatch
from DGMVLCCore.simulation.transplant import RealNodule, transplant
from DGMVLCCore.training.edit_pairs import LOOK_ALIKES, ROLES, EditPairMaker, shown
from DGMVLCCore.training.edit_phrases import agrees
from DGMVLCCore.training.editing import EditingTrainer, change_loss, dice_loss, weighted
from DGMVLCCore.training.examples import TrainingScan
from DGMVLCCore.training.look_alikes import write_look_alikes
from DGMVLCCore.training.loop import train
from DGMVLCCore.training.recipe import Recipe, make_recipe


def pairs(maker, role, count=6, seed=0):
    """Pairs of one role, each with the lesion it was drawn for."""
    rng, drawn = np.random.default_rng(seed), []
    while len(drawn) < count:
        patch = maker.clear_patch(rng)
        lesion = maker.lesion(patch, rng)
        if (lesion.mask.sum((1, 2)) > 8).any():
            pair = getattr(maker, role.replace(" ", "_"))(patch, lesion, rng)
            if len(pair.rows):
                drawn.append((pair, patch, lesion))
    return drawn


@pytest.fixture(scope="module")
def maker(shards):
    return EditPairMaker(shards, 0.2)


@pytest.mark.parametrize("role", ROLES)
def test_source_and_target_differ_where_the_change_map_says_and_nowhere_else(maker, role):
    for pair, _, _ in pairs(maker, role):
        differs = np.abs(pair.source - pair.target) > 1
        assert not differs[pair.change == 0].any()
        assert (pair.change > 0).any() == differs.any() or role not in ("stay", "empty")
        assert not (pair.hidden & ~pair.edit).any()


def test_a_removal_ends_in_the_untouched_scan_and_denies_what_is_there(maker):
    for pair, patch, lesion in pairs(maker, "remove"):
        if pair.text == 0:
            continue
        phrase = maker.bank.phrases[pair.text - 1]
        assert np.array_equal(pair.target, patch.hu) and not phrase.present
        assert pair.edit[lesion.mask].all()
        assert "clear" in phrase.text.lower() or (
            phrase.term == lesion.term and agrees(phrase, lesion)
        )


def test_an_insertion_names_what_the_target_shows(maker):
    for pair, patch, lesion in pairs(maker, "insert"):
        if pair.text:
            phrase = maker.bank.phrases[pair.text - 1]
            assert phrase.present and phrase.term == lesion.term
            assert np.array_equal(pair.source, patch.hu)
            assert np.array_equal(pair.target, lesion.hu)


def test_of_two_findings_only_the_denied_one_goes(maker):
    kept = 0
    for pair, patch, lesion in pairs(maker, "one of two", 16):
        phrase = maker.bank.phrases[pair.text - 1]
        if pair.text == 0 or phrase.text == "Clear lung.":
            continue
        if phrase.term == lesion.term:
            assert "clear" not in phrase.text.lower(), "it would deny the other one too"
            kept += not np.array_equal(pair.target, patch.hu)
        else:
            assert np.array_equal(pair.source, pair.target)
    assert kept


def test_what_stays_stays_without_words_too(maker):
    for pair, _, _ in pairs(maker, "stay", 12):
        assert np.array_equal(pair.source, pair.target) and not pair.change.any()


def test_clear_places_taken_for_findings_are_shown_as_they_are(shards, tmp_path):
    folder = tmp_path / "shards"
    shutil.copytree(shards, folder)
    weights = tmp_path / "weights"
    editor = Editor(widths=(16, 16, 32))
    torch.nn.init.constant_(editor.head.bias, 1.0)  # it asks for a change everywhere
    editor.save_pretrained(weights)
    assert write_look_alikes(weights, folder) == len(np.load(folder / LOOK_ALIKES)["places"]) > 0
    maker, rng, drawn = EditPairMaker(folder, 0.0), np.random.default_rng(0), []
    while len(drawn) < 6:
        drawn += maker.spared(rng, 1)
    for pair in drawn:
        assert np.array_equal(pair.source, pair.target) and not pair.change.any()
        assert pair.text and not maker.bank.phrases[pair.text - 1].present
        assert pair.edit[pair.rows[0]].any()


def test_a_finder_finds_clear_places_beside_those_that_are_known(shards, tmp_path):
    folder, weights = tmp_path / "shards", tmp_path / "weights"
    shutil.copytree(shards, folder)
    np.savez(folder / LOOK_ALIKES, places=np.array([[0, 1, 2, 3]], np.int32))
    finder = Finder(widths=(8, 16, 16, 16))
    torch.nn.init.constant_(finder.out.bias, 2.0)  # it finds something everywhere
    finder.save_pretrained(weights)
    count = write_look_alikes(weights, folder)
    places = np.load(folder / LOOK_ALIKES)["places"].tolist()
    assert len(places) == count > 1 and [0, 1, 2, 3] in places
    scan = TrainingScan.load(sorted(folder.glob("scan-*.npz"))[0])
    for index, z, y, x in places:
        if index == 0 and (z, y, x) != (1, 2, 3):
            near = scan.labels[z, max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
            assert np.isin(near, (2, 3)).any(), "it lies in the lung"


def test_look_alikes_are_found_by_editors_and_finders_only(shards, tmp_path):
    Denoiser(widths=(16, 16, 16)).save_pretrained(tmp_path / "hole")
    with pytest.raises(WeightsError, match="give such weights"):
        write_look_alikes(tmp_path / "hole", shards)


def test_a_slice_shows_the_source_and_hides_what_is_hidden(maker):
    rng = np.random.default_rng(0)
    for pair, _, _ in pairs(maker, "remove", 8):
        example = shown(pair, rng)
        hidden = example["hidden"][1] > 0
        lesion = (example["change"][0] > 0.9) & ~hidden
        assert example["context"].shape == (3, 128, 128)
        if lesion.any():
            gap = np.abs(example["context"][1] - example["clean"][0])
            assert gap[lesion].mean() > 0.005, "the network sees the lesion itself"


def test_a_transplanted_nodule_is_the_other_patients_own_voxels():
    rng = np.random.default_rng(0)
    hu = np.full((7, 64, 64), -850, np.float32)
    patch = ScanPatch(
        hu, np.ones(hu.shape, np.uint8), (2.0, 1.0, 1.0), (2.0, 4.0), NoiseModel(10, 0.6)
    )
    ball = np.hypot(*np.mgrid[-24:24, -24:24]) < 6
    nodule = RealNodule(
        np.where(ball, 55.0, -700.0).astype(np.float32)[None].repeat(3, 0),
        ball[None].repeat(3, 0),
        "smooth_nodule",
        12.0,
    )
    lesion = transplant(patch, nodule, rng, centre=(3.0, 32.0, 32.0))
    assert lesion.hu[3, 32, 32] == 55 and lesion.term == "nodule" and lesion.side == "left"
    assert np.array_equal(lesion.hu[lesion.soft == 0], hu[lesion.soft == 0])
    areas = lesion.mask.sum((1, 2))
    assert areas[3] >= areas[5] > areas[6] or areas[6] == 0, "it ends like a ball beyond its slices"
    empty = ScanPatch(
        hu, np.zeros(hu.shape, np.uint8), (2.0, 1.0, 1.0), (2.0, 4.0), NoiseModel(10, 0.6)
    )
    with pytest.raises(UnsuitableInputError, match="no lung"):
        transplant(empty, nodule, rng)


def test_losses_weigh_each_image_alike():
    error = torch.zeros(2, 1, 4, 4)
    error[0, 0, 0, 0] = 1
    weight = torch.zeros_like(error)
    weight[0, 0, 0, 0] = 1
    assert weighted(error, weight) == 1, "an image without weight does not count"
    weight[1] = 1
    assert weighted(error, weight) == 0.5
    wanted = torch.zeros(1, 1, 4, 4)
    wanted[..., :2, :] = 1
    right, even = 20 * (2 * wanted - 1), torch.ones_like(wanted)
    assert change_loss(right, wanted, even) < 1e-3 < 1 < change_loss(-right, wanted, even)
    assert dice_loss(right, wanted, even) < 1e-3 and dice_loss(-right, wanted, even) > 0.99


def recipe(shards, out, **fields):
    return make_recipe(
        shards=str(shards),
        out=str(out),
        task="editor",
        **{"steps": 3, "batch": 2, "workers": 0, "widths": (16, 16, 16), **fields},
    )


def test_it_trains_resumes_and_begins_with_a_hole_filler(shards, tmp_path):
    begun = train(
        Recipe(str(shards), str(tmp_path / "hole"), steps=1, batch=2, workers=0, widths=(16,) * 3),
        quiet=True,
    )
    first = recipe(shards, tmp_path / "run", start_from=str(begun))
    weights = train(first, quiet=True)
    model, _ = load_generator(weights)
    assert type(model) is Editor
    again = EditingTrainer(recipe(shards, tmp_path / "run", start_from=str(begun), steps=5))
    again.resume()
    assert again.step == 3
    other = recipe(shards, tmp_path / "more", start_from=str(weights))
    assert type(EditingTrainer(other).build()) is Editor, "and goes on with an editor"


def test_a_network_of_another_kind_is_no_beginning(shards, tmp_path):
    gan = make_recipe(
        shards=str(shards), out=str(tmp_path / "gan"), task="gan", steps=1, batch=2, workers=0,
        widths=(16, 16, 16), nodule_share=0.0,
    )  # fmt: skip
    weights = train(gan, quiet=True)
    with pytest.raises(WeightsError, match="Generator"):
        EditingTrainer(recipe(shards, tmp_path / "run", start_from=str(weights))).build()


def test_right_answers_cost_least(shards, tmp_path):
    trainer = EditingTrainer(recipe(shards, tmp_path / "run", nodule_share=0.0))
    batch = {
        name: torch.from_numpy(value)
        for name, value in next(trainer.batches(trainer.recipe, 0)).items()
    }
    t = torch.ones(len(batch["clean"]))
    sure = torch.logit(batch["change"].clamp(1e-6, 1 - 1e-6))
    right = trainer.terms(batch, Edit(batch["clean"], sure, None), t)
    wrong = trainer.terms(batch, Edit(batch["clean"].flip(-1) + 0.3, -sure, None), t)
    assert right["paint"] == 0 and right["flow"] == 0
    assert all(right[name] <= wrong[name] for name in ("paint", "compose", "change", "overlap"))
    assert sum(map(float, right.values())) < 0.3 * sum(map(float, wrong.values()))
