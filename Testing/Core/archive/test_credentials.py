"""Who we are to an archive: environment, netrc, keyring and token, each tried on an archive that
asks for it."""

from __future__ import annotations

import base64
import http.server
import json
import threading

import keyring
import pytest
from keyring.backend import KeyringBackend

from DGMVLCCore.archive.archive import open_archive
from DGMVLCCore.archive.credentials import Credentials, credentials, variable
from DGMVLCCore.errors import ArchiveError, UnreadableError
from Testing.Core.archive.orthanc import PASSWORD, USER

WRONG = "wrong-0815"


class Kept(KeyringBackend):
    """A keyring that holds one password."""

    priority = 1

    def __init__(self, service: str, user: str, password: str) -> None:
        super().__init__()
        self.held = {(service, user): password}

    def get_password(self, service, username):
        return self.held.get((service, username))

    def set_password(self, service, username, password):
        raise AssertionError("nothing is written to a keyring")


@pytest.fixture
def ring():
    """Put a password into the system's keyring, as `keyring.set_keyring` knows it."""
    before = keyring.get_keyring()
    yield lambda *held: keyring.set_keyring(Kept(*held))
    keyring.set_keyring(before)


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """A web archive that answers nobody's question but notes who asked; its Authorization
    headers."""
    heard: list[str | None] = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            heard.append(self.headers["Authorization"])
            self.send_response(200)
            self.send_header("Content-Type", "application/dicom+json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = tmp_path / "archives.json"
    url = f"http://127.0.0.1:{server.server_port}/dicom-web"
    mine = {"type": "dicomweb", "url": url, "user": "anna"}
    path.write_text(json.dumps({"archives": {"my-pacs": mine}}), encoding="utf-8")
    monkeypatch.setenv("DGMVLC_ARCHIVES", str(path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    yield heard
    server.shutdown()
    server.server_close()


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def write_netrc(tmp_path, user, password, mode=0o600):
    path = tmp_path / "netrc"
    path.write_text(f"machine 127.0.0.1 login {user} password {password}\n", encoding="utf-8")
    path.chmod(mode)


def test_each_place_is_heard_by_the_archive_the_first_goes_before(
    asked, tmp_path, monkeypatch, ring
):
    """From the last place to the first, each put in front of those that are there already."""
    open_archive("my-pacs").echo()
    ring("dgmvlc:my-pacs", "anna", "of the ring")
    open_archive("my-pacs").echo()
    write_netrc(tmp_path, "somebody-else", "theirs")  # the configured user goes before
    open_archive("my-pacs").echo()
    write_netrc(tmp_path, "anna", "of-netrc")
    open_archive("my-pacs").echo()
    monkeypatch.setenv("DGMVLC_ARCHIVE_MY_PACS_PASSWORD", "größe €")
    open_archive("my-pacs").echo()
    monkeypatch.setenv("DGMVLC_ARCHIVE_MY_PACS_TOKEN", "abc.def")
    open_archive("my-pacs").echo()
    assert asked == [
        None,
        basic("anna", "of the ring"),
        basic("anna", "of the ring"),
        basic("anna", "of-netrc"),
        basic("anna", "größe €"),
        "Bearer abc.def",
    ]


def test_a_real_archive_takes_netrc_and_keyring(orthanc, tmp_path, monkeypatch, ring):
    for what in ("USER", "PASSWORD"):
        monkeypatch.delenv(variable("web", what))
    with pytest.raises(ArchiveError, match="refuses user or password"):
        open_archive("web").echo()
    write_netrc(tmp_path, USER, WRONG)
    with pytest.raises(ArchiveError, match="refuses user or password") as refusal:
        open_archive("web").echo()
    assert WRONG not in str(refusal.value)
    write_netrc(tmp_path, USER, PASSWORD)
    open_archive("web").echo()
    (tmp_path / "netrc").unlink()
    for name, value in orthanc.named(user=USER).items():
        if name == "DGMVLC_ARCHIVES":
            monkeypatch.setenv(name, value)
    ring("dgmvlc:web", USER, PASSWORD)
    open_archive("web").echo()


def test_a_netrc_that_others_may_read_or_that_is_damaged(tmp_path, monkeypatch):
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    write_netrc(tmp_path, "anna", "secret", mode=0o644)
    with pytest.raises(UnreadableError, match="may be read by others"):
        credentials("main", "127.0.0.1")
    write_netrc(tmp_path, "anna", "secret")
    assert credentials("main", "127.0.0.1") == Credentials("anna", "secret")
    assert credentials("main", "pacs.example.org") == Credentials()
    (tmp_path / "netrc").write_text("machine", encoding="utf-8")
    with pytest.raises(UnreadableError, match="damaged"):
        credentials("main", "127.0.0.1")


def test_a_keyring_that_is_locked_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    def locked(*_):
        raise keyring.errors.KeyringLocked

    monkeypatch.setattr(keyring, "get_password", locked)
    assert credentials("main", "h", "anna") == Credentials()
