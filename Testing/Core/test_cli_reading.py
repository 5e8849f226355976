"""Commands on scans that need a word from the user, answers that nobody reads to their end, and the
doctor."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from DGMVLCCore import cli
from DGMVLCCore.cli import doctor
from DGMVLCCore.errors import WeightsError
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.imaging.io import load_volume, save_volume
from Testing.Core.imaging.test_dicom import write_series

COMMANDS = ("counterfactual", "compare", "anatomy", "explain", "find", "lungs", "cases")


def answer(capsys, *arguments):
    code = cli.main([*map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("command", [*COMMANDS, "discover", "review", "dicom", "train"])
def test_every_command_that_reads_a_scan_can_choose_its_series(command, capsys):
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    text = capsys.readouterr().out
    assert "--series" in text
    assert command not in COMMANDS or ("--untilt" in text and "--orientation" in text)


def test_a_series_is_chosen_by_its_number(tmp_path, phantom, capsys):
    folder, wide = tmp_path / "ct", {"PixelSpacing": [2.5, 2.5]}
    write_series(folder, phantom.array, 4.0 * np.arange(12), SeriesDescription="Lung", **wide)
    write_series(
        folder, phantom.array, 4.0 * np.arange(12), name="t", SeriesDescription="Soft", **wide
    )
    out = tmp_path / "a.seg.nrrd"
    code, said = answer(capsys, "anatomy", "-i", folder, "-o", out)
    assert code == 4 and "--series NUMBER" in said["error"]["message"]
    code, said = answer(capsys, "anatomy", "-i", folder, "-o", out, "--series", 2)
    assert code == 0 and said["volume_ml"]["left lung"] > 0


def test_a_tilted_scan_is_read_with_a_word(tmp_path, phantom, capsys):
    affine = phantom.affine.copy()
    affine[1, 2] = np.tan(np.radians(15)) * 4.0
    save_volume(phantom.with_array(phantom.array, affine=affine), tmp_path / "a.nrrd")
    out = tmp_path / "a.seg.nrrd"
    code, said = answer(capsys, "anatomy", "-i", tmp_path / "a.nrrd", "-o", out)
    assert code == 4 and "15.0°" in said["error"]["message"]
    code, said = answer(capsys, "anatomy", "-i", tmp_path / "a.nrrd", "-o", out, "--untilt")
    assert code == 0 and {"left lung", "right lung"} <= set(said["volume_ml"])


def test_sides_are_those_of_the_file_or_of_the_user(tmp_path, capsys):
    sample, out = resource("sample/ct.nrrd"), tmp_path / "a.seg.nrrd"
    _, straight = answer(capsys, "anatomy", "-i", sample, "-o", out, "--overwrite")
    left, right = (straight["volume_ml"][f"{side} lung"] for side in ("left", "right"))
    assert 380 < left < right - 15 < 430
    save_volume(load_volume(sample), tmp_path / "a.nrrd")
    content = (tmp_path / "a.nrrd").read_bytes()
    content = content.replace(b"space: left-posterior-superior\n", b"space dimension: 3\n")
    (tmp_path / "a.nrrd").write_bytes(content)
    how = ("anatomy", "-i", tmp_path / "a.nrrd", "-o", out, "--overwrite")
    code, said = answer(capsys, *how)
    assert code == 4 and "never guessed" in said["error"]["message"]
    for orientation, side in (("LPS", "left lung"), ("RPS", "right lung")):
        _, said = answer(capsys, *how, "--orientation", orientation)
        assert said["volume_ml"][side] == pytest.approx(left, abs=5)  # a network knows no mirror


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of a shell")
@pytest.mark.parametrize("arguments", [["info", "--json"], ["doctor"], ["counterfactual", "-h"]])
def test_a_closed_pipe_is_no_error(arguments):
    process = subprocess.Popen(
        [sys.executable, "-m", "DGMVLCCore.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    process.stdout.close()
    said = process.stderr.read().decode()
    process.wait(timeout=120)
    assert "Traceback" not in said and "BrokenPipe" not in said


def test_the_doctor_finds_this_installation_right(capsys):
    code, said = answer(capsys, "doctor")
    assert code == 0, said
    assert set(said) == set(doctor.CHECKS) and all(v.startswith("right: ") for v in said.values())


def test_the_doctor_says_what_is_wrong_with_its_exit_code(capsys, monkeypatch):
    def altered():
        raise WeightsError("The weights were altered.")

    monkeypatch.setitem(doctor.CHECKS, "weights", altered)
    code, said = answer(capsys, "doctor")
    assert code == WeightsError.exit_code and said["weights"] == "WRONG: The weights were altered."
    assert said["network"].startswith("right")
