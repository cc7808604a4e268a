"""AUTH: a client proves that it is one of our people (RFC 4954).

    PLAIN   one line: NUL name NUL password, in base64 (RFC 4616)
    LOGIN   two questions, two answers, each in base64; old, and still common

base64 is not encryption: that is why AUTH is offered only inside TLS.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mailcourse.message.reply import Reply
from mailcourse.message.sasl import Credentials, SaslFailure, decode_answer, parse_plain

Challenge = Callable[[str], Awaitable[bytes]]

MECHANISMS = ("PLAIN", "LOGIN")

#: RFC 4954 §6; somebody else's identity is refused like a wrong password
REPLIES = {
    SaslFailure.CANCELLED: (501, "5.7.0"),
    SaslFailure.NOT_BASE64: (501, "5.5.2"),
    SaslFailure.MALFORMED: (501, "5.5.2"),
    SaslFailure.OTHER_IDENTITY: (535, "5.7.8"),
}


async def credentials(mechanism: str, initial: str | None, challenge: Challenge) -> Credentials | Reply:
    """Talk until name and password are known; `challenge(text)` sends 334 and returns the client's line."""
    if mechanism == "PLAIN":
        found = parse_plain(_octets(initial) if initial is not None else await challenge(""))
    else:
        found = await _login(initial, challenge)
    return Reply(*REPLIES[found], found.value) if isinstance(found, SaslFailure) else found


async def _login(initial: str | None, challenge: Challenge) -> Credentials | SaslFailure:
    name = decode_answer(_octets(initial) if initial else await challenge("Username:"))
    if isinstance(name, SaslFailure):
        return name
    password = decode_answer(await challenge("Password:"))
    if isinstance(password, SaslFailure):
        return password
    return Credentials(name.decode("utf-8", "replace"), password.decode("utf-8", "replace"))


def _octets(initial: str) -> bytes:
    return initial.encode("utf-8", "surrogateescape")
