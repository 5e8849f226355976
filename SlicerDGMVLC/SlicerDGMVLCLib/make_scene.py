"""`python -m SlicerDGMVLCLib.make_scene result.json scene.mrb`: a result as a Slicer scene, without
the desktop."""

from __future__ import annotations

import ctypes
import signal
import sys

from .headless import startApplication
from .scene import loadResult, saveMrb

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def endWithParent() -> None:
    """Let the system end this process when the one that started it is killed: what it packs lies in
    a folder that the next start removes."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))


def main(arguments: list[str]) -> int:
    """Write the scene; 0 on success, 2 for a wrong call."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m SlicerDGMVLCLib.make_scene RESULT.JSON SCENE.MRB\n")
        return 2
    endWithParent()
    application = startApplication()
    loadResult(application.scene, arguments[0], portable=True)
    saveMrb(application.scene, arguments[1])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
