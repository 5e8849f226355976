"""Starts the web server: on this machine only, behind the token, with our own page around
trame's."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import vtk
from aiohttp import web
from SlicerDGMVLCLib.protocol import WorkerCommand

from .access import HOST, Access
from .workspace import Workspace

WAITING = (
    '<div style="background:#0d1216;color:#8fa3b0;height:100vh;display:grid;place-items:center;'
    'font-family:sans-serif">Opening the viewer …</div>'
)


def port_problem(port: int) -> str | None:
    """Why the port cannot be used, in one sentence; None when it is free."""
    if not 1 <= port <= 65535:
        return f"The port must be between 1 and 65535, not {port}."
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            other = port + 1 if 1024 <= port < 65535 else 8080
            return (
                f"Port {port} cannot be used ({error.strerror}); choose another one, for example "
                f"PORT={other} make view."
            )
    return None


def own_page(stock: Path) -> str:
    """trame's page with our title and icon, and without its logo and words."""
    page = stock.read_text(encoding="utf-8")
    page = re.sub(r"<title>.*?</title>", "<title>DGM-VLC viewer</title>", page, flags=re.S)
    page = re.sub(
        r'<link rel="icon"[^>]*>',
        '<link rel="icon" type="image/svg+xml" href="dgmvlc/favicon.svg" />',
        page,
    )
    page = re.sub(r'<script>\s*fetch\("./loading.tpl"\).*?</script>', "", page, flags=re.S)
    page = re.sub(r'<meta\s+name="(description|keywords)"[^>]*>', "", page, flags=re.S)
    return page.replace('<div id="app"></div>', f'<div id="app">{WAITING}</div>')


def _routes(viewer: Any, access: Access) -> Callable[..., None]:
    """Puts the token check and our own routes into the web server before it starts."""

    def bind(server: Any, **_: Any) -> None:
        page = own_page(Path(viewer.server._www) / "index.html")

        async def index(_: web.Request) -> web.Response:
            return web.Response(text=page, content_type="text/html")

        async def session(request: web.Request) -> web.Response:
            return web.json_response(
                {"sessionURL": f"ws://{request.host}/ws", "secret": "wslink-secret"}
            )  # the token has been checked already

        server.app.router.add_get("/index.html", index)
        server.app.router.add_post(
            "/paraview/", session
        )  # where trame's page asks for its socket first
        viewer.transfers.add_routes(server.app)
        access.protect(server.app)

    return bind


def serve(
    port: int,
    ready: Callable[[str], None],
    command: WorkerCommand | None = None,
    token: str | None = None,
) -> None:
    """Serve until interrupted; everything private is gone afterwards.

    Args:
        port: a free one. ready: called with the address to open. command: how to start the worker,
            the shipped core when None. token: random when None.
    """
    os.environ["TRAME_ARGS"] = "--server"  # trame reads no options of ours
    os.environ["WSLINK_READY_MSG"] = ""
    from .app import Viewer

    access, workspace = Access(port, token), Workspace()
    # Ended by the system or a service manager, the viewer goes as by Ctrl-C: its files with it.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        viewer = Viewer(access, workspace, command)
        viewer.ctrl.on_server_bind.add(_routes(viewer, access))
        viewer.ctrl.on_server_ready.add(lambda **_: ready(access.url))
        viewer.ctrl.on_server_exited.add(lambda **_: viewer.close())
        viewer.server.start(
            port=port,
            host=HOST,
            open_browser=False,
            show_connection_info=False,
            disable_logging=True,
            timeout=0,
            backend="aiohttp",
        )
    finally:
        # nodes that go one by one complain about those that went before
        vtk.vtkObject.GlobalWarningDisplayOff()
        workspace.close()
