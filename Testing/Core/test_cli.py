"""The command line: exit codes, sentences, JSON; and the main job on the sample scan with the
shipped weights."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from DGMVLCCore import cli
from DGMVLCCore.cli import edit
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.imaging.io import load_volume, save_volume
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.results.manifest import read_manifest

ROOT = Path(__file__).resolve().parents[2]
REPORT = "There is a 33 mm spiculated nodule in the left lung. No pleural effusion."


def run(capsys, *arguments):
    code = cli.main([str(a) for a in arguments])
    out = capsys.readouterr()
    return code, out.out, out.err


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "report.txt"
    path.write_text(REPORT, encoding="utf-8")
    return path


def test_report_as_json(capsys, report):
    code, out, _ = run(capsys, "report", "-i", report, "--json")
    finding = json.loads(out)["findings"][0]
    assert (
        code == 0
        and finding["term"] == "nodule"
        and finding["size_mm"] == 33
        and REPORT[slice(*finding["span"])] == finding["text"]
    )


def test_report_as_a_table_and_as_a_page(capsys, tmp_path):
    """The default is for people: a row a finding, its words in brackets; a page on request, and
    nothing replaced unasked."""
    path, page = tmp_path / "r.TXT", tmp_path / "page.html"
    path.write_bytes(
        "A 14 \xd7 12 mm nodule, right upper lobe. No effusion. Seen <today>.".encode("cp1252")
    )
    code, out, _ = run(capsys, "report", "-i", path, "-o", page)
    lines = out.split("\n")
    row = " ".join(lines[1].split())
    assert code == 0 and row == "1 nodule present right upper lobe 14 mm nodule"
    assert "[2- effusion]" in out and "  Seen <today>." in lines and "Windows-1252" in out
    assert "Seen &lt;today&gt;." in page.read_text(encoding="utf-8")
    code, _, err = run(capsys, "report", "-i", path, "-o", page)
    assert code == 6 and "--overwrite" in err
    code, out, _ = run(capsys, "report", "-i", path, "-o", page, "--overwrite", "--json")
    answer = json.loads(out)
    assert [part["text"] for part in answer["not_understood"]] == ["Seen <today>."]
    assert answer["source"]["kind"] == "text" and answer["source"]["name"] == "r.TXT"
    spans = [slice(*finding["span"]) for finding in answer["findings"]]
    assert [answer["report"][span] for span in spans] == ["nodule", "effusion"]
    assert run(capsys, "report", "-i", path, "-q")[1] == ""


def test_report_notes_and_refusals(capsys, tmp_path):
    path = tmp_path / "r.txt"
    path.write_text("Nodule measuring 12. No nodule in the RUL.", encoding="utf-8")
    answer = json.loads(run(capsys, "report", "-i", path, "--json")[1])
    assert "no unit" in answer["notes"][0] and {
        "lobe",
        "count",
        "change",
        "contradicted",
        "codes",
    } <= set(answer["findings"][0])
    path.write_text("Kein Erguss, keine Konsolidierung.", encoding="utf-8")
    code, _, err = run(capsys, "report", "-i", path)
    assert code == 4 and "only English is read" in err


def test_clinical_and_prompts(capsys, report, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("id,age,smoking,status,shoe\nP1,63,active,dead,42\n", encoding="utf-8")
    answer = json.loads(run(capsys, "clinical", "-i", table, "--json")[1])
    assert answer["rows"][0]["text"] == "63-year-old, active smoker" and answer[
        "unknown_columns"
    ] == ["shoe"]
    code, out, _ = run(
        capsys, "clinical", "-i", table, "--row", "P1", "--outcome", "status", "--json"
    )
    assert code == 0 and json.loads(out)["rows"][0]["text"].endswith("status dead")
    assert (
        run(capsys, "clinical", "-i", table, "--row", "P9")[0] == 4
        and run(capsys, "clinical", "-i", tmp_path / "none.csv")[0] == 3
    )
    answer = json.loads(
        run(
            capsys,
            "prompts",
            "-r",
            report,
            "--finding",
            1,
            "--clinical",
            table,
            "--row",
            "P1",
            "--json",
        )[1]
    )
    pairs = {pair["name"]: pair for pair in answer["findings"][0]["pairs"]}
    assert (
        pairs["without"]["known"]
        and not pairs["smaller"]["known"]
        and "never taught" in pairs["smaller"]["reason"]
    )
    assert {pair["name"] for pair in answer["attributes"]} == {
        "smoking: never smoker",
        "smoking: ex-smoker",
    }
    for code, arguments in (
        (2, ["--finding", 9]),
        (2, ["--row", "P1"]),
        (7, ["--clinical", table, "--row", "P1", "--weights", tmp_path]),
    ):
        assert run(capsys, "prompts", "-r", report, *arguments)[0] == code


def test_info_says_what_the_weights_know(capsys):
    code, out, _ = run(capsys, "info", "--json")
    info = json.loads(out)
    assert (
        code == 0
        and "cpu" in info["devices"]
        and "honeycombing" in info["findings"]
        and len(info["weights"]["sha256"]) == 64
    )


def test_anatomy_writes_a_segmentation(capsys, tmp_path, phantom):
    save_volume(phantom, tmp_path / "ct.nrrd")
    code, out, _ = run(
        capsys, "anatomy", "-i", tmp_path / "ct.nrrd", "-o", tmp_path / "a.seg.nrrd", "--json"
    )
    volumes = json.loads(out)["volume_ml"]
    assert code == 0 and volumes["left lung"] == pytest.approx(volumes["right lung"], rel=0.1)
    assert set(load_labels(tmp_path / "a.seg.nrrd", phantom).segments) == set(volumes)


def test_anatomy_never_writes_over_the_scan(capsys, tmp_path, phantom):
    scan, labels = tmp_path / "ct.nrrd", tmp_path / "a.seg.nrrd"
    save_volume(phantom, scan)
    labels.write_bytes(b"earlier")
    before = scan.read_bytes()
    for code, words, out in (
        (2, "must end in .seg.nrrd", scan),
        (6, "exists already", labels),
        (6, "does not exist", tmp_path / "no" / "a.seg.nrrd"),
    ):
        found, _, err = run(capsys, "anatomy", "-q", "-i", scan, "-o", out)
        assert (found, words in err) == (code, True), err
    assert scan.read_bytes() == before and labels.read_bytes() == b"earlier"
    assert (
        run(capsys, "anatomy", "-q", "-i", scan, "-o", labels, "--overwrite")[0] == 0
        and labels.read_bytes() != b"earlier"
    )


def test_no_source_is_replaced_by_what_is_made_of_it(capsys, tmp_path, phantom):
    scan, text = tmp_path / "ct.seg.nrrd", tmp_path / "report.html"
    save_volume(phantom, scan)
    text.write_text(f"<p>{REPORT}</p>", encoding="utf-8")
    (tmp_path / "again.seg.nrrd").symlink_to(scan)
    before = scan.read_bytes(), text.read_bytes()
    for command, source, out in (
        ("anatomy", scan, scan),
        ("anatomy", scan, tmp_path / "again.seg.nrrd"),
        ("report", text, text),
        ("report", text, tmp_path / "report.txt"),
    ):
        code, _, err = run(capsys, command, "-q", "-i", source, "-o", out, "--overwrite")
        assert code == 2 and ("is read by this command" in err or "must end in" in err), err
    assert (scan.read_bytes(), text.read_bytes()) == before


@pytest.mark.parametrize("out", ["/", ".", ".."])
def test_a_folder_without_a_name_of_its_own_is_refused(capsys, tmp_path, report, out, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scan = resource("sample") / "ct.nrrd"
    call = ("counterfactual", "-q", "-i", scan, "-r", report, "-o", out, "--overwrite")
    code, _, err = run(capsys, *call)
    assert code == 6 and "is no name of a new folder" in err


def test_training_without_shards_says_how_to_make_them(capsys, tmp_path):
    code, _, err = run(capsys, "train", "--shards", tmp_path / "none", "-o", tmp_path / "out")
    assert code == 3 and "dgmvlc data" in err and not (tmp_path / "out").exists()
    assert run(capsys, "train")[0] == 2


def test_a_poor_console_and_a_pipe_still_get_the_answer(tmp_path):
    path = tmp_path / "report.txt"
    path.write_text("Größe: 5 mm “nodule” − right lung.", encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    call = [sys.executable, "-m", "DGMVLCCore.cli", "report", "-i", str(path)]
    done = [
        subprocess.run(
            [*call, *more], env=environment, cwd=ROOT, capture_output=True, encoding="utf-8"
        )
        for more in ([], ["--json"])
    ]
    assert [d.returncode for d in done] == [0, 0], done[0].stderr
    assert "“nodule”" in json.loads(done[1].stdout)["findings"][0]["sentence"]


def bad_cases(folder: Path, phantom):
    ct, text = folder / "ct.nrrd", folder / "report.txt"
    save_volume(phantom, ct)
    (folder / "empty.txt").write_text(" \n", encoding="utf-8")
    (folder / "clear.txt").write_text("The lungs are clear. No nodule.", encoding="utf-8")
    (folder / "junk.nrrd").write_text("junk", encoding="utf-8")
    save_volume(
        phantom.with_array(
            np.where(phantom.array > 300, 1, 0).astype(np.float32), stored_dtype="uint8"
        ),
        folder / "none.nrrd",
    )
    corner = np.zeros(phantom.shape, np.float32)
    corner[:, :3, :3] = 1
    save_volume(phantom.with_array(corner, stored_dtype="uint8"), folder / "corner.nrrd")
    base = ["-i", ct, "-r", text, "-o", folder / "out"]
    return [
        (3, "does not exist", ["-i", folder / "no.nrrd", *base[2:]]),
        (3, "not an image", ["-i", folder / "junk.nrrd", *base[2:]]),
        (3, "could not be read (No such file", [*base[:2], "-r", folder / "no.txt", *base[4:]]),
        (4, "is empty", [*base[:2], "-r", folder / "empty.txt", *base[4:]]),
        (4, "names no present finding", [*base[:2], "-r", folder / "clear.txt", *base[4:]]),
        (4, "never taught", [*base, "--target", "pneumothorax"]),
        (2, "no finding 9", [*base, "--finding", 9]),
        (2, "not within", [*base, "--slices", "5:99"]),
        (2, "1 or more", [*base, "--steps", 0]),
        (2, "go together", [*base, "--row", "a"]),
        (5, "available: cpu", [*base, "-d", "cuda:7"]),
        (4, "empty", [*base, "--mask", folder / "none.nrrd"]),
        (4, "outside the body", [*base, "--mask", folder / "corner.nrrd"]),
        (6, "does not exist", [*base[:4], "-o", folder / "a" / "b"]),
        (6, "exists already", [*base[:4], "-o", folder]),
        (7, "no weights", [*base, "--weights", folder]),
        (7, "no weights", [*base, "--weights", folder, "--smooth-z"]),
    ]


def test_every_bad_call_has_its_sentence_and_code_and_leaves_nothing(
    capsys, report, tmp_path, phantom
):
    cases = bad_cases(tmp_path, phantom)
    before = sorted(p.name for p in tmp_path.iterdir())
    for code, words, arguments in cases:
        found, _, err = run(capsys, "counterfactual", "-q", *arguments)
        assert (found, words in err) == (code, True), (code, words, found, err)
        assert "Traceback" not in err
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_smooth_z_is_asked_of_the_editor(capsys, report, tmp_path, monkeypatch):
    call = ["counterfactual", "-i", report, "-r", report, "-o", tmp_path / "out", "--smooth-z"]
    asked = []
    monkeypatch.setattr(
        edit, "_run_edit", lambda args, request: asked.append(request) or edit.Answer({})
    )
    assert run(capsys, *call, "--native")[0] == 0
    assert asked[0].smooth_z and asked[0].native and asked[0].weights is None


def test_interrupt_and_unexpected_errors(capsys, monkeypatch, report):
    def stop(_):
        raise KeyboardInterrupt

    def crash(_):
        raise ZeroDivisionError("x")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device", "x.nrrd")

    def heavy(_):
        raise MemoryError

    monkeypatch.setitem(cli.COMMANDS, "report", stop)
    assert run(capsys, "report", "-i", report)[0] == 130
    monkeypatch.setitem(cli.COMMANDS, "report", full)
    code, _, err = run(capsys, "report", "-i", report)
    assert code == 6 and "x.nrrd could not be written: No space left" in err
    monkeypatch.setitem(cli.COMMANDS, "report", heavy)
    assert run(capsys, "report", "-i", report)[0] == 5
    monkeypatch.setitem(cli.COMMANDS, "report", crash)
    code, out, err = run(capsys, "report", "-i", report, "--json")
    assert code == 1 and "ZeroDivisionError" in err and json.loads(out)["error"]["exit_code"] == 1


def test_usage_errors_exit_with_two(capsys):
    for arguments in (
        [],
        ["counterfactual"],
        ["counterfactual", "-i", "a", "-r", "b", "-o", "c", "--slices", "x"],
    ):
        with pytest.raises(SystemExit) as stop:
            cli.main(arguments)
        assert stop.value.code == 2


def test_the_main_job_on_the_sample(capsys, tmp_path):
    """The nodule goes, the attention points at it, the rest stays: the shipped weights on the real
    scan."""
    sample, out = resource("sample"), tmp_path / "out"
    code, printed, err = run(capsys, "demo", "-o", out, "--noises", 2, "--slices", "4:9", "--json")
    assert code == 0, err
    manifest = read_manifest(out / "result.json")
    volume = load_volume(sample / "ct.nrrd")
    nodule = load_labels(sample / "nodule.nrrd", volume).union()
    nodule[:4] = nodule[9:] = False
    change = load_volume(out / "difference.nrrd", "MR").array
    assert change[nodule].mean() < -400
    assert manifest.measures["max_change_outside_hu"] == 0
    heat = load_volume(out / "attention-nodule.nrrd", "MR").array
    assert nodule.ravel()[heat.argmax()]
    assert json.loads(printed)["figure"].endswith("figure.png")
