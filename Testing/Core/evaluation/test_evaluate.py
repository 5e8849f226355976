"""`dgmvlc evaluate` on phantoms: truth scores as truth, a lesion left in place is not ranked, runs
repeat and resume, broken submissions are refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from card import BEGIN, END, update_card
from DGMVLCCore.cli import main
from DGMVLCCore.editing.alignment import AlignmentPipeline
from DGMVLCCore.editing.asked import Evidence
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.errors import (
    Cancelled,
    DGMVLCError,
    OutputError,
    UnreadableError,
    UnsuitableInputError,
    UsageError,
)
from DGMVLCCore.evaluation import cases, real, run, safety, trial
from DGMVLCCore.evaluation.profile import PROFILES
from DGMVLCCore.evaluation.records import Records
from DGMVLCCore.evaluation.run import Request, export, run_evaluation
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.language.encoder import LanguageEncoder
from DGMVLCCore.models.dual import DualEncoder
from DGMVLCCore.models.editor import Editor

TINY = replace(
    PROFILES["quick"],
    kinds=("smooth_nodule", "consolidation"),
    noises=2,
    steps=2,
    methods=("mean lung", "smooth fill", "SDEdit 0.3"),
    localisers=("reading pass", "centre"),
    ablation_groups=("mode",),
)

HEADLINE = (
    "composition_max_hu",
    "identity_max_hu",
    "mae_hu",
    "mae_hu_single",
    "mae_hu_best_classical",
    "mae_hu_best_generative",
    "texture_error",
    "texture_error_best_baseline",
    "frd",
    "frd_best_baseline",
    "rim_within_range",
    "flip_rate",
    "clean_probe_fp",
    "clean_median_dhu",
    "pointing_game",
    "attention_cnr",
    "attention_iou",
    "reader_auc_gain_subtle",
)


class DenseVoxels:
    """Stands in for the trained probe: a lesion is where more than a tenth of the region is denser
    than -600 HU."""

    weights_sha256 = "stand-in"

    def score(self, hu, mask, lungs, spacing):
        return float((hu[mask] > -600).mean() - 0.1)


def untrained() -> CounterfactualPipeline:
    """Small networks with random weights: what is tested here holds for any weights."""
    torch.manual_seed(0)
    model, dual = (
        Editor(widths=(16, 16, 16)),
        DualEncoder(widths=(16, 16, 16)),
    )
    for parameter in model.parameters():  # zero-initialised heads would hide differences
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    encoder = LanguageEncoder()
    return CounterfactualPipeline(
        model, encoder, "untrained", "untrained", AlignmentPipeline(dual, encoder)
    )


@pytest.fixture(scope="module", autouse=True)
def phantom_sample(make_chest):
    """The sample scan is a phantom here, the networks are untrained, and stand-ins replace the
    probe and radiomics, which take a second a region."""
    clear, volume = make_chest(), make_chest(nodule=True)
    found, pipe = (
        (volume, np.abs(volume.array - clear.array) > 500, segment_anatomy(volume)),
        untrained(),
    )
    with pytest.MonkeyPatch.context() as patch:
        for module in (cases, real):
            patch.setattr(module, "load_sample", lambda: found)
        patch.setattr(run.Probe, "from_pretrained", classmethod(lambda cls: DenseVoxels()))
        patch.setattr(
            trial,
            "radiomic_features",
            lambda regions: np.array(
                [[hu[mask].mean(), hu[mask].std()] for hu, mask, _ in regions], np.float32
            ),
        )
        patch.setattr(
            run.CounterfactualPipeline, "from_pretrained", classmethod(lambda cls, path: pipe)
        )
        yield


@pytest.fixture(scope="module")
def given(tmp_path_factory, phantom_sample):
    """Exported cases with their truth."""
    folder = tmp_path_factory.mktemp("given") / "cases"
    assert export(Request(folder, TINY), with_truth=True).cases == 2
    return folder


@pytest.fixture(scope="module")
def perfect(tmp_path_factory, given):
    """Report of a submission that is the truth."""
    out = tmp_path_factory.mktemp("perfect") / "out"
    return out, json.loads(
        run_evaluation(Request(out, TINY, submission=given / "truth")).read_text(encoding="utf-8")
    )


def test_cases_go_out_whole(given, tmp_path):
    about = json.loads((given / "cases.json").read_text(encoding="utf-8"))
    assert [entry["name"] for entry in about["cases"]] == [
        "sample-smooth_nodule-0",
        "sample-consolidation-0",
    ] and "Research use only" in about["notice"]
    scan, true, mask = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(given / part / "sample-smooth_nodule-0.nrrd")))
        for part in ("scans", "truth", "masks")
    )
    assert (scan != true).any() and np.array_equal(scan[mask == 0], true[mask == 0])
    export(Request(tmp_path / "blind", replace(TINY, kinds=("smooth_nodule",))), with_truth=False)
    assert (
        not (tmp_path / "blind" / "truth").exists()
        and not (tmp_path / "blind" / "lesions").exists()
    )


def test_the_truth_scores_as_the_truth(perfect):
    _, report = perfect
    heads, entry = report["headline"], report["tables"]["methods"]["submission"]
    assert set(heads) == set(HEADLINE)
    assert (
        heads["mae_hu_single"]["value"]
        == heads["identity_max_hu"]["value"]
        == heads["texture_error"]["value"]
        == 0
    )
    assert (
        heads["flip_rate"]["value"] == 1
        and entry["ranked"]
        and entry["ssim"]["value"] == 1
        and heads["mae_hu_single"]["n"] == 2
    )
    assert (
        heads["composition_max_hu"]["value"] is None
        and "submission" in heads["composition_max_hu"]["note"]
    )
    assert (
        heads["mae_hu_best_classical"]["value"] > 0
        and report["exploratory"]
        and report["patients"] == 1
    )
    assert (
        entry["ms_ssim"]["value"] == 1
        and entry["fid"]["value"] == 0 < report["tables"]["methods"]["smooth fill"]["fid"]["value"]
    )
    assert "fid_inception" not in entry


def test_a_users_inception_network_adds_its_distance(given, tmp_path, monkeypatch):
    class Means:
        def __call__(self, pictures):
            return pictures.mean((2, 3))

    monkeypatch.setattr(
        run.Inception, "from_file", classmethod(lambda cls, path: cls(Means(), path.name))
    )
    out = tmp_path / "out"
    report = json.loads(
        run_evaluation(
            Request(out, TINY, submission=given / "truth", inception=Path("own.safetensors"))
        ).read_text(encoding="utf-8")
    )
    table = report["tables"]["methods"]
    assert (
        report["inception"] == "own.safetensors"
        and table["submission"]["fid_inception"]["value"] == 0
    )
    assert table["lesion left in place"]["fid_inception"]["value"] > 0 and "FID, Inception" in (
        out / "report.md"
    ).read_text(encoding="utf-8")


def test_the_report_is_for_readers(perfect):
    out, _ = perfect
    text = (out / "report.md").read_text(encoding="utf-8")
    assert (
        "Research use only" in text
        and "does not show how good the model is" in text
        and "lesion left in place" in text
    )
    assert sorted(path.name for path in out.iterdir()) == [
        "best-median-worst.png",
        "methods.png",
        "report.json",
        "report.md",
        "rows.jsonl",
        "timings.json",
    ]


def test_a_lesion_left_in_place_is_shown_but_not_ranked(given, tmp_path):
    report = json.loads(
        run_evaluation(Request(tmp_path / "out", TINY, submission=given / "scans")).read_text(
            encoding="utf-8"
        )
    )
    entry = report["tables"]["methods"]["submission"]
    assert not entry["ranked"] and "in place" in entry["why"] and entry["mae_hu"]["value"] > 0
    assert report["tables"]["methods"]["smooth fill"][
        "ranked"
    ] and "no: leaves the lesion in place" in (tmp_path / "out" / "report.md").read_text(
        encoding="utf-8"
    )


def test_an_interrupted_run_goes_on_and_repeats(tmp_path):
    """An interrupted and resumed run writes the same bytes as one that was not interrupted."""
    light = replace(TINY, kinds=("smooth_nodule",), clean=0, sanity=0, ablations=0, tumours=False)

    def stop(stage, share):
        if stage == "cases":
            raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        run_evaluation(Request(tmp_path / "b", light), stop)
    with pytest.raises(OutputError, match="--resume"):
        run_evaluation(Request(tmp_path / "b", light))
    with pytest.raises(UsageError, match="profile"):
        run_evaluation(Request(tmp_path / "b", replace(light, steps=3), resume=True))
    first, second = (
        run_evaluation(Request(tmp_path / "a", light)),
        run_evaluation(Request(tmp_path / "b", light, resume=True)),
    )
    for name in ("report.json", "report.md", "rows.jsonl", "best-median-worst.png", "methods.png"):
        assert (first.parent / name).read_bytes() == (second.parent / name).read_bytes(), name
    heads = json.loads(first.read_text(encoding="utf-8"))["headline"]
    assert heads["composition_max_hu"]["value"] == 0 and heads["identity_max_hu"]["value"] == 0
    assert (
        heads["mae_hu"]["value"] > 0
        and heads["mae_hu"]["ci95"] is None
        and heads["clean_median_dhu"]["n"] == 1
    )
    assert all(entry["value"] is not None or entry.get("note") for entry in heads.values())


def test_every_stage_gives_its_table(tmp_path, monkeypatch):
    monkeypatch.setattr(
        safety,
        "change_evidence",
        lambda *args, **settings: Evidence(0.1, 0.0, 0.2, None, None, 0),
    )
    profile = replace(TINY, kinds=("smooth_nodule",))
    report = json.loads(
        run_evaluation(Request(tmp_path / "out", profile)).read_text(encoding="utf-8")
    )
    tables = report["tables"]
    assert (
        set(tables["localisation"]["all"]) == {"reading pass", "centre"}
        and tables["real"]
        and tables["randomised"]
        and tables["ablations"]
    )
    assert (
        tables["safety"]["shift: share of the mask changed by more than 20 HU"]["n"] == 1
        and (tmp_path / "out" / "real-lesions.png").exists()
    )


def _missing(folder):
    (folder / "sample-consolidation-0.nrrd").unlink()


def _misaligned(folder):
    image = sitk.ReadImage(str(folder / "sample-consolidation-0.nrrd"))
    image.SetOrigin([value + 7 for value in image.GetOrigin()])
    sitk.WriteImage(image, str(folder / "sample-consolidation-0.nrrd"))


def _not_finite(folder):
    image = sitk.Cast(sitk.ReadImage(str(folder / "sample-smooth_nodule-0.nrrd")), sitk.sitkFloat32)
    image[5, 5, 1] = float("nan")
    sitk.WriteImage(image, str(folder / "sample-smooth_nodule-0.nrrd"))


def _twice(folder):
    shutil.copy(folder / "sample-smooth_nodule-0.nrrd", folder / "sample-smooth_nodule-0.mha")


def _not_hu(folder):
    image = sitk.ReadImage(str(folder / "sample-smooth_nodule-0.nrrd"))
    sitk.WriteImage(
        sitk.Cast(image, sitk.sitkFloat32) / 3000 + 0.5, str(folder / "sample-smooth_nodule-0.nrrd")
    )


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (_missing, UnreadableError, "lacks 1 of 2 cases"),
        (_misaligned, UnsuitableInputError, "another grid"),
        (_not_finite, UnsuitableInputError, "NaN"),
        (_twice, UnsuitableInputError, "keep one"),
        (_not_hu, UnsuitableInputError, "HU"),
    ],
)
def test_broken_submissions_are_refused(given, tmp_path, spoil, error, words):
    folder = tmp_path / "submission"
    shutil.copytree(given / "truth", folder)
    spoil(folder)
    with pytest.raises(error, match=words):
        run_evaluation(Request(tmp_path / "out", TINY, submission=folder))
    assert not (tmp_path / "out").exists()


def test_outputs_are_not_replaced_by_chance(perfect, tmp_path):
    out, _ = perfect
    with pytest.raises(OutputError, match="exists already"):
        run_evaluation(Request(out, TINY))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(OutputError, match="no result of this program"):
        run_evaluation(Request(tmp_path / "mine", TINY, overwrite=True))
    with pytest.raises(UnreadableError, match="is no folder"):
        run_evaluation(Request(tmp_path / "new", TINY, submission=tmp_path / "nowhere"))


def test_rows_survive_a_cut_off_line(tmp_path):
    records = Records(tmp_path, {"seed": 0}, resume=False)
    records.add("case", "a", {"value": 1.0})
    with (tmp_path / "rows.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"stage": "case", "key": "b", "ro')
    again = Records(tmp_path, {"seed": 0}, resume=True)
    assert again.has("case", "a") and not again.has("case", "b")
    again.add("case", "b", {"value": 2.0})
    assert len(Records(tmp_path, {"seed": 0}, resume=True).of("case")) == 2
    with pytest.raises(UsageError, match="seed"):
        Records(tmp_path, {"seed": 1}, resume=True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--profile", "full"], "--data"),
        (["--profile", "quick", "--with-truth"], "--export-cases"),
        (["--profile", "quick", "--part", "val"], "--data"),
        (["--profile", "quick", "--export-cases", "--resume"], "only writes cases"),
        (["--profile", "quick", "--seed", "-1"], "--seed"),
        (["--profile", "quick", "--resume", "--overwrite"], "one of them"),
    ],
)
def test_options_that_do_not_go_together(options, words, tmp_path, capsys):
    assert main(["evaluate", *options, "-o", str(tmp_path / "out")]) == 2
    assert words in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_the_card_takes_full_reports_only(perfect, tmp_path):
    out, report = perfect
    card, full = tmp_path / "README.md", tmp_path / "report.json"
    card.write_text(f"# card\n{BEGIN}\nold\n{END}\nrest\n", encoding="utf-8")
    with pytest.raises(UnsuitableInputError, match="quick profile"):
        update_card(out / "report.json", card)
    full.write_text(
        json.dumps({**report, "profile": {**report["profile"], "name": "full", "note": ""}}),
        encoding="utf-8",
    )
    update_card(full, card)
    text = card.read_text(encoding="utf-8")
    assert (
        text.startswith("# card\n")
        and text.endswith("rest\n")
        and "old" not in text
        and "`mae_hu_single`" in text
    )
    card.write_text("# no marks\n", encoding="utf-8")
    with pytest.raises(DGMVLCError, match="marks"):
        update_card(full, card)
