"""The parts of a message, with their exact octets (RFC 2045, RFC 2046).

    Part header b"Content-Type: multipart/mixed; boundary=x…"   body b"…"
      ├─ Part 1   text/plain
      └─ Part 2   message/rfc822 → its message is a Part again

The standard library reads parts too, but forgets where they stood; IMAP needs every octet.  Nothing here
fails: of a message that breaks every rule, the octets are still told.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from functools import cached_property

from .fields import TYPE, WORD, Fields, fields, parameters, text_of, without_comments

TEXT = "text", "plain"
#: Of a whole message: parts inside parts, parts, and lines that are looked at because they may be between parts.
MAX_DEPTH, MAX_PARTS, MAX_BOUNDARIES = 30, 1000, 20_000

BEHIND = re.compile(rb"(--)?[ \t]*+(?:\r\n|$)")  # what may follow a boundary on its line
NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
CODED = re.compile(rb"(?:=[0-9A-Fa-f]{2})+")


@dataclass
class Allowance:
    """What may still be cut of one message; all its parts share it."""

    parts: int = MAX_PARTS
    boundaries: int = MAX_BOUNDARIES


@dataclass(frozen=True)
class Part:
    """One part of `message`: the header from `start`, with the empty line behind it, and the body from `middle`."""

    message: bytes
    start: int
    middle: int
    end: int
    allowance: Allowance
    depth: int = 0
    default: tuple[str, str] = TEXT  # when no type is said

    @property
    def header(self) -> bytes:
        """The octets of the header."""
        return self.message[self.start : self.middle]

    @property
    def body(self) -> bytes:
        """The octets of the body."""
        return self.message[self.middle : self.end]

    @cached_property
    def fields(self) -> Fields:
        """The header fields."""
        return fields(self.header)

    @cached_property
    def type(self) -> tuple[str, str]:
        """Type and subtype in lower case: ("text", "plain") when none is said, or nonsense."""
        said = self.fields.first(b"content-type")
        found = TYPE.match(without_comments(said)) if said is not None else None
        if found is None:
            return self.default if said is None else TEXT
        return found[1].decode().lower(), found[2].decode().lower()

    @cached_property
    def parameters(self) -> list[tuple[bytes, bytes]]:
        """The parameters of the type: [(b"charset", b"utf-8")]."""
        return parameters(self.fields.first(b"content-type") or b"")

    @cached_property
    def encoding(self) -> str:
        """The transfer encoding in lower case; "7bit" when none is said."""
        found = WORD.match(without_comments(self.fields.first(b"content-transfer-encoding") or b""))
        return found[1].decode("ascii").lower() if found else "7bit"

    @cached_property
    def parts(self) -> list[Part]:
        """The parts inside: of a multipart at least one, of a message/rfc822 its one message, else none.

        All that is inside them is cut too, in one order for everybody; when the allowance is used up, nothing is.
        """
        if self.depth >= MAX_DEPTH or self.allowance.parts <= 0:
            return []
        places, default = [(self.middle, self.end)], TEXT
        if self.type[0] == "multipart":
            boundary = dict(self.parameters).get(b"boundary", b"").rstrip()
            places = (self._places(boundary) if boundary else []) or [(self.end, self.end)]
            default = ("message", "rfc822") if self.type[1] == "digest" else default  # RFC 2046 §5.1.5
        elif self.type != ("message", "rfc822"):
            return []
        self.allowance.parts -= len(places)
        inside = [_part(self.message, place, self.allowance, self.depth + 1, default) for place in places]
        _ = [part.parts for part in inside]  # the parts of each, now: the allowance is used in this order always
        return inside

    def _places(self, boundary: bytes) -> list[tuple[int, int]]:
        """Find the parts of a multipart; the line end before a boundary belongs to it (RFC 2046 §5.1.1).

        A pattern made for each boundary would take longer than all the rest: each message has its own.
        """
        line, places = b"\r\n--" + boundary, list[tuple[int, int]]()
        start, position = -1, max(self.middle - 2, 0)  # the line end before the body may be the one before a boundary
        while len(places) < self.allowance.parts - 1 and self.allowance.boundaries > 0:
            begin = self.message.find(line, position, self.end)
            if begin < 0:
                break
            self.allowance.boundaries -= 1
            behind = BEHIND.match(self.message, begin + len(line), self.end)
            if behind is None:
                position = begin + 1
                continue
            if start >= 0:
                places.append((start, max(start, begin)))
            start = behind.end()
            if behind[1]:
                return places
            # The line end behind one boundary may also be the one before the next: an empty part.
            position = start - 2 if self.message[start - 2 : start] == b"\r\n" else start
        return [*places, (start, self.end)] if start >= 0 else places

    def decoded(self) -> bytes | None:
        """Return the body without its transfer encoding (RFC 2045 §6); None when that is not known."""
        if self.encoding == "base64":
            clean = self.body.partition(b"=")[0].translate(None, NOT_BASE64)
            clean = clean[:-1] if len(clean) % 4 == 1 else clean
            return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))
        if self.encoding == "quoted-printable":
            return _from_quoted_printable(self.body)
        return self.body if self.encoding in ("7bit", "8bit", "binary") else None

    def text(self) -> str:
        """Return the body as text, as well as that can be done."""
        octets = self.decoded()
        charset = dict(self.parameters).get(b"charset", b"utf-8").decode("ascii", "replace")
        return text_of(self.body if octets is None else octets, charset)


def _from_quoted_printable(body: bytes) -> bytes:
    """RFC 2045 §6.7: spaces at the end of a line are not the sender's, = there means that the line goes on.

    >>> _from_quoted_printable(b"caf=C3=A9= \\r\\n =00 \\t\\r\\n")
    b'caf\\xc3\\xa9 \\x00\\r\\n'
    """
    lines = [line.rstrip(b" \t") for line in body.split(b"\r\n")]
    joined = b"".join([line[:-1] if line.endswith(b"=") else line + b"\r\n" for line in lines])
    whole = joined if lines[-1].endswith(b"=") else joined[:-2]
    return CODED.sub(lambda run: bytes.fromhex(run[0].replace(b"=", b"").decode()), whole)


def split(content: bytes) -> Part:
    """Cut a message at its first empty line."""
    return _part(content, (0, len(content)), Allowance(), 0, TEXT)


def _part(message: bytes, place: tuple[int, int], allowance: Allowance, depth: int, default: tuple[str, str]) -> Part:
    start, end = place
    if message.startswith(b"\r\n", start, end):
        middle = start + 2
    else:
        gap = message.find(b"\r\n\r\n", start, end)
        middle = gap + 4 if gap >= 0 else end
    return Part(message, start, middle, end, allowance, depth, default)
