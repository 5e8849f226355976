"""Starts a viewer for a test:  serve.py PORT TOKEN [--fake RESULT_FOLDER [options of
fake_worker.py]]; without --fake the real worker edits."""

import os
import sys
from pathlib import Path

from SlicerDGMVLCBrowser.server import serve
from SlicerDGMVLCLib.protocol import WorkerCommand

if __name__ == "__main__":
    port, token, *rest = sys.argv[1:]
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
