"""SEARCH: which messages fit (RFC 3501 §6.4.4).

Keys are joined by "and"; NOT and OR and parentheses do the rest.  Each key becomes a claim, a
function from message to bool.
# Not here yet: ESEARCH (RFC 4731); keywords, which this store does not have.
"""

from __future__ import annotations

import email.header
import email.utils
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from .fetch import LETTERS, Message
from .grammar import in_set, text_of
from .states import Wrong

CHARSETS = ("US-ASCII", "UTF-8")
#: Keys inside keys, as in NOT (OR (NOT …
MOST_DEPTH = 50


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message and its sequence number."""

    number: int
    message: Message


Claim = Callable[[Candidate], bool]


class Keys:
    """Reads search keys, from left to right; `Wrong` says what is wrong."""

    def __init__(self, words: list[Any], numbers: list[int], uids: list[int], depth: int = 0) -> None:
        self._words, self._numbers, self._uids = list(words), numbers, uids
        self._depth = depth

    def all(self) -> Claim:
        """Read everything; every key must hold."""
        if not self._words:
            raise Wrong("SEARCH wants at least one key, such as ALL")
        claims = []
        while self._words:
            claims.append(self.one())
        return lambda c: all(claim(c) for claim in claims)

    def one(self) -> Claim:
        """Read one key."""
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise Wrong(f"keys inside keys, more than {MOST_DEPTH} levels deep")
        claim = self._key(self._next())
        self._depth -= 1
        return claim

    def _key(self, word: Any) -> Claim:
        if isinstance(word, list):
            return Keys(word, self._numbers, self._uids, self._depth).all()
        if isinstance(word, bytes):
            raise Wrong("a search key is wanted here, not a string")
        name = word.upper()
        if name[0].isdigit() or name[0] == "*":
            wanted = in_set(name, self._numbers)
            return lambda c: c.number in wanted
        if name in ("NOT", "OR"):
            return self._joined(name)
        return _simple(name) or self._with_argument(name)

    def _joined(self, name: str) -> Claim:
        first = self.one()
        if name == "NOT":
            return lambda c: not first(c)
        second = self.one()
        return lambda c: first(c) or second(c)

    def _with_argument(self, name: str) -> Claim:
        if name == "UID":
            wanted = in_set(text_of(self._next()), self._uids)
            return lambda c: c.message.stored.uid in wanted
        if name in ("LARGER", "SMALLER"):
            size = int(self._number_of_octets())
            return lambda c: (len(c.message.content) > size) if name == "LARGER" else (len(c.message.content) < size)
        if name.removeprefix("SENT") in ("BEFORE", "ON", "SINCE"):
            return _dated(name, text_of(self._next()))
        if name in ("KEYWORD", "UNKEYWORD"):
            self._next()
            return lambda c: name == "UNKEYWORD"
        return self._in_text(name)

    def _in_text(self, name: str) -> Claim:
        if name == "HEADER":
            field = text_of(self._next())
            wanted = text_of(self._next()).lower()
            return lambda c: any(wanted in value for value in _values(c, field))
        if name not in ("FROM", "TO", "CC", "BCC", "SUBJECT", "BODY", "TEXT"):
            raise Wrong(f"SEARCH does not know the key {name[:40]!r}")
        wanted = text_of(self._next()).lower()
        if name in ("BODY", "TEXT"):
            whole = name == "TEXT"
            return lambda c: wanted in _text(c, whole=whole)
        return lambda c: any(wanted in value for value in _values(c, name))

    def _number_of_octets(self) -> str:
        text = text_of(self._next())
        if not text.isdecimal():
            raise Wrong(f"a number of octets is wanted here, not {text[:40]!r}")
        return text[:12]

    def _next(self) -> Any:
        if not self._words:
            raise Wrong("SEARCH ends in the middle of a key")
        return self._words.pop(0)


def _simple(name: str) -> Claim | None:
    """Keys that stand alone."""
    if name == "ALL":
        return lambda c: True
    if name in ("RECENT", "OLD"):
        return lambda c: c.message.recent == (name == "RECENT")
    if name == "NEW":
        return lambda c: c.message.recent and "S" not in c.message.stored.flags
    letter = LETTERS.get("\\" + name.removeprefix("UN"))
    if letter is None:
        return None
    return lambda c: (letter in c.message.stored.flags) != name.startswith("UN")


def _dated(name: str, text: str) -> Claim:
    wanted = datetime.strptime(text.strip(), "%d-%b-%Y").date()

    def claim(c: Candidate) -> bool:
        when = _sent(c) if name.startswith("SENT") else c.message.stored.when.date()
        if when is None:
            return False
        kind = name.removeprefix("SENT")
        return when < wanted if kind == "BEFORE" else when == wanted if kind == "ON" else when >= wanted

    return claim


def _sent(c: Candidate) -> date | None:
    try:
        return email.utils.parsedate_to_datetime(str(c.message.part.fields.get("Date"))).date()
    except (ValueError, TypeError):
        return None


def _values(c: Candidate, field: str) -> list[str]:
    """The decoded values of a header field, in lower case."""
    values = c.message.part.fields.get_all(field, [])
    return [_decoded(str(value)).lower() for value in values]


def _decoded(value: str) -> str:
    try:
        return str(email.header.make_header(email.header.decode_header(value)))
    except (LookupError, ValueError):
        return value


def _text(c: Candidate, *, whole: bool) -> str:
    part = c.message.part
    return (part.header + part.body if whole else part.body).decode("utf-8", "replace").lower()
