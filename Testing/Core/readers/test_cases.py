"""Cases: what is asked for is what is made, the key is true, nothing gives it away, and bad wishes
get a sentence."""

import collections
import json

import numpy as np
import pytest
import SimpleITK as sitk

from DGMVLCCore import cli
from DGMVLCCore.errors import OutputError, UnreadableError, UnsuitableInputError, UsageError
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.readers.build import Order, build_cases
from DGMVLCCore.readers.cases import CaseSet
from DGMVLCCore.readers.design import Wish, plan_cases
from DGMVLCCore.readers.query import parse_query
from DGMVLCCore.readers.source import clear_scan
from DGMVLCCore.simulation.phrases import TERMS

PLACES = [(side, zone) for side in ("left", "right") for zone in ("upper", "middle", "lower")]


def test_a_balanced_plan_has_every_level_equally_often_to_within_one():
    specs = plan_cases(Wish(), 50, PLACES, seed=3, balanced=True, clear=5)
    present = [s for s in specs if s.term]
    assert len(present) == 50 and sum(s.term is None for s in specs) == 5
    for of in (lambda s: s.term, lambda s: s.size, lambda s: s.zone and (s.side, s.zone)):
        counts = collections.Counter(filter(None, map(of, present))).values()
        assert max(counts) - min(counts) <= 1
    assert {s.term for s in present} == set(TERMS) and specs == plan_cases(
        Wish(), 50, PLACES, seed=3, balanced=True, clear=5
    )
    assert specs != plan_cases(Wish(), 50, PLACES, seed=4, balanced=True, clear=5)


def test_the_key_is_the_truth(balanced, chest_file):
    cases, scan = CaseSet.read(balanced), load_volume(chest_file)
    keys = cases.keys()
    assert sorted(k.term for k in keys.values() if k.term) == sorted(TERMS)
    for name, key in keys.items():
        case, before = cases.volume(name), load_volume(cases.key_path(name, "before"))
        change, mask, anatomy = case.array - before.array, cases.mask(name), cases.anatomy(name)
        assert case.same_grid(before)
        low = round((case.affine[2, 3] - scan.affine[2, 3]) / scan.spacing[0])
        assert np.array_equal(before.array, scan.array[low : low + len(before.array)]), (
            "the voxels before are the scan's own, at their own place"
        )
        if key.term is None:
            assert not change.any() and not mask.any() and key.asked in TERMS
            continue
        assert (np.abs(change[mask]) > 20).mean() > 0.2 and np.abs(
            change[~mask]
        ).sum() < 0.35 * np.abs(change).sum()
        assert (change[mask].mean() < 0) == (key.term == "emphysema")
        assert key.mean_change_hu == pytest.approx(change[mask].mean(), abs=0.06)
        side = "left" if anatomy.left[mask].sum() > anatomy.right[mask].sum() else "right"
        assert key.side == side and key.sentence.lower().count(key.term) == 1
        centre = (np.linalg.inv(case.affine) @ [*key.centre_mm, 1])[:3][::-1]
        assert np.allclose(centre, np.argwhere(mask).mean(0), atol=0.1)


def test_nothing_that_a_reader_opens_tells_the_answer(balanced):
    cases = CaseSet.read(balanced)
    text = (balanced / "cases.json").read_text(encoding="utf-8")
    record = json.loads(text)
    assert (
        set(record["cases"][0]) == {"id", "file", "sha256"}
        and record["seed"] is None
        and record["synthetic"] is True
    )
    headers = set()
    for name in cases.ids:
        image = sitk.ReadImage(str(cases.path(name)))
        headers.add(
            tuple(
                (k, image.GetMetaData(k)) for k in image.GetMetaDataKeys() if k.startswith("DGMVLC")
            )
            + (image.GetPixelIDTypeAsString(),)
        )
    assert (
        len(headers) == 1
        and "may have been put in" in str(headers)
        and "not a medical device" in str(headers)
    )


def test_the_same_seed_makes_the_same_set_and_a_changed_key_is_noticed(
    balanced, chest_file, tmp_path
):
    again = tmp_path / "again"
    order = Order(Wish(), 8, clear=2, seed=1, balanced=True, scans=((chest_file, None),))
    build_cases(order, again)
    assert (again / "keys" / "keys.json").read_text(encoding="utf-8") == (
        balanced / "keys" / "keys.json"
    ).read_text(encoding="utf-8")
    assert [c.sha256 for c in CaseSet.read(again).record.cases] == [
        c.sha256 for c in CaseSet.read(balanced).record.cases
    ]
    with pytest.raises(OutputError, match="exists already"):
        build_cases(order, again)
    key = again / "keys" / "keys.json"
    key.write_text(key.read_text(encoding="utf-8").replace('"left"', '"right"'), encoding="utf-8")
    with pytest.raises(UnreadableError, match="was changed"):
        CaseSet.read(again).keys()
    key.unlink()
    with pytest.raises(UnreadableError, match="is missing"):
        CaseSet.read(again).keys()
    (again / "case-002.nrrd").unlink()
    with pytest.raises(UnreadableError, match=r"lacks case-002\.nrrd"):
        CaseSet.read(again)


def test_both_lower_zones(chest_file, tmp_path):
    wish, number = parse_query("Show me two cases of reticulation in both lower zones.")
    build_cases(Order(wish, number, scans=((chest_file, None),)), tmp_path / "set")
    cases = CaseSet.read(tmp_path / "set")
    for name in cases.ids:
        mask, anatomy = cases.mask(name), cases.anatomy(name)
        assert (
            mask[:, :, :64].any()
            and mask[:, :, 64:].any()
            and (anatomy.left & mask).sum() > 20
            and (anatomy.right & mask).sum() > 20
        )
        assert (
            cases.keys()[name].zone == "lower"
            and "in both lungs, lower zone" in cases.keys()[name].sentence
        )


def test_disease_that_is_known_is_cut_away(make_chest):
    scan = make_chest(nodule=True)
    avoid = np.zeros(scan.shape, bool)
    avoid[:, 40:70, 80:105] = True
    found = clear_scan(scan, "x", segment_anatomy(scan), avoid)
    assert {side for side, _ in found.places} == {"right"} and found.volume.array.max() < 400
    corner = (np.linalg.inv(scan.affine) @ found.volume.affine @ [0, 0, 0, 1])[:3]
    x = round(corner[0])
    width = found.volume.shape[2]
    assert (
        np.array_equal(found.volume.array, scan.array[:, :, x : x + width])
        and not avoid[:, :, x : x + width].any()
    )
    with pytest.raises(UnsuitableInputError, match="no clear lung is left"):
        clear_scan(scan, "x", segment_anatomy(scan), np.ones(scan.shape, bool))


@pytest.mark.parametrize(
    ("wish", "kind", "words"),
    [
        (Wish(("pneumothorax",)), UsageError, "no finding 'pneumothorax'"),
        (Wish(sizes=("huge",)), UsageError, "no size 'huge'"),
        (Wish(("nodule",), size_mm=90), UnsuitableInputError, "4 to 35 mm"),
        (
            Wish(("consolidation",), subtleties=("subtle",)),
            UnsuitableInputError,
            "cannot be made subtle",
        ),
        (Wish(("emphysema",), spiculated=True), UsageError, "Only nodules"),
        (Wish(side="bilateral"), UnsuitableInputError, "the scans offer: left lower zone"),
        (Wish(zone="apex"), UsageError, "no zone 'apex'"),
        (Wish(("pleural effusion",), zone="lower"), UnsuitableInputError, "has no zone"),
    ],
)
def test_wishes_that_no_case_can_show(wish, kind, words):
    with pytest.raises(kind, match=words):
        plan_cases(wish, 2, PLACES)
    with pytest.raises(UsageError, match="1 to 500"):
        plan_cases(Wish(), 501, PLACES)


def test_a_query_is_understood_or_refused():
    wish, number = parse_query(
        "please show me three subtle ground-glass opacities in the right upper lobe"
    )
    assert (wish.findings, wish.subtleties, wish.side, wish.zone, number) == (
        ("ground-glass opacity",),
        ("subtle",),
        "right",
        "upper",
        3,
    )
    wish, number = parse_query("12 mm spiculated nodule")
    assert (wish.size_mm, wish.spiculated, number) == (12.0, True, None)
    assert parse_query("a large pleural effusion on the left")[0].sizes == ("large",)
    for text, words in (
        ("", "is empty"),
        ("no nodule", "without nodule"),
        ("nodule and effusion", "several findings"),
        ("cats", "names no finding"),
        ("pneumothorax", "No cases of “pneumothorax”"),
        ("90 mm nodule", "4 to 35 mm"),
        ("Rundherd im Oberlappen rechts", "English|no finding"),
    ):
        with pytest.raises(UnsuitableInputError, match=words):
            parse_query(text)


def test_the_command(capsys, chest_file, tmp_path):
    arguments = [
        "cases",
        "--from",
        str(chest_file),
        "--finding",
        "nodule",
        "--size",
        "20mm",
        "--number",
        "1",
        "--json",
    ]
    assert cli.main([*arguments, "-o", str(tmp_path / "set")]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (
        answer["cases"] == 1
        and answer["understood"] == "20 mm nodule"
        and "synthetic" in answer["notes"][0]
    )
    for extra, code in (
        (["--query", "nodule"], 2),
        (["--size", "small"], 2),
        (["--seed", "-1"], 2),
        (["--avoid", "a", "--avoid", "b"], 2),
        ([], 6),
    ):
        assert (
            cli.main([*arguments, "-o", str(tmp_path / ("set" if not extra else "other")), *extra])
            == code
        )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x", encoding="utf-8")
    assert cli.main([*arguments, "-o", str(tmp_path / "mine"), "--overwrite"]) == 6, (
        "a folder of somebody else is never overwritten"
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine", "set"], (
        "nothing half-written stays"
    )
