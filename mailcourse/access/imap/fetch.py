"""FETCH: which pieces of a message, and how they are written (RFC 3501 §6.4.5, §7.4.2; RFC 3516).

    BODY[]                        all of it              marks the message as seen
    BODY.PEEK[HEADER]             the header             does not
    BODY[1.2]<0.1000>             the first 1000 octets of part 1.2
    BODY[HEADER.FIELDS (From)]    some fields
    BINARY[2]                     part 2 without base64 or quoted-printable

Knows one message at a time.  Does not know sequence numbers: `selected.py` writes those.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mailcourse.mailbox.maildir import Maildir
from mailcourse.mailbox.names import MessageFile
from mailcourse.message.mime import Part, split

from .flags import words
from .states import No, Wrong
from .strings import literal, literal8, write_time
from .structure import body, envelope

MACROS = {
    "FAST": ["FLAGS", "INTERNALDATE", "RFC822.SIZE"],
    "ALL": ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"],
    "FULL": ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"],
}

SECTION = re.compile(
    r"(?P<verb>BODY|BINARY(?:\.SIZE)?)(?P<peek>\.PEEK)?"
    r"\[(?P<path>[1-9]\d{0,5}(?:\.[1-9]\d{0,5}){0,40})?(?(path)(?:\.(?=[A-Z])|(?=\])))"
    r"(?P<what>HEADER\.FIELDS(?:\.NOT)?|HEADER|TEXT|MIME)?"
    r"(?: \((?P<fields>[^)]*)\))?\](?:<(?P<start>\d{1,10})\.(?P<count>\d{1,10})>)?",
    re.IGNORECASE,
)


class Message:
    """A message being fetched or searched; read from the disk when first needed."""

    __slots__ = ("_content", "_folder", "_part", "entry", "keywords", "number", "recent")  # one for each line told

    def __init__(
        self, folder: Maildir, entry: MessageFile, *, recent: bool, keywords: Sequence[str] = (), number: int = 0
    ) -> None:
        self._folder, self.entry, self.number = folder, entry, number
        self.recent, self.keywords = recent, keywords
        self._content: bytes | None = None
        self._part: Part | None = None

    @property
    def content(self) -> bytes:
        """All octets."""
        if self._content is None:
            self._content = self._folder.read(self.entry)
        return self._content

    @property
    def part(self) -> Part:
        """The same as a tree of parts."""
        if self._part is None:
            self._part = split(self.content)
        return self._part

    @property
    def size(self) -> int:
        """Octets on the wire."""
        return self._folder.octets_of(self.entry)

    def note(self, what: str, make: Callable[[Message], bytes]) -> bytes:
        """Return what was made of this message before, or make it."""
        return self._folder.note(self.entry, what, lambda: make(self))

    def flags(self) -> bytes:
        """The flags, as IMAP writes them."""
        return words(self.entry.flags, self.keywords, recent=self.recent)

    def when(self) -> datetime:
        """INTERNALDATE."""
        return self._folder.about(self.entry)[1]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to fetch; `marks_seen` says that fetching it sets \\Seen, `is_content` that a body is read."""

    name: bytes
    write: Callable[[Message], bytes]
    marks_seen: bool = False
    is_content: bool = False


SIMPLE: dict[str, Callable[[Message], bytes]] = {
    "UID": lambda m: b"%d" % m.entry.uid,
    "FLAGS": Message.flags,
    "INTERNALDATE": lambda m: write_time(m.when()),
    "RFC822.SIZE": lambda m: b"%d" % m.size,
    "ENVELOPE": lambda m: m.note("ENVELOPE", lambda m: envelope(m.part.fields)),
    "BODY": lambda m: m.note("BODY", lambda m: body(m.part, extended=False)),
    "BODYSTRUCTURE": lambda m: m.note("BODYSTRUCTURE", lambda m: body(m.part, extended=True)),
    "RFC822.HEADER": lambda m: literal(m.part.header),
}
SEEING: dict[str, Callable[[Message], bytes]] = {
    "RFC822": lambda m: literal(m.content),
    "RFC822.TEXT": lambda m: literal(m.part.body),
}


def items(argument: Any) -> list[Item]:
    """Read the second argument of FETCH; raise `Wrong` for what is not known."""
    if isinstance(argument, str) and argument.upper() in MACROS:
        argument = MACROS[argument.upper()]
    asked = argument if isinstance(argument, list) else [argument]
    if not asked:
        raise Wrong("FETCH wants at least one item, such as FLAGS")
    return [_item(word) for word in asked]


def _item(word: Any) -> Item:
    if not isinstance(word, str):
        raise Wrong("FETCH wants names of items, such as FLAGS or BODY[]")
    name = word.upper()
    if name in SIMPLE:
        return Item(name.encode(), SIMPLE[name])
    if name in SEEING:
        return Item(name.encode(), SEEING[name], marks_seen=True, is_content=True)
    found = SECTION.fullmatch(word)
    if found is None:
        raise Wrong(f"FETCH does not know {word[:60]!r}")
    return _section_item(found) if found["verb"].upper() == "BODY" else _binary_item(found)


def _path(found: re.Match[str]) -> list[int]:
    return [int(number) for number in found["path"].split(".")] if found["path"] else []


def _shown(found: re.Match[str]) -> bytes:
    """The name of a section in the answer: without PEEK, and of a range only where it begins."""
    shown = re.sub(r"^(BODY|BINARY)\.PEEK", r"\1", found[0], flags=re.IGNORECASE)
    verb, bracket, rest = shown.partition("[")
    shown = verb.upper() + bracket + re.sub(r"<(\d+)\.\d+>$", r"<\1>", rest)
    return shown.encode("utf-8", "surrogateescape")


def _cut(found: re.Match[str], octets: bytes) -> bytes:
    if found["start"] is None:
        return octets
    start = int(found["start"])
    return octets[start : start + int(found["count"])]


def _section_item(found: re.Match[str]) -> Item:
    what = (found["what"] or "").upper()
    if what == "MIME" and not found["path"]:
        raise Wrong("MIME wants the number of a part, such as BODY[1.MIME]")
    if what.startswith("HEADER.FIELDS") != bool((found["fields"] or "").strip()):
        raise Wrong("HEADER.FIELDS wants a list of field names")
    if found["start"] is not None and int(found["count"]) == 0:
        raise Wrong("a range of no octets")
    path = _path(found)
    names = {name.strip('"').lower().encode("utf-8", "surrogateescape") for name in (found["fields"] or "").split()}

    def write(message: Message) -> bytes:
        octets = _octets(message.part, path, what, names)
        return b"NIL" if octets is None else literal(_cut(found, octets))

    shown = _shown(found)
    key = shown.decode("utf-8", "surrogateescape").upper()
    if what == "HEADER.FIELDS" and not path and found["start"] is None and len(key) <= 200:
        # What mail programs ask for when they list a folder.
        return Item(shown, lambda m: m.note(key, write), not found["peek"])
    return Item(shown, write, not found["peek"], what in ("", "TEXT"))


def _binary_item(found: re.Match[str]) -> Item:
    path, is_size = _path(found), found["verb"].upper() == "BINARY.SIZE"
    if found["what"] or found["fields"] or (is_size and (found["peek"] or found["start"])):
        raise Wrong("BINARY takes the number of a part and perhaps a range")

    def write(message: Message) -> bytes:
        part = message.part if not path else find(message.part, path)
        if part is None:
            return b"0" if is_size else b"NIL"
        octets = part.header + part.body if not path else part.decoded()
        if octets is None:
            raise No("[UNKNOWN-CTE] that transfer encoding is not known here")
        return b"%d" % len(octets) if is_size else literal8(_cut(found, octets))

    return Item(_shown(found), write, not (found["peek"] or is_size), not is_size)


def find(part: Part, path: Sequence[int]) -> Part | None:
    """Return the part with this number, or None; a message without parts has one, number 1 (RFC 3501 §6.4.5)."""
    is_message = True
    for number in path:
        if not is_message:
            if part.type != ("message", "rfc822") or not part.parts:
                if part.type[0] != "multipart":
                    return None
            else:
                part, is_message = part.parts[0], True
        children = part.parts if part.type[0] == "multipart" else [part] if is_message else []
        if number > len(children):
            return None
        part, is_message = children[number - 1], False
    return part


def _octets(part: Part, path: Sequence[int], what: str, names: set[bytes]) -> bytes | None:
    """Return the octets of a section, or None when there is no such part."""
    found = find(part, path)
    if found is None:
        return None
    if what == "MIME":
        return found.header
    if not what:
        return found.body if path else found.header + found.body
    if path:  # HEADER and TEXT of a part mean those of the message inside it
        if found.type != ("message", "rfc822") or not found.parts:
            return None
        found = found.parts[0]
    if what == "TEXT":
        return found.body
    return found.header if what == "HEADER" else _fields(found.header, names, unwanted=what.endswith("NOT"))


def _fields(header: bytes, names: set[bytes], *, unwanted: bool) -> bytes:
    """Return the fields that are named, or those that are not, and the empty line if there is one (§6.4.5)."""
    found = re.findall(rb"[^\r\n][^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", header)
    chosen = [field for field in found if (field.split(b":")[0].strip().lower() in names) != unwanted]
    return b"".join(chosen) + b"\r\n" * (header.endswith(b"\r\n\r\n") or header == b"\r\n")
