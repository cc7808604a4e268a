"""FETCH: which pieces of a message, and how they are written (RFC 3501 §6.4.5, §7.4.2).

    BODY[]                        all of it              marks the message as seen
    BODY.PEEK[HEADER]             the header             does not
    BODY[1.2]<0.1000>             the first 1000 octets of part 1.2
    BODY[HEADER.FIELDS (From)]    some fields

Knows one message at a time.  Does not know sequence numbers: `session.py` writes those.
# Not here yet: BINARY (RFC 3516).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mailcourse.mailbox.maildir import Stored
from mailcourse.message.mime import Part, split

from .grammar import literal
from .states import Wrong
from .structure import body, envelope

MACROS = {
    "FAST": ["FLAGS", "INTERNALDATE", "RFC822.SIZE"],
    "ALL": ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"],
    "FULL": ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"],
}
#: the letters of Maildir and the words of IMAP
FLAG_WORDS = {"S": "\\Seen", "R": "\\Answered", "F": "\\Flagged", "T": "\\Deleted", "D": "\\Draft"}
LETTERS = {word.upper(): letter for letter, word in FLAG_WORDS.items()}

SECTION = re.compile(
    r"BODY(?P<peek>\.PEEK)?\[(?P<path>\d+(?:\.\d+)*)?(?(path)(?:\.(?=[A-Z])|(?=\])))(?P<what>HEADER\.FIELDS(?:\.NOT)?|HEADER|TEXT|MIME)?"
    r"(?: \((?P<fields>[^)]*)\))?\](?:<(?P<start>\d+)\.(?P<count>\d+)>)?",
    re.IGNORECASE,
)


def flag_words(flags: frozenset[str], *, recent: bool = False) -> bytes:
    """Write a list of flags: `(\\Answered \\Seen)`."""
    words = sorted(FLAG_WORDS[letter] for letter in flags if letter in FLAG_WORDS)
    return f"({' '.join(words + [chr(92) + 'Recent'] * recent)})".encode()


class Message:
    """A message being fetched; read from the disk when first needed."""

    def __init__(self, stored: Stored, read: Callable[[], bytes], *, recent: bool) -> None:
        self.stored, self._read, self.recent = stored, read, recent

    @cached_property
    def content(self) -> bytes:
        """All octets."""
        return self._read()

    @cached_property
    def part(self) -> Part:
        """The same as a tree of parts."""
        return split(self.content)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to fetch; `marks_seen` says that fetching it sets \\Seen, `is_content` that a body is read."""

    name: bytes
    write: Callable[[Message], bytes]
    marks_seen: bool = False
    is_content: bool = False


def items(argument: Any) -> list[Item]:
    """Read the second argument of FETCH; raise `Wrong` for what is not known."""
    words = argument if isinstance(argument, list) else [argument]
    if len(words) == 1 and str(words[0]).upper() in MACROS:
        words = MACROS[str(words[0]).upper()]
    return [_item(word) for word in words]


SIMPLE: dict[str, Callable[[Message], bytes]] = {
    "UID": lambda m: b"%d" % m.stored.uid,
    "FLAGS": lambda m: flag_words(m.stored.flags, recent=m.recent),
    "INTERNALDATE": lambda m: b'"' + m.stored.when.strftime("%d-%b-%Y %H:%M:%S +0000").encode() + b'"',
    "RFC822.SIZE": lambda m: b"%d" % len(m.content),
    "ENVELOPE": lambda m: envelope(m.part.fields),
    "BODY": lambda m: body(m.part, extended=False),
    "BODYSTRUCTURE": lambda m: body(m.part, extended=True),
    "RFC822.HEADER": lambda m: literal(m.part.header),
}
SEEING: dict[str, Callable[[Message], bytes]] = {
    "RFC822": lambda m: literal(m.content),
    "RFC822.TEXT": lambda m: literal(m.part.body),
}


def _item(word: Any) -> Item:
    name = str(word).upper()
    if not isinstance(word, str):
        raise Wrong("FETCH wants names of items, such as FLAGS or BODY[]")
    if name in SIMPLE:
        return Item(name.encode(), SIMPLE[name])
    if name in SEEING:
        return Item(name.encode(), SEEING[name], marks_seen=True, is_content=True)
    found = SECTION.fullmatch(word)
    if found is None:
        raise Wrong(f"FETCH does not know {word[:60]!r}")
    return _section_item(found)


def _section_item(found: re.Match[str]) -> Item:
    what = (found["what"] or "").upper()
    if what == "MIME" and not found["path"]:
        raise Wrong("MIME wants the number of a part, such as BODY[1.MIME]")
    if what.startswith("HEADER.FIELDS") != (found["fields"] is not None):
        raise Wrong("HEADER.FIELDS wants a list of field names")
    path = [int(number) for number in found["path"].split(".")] if found["path"] else []
    names = {name.strip('"').lower().encode() for name in (found["fields"] or "").split()}
    shown = re.sub(r"^BODY\.PEEK", "BODY", found[0], flags=re.IGNORECASE)
    shown = re.sub(r"<(\d+)\.\d+>$", r"<\1>", shown)

    def write(message: Message) -> bytes:
        octets = _octets(message.part, path, what, names)
        if octets is None:
            return b"NIL"
        if found["start"] is not None:
            start = int(found["start"])
            octets = octets[start : start + int(found["count"])]
        return literal(octets)

    return Item(shown.encode("utf-8", "surrogateescape"), write, not found["peek"], what in ("", "TEXT"))


def _octets(part: Part, path: list[int], what: str, names: set[bytes]) -> bytes | None:
    """Return the octets of a section, or None when there is no such part."""
    whole = not path
    for level, number in enumerate(path):
        if level and part.type == ("message", "rfc822") and part.parts:
            part = part.parts[0]
        children = part.parts if part.type[0] == "multipart" else []
        if not children and number == 1:
            continue  # RFC 3501 §6.4.5: a message without parts has one, number 1
        if not 1 <= number <= len(children):
            return None
        part = children[number - 1]
    if what == "MIME":
        return part.header
    if not what:
        return part.header + part.body if whole else part.body
    if not whole:  # HEADER and TEXT of a part mean those of the message inside it
        if part.type != ("message", "rfc822") or not part.parts:
            return None
        part = part.parts[0]
    if what == "TEXT":
        return part.body
    return part.header if what == "HEADER" else _fields(part.header, names, unwanted=what.endswith("NOT"))


def _fields(header: bytes, names: set[bytes], *, unwanted: bool) -> bytes:
    """Return the fields that are named, or those that are not, and the empty line."""
    found = re.findall(rb"[^\r\n][^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", header)
    chosen = [field for field in found if (field.split(b":")[0].strip().lower() in names) != unwanted]
    return b"".join(chosen) + b"\r\n"
