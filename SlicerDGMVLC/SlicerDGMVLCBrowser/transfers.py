"""Files between the page and the server: uploads into the private folder, the scene out of it."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from .workspace import Workspace

LARGEST_FILE = 2 << 30
LARGEST_BATCH = 4 << 30
MOST_FILES = 4000
LONGEST_NAME = 180  # bytes; most file systems take 255
BATCH = re.compile(r"[a-z0-9]{8,40}\Z")
STRANGE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')


def _short(name: str) -> str:
    """The end of a name, in as many bytes as every file system takes."""
    return name.encode("utf-8", "replace")[-LONGEST_NAME:].decode("utf-8", "ignore")


class Transfers:
    """Routes `POST /upload` (one file a request, several a batch) and `GET /scene/NAME`."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._sizes: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self._scenes: dict[str, Path] = {}

    def add_routes(self, app: web.Application) -> None:
        """Serve both routes from `app`."""
        app.router.add_post("/upload", self._receive)
        app.router.add_get("/scene/{name}", self._send)

    def offer(self, path: Path, name: str) -> str:
        """Make a file downloadable; returns its address on this server."""
        self._scenes[path.name] = path
        return f"scene/{quote(path.name)}?as={quote(name)}"

    def uploaded(self, batch: str) -> Path | None:
        """What a finished batch holds: its only file, the header that comes with its data, or the
        folder; None for an unknown batch."""
        if batch not in self._counts:
            return None
        folder = self.workspace.root / "uploads" / batch
        files = sorted(folder.iterdir())
        headers = [file for file in files if file.suffix.lower() in (".nhdr", ".mhd")]
        return files[0] if len(files) == 1 else headers[0] if len(headers) == 1 else folder

    def _target(self, request: web.Request) -> Path | web.Response:
        batch, name = (
            request.query.get("batch", ""),
            Path(request.query.get("name", "").replace("\\", "/")).name,
        )
        name = _short(STRANGE.sub("_", name)).lstrip(".")
        if not BATCH.match(batch) or not name:
            return web.Response(status=400, text="The upload lacks its batch or its file name.")
        if self._counts.get(batch, 0) >= MOST_FILES:
            return web.Response(
                status=413,
                text=f"More than {MOST_FILES} files are not taken at once; choose one series.",
            )
        folder = self.workspace.root / "uploads" / batch
        folder.mkdir(exist_ok=True)
        path = folder / name
        if path.exists():  # DICOM folders within folders repeat their names
            path = folder / f"{self._counts.get(batch, 0)}-{name}"
        return path

    async def _receive(self, request: web.Request) -> web.Response:
        target = self._target(request)
        if isinstance(target, web.Response):
            return target
        batch = request.query["batch"]
        self._counts[batch] = self._counts.get(batch, 0) + 1
        try:
            if await self._store(request, target, batch):
                return web.Response(text="stored")
        except OSError as error:
            target.unlink(missing_ok=True)
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            return web.Response(
                status=507,
                text="The disc is full; free some space and choose the file again."
                if full
                else f"The file could not be stored ({error.strerror or error}).",
            )
        target.unlink(missing_ok=True)
        return web.Response(
            status=413,
            text=f"Files above {LARGEST_FILE >> 30} GB, or {LARGEST_BATCH >> 30} GB together, "
            "are not taken; "
            "type their path instead.",
        )

    async def _store(self, request: web.Request, target: Path, batch: str) -> bool:
        """Write the request's body to `target`; False when it grows too large."""
        size = 0
        with target.open("wb") as file:
            async for block in request.content.iter_chunked(1 << 20):
                size += len(block)
                self._sizes[batch] = self._sizes.get(batch, 0) + len(block)
                if size > LARGEST_FILE or self._sizes[batch] > LARGEST_BATCH:
                    return False
                file.write(block)
        return True

    async def _send(self, request: web.Request) -> web.StreamResponse:
        path = self._scenes.get(request.match_info["name"])
        if path is None or not path.is_file():
            return web.Response(status=404, text="That scene is not there any more; save it again.")
        name = STRANGE.sub("_", request.query.get("as", path.name))
        return web.FileResponse(
            path,
            headers={
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
                "Content-Type": "application/octet-stream",
            },
        )
