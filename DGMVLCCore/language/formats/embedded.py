"""Documents within messages: base64 -> bytes, and the reader that is called for them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from DGMVLCCore.errors import UnreadableError

Embedded = Callable[[bytes, str], str]  # a document's bytes, the name of its file -> its text


def unpacked(data: str, name: str) -> bytes:
    """Bytes of a base64 document.

    Raises:
        UnreadableError: it is damaged.
    """
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnreadableError(f"{name} holds a damaged document (base64).") from error
