"""From octets to whole commands (RFC 3501 §2.2.1, §4.3; RFC 7888).

    a1 LOGIN alice {13}          a line that ends with {n} goes on after n octets, a literal
    + ready for literal          which the server invites, unless the client wrote {n+}
    apple-tree-41

A command is read as pieces: text, literal, text, literal, … text.  A message that APPEND brings and that is
longer than `MAX_IN_MEMORY` goes to the disk as it comes, and its piece is `OnDisk`.
Does not know what the text means: `grammar.py` parses it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from mailcourse.mailbox.temporary import Spool

#: Octets: of a command's lines together, of a literal in APPEND, of a literal elsewhere.
MAX_LINE, MAX_MESSAGE, MAX_LITERAL = 64 * 1024, 30 * 1024 * 1024, 8 * 1024
#: Octets of a message that waits for its end in memory; a longer one goes to the disk as it comes.
MAX_IN_MEMORY = 64 * 1024
MAX_PIECES = 2_000

LITERAL = re.compile(rb"(~?)\{(\d{1,12})(\+?)\}$")
TAG = re.compile(rb'[^\x00-\x20(){"%*+\\\x7f-\xff]+')


class CommandRejected(Exception):
    """A command cannot be obeyed, whatever it means; `tag` is "*" when not even that could be read.

    `is_fatal`: what follows cannot be distinguished from commands, so the session must end.
    """

    status = "NO"

    def __init__(self, tag: str, reason: str, *, is_fatal: bool = False) -> None:
        super().__init__(reason)
        self.tag, self.is_fatal = tag, is_fatal


class Malformed(CommandRejected):
    """The client broke the grammar."""

    status = "BAD"


class MessageTooBig(CommandRejected):
    """We refuse a message of that size (RFC 7889 §4)."""


class SpoolFailed(CommandRejected):
    """Our own failure: the disk did not take the message."""


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A literal that was put on the disk as it came."""

    spool: Spool
    size: int


Piece = bytes | OnDisk


class Reader:
    """Collects octets until a command is whole.

    `spool` makes a file for a long message; without it, before login, there are none.
    """

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.spool: Callable[[], Spool] | None = None
        self._pieces: list[Piece] = []  # text, literal, text, literal, … text
        self._missing: int | None = None  # octets of the literal that is being read
        self._size = 0  # of that literal
        self._sink: Spool | None = None  # where it goes, if that is the disk
        self._fault: OSError | None = None  # the disk did not take it

    def feed(self, data: bytes) -> None:
        """Take in octets."""
        self.buffer += data

    def clear(self) -> None:
        """Forget everything, also on the disk."""
        self.buffer.clear()
        if self._sink is not None:
            self._sink.remove()
        drop(self._pieces)
        self._pieces, self._missing, self._sink, self._fault = [], None, None, None

    def next(self) -> list[Piece] | bytes | None:
        """Return the pieces of a whole command, b"+" when a literal must be invited, None when more must come.

        Raises `CommandRejected`; what it is about has been taken out of the buffer then.
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
                    reason = f"[UNAVAILABLE] the message could not be stored: {fault.strerror}"
                    raise SpoolFailed(_tag(whole), reason)
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
                self._sink.write(piece)
        except OSError as fault:
            self._fault = fault

    def _finish(self) -> None:
        if self._sink is None:
            self._pieces.append(b"")
            return
        self._sink.close()
        self._pieces.append(OnDisk(self._sink, self._size))
        self._sink = None

    def _announce(self, size: int, *, waits: bool) -> None:
        words = bytes(self._pieces[0]).upper().split(b" ") if isinstance(self._pieces[0], bytes) else []
        is_append = len(words) > 1 and words[1] == b"APPEND" and self.spool is not None
        max_size, max_together = (MAX_MESSAGE, MAX_MESSAGE) if is_append else (MAX_LITERAL, MAX_LINE)
        together = sum(_size(piece) for piece in self._pieces) + size
        if len(self._pieces) > MAX_PIECES or size > max_size or together > max_together:
            tag = _tag(self._pieces)
            drop(self._pieces)
            self._pieces = []
            # RFC 7888 §4: who says {n+} sends the octets anyway, and they must not be read as commands
            reason = f"a literal of {size} octets is too long here"
            if is_append:
                raise MessageTooBig(tag, f"[TOOBIG] {reason}", is_fatal=not waits)
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
    match = TAG.match(pieces[0]) if pieces and isinstance(pieces[0], bytes) else None
    return match[0].decode("ascii", "replace") if match else "*"


def drop(pieces: list[Piece]) -> None:
    """Remove what was put on the disk."""
    for piece in pieces:
        if isinstance(piece, OnDisk):
            piece.spool.remove()
