"""`python -m SlicerDGMVLCBrowser --port N [--open]`: start the viewer on this machine and print its address."""

from __future__ import annotations

import argparse
import logging
import os
import re
import socket
import sys
import webbrowser
from pathlib import Path
from typing import Any

from .access import HOST, Access
from .workspace import Workspace


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m SlicerDGMVLCBrowser", description="DGM-VLC in a browser. Research use only; not a medical device.")
    parser.add_argument("--port", type=int, default=8080, help="port on this machine (default 8080)")
    parser.add_argument("--open", action="store_true", help="open the page in the default browser")
    parser.add_argument("-v", "--verbose", action="store_true", help="log what happens")
    return parser


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
            return f"Port {port} cannot be used ({error.strerror}); choose another one: PORT={port + 1 if port < 65535 else 8080} make view."
    return None


def own_page(stock: Path) -> str:
    """trame's page with our title and icon, and without its logo."""
    page = stock.read_text(encoding="utf-8")
    page = re.sub(r"<title>.*?</title>", "<title>DGM-VLC viewer</title>", page, flags=re.S)
    page = re.sub(r'<link rel="icon"[^>]*>', '<link rel="icon" type="image/svg+xml" href="dgmvlc/favicon.svg" />', page)
    page = re.sub(r'<script>\s*fetch\("./loading.tpl"\).*?</script>', "", page, flags=re.S)
    page = re.sub(r'<meta\s+name="(description|keywords)"[^>]*>', "", page, flags=re.S)
    waiting = '<div style="background:#0d1216;color:#8fa3b0;height:100vh;display:grid;place-items:center;font-family:sans-serif">Opening the viewer …</div>'
    return page.replace('<div id="app"></div>', f'<div id="app">{waiting}</div>')


def _bind(viewer: Any, access: Access) -> Any:
    """Puts the token check and our own routes into the web server before it starts."""
    from aiohttp import web

    def bind(server: Any, **_: Any) -> None:
        page = own_page(Path(viewer.server._www) / "index.html")

        async def index(_: web.Request) -> web.Response:
            return web.Response(text=page, content_type="text/html")

        async def session(request: web.Request) -> web.Response:
            return web.json_response({"sessionURL": f"ws://{request.host}/ws", "secret": "wslink-secret"})  # the token has been checked already

        server.app.router.add_get("/index.html", index)
        server.app.router.add_post("/paraview/", session)  # where trame's page asks for its socket first
        viewer.transfers.add_routes(server.app)
        access.protect(server.app)

    return bind


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; 0 then, 2 for a port that cannot be used."""
    args = build_parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO if args.verbose else logging.ERROR, format="%(name)s: %(message)s")
    if problem := port_problem(args.port):
        sys.stderr.write(f"{problem}\n")
        return 2
    os.environ["TRAME_ARGS"] = "--server"  # trame reads no options but ours
    os.environ["WSLINK_READY_MSG"] = ""
    from .app import Viewer

    access, workspace = Access(args.port), Workspace()
    try:
        viewer = Viewer(access, workspace)
        viewer.ctrl.on_server_bind.add(_bind(viewer, access))
        viewer.ctrl.on_server_exited.add(lambda **_: viewer.close())

        def tell(**_: Any) -> None:
            sys.stdout.write(f"DGM-VLC viewer, research use only; not a medical device.\nOpen {access.url}\nStop with Ctrl-C.\n")
            sys.stdout.flush()
            if args.open:
                webbrowser.open(access.url)

        viewer.ctrl.on_server_ready.add(tell)
        viewer.server.start(port=args.port, host=HOST, open_browser=False, show_connection_info=False, disable_logging=True, timeout=0, backend="aiohttp")
    finally:
        workspace.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
