"""From octets to commands (RFC 3501 §9).

    a1 LOGIN alice {13}          a line that ends with {n} goes on after n octets, a literal
    + go on                      which the server invites, unless it says {n+}
    apple-tree-41

becomes Command(tag="a1", name="LOGIN", arguments=["alice", b"apple-tree-41"]).
In arguments an atom is `str`, a quoted string or a literal is `bytes`, a parenthesis is `list`; a message
that APPEND brings and that is longer than `MAX_IN_MEMORY` is `OnDisk`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from .states import Wrong

#: Octets: of a command's lines together, of a literal in APPEND, of a literal elsewhere.
MAX_LINE, MAX_MESSAGE, MAX_LITERAL = 64 * 1024, 30 * 1024 * 1024, 8 * 1024
#: Octets of a message that waits for its end in memory; a longer one goes to the disk as it comes.
MAX_IN_MEMORY = 64 * 1024
MAX_NESTING, MAX_TOKENS, MAX_PIECES = 20, 10_000, 2_000

LITERAL = re.compile(rb"(~?)\{(\d{1,12})(\+?)\}$")
TOKEN = re.compile(
    rb'(?P<space> +)|(?P<open>\()|(?P<close>\))|"(?P<quoted>(?:[^"\\\r\n]|\\["\\])*)"'
    rb'|(?P<atom>(?:[^\x00-\x20(){"\[\]\x7f]|\[[^\[\]]*\](?:<[\d.]+>)?|\[|\])+)'
)
#: a literal here is the name of a field: BODY[HEADER.FIELDS (Subject {2}
IN_SECTION = re.compile(rb"\[[\w.]+ \([^()\[\]]*$")
FIELD = re.compile(rb'[^\x00-\x20()"\\\[\]\x7f-\xff]+')
TAG = re.compile(rb'[^\x00-\x20(){"%*+\\\x7f-\xff]+')


class Malformed(Exception):
    """The client broke the grammar; `tag` is "*" when not even that could be read.

    `is_fatal`: what follows cannot be told from commands, so the session must end.
    """

    def __init__(self, tag: str, reason: str, *, is_fatal: bool = False, kind: str = "BAD") -> None:
        super().__init__(reason)
        self.tag, self.is_fatal, self.kind = tag, is_fatal, kind


@dataclass(frozen=True, slots=True)
class Command:
    """One whole command.  `by_uid`: it names messages by UID and not by number."""

    tag: str
    name: str
    arguments: list[Any]
    by_uid: bool = False


class Quoted(bytes):
    """A quoted string: where a literal may stand too, APPEND must tell them apart."""


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A literal that was put on the disk as it came."""

    path: Path
    size: int

    def pieces(self) -> Iterator[bytes]:
        """Read it piece by piece."""
        with self.path.open("rb") as file:
            while piece := file.read(MAX_IN_MEMORY):
                yield piece


Piece = bytes | OnDisk


class Reader:
    """Collects octets until a command is whole.

    `spool` makes a file for a long message; without it, before login, there are none.
    """

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.spool: Callable[[], tuple[Path, FileIO]] | None = None
        self._pieces: list[Piece] = []  # text, literal, text, literal, … text
        self._missing: int | None = None  # octets of the literal that is being read
        self._size = 0  # of that literal
        self._sink: tuple[Path, FileIO] | None = None  # where it goes, if that is the disk
        self._fault: OSError | None = None  # the disk did not take it

    def feed(self, data: bytes) -> None:
        """Take in octets."""
        self.buffer += data

    def clear(self) -> None:
        """Forget everything, also on the disk."""
        self.buffer.clear()
        if self._sink is not None:
            self._sink[1].close()
            self._sink[0].unlink(missing_ok=True)
        drop(self._pieces)
        self._pieces, self._missing, self._sink, self._fault = [], None, None, None

    def next(self) -> list[Piece] | bytes | None:
        """Return the pieces of a whole command; b"+" when a literal is to be invited; None for "need more".

        Raises `Malformed`; what broke the grammar has been taken out of the buffer then.
        """
        while True:
            if self._missing is not None and not self._literal():
                return None
            line = self._line()
            if line is None:
                return None
            announced = LITERAL.search(line)
            self._pieces.append(line[: announced.start()] if announced else line)
            if announced is None:
                whole, self._pieces = self._pieces, []
                fault, self._fault = self._fault, None
                if fault is not None:
                    drop(whole)
                    reason = f"[UNAVAILABLE] the disk does not take the message: {fault.strerror}"
                    raise Malformed(_tag(whole), reason, kind="NO")
                return whole
            self._announce(int(announced[2]), waits=not announced[3])
            if not announced[3]:
                return b"+"

    def _line(self) -> bytes | None:
        line, end, rest = self.buffer.partition(b"\n")
        if len(line) > MAX_LINE:
            raise Malformed("*", "the line is too long", is_fatal=True)
        if not end:
            return None
        self.buffer = rest
        return bytes(line).rstrip(b"\r")

    def _literal(self) -> bool:
        """Read on in a literal; True when it is whole."""
        assert self._missing is not None
        if self._size <= MAX_IN_MEMORY:
            if len(self.buffer) < self._missing:
                return False
            self._pieces.append(bytes(self.buffer[: self._missing]))
            del self.buffer[: self._missing]
        else:
            piece = bytes(self.buffer[: self._missing])
            del self.buffer[: self._missing]
            self._missing -= len(piece)
            self._put(piece)
            if self._missing:
                return False
            self._finish()
        self._missing = None
        return True

    def _put(self, piece: bytes) -> None:
        """Write on; once the disk has refused, the rest is only read away."""
        try:
            if self._sink is not None and self._fault is None:
                self._sink[1].write(piece)
        except OSError as fault:
            self._fault = fault

    def _finish(self) -> None:
        if self._sink is None:
            self._pieces.append(b"")
            return
        path, file = self._sink
        file.close()
        self._pieces.append(OnDisk(path, self._size))
        self._sink = None

    def _announce(self, size: int, *, waits: bool) -> None:
        words = bytes(self._pieces[0]).upper().split(b" ") if isinstance(self._pieces[0], bytes) else []
        is_append = len(words) > 1 and words[1] == b"APPEND" and self.spool is not None
        most, together = (MAX_MESSAGE, MAX_MESSAGE) if is_append else (MAX_LITERAL, MAX_LINE)
        many = len(self._pieces) > MAX_PIECES
        if many or size > most or sum(_size(piece) for piece in self._pieces) + size > together:
            tag = _tag(self._pieces)
            drop(self._pieces)
            self._pieces = []
            # RFC 7888 §4: who says {n+} sends the octets anyway, and they must not be read as commands
            reason = f"a literal of {size} octets is too long here"
            if is_append:  # RFC 7889 §4
                raise Malformed(tag, f"[TOOBIG] {reason}", is_fatal=not waits, kind="NO")
            raise Malformed(tag, reason, is_fatal=not waits)
        self._missing = self._size = size
        if size > MAX_IN_MEMORY:
            assert self.spool is not None
            try:
                self._sink = self.spool()
            except OSError as fault:
                self._fault = fault


def _size(piece: Piece) -> int:
    return piece.size if isinstance(piece, OnDisk) else len(piece)


def _tag(pieces: list[Piece]) -> str:
    found = TAG.match(pieces[0]) if pieces and isinstance(pieces[0], bytes) else None
    return found[0].decode("ascii", "replace") if found else "*"


def drop(pieces: list[Piece]) -> None:
    """Remove what was put on the disk."""
    for piece in pieces:
        if isinstance(piece, OnDisk):
            piece.path.unlink(missing_ok=True)


def parse(pieces: list[Piece]) -> Command:
    """Read a whole command.

    >>> parse([b"a1 STORE 1:3 +FLAGS (\\\\Seen)"])
    Command(tag='a1', name='STORE', arguments=['1:3', '+FLAGS', ['\\\\Seen']], by_uid=False)
    """
    assert isinstance(pieces[0], bytes)
    first = pieces[0].split(b" ", 1)
    if not TAG.fullmatch(first[0]):
        raise Malformed("*", "a command begins with a tag, such as a1")
    tag = first[0].decode()
    tokens = _tokens(tag, _sections([first[1] if len(first) > 1 else b"", *pieces[1:]]))
    arguments = _nest(tag, tokens)
    if not arguments or not isinstance(arguments[0], str):
        raise Malformed(tag, "a command has a name behind the tag")
    return Command(tag, arguments[0].upper(), arguments[1:])


def _sections(pieces: list[Any]) -> list[Piece]:
    """Quote the literals that stand inside a section, so that a section is one atom (RFC 3501 §9, header-fld-name)."""
    found = pieces[:1]
    for literal, text in zip(pieces[1::2], pieces[2::2], strict=True):
        if isinstance(literal, bytes) and FIELD.fullmatch(literal) and IN_SECTION.search(found[-1][-1000:]):
            found[-1] += b'"%b"%b' % (literal, text)
        else:
            found += [literal, text]
    return found


def _tokens(tag: str, pieces: list[Piece]) -> list[Any]:
    """Cut into atoms, strings and parentheses; every second piece is a literal."""
    tokens: list[Any] = []
    for number, piece in enumerate(pieces):
        if number % 2 or isinstance(piece, OnDisk):
            tokens.append(piece)
            continue
        position = 0
        while position < len(piece):
            found = TOKEN.match(piece, position)
            if found is None:
                raise Malformed(tag, f"not understood from column {position + 1} on")
            position = found.end()
            if len(tokens) > MAX_TOKENS:
                raise Malformed(tag, "too many words")
            if found["atom"] is not None:
                tokens.append(found["atom"].decode("utf-8", "surrogateescape"))
            elif found["quoted"] is not None:
                tokens.append(Quoted(re.sub(rb"\\(.)", rb"\1", found["quoted"])))
            elif found["space"] is None:
                tokens.append((found[0],))
    return tokens


def _nest(tag: str, tokens: list[Any]) -> list[Any]:
    stack: list[list[Any]] = [[]]
    for token in tokens:
        if token == (b"(",):
            if len(stack) > MAX_NESTING:
                raise Malformed(tag, "too many parentheses")
            stack.append([])
        elif token == (b")",):
            if len(stack) == 1:
                raise Malformed(tag, "a parenthesis is closed and was never opened")
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(token)
    if len(stack) > 1:
        raise Malformed(tag, "a parenthesis is not closed")
    return stack[0]


def text_of(argument: Any, what: str = "a string") -> str:
    """Return an astring argument as text."""
    if isinstance(argument, bytes):
        return argument.decode("utf-8", "surrogateescape")
    if isinstance(argument, str):
        return argument
    raise Wrong(f"{what} is wanted here")
