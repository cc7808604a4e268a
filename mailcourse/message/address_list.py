"""The addresses in a header field, as they were written (RFC 5322 §3.4, with the old forms of §4.4).

    Bruno <bruno@bakery.test>, bea@bakery.test (Bea), office: amir@academy.test;

Octets, because a display name stays encoded here (RFC 2047).  Nothing fails, and nothing takes long: what is no
address still comes out as something that can be shown, and of too many, the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .fields import MAX_FIELD, PAIR, comment_end

#: nearly every address in the world: Name <local@domain>, or local@domain
PLAIN = re.compile(
    rb'\s*(?:(?:"([^"\\]*)"|([^\s"(),:;<>@\[\]\\][^"(),:;<>@\[\]\\]*?))?\s*'
    rb'<([^\s"(),:;<>@\[\]\\]+)@([^\s"(),:;<>@\[\]\\]+)>|([^\s"(),:;<>@\[\]\\]+)@([^\s"(),:;<>@\[\]\\]+))\s*'
)
TOKEN = re.compile(
    rb'(?P<space>\s++)|"(?P<quoted>(?:[^"\\]|\\.)*+)"?|(?P<literal>\[[^\]]*+\]?)|(?P<special>[,:;<>@])'
    rb'|(?P<atom>[^\s"(),:;<>@\[]++)|(?P<other>.)',
    re.DOTALL,
)
#: tokens and addresses of one field; octets of one that `PLAIN` is tried on
MAX_TOKENS, MAX_ADDRESSES, MAX_PLAIN = 10_000, 1_000, 400
Word = tuple[str, bytes]  # what kind of token, and its octets


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
    found = PLAIN.fullmatch(value) if len(value) <= MAX_PLAIN else None
    if found:
        quoted, name, local, domain, alone, of = found.groups()
        shown = quoted if quoted is not None else name
        return [ListedAddress(shown or None, None, local or alone, domain or of)]
    listed: list[ListedAddress] = []
    names, angle, is_inside, in_group = list[Word](), list[Word](), False, False  # since the last comma
    comment: bytes | None = None
    for kind, text in (*_tokens(value[:MAX_FIELD]), ("end", b"")):
        if kind == "comment":
            comment = text
        elif kind == "<":
            names, angle, is_inside = [*names, (kind, b"")], [], True
        elif kind == ">":
            is_inside = False
        elif is_inside and kind not in (";", "end"):
            angle.append((kind, text))
        elif kind == ":" and not in_group:
            listed.append(ListedAddress(None, None, _phrase(names) or b"", None))
            names, in_group, comment = [], True, None
        elif kind in (",", ";", "end"):
            listed += _address(names, angle, comment)
            names, is_inside, comment = [], False, None
            if kind != "," and in_group:
                listed.append(END_OF_GROUP)
                in_group = False
            if len(listed) >= MAX_ADDRESSES:
                break
        elif kind != ":":
            names.append((kind, text))
    return [*listed, END_OF_GROUP] if in_group else listed


def _address(names: list[Word], angle: list[Word], comment: bytes | None) -> Iterator[ListedAddress]:
    """Yield what stands between two commas: an address, or nothing.  `angle` counts if < is among `names`."""
    words, name, route = names, comment, None
    if ("<", b"") in names:
        words, name = angle, _phrase([word for word in names if word[0] != "<"]) or comment
        colons = [n for n, (kind, _) in enumerate(words) if kind == ":"]
        if colons and words[0][0] == "@":  # <@one,@two:local@domain>
            route = b"".join(text for _, text in words[: colons[-1]])
            words = words[colons[-1] + 1 :]
    elif all(kind == "space" for kind, _ in names):
        return
    at = max((n for n, (kind, _) in enumerate(words) if kind == "@"), default=None)
    if at is None:
        yield ListedAddress(name, route, _phrase(words) or b"", b"")
    else:
        local, domain = (b"".join(t for kind, t in some if kind != "space") for some in (words[:at], words[at + 1 :]))
        yield ListedAddress(name, route, local, domain)


def _phrase(words: list[Word]) -> bytes | None:
    texts = [b""]
    for kind, text in words:
        if kind != "space" or not texts[-1].endswith(b" "):
            texts.append(text if kind != "space" else b" ")
    return b"".join(texts).strip() or None


def _tokens(value: bytes) -> Iterator[Word]:
    """Cut into tokens; the kind of a special sign is the sign."""
    position = 0
    for _ in range(min(MAX_TOKENS, len(value))):  # none is empty
        if value.startswith(b"(", position):
            start, position = position + 1, comment_end(value, position)
            yield "comment", PAIR.sub(rb"\1", value[start:position].removesuffix(b")").strip())
        elif found := TOKEN.match(value, position):
            position, kind = found.end(), str(found.lastgroup)
            text = PAIR.sub(rb"\1", found[kind]) if kind == "quoted" else found[kind]
            yield (text.decode() if kind == "special" else kind), text
