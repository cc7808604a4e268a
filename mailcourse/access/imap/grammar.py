"""The grammar of a command (RFC 3501 §9).

    a1 STORE 1:3 +FLAGS (\\Seen)      Command(tag="a1", name="STORE", arguments=["1:3", "+FLAGS", ["\\Seen"]])

In arguments an atom is `str`, a quoted string or a literal is `bytes`, a parenthesis is `list`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .reader import TAG, Malformed, OnDisk, Piece
from .responses import BadResponse

MAX_NESTING, MAX_TOKENS = 20, 10_000

TOKEN = re.compile(
    rb'(?P<space> +)|(?P<open>\()|(?P<close>\))|"(?P<quoted>(?:[^"\\\r\n]|\\["\\])*)"'
    rb'|(?P<atom>(?:BODY|BINARY)[.A-Z]*\[[^\[\]]*\](?:<[\d.]+>)?(?=[ )]|$)|[^\x00-\x20(){"\x7f]+)',
    re.IGNORECASE,
)
#: a literal here is the name of a field: BODY[HEADER.FIELDS (Subject {2}
IN_SECTION = re.compile(rb"\[[\w.]+ \([^()\[\]]*$")
FIELD = re.compile(rb'[^\x00-\x20()"\\\[\]\x7f-\xff]+')


@dataclass(frozen=True, slots=True)
class Command:
    """One whole command.  `by_uid`: it names messages by UID and not by number."""

    tag: str
    name: str
    arguments: list[Any]
    by_uid: bool = False


class Quoted(bytes):
    """A quoted string: APPEND takes literals only."""


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
        raise Malformed(tag, "a command needs a name after the tag")
    return Command(tag, arguments[0].upper(), arguments[1:])


def _sections(pieces: list[Any]) -> list[Piece]:
    """Quote the literals inside a section, so that a section is one atom (RFC 3501 §9, header-fld-name)."""
    joined = pieces[:1]
    for literal, text in zip(pieces[1::2], pieces[2::2], strict=True):
        if isinstance(literal, bytes) and FIELD.fullmatch(literal) and IN_SECTION.search(joined[-1][-1000:]):
            joined[-1] += b'"%b"%b' % (literal, text)
        else:
            joined += [literal, text]
    return joined


def _tokens(tag: str, pieces: list[Piece]) -> list[Any]:
    """Cut into atoms, strings and parentheses; every second piece is a literal."""
    tokens: list[Any] = []
    for number, piece in enumerate(pieces):
        if number % 2 or isinstance(piece, OnDisk):
            tokens.append(piece)
            continue
        position = 0
        while position < len(piece):
            match = TOKEN.match(piece, position)
            if match is None:
                raise Malformed(tag, f"syntax error at column {position + 1}")
            position = match.end()
            if len(tokens) > MAX_TOKENS:
                raise Malformed(tag, "too many words")
            if match["atom"] is not None:
                tokens.append(match["atom"].decode("utf-8", "surrogateescape"))
            elif match["quoted"] is not None:
                tokens.append(Quoted(re.sub(rb"\\(.)", rb"\1", match["quoted"])))
            elif match["space"] is None:
                tokens.append((match[0],))
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
    raise BadResponse(f"expected {what}")
