"""Who we are to an archive: from the environment, netrc or the system's keyring, nowhere else."""

from __future__ import annotations

import netrc
import os
from pathlib import Path
from typing import NamedTuple

from DGMVLCCore.errors import UnreadableError


class Credentials(NamedTuple):
    """A user with password, or a token; all empty for none."""

    user: str = ""
    password: str = ""
    token: str = ""


def variable(name: str, what: str) -> str:
    """The environment variable of an archive, e.g. DGMVLC_ARCHIVE_MAIN_PASSWORD."""
    return f"DGMVLC_ARCHIVE_{name.upper().replace('-', '_')}_{what}"


def credentials(name: str, host: str, user: str = "") -> Credentials:
    """The credentials of the archive `name` on `host`, looked for in this order.

    Raises:
        UnreadableError: the netrc file is damaged or open to others.
    """
    if token := os.environ.get(variable(name, "TOKEN")):
        return Credentials(token=token)
    if password := os.environ.get(variable(name, "PASSWORD")):
        return Credentials(os.environ.get(variable(name, "USER"), user), password)
    try:
        login = _netrc().authenticators(host)
    except FileNotFoundError:
        login = None
    except (netrc.NetrcParseError, OSError):
        raise UnreadableError(
            "The netrc file is damaged or may be read by others; correct it and chmod 600 it."
        ) from None
    if login and (not user or login[0] == user):
        return Credentials(login[0], login[2] or "")
    return _from_keyring(name, user)


def _netrc() -> netrc.netrc:
    """The user's netrc file, or that of NETRC, which must be as private.

    Raises:
        OSError: missing, or others may read it. NetrcParseError: damaged.
    """
    given = os.environ.get("NETRC")
    if given and os.name == "posix" and Path(given).stat().st_mode & 0o077:
        raise PermissionError(given)
    return netrc.netrc(given)


def _from_keyring(name: str, user: str) -> Credentials:
    """From the service "dgmvlc:NAME" of the system's keyring, where the package is installed and a
    user is configured."""
    if not user:
        return Credentials()
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return Credentials()
    try:
        password = keyring.get_password(f"dgmvlc:{name}", user)
    except KeyringError:  # none runs here, or it is locked
        return Credentials()
    return Credentials(user, password) if password else Credentials()
