"""A message as a signature sees it: every octet of its header fields, and its body.

    (b"Subject", b" rolls\\r\\n")     name as it is written, value with its folds and its line end

`message/fields.py` reads fields for people, and unfolds them; a signature counts each octet.  Nothing here fails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

RawField = tuple[bytes, bytes]
LINE_END, SPACES = re.compile(rb"\r\n(?![ \t])"), re.compile(rb"[ \t]+")
PIECE = 2**17  # octets of a body that are looked at in one go


@dataclass(frozen=True, slots=True)
class Octets:
    """One message: its fields from top to bottom, and its body."""

    fields: tuple[RawField, ...]
    body: bytes

    def named(self, name: bytes) -> list[RawField]:
        """Return the fields of one name, in lower case, from top to bottom."""
        return [each for each in self.fields if each[0].rstrip().lower() == name]


def split(message: bytes) -> Octets:
    """Cut a message into fields and body; lines that are no field are passed over."""
    if b"\r\n" not in message:
        message = message.replace(b"\n", b"\r\n")  # as a cell may have it
    header, _, body = (b"", b"", message[2:]) if message.startswith(b"\r\n") else message.partition(b"\r\n\r\n")
    fields = [line.partition(b":") for line in LINE_END.split(header)]
    return Octets(tuple((name, value + b"\r\n") for name, colon, value in fields if colon and name.strip()), body)


class Bodies:
    """The body of one message in its canonical forms, each made once (RFC 6376 §3.4.3, §3.4.4).  Blocking.

    dkimpy does the same, all at once, and takes the square of the time where many spaces stand together.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._made: dict[bytes, bytes] = {}

    def form(self, name: bytes) -> bytes:
        """Return the body in the form "simple" or "relaxed"."""
        if name not in self._made:
            self._made[name] = _relaxed(self._body) if name == b"relaxed" else _ended(self._body)
        return self._made[name]


def _relaxed(body: bytes) -> bytes:
    """Make one space of many, and none at the end of a line; piece by piece, so that other threads come in between."""
    pieces, begin = [], 0
    while begin < len(body):
        end = body.find(b"\r\n", begin + PIECE) + 2
        end = len(body) if end < 2 else end
        pieces.append(SPACES.sub(b" ", body[begin:end]).replace(b" \r\n", b"\r\n"))
        begin = end
    whole = _ended(b"".join(pieces))
    return b"" if whole == b"\r\n" else whole


def _ended(body: bytes) -> bytes:
    """Let the body end in one line end: empty lines there are not signed.  A CR or LF alone is not an end."""
    text = body.rstrip(b"\r\n")
    lines = body[len(text) :]
    alone = max(lines.rfind(b"\r\r"), lines.rfind(b"\n\n")) + 1
    alone += lines.startswith(b"\n", alone)
    return (body if lines.endswith(b"\r") else text + lines[:alone]) + b"\r\n"
