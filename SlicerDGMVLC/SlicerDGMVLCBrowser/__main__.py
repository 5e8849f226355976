"""`python -m SlicerDGMVLCBrowser --port N [--open]`: start the viewer on this machine and print its
address."""

from __future__ import annotations

import argparse
import importlib.util
import logging
import os
import sys
import webbrowser
from functools import partial

NEEDED = ("slicer_core", "trame_slicer", "aiohttp")


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(
        prog="python -m SlicerDGMVLCBrowser",
        description="DGM-VLC in a browser. Research use only; not a medical device.",
    )
    parser.add_argument(
        "--port", type=int, default=8080, help="port on this machine (default 8080)"
    )
    parser.add_argument("--open", action="store_true", help="open the page in the default browser")
    parser.add_argument(
        "--worker",
        metavar="'ssh USER@HOST'",
        help="compute on that machine, by SSH; where dgmvlc is not on its path: "
        "'ssh USER@HOST /path/to/dgmvlc'",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log what happens")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; 0 then, 2 when it cannot start."""
    args = build_parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO if args.verbose else logging.ERROR, format="%(name)s: %(message)s"
    )
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        sys.stderr.write(
            f"The viewer needs {', '.join(missing)}; install it with: pip install 'dgmvlc[view]'.\n"
        )
        return 2
    from SlicerDGMVLCLib.protocol import isRemote, remoteCommand

    from .server import port_problem, serve

    command, problem = None, port_problem(args.port)
    if args.worker is not None:
        try:
            if not isRemote(args.worker):
                raise ValueError("--worker takes 'ssh USER@HOST' and, if need be, the program.")
            command = remoteCommand(args.worker, sys.executable)
        except ValueError as error:
            problem = str(error)
    if problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    serve(args.port, partial(_ready, in_browser=args.open), command)
    return 0


def _ready(url: str, in_browser: bool) -> None:
    """Say where the viewer is, and open it where there is a screen."""
    sys.stdout.write(
        f"DGM-VLC viewer, research use only; not a medical device.\nOpen {url}\nStop with Ctrl-C.\n"
    )
    sys.stdout.flush()
    screen = (
        sys.platform in ("win32", "darwin")
        or os.environ.get("DISPLAY")
        or os.environ.get("WAYLAND_DISPLAY")
    )
    if in_browser and screen:  # else a text browser would take the terminal
        webbrowser.open(url)


if __name__ == "__main__":
    sys.exit(main())
