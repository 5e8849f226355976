"""The page for a patient: whole in one file, marked, and only with the result's own numbers."""

import re

import numpy as np
import pytest

from DGMVLCCore import cli
from DGMVLCCore.editing.result import CounterfactualResult, EditPlan, Gate
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.language.parser import parse_report
from DGMVLCCore.report.edit import write_result
from DGMVLCCore.results.manifest import read_manifest


@pytest.fixture(scope="module")
def result(tmp_path_factory, phantom_with_nodule):
    volume = phantom_with_nodule
    mask = np.zeros(volume.shape, bool)
    mask[4:8, 46:62, 84:98] = True
    edited = np.where(mask, volume.array - 300, volume.array)
    report = 'There is a 26 mm nodule in the left lung <script>alert("x")</script> & more.'
    findings = parse_report(report)
    plan = EditPlan(mask, "Nodule.", "No nodule. Clear lung.", "nodule", finding=findings[0])
    gates = [Gate("rim", False, 1.0, "< 0", "HU", "The rim is visible.")]
    made = CounterfactualResult(
        volume,
        volume.with_array(edited),
        edited,
        mask * np.float32(40),
        mask,
        plan,
        gates,
        {"seed": 1},
    )
    out = tmp_path_factory.mktemp("page") / "run"
    image = {"name": "<b>.nrrd", "sha256": "0" * 64}
    return write_result(
        made,
        out,
        anatomy=segment_anatomy(volume),
        report=report,
        findings=findings,
        inputs={"image": image},
        weights={"name": "w", "sha256": "0" * 64},
        scene=False,
    ).parent


def test_the_page(result, tmp_path, capsys):
    assert cli.main(["page", str(result), "-o", str(tmp_path / "p.html")]) == 0
    text, manifest = (
        (tmp_path / "p.html").read_text(encoding="utf-8"),
        read_manifest(result / "result.json"),
    )
    assert (
        "Research use only; not a medical device." in text
        and "synthetic" in text
        and text.count("data:image/png;base64,") == 3
    )
    assert "<script>" not in text and "&lt;script&gt;" in text and "<b>.nrrd" not in text
    assert not re.search(r"(src|href)=\"(?!data:)|url\(|@import|https?://", text), (
        "nothing is fetched from anywhere"
    )
    assert (
        f"{manifest.measures['volume_ml']:.1f} millilitres in the left lung" in text
        and "300 Hounsfield units" in text
        and "darker" in text
    )
    assert "without a nodule" in text and "1 of the 1 automatic checks" in text


def test_what_no_page_is_made_of(result, tmp_path, capsys):
    assert cli.main(["page", str(result), "-o", str(tmp_path / "p.pdf")]) == 2
    assert cli.main(["page", str(tmp_path), "-o", str(tmp_path / "p.html")]) == 3
    (tmp_path / "p.html").write_text("mine", encoding="utf-8")
    assert (
        cli.main(["page", str(result), "-o", str(tmp_path / "p.html")]) == 6
        and (tmp_path / "p.html").read_text(encoding="utf-8") == "mine"
    )
    original = result / "original.nrrd"
    data = original.read_bytes()
    original.write_bytes(data + b"x")
    assert (
        cli.main(["page", str(result), "-o", str(tmp_path / "q.html")]) == 3
        and "was changed" in capsys.readouterr().err
    )
    original.write_bytes(data)
