"""SASL PLAIN: one answer in which a client says who it is, and proves it (RFC 4616).

    [identity] NUL name NUL password        in base64: AGFsaWNlAGFwcGxl

The identity is whom the client wants to act for; empty means "for myself".  Nobody acts for others here.
"*" cancels the exchange; "=" stands for an empty answer (RFC 4954 §4, RFC 4959 §3, RFC 5034 §4).
Who uses it: SMTP, POP3 and IMAP.  Does not know passwords: whether one is right, the accounts say.
"""

from __future__ import annotations

import base64
import binascii
from enum import Enum
from typing import NamedTuple


class Credentials(NamedTuple):
    """A name and the password that proves it."""

    name: str
    password: str


class SaslFailure(Enum):
    """Why an answer gives no credentials."""

    CANCELLED = "authentication cancelled by the client"
    NOT_BASE64 = "that is not base64"
    MALFORMED = "PLAIN must be NUL name NUL password, in base64"
    OTHER_IDENTITY = "acting for another user is not allowed"


def decode_answer(line: bytes) -> bytes | SaslFailure:
    """Return the octets of a client's answer.

    >>> decode_answer(b"YWxpY2U="), decode_answer(b"*")
    (b'alice', <SaslFailure.CANCELLED: 'authentication cancelled by the client'>)
    """
    answer = line.strip()
    if answer == b"*":
        return SaslFailure.CANCELLED
    try:
        return b"" if answer == b"=" else base64.b64decode(answer, validate=True)
    except binascii.Error:
        return SaslFailure.NOT_BASE64


def parse_plain(line: bytes) -> Credentials | SaslFailure:
    """Read the answer of PLAIN.

    >>> parse_plain(b"AGFsaWNlAGFwcGxl")
    Credentials(name='alice', password='apple')
    """
    answer = decode_answer(line)
    if isinstance(answer, SaslFailure):
        return answer
    fields = answer.decode("utf-8", "replace").split("\0")
    if len(fields) != 3:
        return SaslFailure.MALFORMED
    identity, name, password = fields
    if identity and identity.lower() != name.lower():  # RFC 4616 §2: acting for somebody else is not offered
        return SaslFailure.OTHER_IDENTITY
    return Credentials(name, password)
