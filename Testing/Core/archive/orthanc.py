"""A real archive for tests: Debian's Orthanc as a process of its own, on this machine only."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

PROGRAM = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
PLUGINS = "/usr/share/orthanc/plugins"
USER, PASSWORD = "reader", "very-secret-4711"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Orthanc:
    """Starts, stops and kills it; its storage stays."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.web, self.dicom = folder, free_port(), free_port()
        self.here = free_port()  # where a C-MOVE arrives
        self.process: subprocess.Popen | None = None
        self.config = folder / "orthanc.json"
        self.config.write_text(
            json.dumps(
                {
                    "StorageDirectory": str(folder / "storage"),
                    "IndexDirectory": str(folder / "storage"),
                    "HttpPort": self.web,
                    "DicomPort": self.dicom,
                    "DicomAet": "ORTHANC",
                    "RemoteAccessAllowed": False,
                    "AuthenticationEnabled": True,
                    "RegisteredUsers": {USER: PASSWORD},
                    "Plugins": [PLUGINS],
                    "DicomWeb": {"Enable": True},
                    "DicomAlwaysAllowGet": True,
                    "DicomAlwaysAllowFind": True,
                    "DicomAlwaysAllowMove": True,
                    "DicomModalities": {"here": ["DGMVLC", "127.0.0.1", self.here]},
                    "UnknownSopClassAccepted": True,
                    "SyncStorageArea": False,
                    "HttpBindAddresses": ["127.0.0.1"],
                }
            ),
            encoding="utf-8",
        )

    def start(self) -> None:
        self.process = subprocess.Popen(
            [str(PROGRAM), str(self.config)],
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "orthanc.log").open("ab"),
            cwd=self.folder,
        )
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                self.rest("system")
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError((self.folder / "orthanc.log").read_text(encoding="utf-8")[-800:])

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def rest(self, path: str, method: str | None = None, body: bytes | None = None):
        """Orthanc's own interface, to look from outside."""
        return json.loads(self.bytes(path, method, body))

    def file(self, identifier: str) -> bytes:
        """An object as the archive stores it."""
        return self.bytes(f"instances/{identifier}/file")

    def bytes(self, path: str, method: str | None = None, body: bytes | None = None) -> bytes:
        manager = urllib.request.HTTPPasswordMgrWithPriorAuth()
        manager.add_password(None, self.url, USER, PASSWORD, is_authenticated=True)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPBasicAuthHandler(manager)
        )
        request = urllib.request.Request(f"{self.url}/{path}", method=method, data=body)
        with opener.open(request, timeout=10) as answer:
            return answer.read()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web}"

    def storescu(self, *files: Path) -> None:
        """A foreign client stores."""
        subprocess.run(
            ["storescu", "127.0.0.1", str(self.dicom), "-aec", "ORTHANC", *map(str, files)],
            check=True,
            capture_output=True,
            env={**os.environ, "TCP_NODELAY": "1"},  # dcmtk waits for acknowledgements otherwise
        )

    def empty(self) -> None:
        for patient in self.rest("patients"):
            self.rest(f"patients/{patient}", method="DELETE")

    def count(self) -> int:
        return len(self.rest("instances"))

    def uids(self) -> list[str]:
        """Of all objects."""
        tags = (self.rest(f"instances/{one}")["MainDicomTags"] for one in self.rest("instances"))
        return sorted(one["SOPInstanceUID"] for one in tags)

    def named(self, **more: dict) -> dict[str, str]:
        """The environment in which "web", "get" and "move" of a configuration file mean it.

        Args:
            more: further settings of "web".
        """
        dimse = {"type": "dimse", "host": "127.0.0.1", "port": self.dicom, "title": "ORTHANC"}
        dimse |= {"tls": False, "tries": 3}
        archives = {
            "web": {"type": "dicomweb", "url": f"{self.url}/dicom-web", "tries": 3, **more},
            "get": dimse,
            "move": {**dimse, "retrieve": "move", "port_here": self.here},
        }
        config = self.folder / "archives.json"
        config.write_text(json.dumps({"archives": archives}), encoding="utf-8")
        return {
            "DGMVLC_ARCHIVES": str(config),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "NETRC": str(self.folder / "netrc"),
            "DGMVLC_ARCHIVE_WEB_USER": USER,
            "DGMVLC_ARCHIVE_WEB_PASSWORD": PASSWORD,
        }
