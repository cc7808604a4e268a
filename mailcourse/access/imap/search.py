"""SEARCH: which messages fit (RFC 3501 §6.4.4; RFC 4731, RFC 5182).

Keys are joined by "and"; NOT and OR and parentheses do the rest.  Each key becomes a claim, a
function from message to bool.  Text is compared decoded and without regard to case, in any charset.

    SEARCH UNSEEN FROM bruno                       * SEARCH 2 84 882
    SEARCH RETURN (MIN COUNT) UNSEEN               * ESEARCH (TAG "a1") MIN 2 COUNT 3
    SEARCH RETURN (SAVE) UNSEEN                    from now on $ means these messages
"""

from __future__ import annotations

import codecs
import email.header
import email.utils
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from mailcourse.mailbox.names import KEYWORDS
from mailcourse.message.address_list import addresses
from mailcourse.message.mime import Part

from .fetch import Message
from .flags import LETTERS
from .grammar import text_of
from .states import No, Wrong
from .strings import in_set, read_date, write_set

#: what is told when a charset is not known; every charset of text that Python knows will do
CHARSETS = ("US-ASCII", "UTF-8", "ISO-8859-1", "ISO-8859-15", "KOI8-R", "GB18030", "SHIFT_JIS")
RETURNS = ("MIN", "MAX", "ALL", "COUNT", "SAVE")
ADDRESSED = (b"from", b"to", b"cc", b"bcc")
#: no text in UTF-8 is this
NO_FIELD = b"\xff"
#: Keys inside keys, as in NOT (OR (NOT …
MAX_DEPTH = 50
#: signs in the header that a message must be decoded before its text can be read; ISO 2022 begins with ESC
ENCODED = (b"base64", b"quoted-printable", b"multipart/", b"message/", b"=?")


Claim = Callable[[Message], bool]


@dataclass(frozen=True, slots=True)
class Known:
    """What sets, keywords and CHARSET mean in this session; `saved` are the UIDs behind "$"."""

    uids: Sequence[int]
    saved: set[int] = field(default_factory=set)
    keywords: Sequence[str] = ()
    takes_charset: bool = True

    def numbers(self, text: str) -> set[int]:
        """Return the sequence numbers of a set."""
        if text == "$":
            return {number for number, uid in enumerate(self.uids, 1) if uid in self.saved}
        return in_set(text, range(1, len(self.uids) + 1))

    def chosen_uids(self, text: str) -> set[int]:
        """Return the UIDs of a set."""
        return {*self.uids} & self.saved if text == "$" else in_set(text, self.uids)


@dataclass(frozen=True, slots=True)
class Question:
    """A whole SEARCH: what is wanted back (None for the old form), and the claim."""

    wanted: tuple[str, ...] | None
    claim: Claim


def question(arguments: list[Any], known: Known) -> Question:
    """Read the arguments of SEARCH."""
    words, wanted, charset = list(arguments), None, "utf-8"
    if len(words) > 1 and _is(words[0], "RETURN"):
        if not isinstance(words[1], list):
            raise Wrong("RETURN wants a list, such as (MIN COUNT)")
        wanted = tuple(text_of(word).upper() for word in words[1])
        if not set(wanted) <= set(RETURNS):
            raise Wrong(f"SEARCH can return {', '.join(RETURNS)}")
        wanted = wanted or ("ALL",)  # RFC 4731 §3.1
        words = words[2:]
    if len(words) > 1 and _is(words[0], "CHARSET"):
        if not known.takes_charset:
            raise Wrong("no CHARSET after ENABLE UTF8=ACCEPT: everything is UTF-8")  # RFC 6855 §3
        charset = _charset(text_of(words[1]))
        words = words[2:]
    return Question(wanted, Keys(words, known, charset).all())


def _is(word: Any, name: str) -> bool:
    return isinstance(word, str) and word.upper() == name


def _charset(name: str) -> str:
    try:
        codecs.lookup(name)
        b"".decode(name)  # not every codec is one of text
    except (LookupError, ValueError):
        raise No(f"[BADCHARSET ({' '.join(CHARSETS)})] that charset is not known here") from None
    return name


def extended(tag: str, wanted: Sequence[str], found: Sequence[int], *, by_uid: bool) -> str:
    """Write the ESEARCH response (RFC 4731 §3.1)."""
    parts = [f'* ESEARCH (TAG "{tag}")'] + ["UID"] * by_uid
    if found:
        parts += [f"MIN {min(found)}"] * ("MIN" in wanted)
        parts += [f"MAX {max(found)}"] * ("MAX" in wanted)
        parts += [f"ALL {write_set(found)}"] * ("ALL" in wanted)
    parts += [f"COUNT {len(found)}"] * ("COUNT" in wanted)
    return " ".join(parts)


def kept(wanted: Sequence[str], found: Sequence[int]) -> set[int]:
    """Return which of the found UIDs SAVE keeps: with MIN and MAX alone, only those (RFC 5182 §2.4)."""
    if not found or {"ALL", "COUNT"} & set(wanted) or not {"MIN", "MAX"} & set(wanted):
        return set(found)
    return {found[0] for _ in range("MIN" in wanted)} | {found[-1] for _ in range("MAX" in wanted)}


class Keys:
    """Reads search keys, from left to right; `Wrong` says what is wrong."""

    def __init__(self, words: list[Any], known: Known, charset: str = "utf-8", depth: int = 0) -> None:
        self._words, self._known, self._charset, self._depth = words[::-1], known, charset, depth

    def all(self) -> Claim:
        """Read everything; every key must hold."""
        if not self._words:
            raise Wrong("SEARCH wants at least one key, such as ALL")
        claims = []
        while self._words:
            claims.append(self.one())
        return claims[0] if len(claims) == 1 else lambda m: all(claim(m) for claim in claims)

    def one(self) -> Claim:
        """Read one key."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Wrong(f"keys inside keys, more than {MAX_DEPTH} levels deep")
        claim = self._key(self._next())
        self._depth -= 1
        return claim

    def _key(self, word: Any) -> Claim:
        if isinstance(word, list):
            return Keys(word, self._known, self._charset, self._depth).all()
        if not isinstance(word, str):
            raise Wrong("a search key is wanted here, not a string")
        name = word.upper()
        if name[0].isdigit() or name[0] in "*$":
            wanted = self._known.numbers(name)
            return lambda m: m.number in wanted
        if name in ("NOT", "OR"):
            return self._joined(name)
        return _simple(name) or self._with_argument(name)

    def _joined(self, name: str) -> Claim:
        first = self.one()
        if name == "NOT":
            return lambda m: not first(m)
        second = self.one()
        return lambda m: first(m) or second(m)

    def _with_argument(self, name: str) -> Claim:
        if name == "UID":
            wanted = self._known.chosen_uids(text_of(self._next()))
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
        raise Wrong(f"SEARCH does not know the key {name[:40]!r}")

    def _keyword(self, word: str, *, wanted: bool) -> Claim:
        known = [keyword.lower() for keyword in self._known.keywords]
        letter = KEYWORDS[known.index(word.lower())] if word.lower() in known else ""
        return lambda m: (letter in m.entry.flags) == wanted

    def _in_header(self, name: str) -> Claim:
        field, wanted = name.lower().encode("utf-8", "surrogateescape"), self._text().casefold().encode()

        def values(message: Message) -> bytes:
            found = message.part.fields.get(field, [])
            if field in ADDRESSED:  # what ENVELOPE tells, too: without comments, a@b.test for a (x) @ b.test
                told = addresses(b",".join(found))
                found = found + [b"%b@%b" % (one.local or b"", one.domain) for one in told if one.domain]
            return b"\0".join(_decoded(value).casefold().encode() for value in found) if found else NO_FIELD

        def claim(m: Message) -> bool:
            said = m.note(f"SEARCH {name.upper()}", values) if len(name) <= 40 else values(m)
            return said != NO_FIELD and wanted in said

        return claim

    def _in_text(self, *, whole: bool) -> Claim:
        wanted = self._text().casefold()
        octets = wanted.encode("ascii") if wanted.isascii() else None

        def claim(m: Message) -> bool:
            content = m.content
            if octets is not None and content.isascii():
                low, place = content.lower(), len(m.part.header)
                header = low[:place]
                if not any(sign in header for sign in ENCODED) and b"\x1b" not in low:  # the octets are the text
                    return low.find(octets, place) >= 0 or (whole and octets in _unfolded(header))
            return any(wanted in text.casefold() for text in _texts(m.part, header=whole))

        return claim

    def _text(self) -> str:
        argument = self._next()
        octets = argument if isinstance(argument, bytes) else text_of(argument).encode("utf-8", "surrogateescape")
        try:
            return octets.decode(self._charset)
        except ValueError:
            raise No(f"[BADCHARSET] what is searched for is not {self._charset}") from None

    def _octets(self) -> int:
        text = text_of(self._next())
        if not text.isdecimal():
            raise Wrong(f"a number of octets is wanted here, not {text[:40]!r}")
        return int(text[:12])

    def _next(self) -> Any:
        if not self._words:
            raise Wrong("SEARCH ends in the middle of a key")
        return self._words.pop()


def _simple(name: str) -> Claim | None:
    """Keys that stand alone."""
    if name == "ALL":
        return lambda m: True
    if name in ("RECENT", "OLD"):
        return lambda m: m.recent == (name == "RECENT")
    if name == "NEW":
        return lambda m: m.recent and "S" not in m.entry.flags
    letter = LETTERS.get("\\" + name.removeprefix("UN"))
    if letter is None:
        return None
    return lambda m: (letter in m.entry.flags) != name.startswith("UN")


def _dated(name: str, wanted: date) -> Claim:
    kind = name.removeprefix("SENT")

    def claim(m: Message) -> bool:
        when = _sent(m.part) if name.startswith("SENT") else m.when().date()
        if when is None:
            return False
        return when < wanted if kind == "BEFORE" else when == wanted if kind == "ON" else when >= wanted

    return claim


def _sent(part: Part) -> date | None:
    """The day in the Date field, in the sender's own time zone (RFC 3501 §6.4.4: "disregarding time and timezone")."""
    said = part.fields.first(b"date")
    try:
        return email.utils.parsedate_to_datetime(said.decode("ascii", "replace")).date() if said else None
    except (ValueError, TypeError):
        return None


def _decoded(value: bytes) -> str:
    """A field as people read it (RFC 2047)."""
    text = value.decode("utf-8", "replace").replace("\t", " ")  # with which some fold
    if "=?" not in text:
        return text
    try:
        return str(email.header.make_header(email.header.decode_header(text)))
    except (LookupError, ValueError):
        return text


def _unfolded(header: bytes) -> bytes:
    return re.sub(rb"\r\n(?=[ \t])", b"", header).replace(b"\t", b" ")


def _texts(part: Part, *, header: bool) -> list[str]:
    """All text of a message: its header if that is wanted, and every part that is text."""
    found = [_decoded(_unfolded(part.header))] if header else []
    if part.type[0] == "text":
        return [*found, part.text()]
    if not part.parts:
        return found
    is_message = part.type == ("message", "rfc822")
    return found + [text for inner in part.parts for text in _texts(inner, header=header or is_message)]
