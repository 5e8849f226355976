"""`dgmvlc benchmark` on a phantom with tiny networks: equal training, resuming, tables, sentences
made from ranks, clear refusals."""

import csv
import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from DGMVLCCore.cli import main
from DGMVLCCore.editing.alignment import AlignmentPipeline
from DGMVLCCore.errors import Cancelled, OutputError, UnreadableError, UsageError, WeightsError
from DGMVLCCore.evaluation import cases, trial
from DGMVLCCore.evaluation.benchmark import (
    jobs,
    measuring,
    run,
    scoring,
    seed_unet,
    table,
    variants,
)
from DGMVLCCore.evaluation.benchmark.run import Request, run_benchmark
from DGMVLCCore.evaluation.benchmark.training import Budget
from DGMVLCCore.evaluation.benchmark.verdict import SCORES, good_for
from DGMVLCCore.ground.plain_json import read_json
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.language.encoder import LanguageEncoder
from DGMVLCCore.models.denoiser import Denoiser
from DGMVLCCore.models.dual import EMBEDDING, DualEncoder
from DGMVLCCore.results.records import check_schema

PHANTOM, CALL, SLICES = measuring.phantom, jobs.call, measuring.SLICES
TINY = Budget(steps=2, widths=(16, 16, 16), batch=2)
CHOSEN = ("denoiser-both", "denoiser-neither", "shipped", "two-generations")


class DenseVoxels:
    """Stands in for the trained probe: a lesion is where more than a tenth of the region is denser
    than -600 HU."""

    weights_sha256 = "stand-in"

    def score(self, hu, mask, lungs, spacing):
        return float((hu[mask] > -600).mean() - 0.1)


@pytest.fixture(scope="module")
def shards(tmp_path_factory, make_shards):
    """Training shards of one synthetic patient."""
    return make_shards(tmp_path_factory.mktemp("shards"), phrases=60)


@pytest.fixture(scope="module", autouse=True)
def in_this_process(make_chest, tmp_path_factory):
    """Jobs run here; the sample scan is a phantom, the shipped networks and the probe are small
    stand-ins, an edit takes two steps."""
    torch.manual_seed(0)
    clear, volume = make_chest(), make_chest(nodule=True)
    found = (volume, np.abs(volume.array - clear.array) > 500, segment_anatomy(volume))
    encoder, dual = LanguageEncoder(), DualEncoder(widths=(16, 16, 16))
    shipped = tmp_path_factory.mktemp("shipped") / "weights"
    Denoiser(widths=(16, 16, 16), scan_dim=EMBEDDING).save_pretrained(shipped)
    (shipped / "training.json").write_text('{"steps": 7, "seconds": 8}', encoding="utf-8")
    pipeline = measuring.CounterfactualPipeline
    loaded, called, noise = (
        pipeline.from_pretrained.__func__,
        pipeline.__call__,
        scoring.untouched_rims,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cases, "load_sample", lambda: found)
        small = cases.sample_case("smooth_nodule", 0)
        patch.setattr(
            scoring, "Probe", type("Probe", (), {"from_pretrained": staticmethod(DenseVoxels)})
        )
        patch.setattr(scoring, "untouched_rims", lambda *given: noise(*given, placements=40))
        patch.setattr(
            trial,
            "radiomic_features",
            lambda regions: np.array(
                [[hu[mask].mean(), hu[mask].std()] for hu, mask, _ in regions], np.float32
            ),
        )
        patch.setattr(
            pipeline,
            "from_pretrained",
            classmethod(
                lambda cls, path=None: loaded(
                    cls,
                    path or shipped,
                    encoder=encoder,
                    alignment=AlignmentPipeline(dual, encoder),
                )
            ),
        )
        patch.setattr(
            pipeline,
            "__call__",
            lambda self, *given, **settings: called(self, *given, **{**settings, "steps": 2}),
        )
        patch.setitem(variants.two_generations.__globals__, "SEED_STEPS", 2)
        patch.setattr(
            measuring, "unet_times", lambda calls: {"parameters": 5, "seconds": [2.0] * calls}
        )
        patch.setattr(run, "resource", lambda name: shipped)
        patch.setattr(measuring, "phantom", lambda: small)
        for module in (measuring, table):
            patch.setattr(module, "SLICES", int(small.mask.any((1, 2)).sum()))
        patch.setattr(jobs, "call", jobs.run_job)
        yield


def request(folder, shards, **changes):
    return Request(
        **{
            "out": folder / "out",
            "trained": folder / "trained",
            "budget": TINY,
            "shards": shards,
            "variants": CHOSEN,
            "kinds": ("smooth_nodule", "consolidation"),
            "repeats": 1,
            "calls": 1,
            **changes,
        }
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory, shards):
    """A whole benchmark, trained and scored at different times."""
    folder = tmp_path_factory.mktemp("bench")
    assert run_benchmark(request(folder, shards, only="train")).variants == [
        "denoiser-both",
        "denoiser-neither",
    ]
    assert not (folder / "out").exists()
    run_benchmark(request(folder, None, only="score"))
    return folder


def record_of(folder):
    """benchmark.json, which follows its schema."""
    record = read_json(folder / "out" / "benchmark.json")
    check_schema(record, "benchmark.schema.json")
    return record


def test_it_writes_a_whole_folder(finished):
    record = record_of(finished)
    assert sorted(path.name for path in (finished / "out").iterdir()) == [
        "benchmark.csv",
        "benchmark.json",
        "benchmark.md",
        "benchmark.png",
    ]
    assert (
        record["cases"] == 2
        and record["part"] == "sample"
        and [line["name"] for line in record["lines"]] == list(CHOSEN)
    )
    rows = list(
        csv.DictReader(
            (finished / "out" / "benchmark.csv").read_text(encoding="utf-8").splitlines()
        )
    )
    assert [float(row["mae_hu"]) for row in rows] == [
        line["scores"]["mae_hu"]["value"] for line in record["lines"]
    ]
    text = (finished / "out" / "benchmark.md").read_text(encoding="utf-8")
    assert (
        "Research use only" in text
        and "extrapolated" in text
        and all(line["good_for"] in text for line in record["lines"])
    )


def test_every_line_had_the_same_training_and_its_own_costs(finished):
    lines = {line["name"]: line for line in record_of(finished)["lines"]}
    both, neither, paper = (
        lines[name] for name in ("denoiser-both", "denoiser-neither", "two-generations")
    )
    assert (
        both["training"]["steps"] == neither["training"]["steps"] == 2
        and lines["shipped"]["training"]["steps"] == 7
    )
    assert (
        both["costs"]["parameters"] > neither["costs"]["parameters"]
        and both["costs"]["flops"] > neither["costs"]["flops"]
    )
    assert both["costs"]["passes"] == 3 and paper["costs"]["passes"] == 4, (
        "two steps, the first guided; two steps under either text"
    )
    assert (
        paper["weights_sha256"] == both["weights_sha256"]
        and paper["scores"]["faithful"]["value"] is None
    )
    assert all(
        line["costs"]["peak_mb"] >= line["costs"]["loaded_mb"] > 0 for line in lines.values()
    )
    assert neither["scores"]["faithful"]["value"] == 0, (
        "a network without text cannot take a lesion away and put it there from the same noise"
    )


def test_the_seeds_steps_are_extrapolated_from_timed_calls(finished):
    record = record_of(finished)
    found, line = record["seed_unet"], record["lines"][0]
    assert found["sample_seconds"] == 500 and found["call_seconds"]["n"] == 1
    assert found["faster"][line["name"]] == pytest.approx(
        500 / (table.SLICES * line["costs"]["seconds_a_slice"]["value"]), rel=1e-3
    )


def test_what_is_done_is_not_done_again(finished, shards, monkeypatch, tmp_path):
    def never(*args):
        raise AssertionError("done already")

    monkeypatch.setattr("DGMVLCCore.training.loop.Trainer.run", never)
    two, scored, row = ("denoiser-both", "denoiser-neither"), [], scoring.variant_row
    asked = request(finished, shards, out=tmp_path / "out", variants=two)

    def stop(variant, *given, **how):
        if len(scored) == 3:
            raise Cancelled("Cancelled.")
        scored.append(variant.name)
        return row(variant, *given, **how)

    monkeypatch.setattr(scoring, "variant_row", stop)
    with pytest.raises(Cancelled):
        run_benchmark(asked)
    assert not asked.out.exists()
    with pytest.raises(OutputError, match="--resume"):
        run_benchmark(asked)
    monkeypatch.setattr(
        scoring,
        "variant_row",
        lambda variant, *given, **how: (scored.append(variant.name), row(variant, *given, **how))[
            1
        ],
    )
    again = run_benchmark(replace(asked, resume=True))
    assert sorted(scored) == sorted(2 * two), (
        "three rows before the interruption, the fourth after it"
    )
    before = {line["name"]: line["scores"] for line in record_of(finished)["lines"]}
    assert all(line["scores"] == before[line["name"]] for line in again.lines)


def test_refusals_say_what_to_do(finished, shards, tmp_path, capsys):
    with pytest.raises(UsageError, match="denoiser-affine"):
        run_benchmark(request(tmp_path, shards, variants=("denoser",)))
    with pytest.raises(UsageError, match="choose that as well"):
        run_benchmark(request(tmp_path, shards, variants=("two-generations",)))
    with pytest.raises(UsageError, match="--data"):
        run_benchmark(request(tmp_path, None))
    with pytest.raises(UnreadableError, match="dgmvlc data"):
        run_benchmark(request(tmp_path, tmp_path / "nothing"))
    with pytest.raises(UsageError, match="no finished run of denoiser-both, denoiser-neither"):
        run_benchmark(request(tmp_path, shards, only="score"))
    with pytest.raises(UsageError, match="other batch"):
        run_benchmark(
            request(
                finished,
                shards,
                budget=Budget(steps=2, widths=(16, 16, 16), batch=3),
                overwrite=True,
            )
        )
    assert (
        main(["benchmark", "-o", str(tmp_path / "x"), "--data", str(tmp_path / "none")]) == 2
        and "no folder" in capsys.readouterr().err
    )
    assert main(["benchmark", "-o", str(tmp_path / "x"), "--minutes", "0"]) == 2


def test_a_variant_without_a_task_is_left_out_with_a_line(monkeypatch):
    monkeypatch.setattr(variants, "TASKS", {"denoiser": ("", "")})
    kept, lines = variants.choose(None)
    assert "volume-both" not in [variant.name for variant in kept] and any(
        "3D denoiser" in line and "left out" in line for line in lines
    )
    with pytest.raises(UsageError, match="None of the chosen"):
        variants.choose(("gan-both",))


def line(name, mae, ci95, trained=True, seconds=1.0, ranked=True):
    scores = {key: {"value": None, "n": 0} for key in SCORES} | {
        "mae_hu": {"value": mae, "n": 4, "ci95": ci95}
    }
    return {
        "title": name,
        "trained_here": trained,
        "scores": scores,
        "costs": {"seconds_a_slice": {"value": seconds}, "parameters": 5, "flops": 1},
        "ranked": ranked,
        "why": "" if ranked else "leaves the lesion in place",
    }


def test_sentences_follow_the_ranks():
    good, slow, bad = (
        line("a", 10.0, [9, 11]),
        line("b", 20.0, [15, 25], seconds=3.0),
        line("c", 22.0, [18, 30], ranked=False),
    )
    lines = [good, slow, bad, line("shipped", 5.0, None, trained=False, seconds=2.0)]
    assert good_for(good, lines) == "Of 3 at equal training: first in MAE, HU*."
    assert good_for(slow, lines) == "Of 3 at equal training: last in seconds a slice."
    assert good_for(bad, lines).endswith(
        "last in MAE, HU. Not ranked as a removal: leaves the lesion in place."
    )
    assert good_for(lines[3], lines).startswith(
        "Not trained at equal minutes; beside the 3 that were: first in MAE, HU"
    )


def test_the_phantom_is_cut_as_it_says(monkeypatch):
    from DGMVLCCore.evaluation.hole import Hole

    monkeypatch.setattr(measuring, "SLICES", SLICES)
    region = Hole.cut(PHANTOM()).region
    assert (
        region.native
        and region.hu.shape[1:] == (128, 128)
        and region.mask.any((1, 2)).sum() == SLICES
    )
    assert seed_unet.VOXELS == SLICES * 128 * 128


def test_flops_are_counted_on_a_network_of_known_cost():
    class Known(torch.nn.Conv2d):
        config = {"text_dim": 4, "scan_dim": 0}

        def forward(self, x, t, cond):
            return super().forward(x)

    assert measuring.flops(Known(1, 2, 3, padding=1)) == 2 * 9 * 2 * 128 * 128


def test_the_unet_is_of_the_stated_size(monkeypatch):
    monkeypatch.setattr(seed_unet, "BASE", 32)
    monkeypatch.setattr(seed_unet, "PATCH", (8, 8, 8))
    found = seed_unet.unet_times(2)
    assert len(found["seconds"]) == 2 and min(found["seconds"]) > 0 and found["parameters"] > 1e6


def test_a_new_process_answers_and_its_refusals_come_back(tmp_path):
    with pytest.raises(WeightsError, match="no weights"):
        CALL("measure", {"variant": "shipped", "weights": str(tmp_path)})


def test_the_gap_between_scanners_is_other_minus_own():
    spec = importlib.util.spec_from_file_location(
        "scanner_gap", Path(__file__).parents[2] / "Benchmarks" / "scanner_gap.py"
    )
    gap = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(gap)
    cells = {
        (a, b): [
            {"patient": p, "mae_hu": 10.0 + 5 * (a != b) + p, "texture_error": 0.1} for p in (0, 1)
        ]
        for a in gap.COLLECTIONS
        for b in gap.COLLECTIONS
    }
    found = gap.gap_table(cells)
    assert (
        found["table"]["LCTSC"]["COVID-CT-MD"]["mae_hu"]["value"] == 15.5
        and found["table"]["LCTSC"]["LCTSC"]["mae_hu"]["n"] == 2
    )
    assert found["gap"] == {name: {"mae_hu": 5.0, "texture_error": 0.0} for name in gap.COLLECTIONS}
