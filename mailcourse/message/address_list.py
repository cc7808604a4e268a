"""The addresses in a header field, as they were written (RFC 5322 §3.4, with the old forms of §4.4).

    Bruno <bruno@bakery.test>, bea@bakery.test (Bea), office: amir@academy.test;

Octets, because a display name stays encoded here (RFC 2047).  Nothing fails: what is no address still
comes out as something that can be shown.
"""

from __future__ import annotations

import re
from typing import NamedTuple

#: nearly every address in the world: Name <local@domain>, or local@domain
PLAIN = re.compile(
    rb'\s*(?:(?:"([^"\\]*)"|([^\s"(),:;<>@\[\]\\][^"(),:;<>@\[\]\\]*?))?\s*'
    rb'<([^\s"(),:;<>@\[\]\\]+)@([^\s"(),:;<>@\[\]\\]+)>|([^\s"(),:;<>@\[\]\\]+)@([^\s"(),:;<>@\[\]\\]+))\s*'
)
TOKEN = re.compile(
    rb'(?P<space>\s+)|"(?P<quoted>(?:[^"\\]|\\.)*)"?|(?P<literal>\[[^\]]*\]?)|(?P<special>[,:;<>@])'
    rb'|(?P<atom>[^\s"(),:;<>@\[]+)|(?P<other>.)',
    re.DOTALL,
)
MAX_TOKENS = 10_000  # tokens of one field


class ListedAddress(NamedTuple):
    """One address; None where nothing is said.  Around a group stand two without a domain: its name, and None."""

    name: bytes | None
    route: bytes | None
    local: bytes | None
    domain: bytes | None


END_OF_GROUP = ListedAddress(None, None, None, None)


def addresses(value: bytes) -> list[ListedAddress]:
    """Read a list of addresses.

    >>> addresses(b'"Bea, B" <bea@bakery.test>')
    [ListedAddress(name=b'Bea, B', route=None, local=b'bea', domain=b'bakery.test')]
    """
    found = PLAIN.fullmatch(value)
    if found:
        quoted, name, local, domain, alone, of = found.groups()
        shown = quoted if quoted is not None else name
        return [ListedAddress(shown or None, None, local or alone, domain or of)]
    return _List(value).read()


class _List:
    """Reads token by token."""

    def __init__(self, value: bytes) -> None:
        self._tokens, self._comments = _tokens(value)
        self._found: list[ListedAddress] = []
        self._words: list[tuple[str, bytes]] = []  # since the last comma
        self._angle: list[tuple[str, bytes]] | None = None  # inside < >
        self._in_group = False
        self._comment: bytes | None = None

    def read(self) -> list[ListedAddress]:
        for place, (kind, text) in enumerate(self._tokens):
            self._comment = self._comments.get(place, self._comment)
            self._take(kind, text)
        self._comment = self._comments.get(len(self._tokens), self._comment)
        self._flush()
        if self._in_group:
            self._found.append(END_OF_GROUP)
        return self._found

    def _take(self, kind: str, text: bytes) -> None:
        if kind != "special" or text == b"@" or (self._angle is not None and text in b",:"):
            (self._words if self._angle is None else self._angle).append((kind, text))
        elif text == b"<":
            self._angle = []
        elif text == b">" and self._angle is not None:
            self._words.append(("angle", b""))
            self._finished, self._angle = self._angle, None
        elif text == b":" and not self._in_group:
            self._found.append(ListedAddress(None, None, _phrase(self._words) or b"", None))
            self._words, self._in_group, self._comment = [], True, None
        elif text in b",;":
            self._flush()
            if text == b";" and self._in_group:
                self._found.append(END_OF_GROUP)
                self._in_group = False

    def _flush(self) -> None:
        """An address is over."""
        words, angle = self._words, self._angle
        name: bytes | None = None
        route: bytes | None = None
        if angle is None and ("angle", b"") in words:
            angle = self._finished
        if angle is not None:
            name = _phrase([word for word in words if word[0] != "angle"])
            colons = [n for n, word in enumerate(angle) if word == ("special", b":")]
            if colons and angle[0] == ("special", b"@"):  # <@one,@two:local@domain>
                route = b"".join(text for _, text in angle[: colons[-1]])
                angle = angle[colons[-1] + 1 :]
            words = angle
        if angle is not None or any(kind != "space" for kind, _ in words):
            local, domain = _spec(words)
            self._found.append(ListedAddress(name or self._comment, route, local, domain))
        self._words, self._angle, self._comment = [], None, None


def _spec(words: list[tuple[str, bytes]]) -> tuple[bytes, bytes]:
    signs = [n for n, word in enumerate(words) if word == ("special", b"@")]
    if not signs:
        return _phrase(words) or b"", b""
    at = signs[-1]
    local = b"".join(text for kind, text in words[:at] if kind != "space")
    return local, b"".join(text for kind, text in words[at + 1 :] if kind != "space")


def _phrase(words: list[tuple[str, bytes]]) -> bytes | None:
    text = b""
    for kind, said in words:
        text += said if kind != "space" else b"" if text.endswith(b" ") else b" "
    return text.strip() or None


def _tokens(value: bytes) -> tuple[list[tuple[str, bytes]], dict[int, bytes]]:
    """Cut into tokens; comments are taken out, and remembered by the place where they stood."""
    tokens: list[tuple[str, bytes]] = []
    comments: dict[int, bytes] = {}
    position = 0
    while position < len(value) and len(tokens) < MAX_TOKENS:
        if value[position : position + 1] == b"(":
            end = _end_of_comment(value, position)
            inside = value[position + 1 : end].removesuffix(b")").strip()
            comments[len(tokens)] = re.sub(rb"\\(.)", rb"\1", inside)
            position = end
            continue
        found = TOKEN.match(value, position)
        assert found is not None
        position = found.end()
        kind = str(found.lastgroup)
        text = found[kind] if kind != "quoted" else re.sub(rb"\\(.)", rb"\1", found[kind], flags=re.DOTALL)
        tokens.append((kind, text))
    return tokens, comments


def _end_of_comment(value: bytes, start: int) -> int:
    depth, position = 0, start
    while position < len(value):
        sign = value[position : position + 1]
        position += 2 if sign == b"\\" else 1
        depth += (sign == b"(") - (sign == b")")
        if depth == 0:
            break
    return min(position, len(value))
