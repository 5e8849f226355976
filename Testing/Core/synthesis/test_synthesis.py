"""Synthetic data sets: orders are read strictly, items are marked, checked, repeatable, and a
broken run goes on."""

import json

import numpy as np
import pytest

from DGMVLCCore import cli
from DGMVLCCore.editing.asked import Evidence
from DGMVLCCore.editing.result import CounterfactualResult
from DGMVLCCore.errors import (
    DGMVLCError,
    OutputError,
    UnreadableError,
    UnsuitableInputError,
    UsageError,
)
from DGMVLCCore.imaging.anatomy import Anatomy, segment_anatomy
from DGMVLCCore.imaging.io import load_volume, save_volume
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.results.manifest import sha256_of
from DGMVLCCore.results.records import check_schema
from DGMVLCCore.synthesis import lesions
from DGMVLCCore.synthesis.dataset import compare, synthesize
from DGMVLCCore.synthesis.lesions import draw_region
from DGMVLCCore.synthesis.memorisation import memorisation, nearest
from DGMVLCCore.synthesis.orders import Order, balance, read_orders
from DGMVLCCore.synthesis.whole import make_lungs, write_lungs


class FakePipe:
    """Raises HU inside the mask by a seeded amount; counts its calls."""

    weights_sha256, weights, alignment, one_pass = "w" * 64, "fake", None, False
    sees = True

    def __init__(self, change=400.0):
        self.change, self.calls = change, 0

    def __call__(
        self, volume, plan, *, anatomy, noises, steps, seed, callback=None, should_cancel=None
    ):
        self.calls += 1
        noise = np.random.default_rng(seed).normal(self.change, 20, volume.shape)
        edited = np.rint(np.where(plan.mask, volume.array + noise, volume.array)).astype(np.float32)
        return CounterfactualResult(
            volume,
            volume.with_array(edited),
            edited,
            np.zeros(volume.shape, np.float32),
            plan.mask,
            plan,
        )


def evidence(value):
    """The network's evidence, beside places that ask for little."""
    return Evidence(value, value - 0.05, value + 0.05, 0.0, 0.1, 12)


@pytest.fixture
def seen(monkeypatch):
    """The network's evidence, given by the test: its values, the last one for ever."""
    values = [0.9]
    monkeypatch.setattr(
        lesions,
        "_evidence",
        lambda *_: evidence(values.pop(0) if len(values) > 1 else values[0]),
    )
    return values


@pytest.fixture(scope="module")
def folder(tmp_path_factory, phantom):
    root = tmp_path_factory.mktemp("scans")
    save_volume(phantom, root / "ct.nrrd")
    return root


def test_orders_are_read_and_wrong_ones_named(tmp_path):
    path = tmp_path / "o.csv"
    path.write_text(
        "scan,finding,size_mm,side,zone,count\na.nrrd,spiculated "
        "nodule,12,left,upper,3\nb.nrrd,GGO,,,,\n",
        encoding="utf-8",
    )
    assert read_orders(path) == [
        Order("a.nrrd", "nodule", 12.0, "left", "upper", 3, True),
        Order("b.nrrd", "ground-glass opacity"),
    ]
    (tmp_path / "o.jsonl").write_text(
        '{"scan": "a.nrrd", "finding": "emphysema", "count": 2}\n', encoding="utf-8"
    )
    assert read_orders(tmp_path / "o.jsonl") == [Order("a.nrrd", "emphysema", count=2)]
    for row, word in (
        ("a,nodule,400,,,", "size_mm must be"),
        ("a,nodule,big,,,", "size_mm must be"),
        ("a,nodule,,up,,", "side must be"),
        ("a,nodule,,,,1.5", "whole"),
        ("a,nodule,nan,,,", "size_mm"),
        ("a,nodule,,,,0", "count"),
        ("a,unicorn,,,,", "names no finding"),
        (",nodule,,,,", "lacks its scan"),
    ):
        path.write_text(f"scan,finding,size_mm,side,zone,count\n{row}\n", encoding="utf-8")
        with pytest.raises(UnsuitableInputError, match=word):
            read_orders(path)
    path.write_text("scan,finding,shoe\na,nodule,42\n", encoding="utf-8")
    with pytest.raises(UnsuitableInputError, match="unknown column 'shoe'"):
        read_orders(path)
    with pytest.raises(DGMVLCError):
        read_orders(tmp_path / "none.csv")


def test_balance_adds_what_is_missing_to_clear_scans_only(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("scan,finding\n1,nodule\n2,nodule\n3,emphysema\n4,\n5,\n", encoding="utf-8")
    orders = balance(path, 3)
    assert {o.scan for o in orders} <= {"4", "5"}
    assert {f: sum(o.count for o in orders if o.finding == f) for f in ("nodule", "emphysema")} == {
        "nodule": 1,
        "emphysema": 2,
    }
    with pytest.raises(UsageError, match="1 or more"):
        balance(path, 0)
    path.write_text("scan,finding\n1,nodule\n", encoding="utf-8")
    with pytest.raises(UnsuitableInputError, match="no scan without a finding"):
        balance(path, 3)


def test_regions_lie_in_clear_lung_of_the_side_that_was_ordered(phantom):
    scan, turn = phantom.canonical()
    anatomy = segment_anatomy(phantom).reoriented(turn)
    for seed in range(3):
        region, size = draw_region(
            scan, anatomy, Order("a", "nodule", 14.0, "left"), np.random.default_rng(seed)
        )
        assert (
            size == 14 and anatomy.left[region].all() and (scan.array[region] > -500).mean() < 0.1
        )
        volume = region.sum() * np.prod(scan.spacing)
        assert 0.3 < volume / (np.pi / 6 * 14**3) < 2.5
    narrow = np.where(np.cumsum(anatomy.lungs, axis=2) > 4, 1, anatomy.labels).astype(
        np.uint8
    )  # 10 mm of lung cannot hold 60 mm
    dense = scan.with_array(np.where(anatomy.lungs, -100, scan.array).astype(np.float32))
    for where, labels, size in ((scan, narrow, 60.0), (dense, anatomy.labels, 14.0)):
        with pytest.raises(UnsuitableInputError, match="No clear lung"):
            draw_region(
                where, Anatomy(labels), Order("a", "nodule", size), np.random.default_rng(0)
            )


def test_a_broken_run_goes_on_and_gives_the_same_items(folder, tmp_path, seen):
    orders = [
        Order("ct.nrrd", "nodule", 14.0, "right", count=2),
        Order("ct.nrrd", "nodule", 14.0, "right"),
    ]
    assert synthesize(orders, folder, tmp_path / "whole", FakePipe()) == {
        "made": 3,
        "refused": 0,
        "kept": 0,
    }
    synthesize(orders[:1], folder, tmp_path / "parts", FakePipe())
    again = FakePipe()
    assert (
        synthesize(orders, folder, tmp_path / "parts", again)
        == {"made": 1, "refused": 0, "kept": 2}
        and again.calls == 1
    )
    rows = [
        json.loads(line)
        for line in (tmp_path / "parts" / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    for row in rows:
        check_schema(row, "synthesis.schema.json")
        item, twin = tmp_path / "parts" / row["id"], tmp_path / "whole" / row["id"]
        made, same, scan = (
            load_volume(p) for p in (item / "ct.nrrd", twin / "ct.nrrd", folder / "ct.nrrd")
        )
        assert np.array_equal(made.array, same.array) and made.same_grid(scan)
        assert [sha256_of(tmp_path / "parts" / f["name"]) for f in row["files"]] == [
            f["sha256"] for f in row["files"]
        ]
        lesion = load_labels(item / "lesion.seg.nrrd", made).segments["nodule (synthetic)"]
        assert (made.array - scan.array)[lesion].mean() == pytest.approx(
            row["mean_change_hu"], abs=1e-3
        ) and lesion.sum() == row["lesion_voxels"]
        assert (
            b"DGMVLC_Synthetic" in (item / "ct.nrrd").read_bytes()[:2000]
            and b"never in this patient" in (item / "ct.nrrd").read_bytes()[:2000]
        )
        assert row["source"]["sha256"] == sha256_of(folder / "ct.nrrd")
    assert len({row["id"] for row in rows}) == 3
    with pytest.raises(OutputError, match="another seed"):
        synthesize(orders, folder, tmp_path / "parts", FakePipe(), seed=1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(OutputError, match="other files"):
        synthesize(orders, folder, tmp_path / "mine", FakePipe())
    with pytest.raises(UnreadableError, match=r"none\.nrrd of the order"):
        synthesize([*orders, Order("none.nrrd", "nodule")], folder, tmp_path / "new", FakePipe())
    assert not (tmp_path / "new").exists(), "refused before any work"


def test_what_the_network_does_not_see_is_not_taken(folder, tmp_path, seen):
    seen[:] = [0.3, 0.9]
    order = [Order("ct.nrrd", "nodule", 14.0)]
    synthesize(order, folder, tmp_path / "second", FakePipe())
    row = json.loads((tmp_path / "second" / "manifest.jsonl").read_text(encoding="utf-8"))
    assert row["attempts"] == 2 and row["rejected"] == ["presence"]
    seen[:] = [0.9]
    for change, word in ((-300.0, "direction"), (20.0, "visible")):
        assert synthesize(order, folder, tmp_path / word, FakePipe(change))["refused"] == 1
        row = json.loads((tmp_path / word / "manifest.jsonl").read_text(encoding="utf-8"))
        assert (
            word in row["refused"]
            and row["files"] == []
            and [p.name for p in (tmp_path / word).iterdir()] == ["manifest.jsonl"]
        )


def test_lesions_made_in_one_pass_are_judged_by_the_editor(folder, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        lesions,
        "_evidence",
        lambda pipe, *_: asked.append(pipe) or evidence(0.9),
    )
    fast, judge = FakePipe(), FakePipe()
    fast.one_pass, fast.weights, fast.weights_sha256 = True, "gan", "a" * 64
    synthesize([Order("ct.nrrd", "nodule", 14.0)], folder, tmp_path / "set", fast, judge=judge)
    row = json.loads((tmp_path / "set" / "manifest.jsonl").read_text(encoding="utf-8"))
    check_schema(row, "synthesis.schema.json")
    assert asked == [judge] and judge.calls == 0
    assert (
        row["made_by"] == {"kind": "one pass", "weights": "gan", "sha256": "a" * 64}
        and row["judged_by"]["kind"] == "editor"
    )
    assert row["settings"]["weights_sha256"] == "a" * 64


def test_copies_of_training_patches_are_found():
    rng = np.random.default_rng(0)
    reference = rng.normal(-700, 150, (40, 48, 48)).astype(np.float32)
    copies = np.stack(
        [reference[7, 14:38, 10:34], reference[3, 12:36, ::-1][:, 12:36] + 40]
    )  # moved by 2 mm; mirrored and denser
    best, which = nearest(
        np.concatenate([copies, rng.normal(-700, 150, (5, 24, 24)).astype(np.float32)]), reference
    )
    assert list(which[:2]) == [7, 3] and best[:2].min() > 0.99 and best[2:].max() < 0.5
    facts = memorisation(copies, reference, rng.normal(-700, 150, (30, 48, 48)).astype(np.float32))
    assert (
        facts["synthetic_above_it"] == 1
        and facts["held_out_real"]["highest"] < 0.5
        and facts["training_patches"] == 40
    )


def test_comparison_needs_shards_and_items(folder, tmp_path, seen):
    synthesize([Order("ct.nrrd", "nodule", 14.0)], folder, tmp_path / "set", FakePipe())
    with pytest.raises(UnreadableError, match="no nodule patches"):
        compare(tmp_path / "set", tmp_path)
    np.savez(
        tmp_path / "nodules.npz", hu=np.random.default_rng(0).normal(-700, 200, (6, 3, 48, 48))
    )
    assert (
        compare(tmp_path / "set", tmp_path)["synthetic"]["n"] == 1
        and (tmp_path / "set" / "memorisation.json").is_file()
    )
    with pytest.raises(UnsuitableInputError, match="no synthetic lesion"):
        compare(tmp_path, tmp_path)


def test_lungs_are_made_from_the_mask_alone(phantom, tmp_path):
    anatomy = segment_anatomy(phantom)
    pipe = FakePipe(0.0)
    made, mask = make_lungs(pipe, phantom, anatomy, "emphysema", (4, 6), 0)
    other = phantom.with_array(np.where(anatomy.lungs, -300, phantom.array).astype(np.float32))
    again, _ = make_lungs(pipe, other, anatomy, "emphysema", (4, 6), 0)
    assert np.array_equal(made.array, again.array), "nothing of the patient's lungs gets through"
    assert (
        np.array_equal(made.array[~mask], phantom.array[4:6][~mask])
        and made.affine[2, 3] == phantom.affine[2, 3] + 4 * phantom.spacing[0]
    )
    write_lungs(
        (made, mask),
        tmp_path / "out",
        pipe,
        source={"name": "a", "sha256": "0" * 64},
        sentence="emphysema",
        seed=0,
        slices=(4, 6),
    )
    record = json.loads((tmp_path / "out" / "synthesis.json").read_text(encoding="utf-8"))
    assert record["synthetic"] and record["made_by"] == {
        "kind": "editor",
        "weights": "fake",
        "sha256": "w" * 64,
    }
    assert "agreement" not in record and {p.name for p in (tmp_path / "out").iterdir()} == {
        "ct.nrrd",
        "lesion.seg.nrrd",
        "synthesis.json",
    }
    with pytest.raises(UsageError, match="not within"):
        make_lungs(pipe, phantom, anatomy, "emphysema", (10, 40), 0)
    with pytest.raises(UnsuitableInputError, match="names no finding"):
        make_lungs(pipe, phantom, anatomy, "unicorn", (4, 6), 0)


def test_the_command_says_what_goes_together(tmp_path, capsys):
    table = tmp_path / "c.csv"
    table.write_text("scan,finding\n1,nodule\n", encoding="utf-8")
    out = ["-o", str(tmp_path / "x")]
    for arguments in (
        [],
        ["--classes", str(table)],
        ["--orders", str(table), "--classes", str(table), "--balance", "2"],
        ["--orders", str(table), "--held-out", "x"],
    ):
        assert cli.main(["synthesize", *arguments, *out]) == 2
    assert "Give --orders" in capsys.readouterr().err and not (tmp_path / "x").exists()
