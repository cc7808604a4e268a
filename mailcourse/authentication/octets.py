"""A message as a signature sees it: every octet of its header fields, and its body.

    (b"Subject", b" rolls\\r\\n")     name as it is written, value with its folds and its line end

`message/fields.py` reads fields for people, and unfolds them; a signature counts each octet.  Nothing here fails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

RawField = tuple[bytes, bytes]
LINE_END = re.compile(rb"\r\n(?![ \t])")


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
