"""Longest gap of the panel's event loop while a run goes on.

Usage: python Testing/Benchmarks/ui_gap.py [QUALITY]      QUALITY: 0 quick look (default), 1
standard, 2 thorough

The panel on substitutes of Slicer's widgets, the sample scan, the real worker; a timer of 5 ms
measures how long the loop is held up.
Needs the dev and scene extras. What it gives is no figure of the desktop application.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TICK_MS = 5


def main() -> None:
    """Run once and print the gaps in milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("quality", nargs="?", type=int, default=0)
    quality = parser.parse_args().quality
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    sys.path[:0] = [str(ROOT), str(ROOT / "SlicerDGMVLC")]
    from Testing.Slicer.substitutes.application import install

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        application = install(Path(folder))
        print(json.dumps(measure(application, quality), indent=1), flush=True)
        sys.stdout.flush()
    os._exit(0)  # Qt, VTK and Python take each other's objects down in no particular order


def measure(application, quality: int) -> dict[str, float]:
    """Gaps (ms) before, during and at the end of a run."""
    import qt
    import slicer
    from PySide6 import QtCore
    from SlicerDGMVLCLib import environment
    from SlicerDGMVLCLib.protocol import workerCommand

    import SlicerDGMVLC

    environment.workerCommand = lambda python: workerCommand(
        python, source=ROOT
    )  # this checkout, whatever is installed
    parent = slicer.qMRMLWidget()
    parent.setLayout(qt.QVBoxLayout())
    widget = SlicerDGMVLC.SlicerDGMVLCWidget(parent)
    widget.setup()
    widget.enter()
    panel = widget.panel
    gaps: dict[str, float] = {}
    stage, last = "start", time.perf_counter()

    def tick() -> None:
        nonlocal last
        now = time.perf_counter()
        gaps[stage] = max(gaps.get(stage, 0.0), 1000 * (now - last) - TICK_MS)
        last = now

    timer = qt.QTimer()
    timer.setTimerType(QtCore.Qt.TimerType.PreciseTimer)
    timer.connect("timeout()", tick)
    timer.start(TICK_MS)

    def until(condition) -> None:
        while not condition():
            QtCore.QCoreApplication.processEvents(
                QtCore.QEventLoop.ProcessEventsFlag.WaitForMoreEvents
            )

    until(lambda: panel.setup.found)
    if panel.setup.problem:
        raise SystemExit(panel.setup.problem)
    stage = "sample"
    panel.ui.sampleButton.click()
    until(lambda: panel.desk.case.raw_findings)
    panel.ui.qualityCombo.setCurrentIndex(quality)
    stage, began = "apply (exports scan and region)", time.perf_counter()
    panel.ui.applyButton.click()
    tick()
    stage = "run"
    shown = panel.results.show

    def show(run=None) -> None:
        nonlocal stage
        tick()
        stage = "showing the result"
        shown(run)
        tick()

    panel.results.show = show
    until(lambda: not panel.session.running)
    until(lambda: panel.results.runs or panel._problem)
    gaps["seconds from Apply to the result"] = time.perf_counter() - began
    widget.cleanup()
    from SlicerDGMVLCLib import runner

    until(lambda: not runner._ending)
    return {name: round(value, 1) for name, value in gaps.items()}


if __name__ == "__main__":
    main()
