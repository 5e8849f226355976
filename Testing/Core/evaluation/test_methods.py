"""Methods, localisers, safety and ablations on a phantom with untrained networks: what must hold
for any weights."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
import torch

from DGMVLCCore.editing.alignment import AlignmentPipeline
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.evaluation import ablation, baselines, generative, localisers, safety
from DGMVLCCore.evaluation.cases import Case
from DGMVLCCore.evaluation.hole import Hole, removal
from DGMVLCCore.evaluation.methods import METHODS
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.imaging.masks import lesion_region
from DGMVLCCore.language.encoder import LanguageEncoder
from DGMVLCCore.models.denoiser import Conditions
from DGMVLCCore.models.dual import DualEncoder
from DGMVLCCore.models.editor import CELLS, Editor
from DGMVLCCore.simulation.insert import insert_lesion
from DGMVLCCore.simulation.patch import NoiseModel, ScanPatch

SPACING = (10.0, 2.0, 2.0)


@pytest.fixture(scope="module")
def case(make_chest) -> Case:
    """A nodule of 12 mm in one slice of a phantom's left lung."""
    true = make_chest(shape=(3, 112, 144), spacing=SPACING)
    anatomy = segment_anatomy(true)
    lungs = np.where(anatomy.left, 1, np.where(anatomy.right, 2, 0)).astype(np.uint8)
    centre = tuple(float(v) for v in np.argwhere(anatomy.left).mean(0))
    lesion = insert_lesion(
        ScanPatch(true.array, lungs, SPACING, (1.0, 2.0), NoiseModel(12.0, 0.6)),
        "smooth_nodule",
        np.random.default_rng(0),
        centre=centre,
        size_mm=12,
    )
    return Case(
        "phantom",
        "phantom",
        true,
        true.with_array(np.rint(lesion.hu)),
        anatomy,
        lesion,
        lesion_region(lesion.mask, anatomy, SPACING, 6.0),
    )


@pytest.fixture(scope="module")
def pipe() -> CounterfactualPipeline:
    torch.manual_seed(0)
    model, dual = (
        Editor(widths=(16, 32, 32), findings=("nodule",)),
        DualEncoder(widths=(16, 16, 16), findings=("nodule",)),
    )
    for parameter in model.parameters():  # zero-initialised heads would hide differences
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    with torch.no_grad():  # changes are asked for throughout, so the lesion's core is sampled
        model.head.bias[CELLS:] = 4.0
    encoder = LanguageEncoder()
    return CounterfactualPipeline(model, encoder, alignment=AlignmentPipeline(dual, encoder))


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_method_fills_the_hole_and_nothing_else_at_the_stated_cost(method, pipe, case):
    passed: list[int] = []
    hook = pipe.model.register_forward_hook(lambda _, inputs, __: passed.append(len(inputs[0])))
    made = method.make(pipe, case, 3)
    hook.remove()
    assert made.shape == case.scan.shape and made.dtype == np.float32 and np.isfinite(made).all()
    assert np.array_equal(made[~case.mask], case.scan.array[~case.mask])
    assert (made != case.scan.array)[case.mask].mean() > 0.5
    stated = method.passes * case.mask.any((1, 2)).sum()
    if method.family == "ours":  # slices without an opaque core need one pass alone
        assert 0 < sum(passed) <= stated
    else:
        assert sum(passed) == stated


def test_samples_depend_on_the_seed_alone(pipe, case):
    make = next(method.make for method in METHODS if method.name == "SDEdit 0.3")
    a, b, c = (make(pipe, case, seed) for seed in (1, 1, 2))
    assert np.array_equal(a, b) and not np.array_equal(a, c)


def test_the_hole_is_put_back_as_the_pipeline_does(pipe, case):
    plan, hole = removal(case), Hole.cut(case)
    result = pipe(case.scan, plan, anatomy=case.anatomy, noises=2, steps=2, seed=5)
    samples = hole.samples(pipe, plan, 5, noises=2, steps=2)
    shown, mean = hole.filled(samples[result.settings["medoid"]]), hole.filled(*samples)
    # A sample is kept in the model's units, so it is cut off at the ends of their range.
    seen = case.mask & (result.mean > -1000) & (result.mean < 350) & (result.uncertainty < 20)
    assert seen.sum() > 20
    assert np.abs(shown - result.counterfactual.array)[seen].max() <= 1
    assert np.allclose(mean[seen], result.mean[seen], atol=0.1)


def conditions(side: int = 32) -> Conditions:
    mask = torch.zeros(2, 3, side, side)
    mask[..., 8:24, 8:24] = 1
    text = torch.zeros(2, 1, 1)
    return Conditions(
        torch.zeros(2, 3, side, side),
        mask,
        torch.zeros(2, 4, side, side),
        torch.ones(2, 2),
        text,
        text[..., 0] > 0,
        text[..., 0],
    )


SAMPLERS = {
    "noise": generative.from_noise,
    "sdedit": generative.sdedit(0.5),
    "inversion": generative.inversion,
    "repaint": generative.repaint(0),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_network_that_knows_the_answer_is_led_to_it(name):
    cond, text = (
        conditions(),
        (torch.zeros(1, 1, 1), torch.ones(1, 1, dtype=torch.bool), torch.zeros(1, 1)),
    )
    answer, scan = torch.rand(2, 1, 32, 32), torch.zeros(2, 1, 32, 32)
    made = SAMPLERS[name](
        lambda z, t, c: (answer, None), scan, torch.randn(scan.shape), cond, text, text
    )
    hole = cond.mask[:, 1:2] > 0
    assert torch.allclose(made[hole], answer[hole], atol=1e-4)


def test_inversion_and_generation_under_one_text_return_the_scan():
    def shrink(z, t, c):
        return z / (t**2 + (1 - t) ** 2) * (
            1 - t
        ), None  # the exact denoiser of a standard normal image

    cond, text = (
        conditions(),
        (torch.zeros(1, 1, 1), torch.ones(1, 1, dtype=torch.bool), torch.zeros(1, 1)),
    )
    scan = torch.randn(2, 1, 32, 32)
    made = generative.inversion(shrink, scan, torch.zeros_like(scan), cond, text, text)
    assert float(torch.corrcoef(torch.stack([made.flatten(), scan.flatten()]))[0, 1]) > 0.999


def test_repaint_keeps_the_noise_it_says():
    """With an empty image the noise left at time t must have the standard deviation t, jumps back
    included."""
    seen = []

    def predict(z, t, c):
        seen.append((float(z.std()), t))
        return torch.zeros_like(z), None

    cond, text = (
        conditions(64),
        (torch.zeros(1, 1, 1), torch.ones(1, 1, dtype=torch.bool), torch.zeros(1, 1)),
    )
    image = torch.zeros(2, 1, 64, 64)
    generative.repaint(0)(predict, image, torch.randn(image.shape), cond, text, text)
    assert len(seen) == sum(s < t for t, s in generative.repaint_times()) and all(
        std == pytest.approx(t, rel=0.05) for std, t in seen
    )
    times = generative.repaint_times()
    assert (
        times[0][0] == 1
        and times[-1][1] == 0
        and all(a[1] == b[0] for a, b in zip(times[:-1], times[1:]))
    )


def test_telea_follows_its_surroundings_and_is_left_out_without_opencv(monkeypatch):
    hu = np.full((1, 40, 40), -860.0, np.float32)
    mask = np.zeros(hu.shape, bool)
    mask[0, 12:28, 12:28] = True
    hu[mask] = 50
    filled = baselines.telea(hu, mask, mask)
    assert filled is not None and np.allclose(filled, -860, atol=2) and hu[mask].mean() == 50
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "cv2" else find(name, *rest),
    )
    assert baselines.telea(hu, mask, mask) is None


@pytest.fixture(scope="module")
def maps(pipe, case) -> dict[str, np.ndarray]:
    return {name: make(pipe, case, 0) for name, make in localisers.LOCALISERS.items()}


def test_maps_stay_in_the_lungs(maps, case):
    lungs = case.anatomy.lungs
    for name, values in maps.items():
        assert values.shape == lungs.shape and np.isfinite(values).all(), name
        assert not values[~lungs].any() and (np.ptp(values[lungs]) > 0 or name == "reading pass"), (
            name
        )
    assert (
        maps["reading pass"].min() >= 0 and maps["reading pass"].max() <= 1
    )  # an untrained one may attend to nothing


@pytest.mark.parametrize("name", ["threshold", "denoising autoencoder"])
def test_anomaly_maps_see_a_dense_lesion(maps, case, name):
    lesion, lungs = case.lesion.mask & case.anatomy.lungs, case.anatomy.lungs
    assert lesion.ravel()[maps[name].argmax()]
    assert maps[name][lesion].mean() > 3 * maps[name][lungs & ~lesion].mean()


def test_maps_without_the_network_are_what_they_say(maps, pipe, case):
    middle = np.argwhere(case.anatomy.lungs).mean(0)
    peak = np.unravel_index(maps["centre"].argmax(), maps["centre"].shape)
    far = np.linalg.norm((np.argwhere(case.anatomy.lungs) - middle) * SPACING, axis=1)
    assert np.linalg.norm((np.array(peak) - middle) * SPACING) == pytest.approx(far.min())
    assert np.array_equal(localisers.chance(pipe, case, 0), maps["random"]) and not np.array_equal(
        localisers.chance(pipe, case, 1), maps["random"]
    )


def test_a_network_deaf_to_text_has_no_text_maps(pipe, case):
    deaf = ablation.without_units(pipe, affine=True, cross=True)
    for make in (localisers.relevance, localisers.error_difference, localisers.gradient):
        assert not make(deaf, case, 0).any()
    with pytest.raises(UnsuitableInputError, match="no cross-attention"):
        localisers.reading(deaf, case, 0)
    with pytest.raises(UnsuitableInputError, match="dual encoder"):
        localisers.dual_heat(CounterfactualPipeline(pipe.model, pipe.encoder), case, 0)


def test_shuffled_weights_change_the_maps_and_not_the_pipeline(pipe, case, maps):
    before = {name: value.clone() for name, value in pipe.model.state_dict().items()}
    other = localisers.randomised(pipe, 1)
    assert all(torch.equal(value, before[name]) for name, value in pipe.model.state_dict().items())
    for name, value in other.model.state_dict().items():
        assert torch.equal(value.flatten().sort().values, before[name].flatten().sort().values)
    lungs = case.anatomy.lungs
    assert localisers.rank_correlation(
        maps["relevance"], maps["relevance"], lungs
    ) == pytest.approx(1)
    assert (
        localisers.rank_correlation(maps["relevance"], localisers.relevance(other, case, 0), lungs)
        < 0.9
    )
    assert np.array_equal(localisers.threshold(other, case, 0), maps["threshold"])
    assert localisers.rank_correlation(np.zeros(lungs.shape), maps["relevance"], lungs) is None


def test_lost_vessels_are_counted_inside_the_lung():
    lungs, hu = np.ones((1, 20, 20), bool), np.full((1, 20, 20), -860.0)
    lungs[:, :, 16:] = False
    hu[0, 10] = 0  # one vessel across, and the wall
    after = hu.copy()
    after[0, 10, 5:] = -860
    mask = np.zeros(lungs.shape, bool)
    mask[0, 8:12] = True
    assert safety.lost_vessels(hu, after, mask, lungs) == (
        12,
        9,
    )  # columns 2 to 13 are two voxels inside
    assert safety.lost_vessels(hu, hu, mask, lungs) == (12, 0)


def test_misplaced_masks_miss_the_lesion(case):
    moved = safety.misplaced(case)
    assert (
        moved is not None
        and not (moved & case.mask).any()
        and not (moved & ~case.anatomy.lungs).any()
    )
    assert moved.sum() > 0.85 * case.mask.sum()
    full = Case("full", "p", case.true, case.scan, case.anatomy, case.lesion, case.anatomy.lungs)
    assert safety.misplaced(full) is None


def test_clean_rows_measure_the_untouched_scan(pipe, case):
    seen = []

    def score(hu, mask, lungs, spacing):
        seen.append(hu)
        return float(hu[mask].mean())

    row = safety.clean_region_row(pipe, case, noises=1, steps=2, score=score)
    made = pipe(
        case.true, removal(case), anatomy=case.anatomy, noises=1, steps=2
    ).counterfactual.array
    assert row["replace_median_dhu"] == pytest.approx(
        float(np.median((made - case.true.array)[case.mask]))
    )
    assert seen[0] is case.true.array and np.array_equal(seen[1], made)
    assert row["probe_after"] == pytest.approx(float(made[case.mask].mean()))
    assert 0 < row["shift_changed"] <= 1 and row["refuses_untaught"] is True
    assert not safety.refuses_untaught("nodule")
    deaf = ablation.without_units(pipe, affine=True, cross=True)
    same = safety.clean_region_row(deaf, case, noises=1, steps=2)
    assert same["shift_changed"] == 0, "a network deaf to text leaves the scan alone"
    # It asks for half a change everywhere; the finder sees nothing where nothing is.
    assert same["abstains_absent"] is True and same["abstains_present"] is False


def test_random_words_keep_the_tokens_and_lose_the_meaning(pipe):
    plain = pipe.encoder
    words = ablation.RandomWords(plain)
    a, b = plain.encode(["No nodule."]), words.encode(["No nodule."])
    assert a.words == b.words and np.array_equal(a.mask, b.mask)
    assert np.allclose(
        np.linalg.norm(a.tokens, axis=2), np.linalg.norm(b.tokens, axis=2), atol=1e-3
    )
    cosine = (a.pooled * b.pooled).sum() / np.linalg.norm(a.pooled) / np.linalg.norm(b.pooled)
    assert abs(cosine) < 0.3
    assert np.array_equal(b.tokens, ablation.RandomWords(plain).encode(["No nodule."]).tokens)
    assert not np.array_equal(
        b.tokens, ablation.RandomWords(plain, 1).encode(["No nodule."]).tokens
    )


def test_every_ablation_takes_something_away(pipe, case):
    settings = [replace(s, steps=2) for s in ablation.SETTINGS if s.group != "steps"]
    rows = ablation.setting_rows(pipe, [case], settings=settings)
    assert [row["name"] for row in rows] == [s.name for s in settings]
    found = {row["name"]: row["mae_hu"] for row in rows}
    shipped = found.pop("replace, one noise")
    assert all(np.isfinite(value) and value != shipped for value in found.values()), (
        f"a setting that changes nothing is no ablation: {found}, {shipped}"
    )


def test_more_noises_are_the_mean_of_the_same_samples(pipe, case):
    rows = ablation.noise_rows(pipe, [case], noises=(1, 3), steps=2)
    hole = Hole.cut(case)
    samples = hole.samples(pipe, removal(case), 0, noises=3, steps=2)
    assert rows[1]["mae_hu"] == pytest.approx(
        ablation.scores(hole.filled(*samples), case)["mae_hu"]
    )
    assert rows[0]["mae_hu"] != rows[1]["mae_hu"]


def test_whole_slices_hold_both_lungs_and_the_same_hole(case):
    whole, region = Hole.cut(case, whole_slice=True), Hole.cut(case).region
    y0, y1, x0, x1 = whole.region.box
    where = np.argwhere(case.anatomy.lungs)
    assert (
        y0 <= where[:, 1].min()
        and where[:, 1].max() < y1
        and x0 <= where[:, 2].min()
        and where[:, 2].max() < x1
    )
    area = [r.mask.sum() * np.prod(r.spacing[1:]) for r in (whole.region, region)]
    assert area[0] == pytest.approx(area[1], rel=0.1)
