"""Which Python runs the core, what it has installed, and how the core gets there: only from the
wheel this extension carries."""

from __future__ import annotations

import json
import re
import shutil
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import qt

from .protocol import WorkerCommand, isRemote, remoteCommand, workerCommand
from .records import readRecord
from .runner import makeProcess

PACKAGE = "dgmvlc"
TORCH = "torch"
# Slicer brings its own build of SimpleITK, which one from an index would overwrite; torch comes
# through the PyTorch extension.
FROM_SLICER = (TORCH, "simpleitk")
PROBE = """
import importlib.metadata as m, importlib.util as u, json, sys
def version(name):
    try:
        return m.version(name)
    except m.PackageNotFoundError:
        return None
core = version("dgmvlc") if u.find_spec("DGMVLCCore") else None
print(json.dumps({"python": list(sys.version_info[:3]), "dgmvlc": core, "torch": version("torch")}))
"""
OLDEST_PYTHON = (3, 10)
SETTING = "DGMVLC/Python"


def slicerPython() -> str:
    """Slicer's own interpreter, by the launcher that sets up its libraries."""
    return shutil.which("PythonSlicer") or sys.executable


@dataclass(frozen=True)
class Wheel:
    """The wheel that the extension carries. requirements: what it needs, as its metadata says,
    without its extras."""

    path: Path
    version: str
    requirements: tuple[str, ...]


def _wheelFolder() -> Path:
    return Path(__file__).resolve().parents[1] / "Resources" / "Wheel"


def requirementName(requirement: str) -> str:
    """Normalised package name of a requirement, e.g. "SimpleITK>=2.3" -> "simpleitk"."""
    found = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement)
    return re.sub(r"[-_.]+", "-", found.group()).lower() if found else ""


def findWheel(folder: Path | None = None) -> Wheel:
    """The carried wheel.

    Raises:
        FileNotFoundError: there is none, there are several, or it is damaged.
    """
    folder = folder or _wheelFolder()
    found = sorted(folder.glob(f"{PACKAGE}-*.whl"))
    if len(found) != 1:
        many = f"{len(found)} wheels" if found else "no wheel"
        raise FileNotFoundError(
            f"This copy of the extension carries {many} of its core where one is expected; "
            "install the extension again, "
            "or choose a Python that has dgmvlc."
        )
    try:
        with zipfile.ZipFile(found[0]) as archive:
            name = next(
                entry for entry in archive.namelist() if entry.endswith(".dist-info/METADATA")
            )
            lines = archive.read(name).decode("utf-8").partition("\n\n")[0].splitlines()
    except (OSError, zipfile.BadZipFile, StopIteration, UnicodeDecodeError) as error:
        raise FileNotFoundError(
            f"The wheel {found[0].name} that the extension carries is damaged; install the "
            "extension again."
        ) from error
    fields = [line.partition(": ")[::2] for line in lines]
    needs = [
        value.partition(";")[0].strip()
        for key, value in fields
        if key == "Requires-Dist" and "extra ==" not in value
    ]
    if any(requirementName(need) == PACKAGE for need in needs):
        raise FileNotFoundError(
            f"The wheel {found[0].name} asks for itself by name, which an index could answer; it "
            "is not installed."
        )
    return Wheel(found[0], next(value for key, value in fields if key == "Version"), tuple(needs))


@dataclass(frozen=True)
class Step:
    """One command of the installation, run with the chosen Python."""

    arguments: tuple[str, ...]

    def shown(self, python: str) -> str:
        """The command as a user would type it."""
        words = (python, *self.arguments)
        return " ".join(f'"{word}"' if re.search(r"[\s<>;&|]", word) else word for word in words)


def installSteps(wheel: Wheel, ownPython: bool) -> list[Step]:
    """What to run: the libraries by name, then the core from its file, which no index is asked for.

    Args:
        ownPython: Slicer's; its torch and SimpleITK are left to Slicer.
    """
    wanted = [
        need
        for need in wheel.requirements
        if not (ownPython and requirementName(need) in FROM_SLICER)
    ]
    pip = ("-m", "pip", "install", "--disable-pip-version-check", "--no-input")
    libraries = [Step((*pip, *wanted))] if wanted else []
    return [
        *libraries,
        Step((*pip, "--no-index", "--no-deps", "--force-reinstall", str(wheel.path))),
    ]


@dataclass(frozen=True)
class Found:
    """What a Python has. problem: why it cannot run the core, "" when it can."""

    python: str
    version: str = ""
    torch: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Probed:
    """The probe's answer: versions; None for what is not installed."""

    python: tuple[int, ...]
    dgmvlc: str | None
    torch: str | None


def judge(python: str, output: bytes, carried: str | None) -> Found:
    """What the probe's answer means.

    Args:
        output: standard output of the probe. carried: version of the carried wheel, None when there
            is none.
    """
    try:
        said = json.loads(output.decode("utf-8").strip().splitlines()[-1])
        probed = readRecord(Probed, said)
    except (ValueError, IndexError, TypeError):
        answer = f"{python} gave no answer a Python gives; choose a Python 3.10 or newer."
        return Found(python, problem=answer)
    if probed.python[:2] < OLDEST_PYTHON:
        number = ".".join(map(str, probed.python))
        return Found(python, problem=f"{python} is Python {number}; 3.10 or newer is needed.")
    version, torch = probed.dgmvlc or "", probed.torch or ""
    return Found(python, version, torch, _missing(version, torch, carried))


def _missing(version: str, torch: str, carried: str | None) -> str:
    """What is still to be installed into a Python; "" for nothing."""
    if not version:
        return "The core (dgmvlc) is not installed in this Python; press Install."
    if carried and version != carried:
        return f"This Python has dgmvlc {version}, the extension needs {carried}; press Install."
    return "" if torch else "PyTorch is not installed in this Python; press Install."


class Listener:
    """What a command says until it ends.

    Args:
        process: QProcess, not started. say: gets its errors, and its output when `loud`. ended:
            gets exit code (−1 for a crash or a start that failed) and output.
    """

    def __init__(
        self,
        process: Any,
        say: Callable[[bytes], None],
        ended: Callable[[int, bytes], None],
        loud: bool,
    ) -> None:
        self._process, self._tell, self._ended, self._loud = process, say, ended, loud
        self._output = bytearray()
        process.connect("readyReadStandardOutput()", self._read)
        process.connect("readyReadStandardError()", self._readLog)
        process.connect("finished(int,QProcess::ExitStatus)", self._finished)
        process.connect("errorOccurred(QProcess::ProcessError)", self._error)

    def _read(self) -> None:
        data = self._process.readAllStandardOutput().data()
        self._output.extend(data)
        if self._loud:
            self._tell(data)

    def _readLog(self) -> None:
        self._tell(self._process.readAllStandardError().data())

    def _finished(self, code: int, status: Any) -> None:
        self._read()
        self._readLog()
        self._ended(-1 if status == qt.QProcess.CrashExit else code, bytes(self._output))

    def _error(self, error: Any) -> None:
        """A process that cannot be started says so here and never finishes."""
        if error == qt.QProcess.FailedToStart:
            self._ended(-1, bytes(self._output))


class Environment:
    """The chosen Python and its installation.

    Args:
        settings: QSettings-like, keeps the choice between sessions (it belongs to the machine, not
            to the scene).
        log: gets lines. processFactory: makes processes; tests give another.
    """

    def __init__(
        self,
        settings: Any,
        log: Callable[[str], None] = lambda line: None,
        processFactory: Callable[[WorkerCommand], Any] = makeProcess,
    ) -> None:
        self._settings, self._log, self._factory = settings, log, processFactory
        self._process: Any = None
        self._listener: Listener | None = None

    @property
    def chosen(self) -> str:
        """Path of another Python, or "ssh USER@HOST"; "" for Slicer's own."""
        return str(self._settings.value(SETTING) or "")

    @chosen.setter
    def chosen(self, path: str) -> None:
        self._settings.setValue(SETTING, path)

    @property
    def python(self) -> str:
        """The interpreter that runs the core."""
        return self.chosen or slicerPython()

    @property
    def busy(self) -> bool:
        """True while a check or an installation runs."""
        return self._process is not None

    def command(self) -> WorkerCommand:
        """How the worker is started.

        Raises:
            ValueError: a remote one without a host.
        """
        if isRemote(self.chosen):
            return remoteCommand(self.chosen, slicerPython())
        return workerCommand(self.python)

    def check(self, done: Callable[[Found], None]) -> None:
        """Ask the chosen Python what it has; `done` is called later."""
        python = self.python
        if isRemote(self.chosen):  # its own hello says what it has
            done(Found(python, torch="there"))
            return
        if self.chosen and not Path(self.chosen).is_file():
            done(Found(python, problem=f"There is no Python at {python}; choose another."))
            return
        try:
            carried = findWheel().version
        except FileNotFoundError:
            carried = None
        self._run(python, ("-c", PROBE), lambda code, output: done(judge(python, output, carried)))

    def commands(self) -> list[str]:
        """The commands that an installation runs, as text.

        Raises:
            FileNotFoundError: the extension carries no wheel.
        """
        steps = [step.shown(self.python) for step in installSteps(findWheel(), not self.chosen)]
        return (
            steps
            if self.chosen
            else [
                "PyTorch extension: PyTorchUtilsLogic().installTorch(torchVersionRequirement=…)",
                *steps,
            ]
        )

    def install(self, done: Callable[[str], None]) -> None:
        """Install after consent; `done` gets "" or one sentence.

        Raises:
            FileNotFoundError: the extension carries no wheel.
        """
        wheel = findWheel()
        if not self.chosen:
            problem = self._installTorch(wheel)
            if problem:
                done(problem)
                return
        self._next(installSteps(wheel, not self.chosen), self.python, done)

    def stop(self) -> None:
        """End what runs."""
        process, self._process, self._listener = self._process, None, None
        if process is not None:
            process.kill()

    def _installTorch(self, wheel: Wheel) -> str:
        """Torch for Slicer's Python through the PyTorch extension; "" or why not."""
        try:
            import PyTorchUtils
        except ImportError:
            return (
                "The PyTorch extension is missing; install it in the Extensions Manager, restart "
                "Slicer and press Install again."
            )
        needed = next(
            (need[len(TORCH) :] for need in wheel.requirements if requirementName(need) == TORCH),
            "",
        )
        try:
            installed = PyTorchUtils.PyTorchUtilsLogic.torchInstalled()
            if (
                not installed
                and PyTorchUtils.PyTorchUtilsLogic().installTorch(
                    askConfirmation=False, torchVersionRequirement=needed
                )
                is None
            ):
                return "PyTorch was not installed; see Slicer's own log, then press Install again."
        except (RuntimeError, OSError, ValueError, ImportError) as error:
            return (
                f"PyTorch could not be installed ({error}); see Slicer's own log, then press "
                "Install "
                "again."
            )
        return ""

    def _next(self, steps: list[Step], python: str, done: Callable[[str], None]) -> None:
        if not steps:
            done("")
            return
        step, *rest = steps
        self._log(step.shown(python))

        def finished(code: int, output: bytes) -> None:
            if code == 0:
                self._next(rest, python, done)
            else:
                done(
                    f"The installation stopped (pip ended with {code}); the log says why; press "
                    "Install to try again."
                )

        self._run(python, step.arguments, finished, loud=True)

    def _say(self, data: bytes) -> None:
        for line in data.decode("utf-8", "replace").splitlines():
            self._log(line)

    def _run(
        self,
        python: str,
        arguments: tuple[str, ...],
        done: Callable[[int, bytes], None],
        loud: bool = False,
    ) -> None:
        """Run a command without waiting; `done` gets exit code and standard output, the log the
        errors (`loud`: and the output)."""
        if self.busy:
            raise RuntimeError("The set-up is busy; wait until it has ended.")
        base = workerCommand(python)
        process = self._factory(WorkerCommand(python, list(arguments), base.environment))

        def ended(code: int, output: bytes) -> None:
            if self._process is process:
                self._process = self._listener = None
                done(code, output)

        self._process = process
        self._listener = Listener(process, self._say, ended, loud)
        process.start()
