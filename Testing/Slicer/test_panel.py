"""The panel on substitutes of Slicer's widgets, in a process of its own: a crash of Qt or VTK ends
one test, not the whole run."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("slicer_core") is None,
        reason="slicer-core is not installed: pip install 'dgmvlc[scene]'",
    ),
    pytest.mark.skipif(
        importlib.util.find_spec("PySide6") is None,
        reason="PySide6 is not installed: pip install 'dgmvlc[dev]'",
    ),
]


@pytest.mark.parametrize("file", sorted(path.name for path in (HERE / "panel").glob("test_*.py")))
def test_panel(file):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", str(HERE / "panel" / file), "-x", "--tb=short"],
        cwd=HERE.parents[1],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "DGMVLC_PANEL_TESTS": "1", "QT_QPA_PLATFORM": "offscreen"},
        timeout=600,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    assert "skipped" not in done.stdout, done.stdout[-2000:]
