r"""Header lines that the MDA writes when it delivers, as bytes with CRLF line ends.

    Return-Path: <alice@academy.test>
    Delivered-To: bruno@bakery.test

The MTA writes its own, Received (`mta/received.py`).
"""

from __future__ import annotations

#: What the trace keeps of a header, in octets.
MAX_TRACED = 16 * 1024


def traced(beginning: bytes) -> str:
    """Return the header of a message, from its first octets, as text for the trace; a longer one is cut."""
    return beginning[:MAX_TRACED].split(b"\r\n\r\n", 1)[0].decode("utf-8", "backslashreplace")


def return_path(sender: str) -> bytes:
    """Write the line that final delivery puts on top: the envelope sender (RFC 5321 §4.4)."""
    return f"Return-Path: <{sender}>\r\n".encode()


def delivered_to(recipient: str) -> bytes:
    """Write the line that says for whom this copy is; it also shows loops of aliases."""
    return f"Delivered-To: {recipient}\r\n".encode()


def list_id(address: str) -> bytes:
    """Write the line that names a mailing list (RFC 2919): `<staff.bakery.test>`."""
    return f"List-Id: <{address.replace('@', '.')}>\r\n".encode()
