"""The parts of a message, with their exact octets (RFC 2045, RFC 2046).

    Part header b"Content-Type: multipart/mixed; boundary=x…"   body b"…"
      ├─ Part 1   text/plain
      └─ Part 2   message/rfc822 → its message is a Part again

The standard library reads parts too, but forgets where they stood; IMAP needs every octet.  Nothing here
fails: of a message that breaks every rule, the octets are still told.
"""

from __future__ import annotations

import binascii
import quopri
import re
from dataclasses import dataclass
from functools import cached_property

MAX_DEPTH, MAX_PARTS, MAX_PARAMETERS = 30, 1000, 100

TOKEN = rb"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+"
TYPE = re.compile(rb"\s*(" + TOKEN + rb")\s*/\s*(" + TOKEN + rb")")
WORD = re.compile(rb"\s*(" + TOKEN + rb")")
PARAMETER = re.compile(rb';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^\s;]*))', re.DOTALL)
CONTINUED = re.compile(rb"(.+?)\*(\d{1,3})(\*?)")
BEHIND = re.compile(rb"(--)?[ \t]*(?:\r\n|$)")  # what may follow a boundary on its line
COMMENT = re.compile(rb'("(?:[^"\\]|\\.)*"?)|\((?:[^()\\]|\\.)*\)', re.DOTALL)


class Fields(dict[bytes, list[bytes]]):
    """The fields of a header: name in lower case → values, unfolded and stripped, in their order."""

    def first(self, name: bytes) -> bytes | None:
        """Return the first value of a field, or None."""
        values = self.get(name)
        return values[0] if values else None


def fields(header: bytes) -> Fields:
    """Read a header; what is no field is passed over.

    >>> fields(b"Subject: two\\r\\n lines\\r\\nnonsense\\r\\n\\r\\n")
    {b'subject': [b'two lines']}
    """
    if b"\n " in header or b"\n\t" in header:
        header = re.sub(rb"\r?\n(?=[ \t])", b"", header)
    found = Fields()
    for line in header.split(b"\n"):
        name, colon, value = line.partition(b":")
        if colon:
            name, value = name.rstrip(b" \t").lower(), value.strip(b" \t\r")
            if name in found:
                found[name].append(value)
            else:
                found[name] = [value]
    return found


@dataclass(frozen=True)
class Part:
    """One part: `header` with the empty line behind it, and `body`, as they are in the message."""

    header: bytes
    body: bytes
    depth: int = 0
    default: tuple[str, str] = ("text", "plain")  # when no type is said

    @cached_property
    def fields(self) -> Fields:
        """The header fields."""
        return fields(self.header)

    @cached_property
    def type(self) -> tuple[str, str]:
        """Type and subtype in lower case: ("text", "plain") when none is said, or nonsense."""
        said = self.fields.first(b"content-type")
        found = TYPE.match(_bare(said)) if said is not None else None
        if found is None:
            return self.default if said is None else ("text", "plain")
        return found[1].decode("ascii").lower(), found[2].decode("ascii").lower()

    @cached_property
    def parameters(self) -> list[tuple[bytes, bytes]]:
        """The parameters of the type: [(b"charset", b"utf-8")]."""
        return parameters(self.fields.first(b"content-type") or b"")

    @property
    def encoding(self) -> str:
        """The transfer encoding in lower case; "7bit" when none is said."""
        found = WORD.match(_bare(self.fields.first(b"content-transfer-encoding") or b""))
        return found[1].decode("ascii").lower() if found else "7bit"

    @cached_property
    def parts(self) -> list[Part]:
        """The parts inside: of a multipart at least one, of a message/rfc822 its one message, else none."""
        if self.depth >= MAX_DEPTH:
            return []
        if self.type == ("message", "rfc822"):
            return [split(self.body, self.depth + 1)]
        if self.type[0] != "multipart":
            return []
        boundary = dict(self.parameters).get(b"boundary", b"").rstrip()
        pieces = _pieces(self.body, boundary) if boundary else []
        default = ("message", "rfc822") if self.type[1] == "digest" else ("text", "plain")  # RFC 2046 §5.1.5
        return [split(piece, self.depth + 1, default) for piece in pieces or [b""]]

    def decoded(self) -> bytes | None:
        """Return the body without its transfer encoding (RFC 2045 §6); None when that is not known."""
        encoding = self.encoding
        if encoding == "base64":
            return _from_base64(self.body)
        if encoding == "quoted-printable":
            return quopri.decodestring(self.body)
        return self.body if encoding in ("7bit", "8bit", "binary") else None

    def text(self) -> str:
        """Return the body as text, as well as that can be done."""
        octets = self.decoded()
        charset = dict(self.parameters).get(b"charset", b"utf-8").decode("ascii", "replace")
        return text_of(self.body if octets is None else octets, charset)


def text_of(octets: bytes, charset: str) -> str:
    """Decode octets; a charset that nobody knows is read as UTF-8."""
    try:
        return octets.decode(charset, "replace")
    except (LookupError, ValueError):  # no such charset, or none of text
        return octets.decode("utf-8", "replace")


def _from_base64(octets: bytes) -> bytes:
    clean = re.sub(rb"[^A-Za-z0-9+/]", b"", octets.partition(b"=")[0])
    clean = clean[:-1] if len(clean) % 4 == 1 else clean
    return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))


def parameters(value: bytes) -> list[tuple[bytes, bytes]]:
    """Read what follows the first semicolon of a field; pieces of RFC 2231 are joined, not decoded.

    >>> parameters(b'attachment; filename*0="a long "; filename*1="name"; x=1')
    [(b'filename', b'a long name'), (b'x', b'1')]
    """
    found: dict[bytes, bytes] = {}
    for name, inside, plain in PARAMETER.findall(_bare(value))[:MAX_PARAMETERS]:
        said = re.sub(rb"\\(.)", rb"\1", inside, flags=re.DOTALL) if inside else plain
        piece = CONTINUED.fullmatch(name)
        if piece is None:
            found.setdefault(name.lower(), said)
            continue
        whole = piece[1].lower()
        if whole in found and piece[3]:  # RFC 2231 §4.1: one piece is encoded, so the whole is
            found = {(whole + b"*" if key == whole else key): old for key, old in found.items()}
        key = whole + b"*" if piece[3] or whole + b"*" in found else whole
        found[key] = found.get(key, b"") + said
    return list(found.items())


def _bare(value: bytes) -> bytes:
    """Take comments away, inside out."""
    for _ in range(10):
        if b"(" not in value:
            break
        value = COMMENT.sub(lambda found: found[1] or b" ", value)
    return value


def split(content: bytes, depth: int = 0, default: tuple[str, str] = ("text", "plain")) -> Part:
    """Cut a message, or a part, at its first empty line."""
    if content.startswith(b"\r\n"):
        return Part(b"\r\n", content[2:], depth, default)
    header, gap, body = content.partition(b"\r\n\r\n")
    return Part(header + gap, body, depth, default)


def _pieces(body: bytes, boundary: bytes) -> list[bytes]:
    """Cut a multipart's body at its boundary lines; the line end before one belongs to it (RFC 2046 §5.1.1)."""
    line = b"--" + boundary
    pieces: list[bytes] = []
    start: int | None = None
    position = 0
    while (found := _boundary_line(body, line, position)) and len(pieces) < MAX_PARTS - 1:
        begin, end, is_last = found
        if start is not None:
            pieces.append(body[start:begin])
        start = end
        if is_last:
            return pieces
        # The line end behind one boundary may also be the one before the next: an empty part.
        position = end - 2 if body[end - 2 : end] == b"\r\n" else end
        position = max(position, begin + 1)
    if start is not None:
        pieces.append(body[start:])
    return pieces


def _boundary_line(body: bytes, line: bytes, position: int) -> tuple[int, int, bool] | None:
    """Find the next boundary: where it begins, with the line end before it; where it ends; whether it is the last.

    A pattern made for each boundary would take longer than all the rest: each message has its own.
    """
    place = body.find(line, position)
    while place >= 0:
        begin, behind = max(place - 2, 0), BEHIND.match(body, place + len(line))
        if behind and (place == 0 or (begin >= position and body[begin:place] == b"\r\n")):
            return begin, behind.end(), behind[1] is not None
        place = body.find(line, place + 1)
    return None
