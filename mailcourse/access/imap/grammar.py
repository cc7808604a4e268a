"""From octets to commands (RFC 3501 §9).

    a1 LOGIN alice {13}          a line that ends with {n} goes on after n octets, a literal
    + go on                      which the server invites, unless it says {n+}
    apple-tree-41

becomes Command(tag="a1", name="LOGIN", arguments=["alice", b"apple-tree-41"]).
In arguments an atom is `str`, a quoted string or a literal is `bytes`, a parenthesis is `list`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Any

from .states import Wrong

#: Octets: of a command's lines together, of a literal in APPEND, of a literal elsewhere.
MOST_LINE, MOST_MESSAGE, MOST_LITERAL = 64 * 1024, 30 * 1024 * 1024, 8 * 1024
MOST_NESTING = 20

LITERAL = re.compile(rb"\{(\d{1,12})(\+?)\}$")
TOKEN = re.compile(
    rb'(?P<space> +)|(?P<open>\()|(?P<close>\))|"(?P<quoted>(?:[^"\\\r\n]|\\["\\])*)"'
    rb'|(?P<atom>(?:[^\x00-\x20(){"\[\]\x7f]|\[[^\[\]]*\](?:<[\d.]+>)?|\[|\])+)'
)
TAG = re.compile(rb'[^\x00-\x20(){"%*+\\\x7f-\xff]+')


class Malformed(Exception):
    """The client broke the grammar; `tag` is "*" when not even that could be read.

    `is_fatal`: what follows cannot be told from commands, so the session must end.
    """

    def __init__(self, tag: str, reason: str, *, is_fatal: bool = False) -> None:
        super().__init__(reason)
        self.tag, self.is_fatal = tag, is_fatal


@dataclass(frozen=True, slots=True)
class Command:
    """One whole command."""

    tag: str
    name: str
    arguments: list[Any]


class Reader:
    """Collects octets until a command is whole."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.most_message = 0  # octets that APPEND may send; none before login
        self._pieces: list[bytes] = []  # text, literal, text, literal, … text
        self._missing: int | None = None  # octets of the literal that is being read

    def feed(self, data: bytes) -> None:
        """Take in octets."""
        self.buffer += data

    def clear(self) -> None:
        """Forget everything."""
        self.buffer.clear()
        self._pieces, self._missing = [], None

    def next(self) -> list[bytes] | bytes | None:
        """Return the pieces of a whole command; b"+" when a literal is to be invited; None for "need more".

        Raises `Malformed`; what broke the grammar has been taken out of the buffer then.
        """
        while True:
            if self._missing is not None:
                if len(self.buffer) < self._missing:
                    return None
                self._pieces.append(bytes(self.buffer[: self._missing]))
                del self.buffer[: self._missing]
                self._missing = None
            line = self._line()
            if line is None:
                return None
            announced = LITERAL.search(line)
            self._pieces.append(line[: announced.start()] if announced else line)
            if announced is None:
                whole, self._pieces = self._pieces, []
                return whole
            self._announce(int(announced[1]), waits=not announced[2])
            if not announced[2]:
                return b"+"

    def _line(self) -> bytes | None:
        line, end, rest = self.buffer.partition(b"\n")
        if len(line) > MOST_LINE:
            raise Malformed("*", "the line is too long", is_fatal=True)
        if not end:
            return None
        self.buffer = rest
        return bytes(line).rstrip(b"\r")

    def _announce(self, size: int, *, waits: bool) -> None:
        words = self._pieces[0].upper().split(b" ")
        is_append = len(words) > 1 and words[1] == b"APPEND" and self.most_message
        most, together = (self.most_message, self.most_message) if is_append else (MOST_LITERAL, MOST_LINE)
        if size > most or sum(map(len, self._pieces)) > together:
            found = TAG.match(self._pieces[0])
            self._pieces = []
            # RFC 7888 §4: who says {n+} sends the octets anyway, and they must not be read as commands
            tag = found[0].decode("ascii", "replace") if found else "*"
            raise Malformed(tag, f"a literal of {size} octets is too long here", is_fatal=not waits)
        self._missing = size


def parse(pieces: list[bytes]) -> Command:
    """Read a whole command.

    >>> parse([b"a1 STORE 1:3 +FLAGS (\\\\Seen)"])
    Command(tag='a1', name='STORE', arguments=['1:3', '+FLAGS', ['\\\\Seen']])
    """
    first = pieces[0].split(b" ", 1)
    if not TAG.fullmatch(first[0]):
        raise Malformed("*", "a command begins with a tag, such as a1")
    tag = first[0].decode()
    tokens = _tokens(tag, [first[1] if len(first) > 1 else b"", *pieces[1:]])
    arguments = _nest(tag, tokens)
    if not arguments or not isinstance(arguments[0], str):
        raise Malformed(tag, "a command has a name behind the tag")
    return Command(tag, arguments[0].upper(), arguments[1:])


def _tokens(tag: str, pieces: list[bytes]) -> list[Any]:
    """Cut into atoms, strings and parentheses; every second piece is a literal."""
    tokens: list[Any] = []
    for number, piece in enumerate(pieces):
        if number % 2:
            tokens.append(piece)
            continue
        position = 0
        while position < len(piece):
            found = TOKEN.match(piece, position)
            if found is None:
                raise Malformed(tag, f"not understood from column {position + 1} on")
            position = found.end()
            if found["atom"] is not None:
                tokens.append(found["atom"].decode("utf-8", "surrogateescape"))
            elif found["quoted"] is not None:
                tokens.append(re.sub(rb"\\(.)", rb"\1", found["quoted"]))
            elif found["space"] is None:
                tokens.append((found[0],))
    return tokens


def _nest(tag: str, tokens: list[Any]) -> list[Any]:
    stack: list[list[Any]] = [[]]
    for token in tokens:
        if token == (b"(",):
            if len(stack) > MOST_NESTING:
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


SET = re.compile(r"(?:\d+|\*)(?::(?:\d+|\*))?(?:,(?:\d+|\*)(?::(?:\d+|\*))?)*")


def in_set(text: str, numbers: list[int]) -> set[int]:
    """Return which of the ascending `numbers` a sequence set such as "1,3:5,7:*" means; `*` is the largest.

    >>> sorted(in_set("2:3,*", [1, 2, 3, 9]))
    [2, 3, 9]
    """
    if len(text) > 8000 or not SET.fullmatch(text):
        raise Wrong(f"{text[:40]!r} is no set of messages, such as 1,3:5")
    largest = max(numbers, default=0)
    chosen: set[int] = set()
    for piece in text.split(","):
        ends = [largest if end == "*" else int(end[:12]) for end in piece.split(":")]
        low, high = min(ends), max(ends)
        chosen.update(numbers[bisect_left(numbers, low) : bisect_right(numbers, high)])
    return chosen


def text_of(argument: Any) -> str:
    """Return an astring argument as text."""
    if isinstance(argument, bytes):
        return argument.decode("utf-8", "replace")
    if isinstance(argument, str):
        return argument
    raise Wrong("a string is wanted here, not a list")


def quoted(text: str | bytes | None) -> bytes:
    r"""Write an nstring: NIL, a quoted string, or a literal when it cannot be quoted.

    >>> quoted('say "hi"')
    b'"say \\"hi\\""'
    """
    if text is None:
        return b"NIL"
    octets = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    if any(octet < 32 or octet > 126 for octet in octets):
        return literal(octets)
    return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def literal(octets: bytes) -> bytes:
    """Write a literal."""
    return b"{%d}\r\n" % len(octets) + octets
