"""AUTH: a client proves that it is one of our people (RFC 4954).

    PLAIN   one line: NUL name NUL password, in base64 (RFC 4616)
    LOGIN   two questions, two answers, each in base64; old, and still common

base64 is not encryption: that is why AUTH is offered only inside TLS.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable

from mailcourse.message.reply import Reply

Challenge = Callable[[str], Awaitable[bytes]]

MECHANISMS = ("PLAIN", "LOGIN")

CANCELLED = Reply(501, "5.7.0", "authentication cancelled by the client")
NOT_BASE64 = Reply(501, "5.5.2", "that is not base64")
MALFORMED = Reply(501, "5.5.2", "PLAIN wants NUL name NUL password, in base64")


async def credentials(mechanism: str, initial: str | None, challenge: Challenge) -> tuple[str, str] | Reply:
    """Talk until name and password are known; `challenge(text)` sends 334 and returns the client's line."""
    if mechanism == "PLAIN":
        return _plain(_decoded((initial or "").encode() if initial is not None else await challenge("")))
    name = _decoded(initial.encode() if initial else await challenge("Username:"))
    if isinstance(name, Reply):
        return name
    password = _decoded(await challenge("Password:"))
    if isinstance(password, Reply):
        return password
    return name.decode("utf-8", "replace"), password.decode("utf-8", "replace")


def _plain(blob: bytes | Reply) -> tuple[str, str] | Reply:
    if isinstance(blob, Reply):
        return blob
    parts = blob.split(b"\0")
    if len(parts) != 3:
        return MALFORMED
    _, name, password = (part.decode("utf-8", "replace") for part in parts)
    return name, password


def _decoded(line: bytes) -> bytes | Reply:
    if line.strip() == b"*":
        return CANCELLED
    if line.strip() == b"=":
        return b""  # RFC 4954 §4: an empty initial response
    try:
        return base64.b64decode(line.strip(), validate=True)
    except binascii.Error:
        return NOT_BASE64
