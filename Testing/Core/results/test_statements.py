"""The sentences on a result: each number in them can be computed again from the files, and a wrong
one is noticed."""

import json
import re
import shutil

import numpy as np
import pytest
import SimpleITK as sitk

from DGMVLCCore import cli
from DGMVLCCore.errors import UnreadableError
from DGMVLCCore.imaging.zones import Location
from DGMVLCCore.report.statements import check_result, make_statements
from DGMVLCCore.results.manifest import read_manifest
from DGMVLCCore.results.records import builtins_of
from DGMVLCCore.stats import t_interval


@pytest.fixture(scope="module")
def manifest(made):
    return builtins_of(read_manifest(made[1] / "result.json"))


def numerals(text):
    """All numbers of a sentence, those in quoted words left out, and “95 % interval”, which is a
    name."""
    return re.findall(r"[+-]?\d+(?:\.\d+)?", re.sub(r"“[^”]*”|95 % interval", "", text))


def test_every_numeral_is_a_number_with_a_source(manifest):
    assert 2 <= len(manifest["statements"]) <= 3
    for statement in manifest["statements"]:
        assert numerals(statement["text"]) and sorted(numerals(statement["text"])) == sorted(
            n["said"] for n in statement["numbers"]
        )
        for number in statement["numbers"]:
            digits = len(number["said"].partition(".")[2])
            assert float(number["said"]) == pytest.approx(number["value"], abs=0.51 * 10**-digits)


def test_a_reader_gets_the_same_numbers_from_the_volumes(made, manifest):
    """Computed here with nothing but SimpleITK and numpy."""
    folder = made[1]
    read = {
        name: sitk.GetArrayFromImage(sitk.ReadImage(str(folder / name))).astype(float)
        for name in (
            "original.nrrd",
            "counterfactual.nrrd",
            "difference.nrrd",
            "uncertainty.nrrd",
            "edit-mask.seg.nrrd",
        )
    }
    inside = read["edit-mask.seg.nrrd"] > 0
    spacing = sitk.ReadImage(str(folder / "original.nrrd")).GetSpacing()
    rows, columns = np.nonzero(inside.any(0))
    samples = np.array(manifest["settings"]["sample_change_hu"])
    half = 4.302653 * samples.std(ddof=1) / np.sqrt(3)  # Student's t, 2 degrees of freedom
    wanted = {
        "volume": inside.sum() * np.prod(spacing) / 1000,
        "axial diameter": max((np.ptp(rows) + 1) * spacing[1], (np.ptp(columns) + 1) * spacing[0]),
        **{f"mean of {name}": values[inside].mean() for name, values in read.items()},
        "median of difference.nrrd": np.median(read["difference.nrrd"][inside]),
        "largest absolute value outside the region of difference.nrrd": np.abs(
            read["difference.nrrd"][~inside]
        ).max(),
        "95 % t interval, lower end, of /settings/sample_change_hu": samples.mean() - half,
        "95 % t interval, upper end, of /settings/sample_change_hu": samples.mean() + half,
        "mean of /settings/sample_change_hu": samples.mean(),
        "/settings/noises": 3,
        "rank of nodule in /agreement/ranked": 2,
        "/agreement/ranked/1/1": 0.41,
        **{
            f"100 x /settings/evidence/{key}": 100 * manifest["settings"]["evidence"][key]
            for key in ("value", "low", "high")
        },
    }
    numbers = [n for s in manifest["statements"] for n in s["numbers"]]
    assert len(numbers) == 17
    for number in numbers:
        assert number["value"] == pytest.approx(wanted[number["from"]], abs=2e-3), number
        if number["region"]:
            assert number["region"] == {
                "file": "edit-mask.seg.nrrd",
                "segment": "edit mask",
                "voxels": int(inside.sum()),
            }
        else:
            assert "/" in number["from"]


def test_check_agrees_and_notices_what_does_not_follow(made, tmp_path, capsys):
    assert (
        all(row.agrees for row in check_result(made[1]))
        and cli.main(["check", str(made[1]), "-q"]) == 0
    )
    shutil.copytree(made[1], tmp_path / "result")
    path = tmp_path / "result" / "result.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    record["statements"][1]["numbers"][0]["value"] -= 3
    path.write_text(json.dumps(record), encoding="utf-8")
    assert cli.main(["check", str(tmp_path / "result")]) == 3
    assert "1 of 17 numbers do not follow" in capsys.readouterr().err
    record["statements"][1]["numbers"][0]["from"] = "kurtosis of difference.nrrd"
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(UnreadableError, match="cannot compute"):
        check_result(tmp_path / "result")
    record["statements"][1]["numbers"][0]["from"] = "/settings/none"
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(UnreadableError, match="nothing at /settings/none"):
        check_result(tmp_path / "result")


def test_results_of_the_first_schema_are_still_read(manifest, tmp_path):
    old = {key: value for key, value in manifest.items() if key != "statements"} | {
        "schema_version": "1.0"
    }
    (tmp_path / "result.json").write_text(json.dumps(old), encoding="utf-8")
    assert read_manifest(tmp_path / "result.json").schema_version == "1.0"
    (tmp_path / "result.json").write_text(
        json.dumps(old | {"schema_version": "1.1"}), encoding="utf-8"
    )
    with pytest.raises(UnreadableError, match="statements"):
        read_manifest(tmp_path / "result.json")


def test_nothing_is_said_that_was_not_measured(made):
    import copy

    result = copy.copy(made[3])
    result.settings, result.agreement = {"seed": 0, "noises": 1}, None
    place = Location("left", None, (0.0, 0.0, 0.0), 1.25, 10.0)
    said = [s.text for s in make_statements(result, place)]
    assert (
        len(said) == 2
        and "the left lung" in said[0]
        and "zone" not in said[0]
        and "interval" not in said[1]
        and "samples" not in said[1]
    )
    result.counterfactual = result.original
    only = make_statements(result, place)
    assert (
        len(only) == 1
        and only[0].text.startswith("No voxel changed")
        and only[0].numbers[0].value == 0
    )


def test_the_interval_is_students():
    low, high = t_interval([1.0, 2.0, 3.0])
    assert (low, high) == pytest.approx(
        (2 - 4.302653 / np.sqrt(3), 2 + 4.302653 / np.sqrt(3)), abs=1e-4
    )
