"""Connections of the DICOM network protocol: what is proposed, with whom, and TLS."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from DGMVLCCore.archive.backend import Interrupted
from DGMVLCCore.archive.config import DimseArchive, is_here
from DGMVLCCore.archive.credentials import credentials
from DGMVLCCore.archive.reports import PDF, STRUCTURED
from DGMVLCCore.errors import ArchiveClosedError, UsageError

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
# JPEG lossless, JPEG-LS, JPEG 2000 (lossless first) and RLE, each proposed alone (PS3.5 annex A).
COMPRESSED = (
    *("1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.80"),
    *("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.5"),
)
CT, ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1"
SEGMENTATION, MAP = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.30"
STORED = [CT, ENHANCED_CT, *STRUCTURED, PDF]  # asked for where the archive names no classes
SENT = [CT, SEGMENTATION, MAP, *STRUCTURED, PDF]
CONNECT_S = 10.0


def contexts(classes: list[str], syntaxes: tuple[str, ...] = (EXPLICIT, IMPLICIT)) -> list[Any]:
    """A proposal a class, uncompressed."""
    from pynetdicom import build_context

    return [build_context(one, list(syntaxes)) for one in classes]


def storage_contexts(classes: list[str]) -> list[Any]:
    """What may be stored here: these classes, images compressed, too."""
    from pynetdicom import build_context

    kinds = classes or STORED
    images = [kind for kind in kinds if kind not in (*STRUCTURED, PDF)][:12]
    packed = [build_context(kind, [syntax]) for kind in images for syntax in COMPRESSED]
    return [*contexts(kinds), *packed]


def sending_contexts(kind: str, syntax: str) -> list[Any]:
    """What may be sent: the objects that this program makes, and this one as it is."""
    from pynetdicom import build_context

    own = [build_context(one, [known]) for one in SENT for known in (EXPLICIT, IMPLICIT)]
    given = build_context(kind, [syntax])
    return own if kind in SENT and syntax in (EXPLICIT, IMPLICIT) else [given, *own]


def tls_context(name: str, settings: DimseArchive) -> ssl.SSLContext:
    """TLS that verifies the archive, and shows who we are where a certificate is given.

    Raises:
        UsageError: a file of the configuration cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=settings.ca)
        if settings.certificate:
            context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ssl.SSLError):
        raise UsageError(
            f"The archive {name} names a ca, certificate or key that cannot be read as such; "
            "correct the configuration."
        ) from None
    return context


def _check_tls(name: str, settings: DimseArchive, context: ssl.SSLContext) -> None:
    """Refuse an archive that does not speak TLS, or as somebody else.

    Raises:
        ArchiveError: it does not. Interrupted: it cannot be reached.
    """
    try:
        plain = socket.create_connection((settings.host, settings.port), CONNECT_S)
    except OSError:
        raise Interrupted("could not be reached") from None
    try:
        with plain, context.wrap_socket(plain, server_hostname=settings.host):
            return
    except TimeoutError:
        raise Interrupted("did not answer in time") from None
    except OSError:  # ssl.SSLError, or the other side hangs up
        raise ArchiveClosedError(
            f"The archive {name} does not speak TLS with a certificate that can be verified; give "
            'the authority\'s certificate as ca, or, on a closed network, say "tls": false.'
        ) from None


def opened(
    name: str,
    settings: DimseArchive,
    proposed: list[Any],
    *,
    storing: list[str] | None = None,
    handlers: list[Any] | None = None,
) -> Any:
    """An association.

    Args:
        storing: classes that the archive may store here over it (C-GET).

    Raises:
        ArchiveError: the archive rejects us. Interrupted: it cannot be reached. UsageError: a file
            of the configuration cannot be used.
    """
    from pynetdicom import AE, build_role

    entity = AE(ae_title=settings.calling)
    entity.connection_timeout = CONNECT_S
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = settings.timeout_s
    extra: list[Any] = [build_role(kind, scp_role=True) for kind in storing or ()]
    tls = None
    if settings.tls:
        tls = tls_context(name, settings)
        _check_tls(name, settings, tls)
        extra += _user(name, settings.host)  # never over a connection that anyone can read
    made = entity.associate(
        settings.host,
        settings.port,
        contexts=proposed,
        ae_title=settings.title,
        ext_neg=extra or None,
        tls_args=(tls, settings.host) if tls else None,
        evt_handlers=handlers or [],
    )
    if not made.is_established:
        raise _not_opened(made, name, settings)
    return made


def _not_opened(association: Any, name: str, settings: DimseArchive) -> Exception:
    if association.is_rejected:
        return ArchiveClosedError(
            f"The archive {name} rejects us; check the titles {settings.title} (its) and "
            f"{settings.calling} (ours), and user and password."
        )
    return Interrupted("could not be reached, or broke off")


def _user(name: str, host: str) -> list[Any]:
    """User and password for an archive's connection, when they are known."""
    from pynetdicom.pdu_primitives import UserIdentityNegotiation

    who = credentials(name, host)
    if not who.password:
        return []
    identity = UserIdentityNegotiation()
    identity.user_identity_type = 2
    identity.primary_field, identity.secondary_field = who.user.encode(), who.password.encode()
    return [identity]


def _server_tls(settings: DimseArchive) -> ssl.SSLContext:
    """TLS for what the archive sends here: both sides show a certificate."""
    if not settings.certificate:
        raise UsageError(
            'C-MOVE with TLS needs a certificate and key of this machine; or take "retrieve": '
            '"get".'
        )
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=settings.ca)
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_cert_chain(settings.certificate, settings.key)
    return tls


@contextmanager
def listening(
    settings: DimseArchive, classes: list[str], arrived: Callable[[Any], int]
) -> Iterator[None]:
    """Take objects that the archive moves here, for the length of a block.

    Raises:
        UsageError: the port is taken, or TLS lacks our certificate.
    """
    from pynetdicom import AE, evt

    tls = _server_tls(settings) if settings.tls else None
    entity = AE(ae_title=settings.calling)
    entity.require_called_aet = True
    entity.supported_contexts = storage_contexts(classes)
    place = "127.0.0.1" if is_here(settings.host) else ""
    try:
        server = entity.start_server(
            (place, settings.port_here),
            block=False,
            ssl_context=tls,
            evt_handlers=[(evt.EVT_C_STORE, arrived)],
        )
    except OSError:
        raise UsageError(
            f"Port {settings.port_here}, where the archive sends images to, is taken; stop what "
            "uses it, or change port_here."
        ) from None
    try:
        yield
    finally:
        if server is not None:
            server.shutdown()
