"""The parts of a message, with their exact octets (RFC 2045, RFC 2046).

    Part header b"Content-Type: multipart/mixed; boundary=x…"   body b"…"
      ├─ Part 1   text/plain
      └─ Part 2   message/rfc822 → its message is a Part again

The standard library reads parts too, but forgets where they stood; IMAP needs every octet.
"""

from __future__ import annotations

import email
import re
from dataclasses import dataclass
from email.message import Message
from functools import cached_property

MOST_DEPTH, MOST_PARTS = 30, 1000


@dataclass(frozen=True)
class Part:
    """One part: `header` with the empty line behind it, and `body`, as they stand in the message."""

    header: bytes
    body: bytes
    depth: int = 0

    @cached_property
    def fields(self) -> Message:
        """The header fields."""
        return email.message_from_bytes(self.header)

    @property
    def type(self) -> tuple[str, str]:
        """Type and subtype in lower case: ("text", "plain") when none is said."""
        return self.fields.get_content_maintype(), self.fields.get_content_subtype()

    @cached_property
    def parts(self) -> list[Part]:
        """The parts inside: of a multipart all, of a message/rfc822 its one message, else none."""
        if self.depth >= MOST_DEPTH:
            return []
        if self.type == ("message", "rfc822"):
            return [split(self.body, self.depth + 1)]
        boundary = self.fields.get_boundary()
        if self.type[0] != "multipart" or not boundary:
            return []
        return [split(piece, self.depth + 1) for piece in _pieces(self.body, boundary)]


def split(content: bytes, depth: int = 0) -> Part:
    """Cut a message, or a part, at its first empty line."""
    if content.startswith(b"\r\n"):
        return Part(b"\r\n", content[2:], depth)
    header, gap, body = content.partition(b"\r\n\r\n")
    return Part(header + gap, body, depth)


def _pieces(body: bytes, boundary: str) -> list[bytes]:
    """Cut a multipart's body at its boundary lines; the line end before one belongs to it (RFC 2046 §5.1.1)."""
    mark = re.escape(boundary.encode("utf-8", "surrogateescape"))
    line = re.compile(rb"(?:^|\r\n)--" + mark + rb"(--)?[ \t]*(?:\r\n|$)")
    pieces: list[bytes] = []
    start: int | None = None
    position = 0
    while (found := line.search(body, position)) and len(pieces) < MOST_PARTS - 1:
        if start is not None:
            pieces.append(body[start : found.start()])
        start = found.end()
        if found[1]:
            return pieces
        # The line end behind one boundary may also be the one before the next: an empty part.
        position = found.end() - 2 if body[found.end() - 2 : found.end()] == b"\r\n" else found.end()
        position = max(position, found.start() + 1)
    if start is not None:
        pieces.append(body[start:])
    return pieces
