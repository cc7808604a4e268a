"""Search keys: each becomes a predicate, a function from message to bool (RFC 3501 §6.4.4).

    OR UNSEEN (SEEN FROM bruno)

Keys are joined by "and"; NOT and OR and parentheses do the rest.  Text is compared decoded and ignoring case,
in any charset.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from mailcourse.mailbox.names import KEYWORDS
from mailcourse.message.address_list import addresses
from mailcourse.message.fields import day, decode_words, unfolded
from mailcourse.message.mime import Part

from .flags import FLAG_LETTERS
from .grammar import text_of
from .items import MessageView
from .responses import BadResponse, NoResponse
from .strings import in_set, read_date

ADDRESSED = (b"from", b"to", b"cc", b"bcc")
#: no text in UTF-8 is this
NO_FIELD = b"\xff"
#: Keys inside keys, as in NOT (OR (NOT …
MAX_DEPTH = 50
#: signs in the header that a message must be decoded before its text can be read; ISO 2022 begins with ESC
ENCODED = (b"base64", b"quoted-printable", b"multipart/", b"message/", b"=?")

#: Looking through a long text keeps Python's lock: whoever does it, others get their turn in between.
_one_at_a_time = threading.Lock()

Predicate = Callable[[MessageView], bool]


@dataclass(frozen=True, slots=True)
class SearchContext:
    """What sets, keywords and CHARSET mean in this session; `saved` are the UIDs behind "$"."""

    uids: Sequence[int]
    saved: set[int] = field(default_factory=set)
    keywords: Sequence[str] = ()
    takes_charset: bool = True
    is_gone: Callable[[], bool] = lambda: False  # the client, in the middle of a long search

    def numbers(self, text: str) -> set[int]:
        """Return the sequence numbers of a set."""
        if text == "$":
            return {number for number, uid in enumerate(self.uids, 1) if uid in self.saved}
        return in_set(text, range(1, len(self.uids) + 1))

    def chosen_uids(self, text: str) -> set[int]:
        """Return the UIDs of a set."""
        return {*self.uids} & self.saved if text == "$" else in_set(text, self.uids)


class KeyParser:
    """Reads search keys, from left to right; raises `BadResponse` for what is wrong."""

    def __init__(self, words: list[Any], context: SearchContext, charset: str = "utf-8", depth: int = 0) -> None:
        self._words, self._context, self._charset, self._depth = words[::-1], context, charset, depth

    def parse_all(self) -> Predicate:
        """Read everything; every key must match."""
        if not self._words:
            raise BadResponse("SEARCH needs at least one key, such as ALL")
        predicates = []
        while self._words:
            predicates.append(self.parse_one())
        return predicates[0] if len(predicates) == 1 else lambda m: all(predicate(m) for predicate in predicates)

    def parse_one(self) -> Predicate:
        """Read one key."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BadResponse(f"keys inside keys, more than {MAX_DEPTH} levels deep")
        predicate = self._key(self._next())
        self._depth -= 1
        return predicate

    def _key(self, word: Any) -> Predicate:
        if isinstance(word, list):
            return KeyParser(word, self._context, self._charset, self._depth).parse_all()
        if not isinstance(word, str):
            raise BadResponse("expected a search key, not a string")
        name = word.upper()
        if name[0].isdigit() or name[0] in "*$":
            wanted = self._context.numbers(name)
            return lambda m: m.number in wanted
        if name in ("NOT", "OR"):
            return self._joined(name)
        return _simple(name) or self._with_argument(name)

    def _joined(self, name: str) -> Predicate:
        first = self.parse_one()
        if name == "NOT":
            return lambda m: not first(m)
        second = self.parse_one()
        return lambda m: first(m) or second(m)

    def _with_argument(self, name: str) -> Predicate:
        if name == "UID":
            wanted = self._context.chosen_uids(text_of(self._next()))
            return lambda m: m.entry.uid in wanted
        if name in ("LARGER", "SMALLER"):
            size = self._octets()
            return lambda m: (m.size > size) if name == "LARGER" else (m.size < size)
        if name.removeprefix("SENT") in ("BEFORE", "ON", "SINCE"):
            return _dated(name, read_date(text_of(self._next())))
        if name in ("KEYWORD", "UNKEYWORD"):
            return self._keyword(text_of(self._next()), wanted=name == "KEYWORD")
        if name == "HEADER":
            return self._in_header(text_of(self._next()))
        if name in ("FROM", "TO", "CC", "BCC", "SUBJECT"):
            return self._in_header(name)
        if name in ("BODY", "TEXT"):
            return self._in_text(whole=name == "TEXT")
        raise BadResponse(f"SEARCH does not know the key {name[:40]!r}")

    def _keyword(self, word: str, *, wanted: bool) -> Predicate:
        known = [keyword.lower() for keyword in self._context.keywords]
        letter = KEYWORDS[known.index(word.lower())] if word.lower() in known else ""
        return lambda m: (letter in m.entry.flags) == wanted

    def _in_header(self, name: str) -> Predicate:
        field, wanted = name.lower().encode("utf-8", "surrogateescape"), self._text().casefold().encode()

        def values(message: MessageView) -> bytes:
            fields = message.part.fields.get(field, [])
            if field in ADDRESSED:  # as ENVELOPE has them, too: without comments, a@b.test for a (x) @ b.test
                shown = [address for address in addresses(b",".join(fields)) if address.domain]
                fields = fields + [b"%b@%b" % (address.local or b"", address.domain or b"") for address in shown]
            return b"\0".join(_decoded(value).casefold().encode() for value in fields) if fields else NO_FIELD

        def predicate(m: MessageView) -> bool:
            value = m.note(f"SEARCH {name.upper()}", values) if len(name) <= 40 else values(m)
            return value != NO_FIELD and wanted in value

        return predicate

    def _in_text(self, *, whole: bool) -> Predicate:
        wanted = self._text().casefold()
        octets = wanted.encode()

        def predicate(m: MessageView) -> bool:
            if self._context.is_gone():
                raise EOFError
            with _one_at_a_time:
                plain = m.once("plain", lambda: _plain(m))
                if plain is not None:
                    return any(octets in text for text in plain[: 1 + whole])
                texts = m.once(f"texts {whole}", lambda: [_folded(t) for t in _texts(m.part, header=whole)])
                return any(wanted in text for text in texts)

        return predicate

    def _text(self) -> str:
        argument = self._next()
        octets = argument if isinstance(argument, bytes) else text_of(argument).encode("utf-8", "surrogateescape")
        try:
            return octets.decode(self._charset)
        except ValueError:
            raise NoResponse(f"[BADCHARSET] what is searched for is not {self._charset}") from None

    def _octets(self) -> int:
        text = text_of(self._next())
        if not text.isdecimal():
            raise BadResponse(f"expected a number of octets, not {text[:40]!r}")
        return int(text[:12])

    def _next(self) -> Any:
        if not self._words:
            raise BadResponse("SEARCH ends in the middle of a key")
        return self._words.pop()


def _folded(text: str) -> str:
    """Fold case, in pieces: 9 MB at once would hold Python's lock, and all other clients, for a tenth of a second."""
    return "".join([text[start : start + 100_000].casefold() for start in range(0, len(text), 100_000)])


def _simple(name: str) -> Predicate | None:
    """Keys that stand alone."""
    if name == "ALL":
        return lambda m: True
    if name in ("RECENT", "OLD"):
        return lambda m: m.recent == (name == "RECENT")
    if name == "NEW":
        return lambda m: m.recent and "S" not in m.entry.flags
    letter = FLAG_LETTERS.get("\\" + name.removeprefix("UN"))
    if letter is None:
        return None
    return lambda m: (letter in m.entry.flags) != name.startswith("UN")


def _dated(name: str, wanted: date) -> Predicate:
    kind = name.removeprefix("SENT")

    def predicate(m: MessageView) -> bool:
        when = day(m.part.fields.first(b"date") or b"") if name.startswith("SENT") else m.when().date()
        if when is None:
            return False
        return when < wanted if kind == "BEFORE" else when == wanted if kind == "ON" else when >= wanted

    return predicate


def _decoded(value: bytes) -> str:
    """A field as people read it (RFC 2047)."""
    return decode_words(value.decode("utf-8", "replace").replace("\t", " "))  # some programs fold with tabs


def _plain(m: MessageView) -> tuple[bytes, bytes] | None:
    """Return body and header in lower case when the octets are the text; None when they must be decoded."""
    low, place = m.content.lower(), len(m.part.header)
    if not low.isascii() or b"\x1b" in low or any(sign in low[:place] for sign in ENCODED):
        return None
    return low[place:], unfolded(low[:place]).replace(b"\t", b" ")


def _texts(part: Part, *, header: bool) -> Iterator[str]:
    """Go through the text of a message: its header if that is wanted, and every part that is text."""
    if header:
        yield _decoded(unfolded(part.header))
    if part.type[0] == "text":
        yield part.text()
    is_message = part.type == ("message", "rfc822")
    for inner in part.parts:
        yield from _texts(inner, header=header or is_message)
