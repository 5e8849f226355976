"""Starts a viewer for a test:

    serve.py PORT TOKEN [--free-mb MB] [--fake RESULT_FOLDER [options of fake_worker.py]]

Without --fake the real worker edits; with --free-mb so much memory seems to be free.
"""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
from SlicerDGMVLCBrowser.server import serve
from SlicerDGMVLCLib.protocol import WorkerCommand

if __name__ == "__main__":
    port, token, *rest = sys.argv[1:]
    if rest[:1] == ["--free-mb"]:
        free = SimpleNamespace(available=int(rest[1]) * 2**20)
        psutil.virtual_memory = lambda: free
        rest = rest[2:]
    command = (
        WorkerCommand(
            sys.executable,
            [str(Path(__file__).with_name("fake_worker.py")), *rest[1:]],
            dict(os.environ),
        )
        if rest[:1] == ["--fake"]
        else None
    )
    serve(int(port), lambda url: print(url, flush=True), command, token)
