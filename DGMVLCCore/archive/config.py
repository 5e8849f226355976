"""The archives that a user named, in one small JSON file; it holds no credentials."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from DGMVLCCore.errors import UnreadableError, UsageError, quoted
from DGMVLCCore.ground.plain_json import read_limited

PLACE_VARIABLE = "DGMVLC_ARCHIVES"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")  # starts with a letter, so it is no UID
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=16)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]


class WebArchive(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="dicomweb"):
    """An archive spoken to by DICOMweb (PS3.18).

    Args:
        url: root of the service, https; http only on this machine. user: for the password in netrc
            or the keyring. ca: file of certificates to trust beside none; the system's when None.
        timeout_s: how long one answer may take. tries: how often a request is made before it fails.
    """

    url: str
    user: str = ""
    ca: str | None = None
    timeout_s: Seconds = 60.0
    tries: Annotated[int, msgspec.Meta(ge=1, le=20)] = 6


class DimseArchive(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="dimse"):
    """An archive spoken to by the DICOM network protocol (PS3.7, PS3.8).

    Args:
        title: its application entity title; calling: ours. tls: False only where the user says so.
            ca, certificate, key: files; certificate and key where the archive asks who we are.
        retrieve: "get" (C-GET), or "move" (C-MOVE to `port_here`, which the archive must know).
    """

    host: str
    port: Port
    title: Title
    calling: Title = "DGMVLC"
    tls: bool = True
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    retrieve: Literal["get", "move"] = "get"
    port_here: Port = 11112
    timeout_s: Seconds = 60.0
    tries: Annotated[int, msgspec.Meta(ge=1, le=20)] = 6


class Archives(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The configuration file: archives by name."""

    archives: dict[str, WebArchive | DimseArchive]


def config_path() -> Path:
    """Where the archives are named: DGMVLC_ARCHIVES, else dgmvlc/archives.json among the user's
    settings."""
    if told := os.environ.get(PLACE_VARIABLE):
        return Path(told)
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "dgmvlc" / "archives.json"


def is_here(host: str) -> bool:
    """True for an address of this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_config() -> dict[str, WebArchive | DimseArchive]:
    """The archives by name.

    Raises:
        UsageError: no file. UnreadableError: it is not what it should be; the sentence says where.
    """
    path = config_path()
    try:
        archives = msgspec.json.decode(read_limited(path), type=Archives).archives
    except FileNotFoundError:
        raise UsageError(
            f"No archive is named yet: {path} does not exist; write it as README says, or point "
            f"{PLACE_VARIABLE} to it."
        ) from None
    except OSError as error:
        raise UnreadableError(f"{path} could not be read ({error.strerror}).") from error
    except msgspec.DecodeError as error:
        raise UnreadableError(f"{path} names no archives that can be used: {error}.") from None
    for name, archive in archives.items():
        _check(name, archive, path)
    return archives


def _check(name: str, archive: WebArchive | DimseArchive, path: Path) -> None:
    """Refuse a name that no address can hold, and ways to an archive that anyone could read.

    Raises:
        UnreadableError: a bad name or url. UsageError: no TLS, or credentials in the file.
    """
    if not NAME.fullmatch(name):
        raise UnreadableError(
            f"{path} names an archive {quoted(name)}; a name is a letter, then letters, digits, _ "
            "or -."
        )
    if isinstance(archive, DimseArchive):
        return
    try:
        url = urlsplit(archive.url)
        host = url.hostname or ""
    except ValueError:
        host = ""
    if not host or url.scheme not in ("http", "https") or url.query or url.fragment:
        raise UnreadableError(
            f"{path} gives the archive {name} no url as https://HOST/PATH; correct it."
        )
    if url.username or url.password:
        raise UsageError(
            f"{path} holds credentials in the url of the archive {name}; take them out and put "
            "them into the environment, netrc or the keyring."
        )
    if url.scheme == "http" and not is_here(host):
        raise UsageError(
            f"The archive {name} is given with http, so anyone on the way could read the images; "
            "give its https address."
        )


def archive_named(name: str) -> WebArchive | DimseArchive:
    """The settings of one archive.

    Raises:
        UsageError: there is none of that name. Others as `read_config`.
    """
    archives = read_config()
    if name not in archives:
        raise UsageError(
            f"There is no archive {quoted(name)}; {config_path()} names "
            f"{', '.join(sorted(archives)) or 'none'}."
        )
    return archives[name]
