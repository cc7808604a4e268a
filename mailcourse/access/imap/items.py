"""What FETCH can ask for of a message, and how it is written (RFC 3501 §6.4.5, §7.4.2; RFC 3516).

    BODY[]                        all of it              marks the message as seen
    BODY.PEEK[HEADER]             the header             does not
    BODY[1.2]<0.1000>             the first 1000 octets of part 1.2
    BODY[HEADER.FIELDS (From)]    some fields
    BINARY[2]                     part 2 without base64 or quoted-printable

Knows one message at a time: FETCH and SEARCH read it through `MessageView`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from mailcourse.mailbox.maildir import Maildir
from mailcourse.mailbox.names import MessageFile
from mailcourse.message.mime import Part, split

from .flags import write_flags
from .responses import BadResponse, NoResponse
from .sections import find_part, section_octets
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


T = TypeVar("T")


class MessageView:
    """A message being fetched or searched; read from the disk when it is first needed."""

    __slots__ = ("_folder", "_made", "entry", "keywords", "number", "recent")  # one for each line sent

    def __init__(
        self, folder: Maildir, entry: MessageFile, *, recent: bool, keywords: Sequence[str] = (), number: int = 0
    ) -> None:
        self._folder, self.entry, self.number = folder, entry, number
        self.recent, self.keywords = recent, keywords
        self._made: dict[str, Any] = {}

    def once(self, what: str, make: Callable[[], T]) -> T:
        """Make something of this message, and keep it as long as the message is looked at."""
        if what not in self._made:
            self._made[what] = make()
        return self._made[what]  # type: ignore[no-any-return]

    @property
    def content(self) -> bytes:
        """All octets."""
        return self.once("content", lambda: self._folder.read(self.entry))

    @property
    def part(self) -> Part:
        """The same as a tree of parts."""
        return self.once("part", lambda: split(self.content))

    @property
    def size(self) -> int:
        """Octets on the wire."""
        return self._folder.octets_of(self.entry)

    def note(self, what: str, make: Callable[[MessageView], bytes]) -> bytes:
        """Return what was made of this message before, or make it."""
        return self._folder.note(self.entry, what, lambda: make(self))

    def flags(self) -> bytes:
        """The flags, as IMAP writes them."""
        return write_flags(self.entry.flags, self.keywords, recent=self.recent)

    def when(self) -> datetime:
        """INTERNALDATE."""
        return self._folder.about(self.entry)[1]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to fetch; `marks_seen` says that fetching it sets \\Seen, `is_content` that a body is read."""

    name: bytes
    write: Callable[[MessageView], bytes]
    marks_seen: bool = False
    is_content: bool = False


SIMPLE: dict[str, Callable[[MessageView], bytes]] = {
    "UID": lambda m: b"%d" % m.entry.uid,
    "FLAGS": MessageView.flags,
    "INTERNALDATE": lambda m: write_time(m.when()),
    "RFC822.SIZE": lambda m: b"%d" % m.size,
    "ENVELOPE": lambda m: m.note("ENVELOPE", lambda m: envelope(m.part.fields)),
    "BODY": lambda m: m.note("BODY", lambda m: body(m.part, extended=False)),
    "BODYSTRUCTURE": lambda m: m.note("BODYSTRUCTURE", lambda m: body(m.part, extended=True)),
    "RFC822.HEADER": lambda m: literal(m.part.header),
}
SEEING: dict[str, Callable[[MessageView], bytes]] = {
    "RFC822": lambda m: literal(m.content),
    "RFC822.TEXT": lambda m: literal(m.part.body),
}


def parse_items(argument: Any) -> list[Item]:
    """Read the second argument of FETCH; raise `BadResponse` for what is not known."""
    if isinstance(argument, str) and argument.upper() in MACROS:
        argument = MACROS[argument.upper()]
    asked = argument if isinstance(argument, list) else [argument]
    if not asked:
        raise BadResponse("FETCH needs at least one item, such as FLAGS")
    return [_item(word) for word in asked]


def _item(word: Any) -> Item:
    if not isinstance(word, str):
        raise BadResponse("FETCH needs names of items, such as FLAGS or BODY[]")
    name = word.upper()
    if name in SIMPLE:
        return Item(name.encode(), SIMPLE[name])
    if name in SEEING:
        return Item(name.encode(), SEEING[name], marks_seen=True, is_content=True)
    match = SECTION.fullmatch(word)
    if match is None:
        raise BadResponse(f"FETCH does not know {word[:60]!r}")
    return _section_item(match) if match["verb"].upper() == "BODY" else _binary_item(match)


def _path(match: re.Match[str]) -> list[int]:
    return [int(number) for number in match["path"].split(".")] if match["path"] else []


def _shown(match: re.Match[str]) -> bytes:
    """The name of a section in the answer: without PEEK, and of a range only where it begins."""
    shown = re.sub(r"^(BODY|BINARY)\.PEEK", r"\1", match[0], flags=re.IGNORECASE)
    verb, bracket, rest = shown.partition("[")
    shown = verb.upper() + bracket + re.sub(r"<(\d+)\.\d+>$", r"<\1>", rest)
    return shown.encode("utf-8", "surrogateescape")


def _cut(match: re.Match[str], octets: bytes) -> bytes:
    if match["start"] is None:
        return octets
    start = int(match["start"])
    return octets[start : start + int(match["count"])]


def _section_item(match: re.Match[str]) -> Item:
    what = (match["what"] or "").upper()
    if what == "MIME" and not match["path"]:
        raise BadResponse("MIME needs the number of a part, such as BODY[1.MIME]")
    if what.startswith("HEADER.FIELDS") != bool((match["fields"] or "").strip()):
        raise BadResponse("HEADER.FIELDS needs a list of field names")
    if match["start"] is not None and int(match["count"]) == 0:
        raise BadResponse("an empty range")
    path = _path(match)
    names = {name.strip('"').lower().encode("utf-8", "surrogateescape") for name in (match["fields"] or "").split()}

    def write(message: MessageView) -> bytes:
        octets = section_octets(message.part, path, what, names)
        return b"NIL" if octets is None else literal(_cut(match, octets))

    shown = _shown(match)
    key = shown.decode("utf-8", "surrogateescape").upper()
    if what == "HEADER.FIELDS" and not path and match["start"] is None and len(key) <= 200:
        # What mail programs ask for when they list a folder.
        return Item(shown, lambda m: m.note(key, write), not match["peek"])
    return Item(shown, write, not match["peek"], what in ("", "TEXT"))


def _binary_item(match: re.Match[str]) -> Item:
    path, is_size = _path(match), match["verb"].upper() == "BINARY.SIZE"
    if match["what"] or match["fields"] or (is_size and (match["peek"] or match["start"])):
        raise BadResponse("BINARY takes the number of a part and perhaps a range")

    def write(message: MessageView) -> bytes:
        part = message.part if not path else find_part(message.part, path)
        if part is None:
            return b"0" if is_size else b"NIL"
        octets = part.header + part.body if not path else part.decoded()
        if octets is None:
            raise NoResponse("[UNKNOWN-CTE] that transfer encoding is not known here")
        return b"%d" % len(octets) if is_size else literal8(_cut(match, octets))

    return Item(_shown(match), write, not (match["peek"] or is_size), not is_size)
