"""What FETCH and SEARCH say of a message, octet by octet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from mailcourse.access.imap.items import MessageView, parse_items
from mailcourse.access.imap.search_keys import KeyParser, SearchContext
from mailcourse.mailbox.maildir import Maildir
from mailcourse.mailbox.names import MessageFile

INNER = b"From: amir@academy.test\r\nSubject: inner\r\n\r\nin\r\n"
NESTED = (
    b'From: Alice <alice@academy.test>\r\nTo: bruno@bakery.test, "Bea, B" <bea@bakery.test>\r\n'
    b"Subject: =?utf-8?q?Br=C3=B6tchen?=\r\n"
    b"Date: Mon, 07 Sep 2026 08:00:00 +0000\r\nMessage-ID: <1@academy.test>\r\n"
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\npreface\r\n--x\r\n\r\none\r\n"
    b"--x\r\nContent-Type: message/rfc822\r\n\r\n" + INNER + b"\r\n--x--\r\n"
)
PLAIN = b"Subject: plain\r\nX-A: 1\r\n folded\r\n\r\nline 1\r\nline 2\r\n"
BODY_ONE = b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 3 0'


class Alone(Maildir):
    """A folder with one message, and no disk."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self, entry: MessageFile) -> bytes:
        return self.content

    def octets_of(self, entry: MessageFile) -> int:
        return len(self.content)

    def note(self, entry: MessageFile, what: str, make: Callable[[], bytes]) -> bytes:  # type: ignore[override]
        return make()

    def about(self, entry: MessageFile) -> tuple[int, datetime]:
        return len(self.content), datetime(2026, 9, 7, 8, tzinfo=UTC)


def message(content: bytes, flags: str = "", *, recent: bool = False, number: int = 1) -> MessageView:
    entry = MessageFile(5, "", "1.m1.1.h,U=5", frozenset(flags), recent)
    return MessageView(Alone(content), entry, recent=recent, number=number)


def fetch(word: str, content: bytes) -> bytes:
    (item,) = parse_items(word)
    return item.name + b" " + item.write(message(content))


def lit(octets: bytes) -> bytes:
    return b"{%d}\r\n" % len(octets) + octets


SECTIONS = [
    ("BODY[]", PLAIN, b"BODY[] " + lit(PLAIN)),
    ("BODY.PEEK[TEXT]", PLAIN, b"BODY[TEXT] " + lit(b"line 1\r\nline 2\r\n")),
    ("BODY[HEADER]", PLAIN, b"BODY[HEADER] " + lit(b"Subject: plain\r\nX-A: 1\r\n folded\r\n\r\n")),
    ("BODY[HEADER.FIELDS (x-a)]", PLAIN, b"BODY[HEADER.FIELDS (x-a)] " + lit(b"X-A: 1\r\n folded\r\n\r\n")),
    ("BODY[HEADER.FIELDS.NOT (X-A)]", PLAIN, b"BODY[HEADER.FIELDS.NOT (X-A)] " + lit(b"Subject: plain\r\n\r\n")),
    ("BODY[]<0.7>", PLAIN, b"BODY[]<0> " + lit(b"Subject")),
    ("BODY[1.1]", PLAIN, b"BODY[1.1] NIL"),
    ("BODY[TEXT]<8.100>", PLAIN, b"BODY[TEXT]<8> " + lit(b"line 2\r\n")),
    ("BODY[TEXT]<900.5>", PLAIN, b"BODY[TEXT]<900> {0}\r\n"),
    ("BODY[1]", PLAIN, b"BODY[1] " + lit(b"line 1\r\nline 2\r\n")),
    ("BODY[2]", PLAIN, b"BODY[2] NIL"),
    ("BODY[1.MIME]", NESTED, b"BODY[1.MIME] " + lit(b"\r\n")),
    ("BODY[1]", NESTED, b"BODY[1] " + lit(b"one")),
    ("BODY[2]", NESTED, b"BODY[2] " + lit(INNER)),
    ("BODY[2.MIME]", NESTED, b"BODY[2.MIME] " + lit(b"Content-Type: message/rfc822\r\n\r\n")),
    ("BODY[2.HEADER]", NESTED, b"BODY[2.HEADER] " + lit(b"From: amir@academy.test\r\nSubject: inner\r\n\r\n")),
    ("BODY[2.TEXT]", NESTED, b"BODY[2.TEXT] " + lit(b"in\r\n")),
    ("BODY[2.1]", NESTED, b"BODY[2.1] " + lit(b"in\r\n")),
    ("BODY[3]", NESTED, b"BODY[3] NIL"),
    ("RFC822.SIZE", PLAIN, b"RFC822.SIZE %d" % len(PLAIN)),
    ("RFC822.TEXT", PLAIN, b"RFC822.TEXT " + lit(b"line 1\r\nline 2\r\n")),
    ("INTERNALDATE", PLAIN, b'INTERNALDATE "07-Sep-2026 08:00:00 +0000"'),
    (
        "ENVELOPE",
        NESTED,
        b'ENVELOPE ("Mon, 07 Sep 2026 08:00:00 +0000" "=?utf-8?q?Br=C3=B6tchen?=" '
        + b'(("Alice" NIL "alice" "academy.test")) ' * 3
        + b'((NIL NIL "bruno" "bakery.test")("Bea, B" NIL "bea" "bakery.test")) NIL NIL NIL "<1@academy.test>")',
    ),
    ("BODY", PLAIN, b'BODY ("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 16 2)'),
    (
        "BODYSTRUCTURE",
        NESTED,
        b"BODYSTRUCTURE ("
        + BODY_ONE
        + b' NIL NIL NIL NIL)("MESSAGE" "RFC822" NIL NIL NIL "7BIT" %d (NIL "inner" ' % len(INNER)
        + b'((NIL NIL "amir" "academy.test")) ' * 3
        + b'NIL NIL NIL NIL NIL) ("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 4 1 NIL NIL NIL NIL) '
        + b"4 NIL NIL NIL NIL) "
        + b'"MIXED" ("BOUNDARY" "x") NIL NIL NIL)',
    ),
]


@pytest.mark.parametrize(
    ("word", "content", "wanted"), SECTIONS, ids=[f"{w}-{n}" for n, (w, *_) in enumerate(SECTIONS)]
)
def test_a_piece_of_a_message(word: str, content: bytes, wanted: bytes) -> None:
    assert fetch(word, content) == wanted


def test_a_file_name_in_pieces_is_joined_and_decoded_by_the_client() -> None:
    content = b"Content-Type: text/plain; name*0*=utf-8''Br%C3%B6t; name*1=.txt\r\n\r\nx"
    assert b'("NAME*" "utf-8\'\'Br%C3%B6t.txt")' in fetch("BODYSTRUCTURE", content)


@pytest.mark.parametrize(
    "word",
    [
        "BODY[1HEADER]",
        "BODY[.HEADER]",
        "BODY[1.]",
        "BODY[MIME]",
        "BODY[HEADER.FIELDS]",
        "BODY[TEXT (a)]",
        "BODY[",
        "COLOUR",
    ],
)
def test_what_is_no_piece_of_a_message(word: str) -> None:
    with pytest.raises(ValueError, match=r"FETCH does not know|needs"):
        parse_items(word)


def test_peek_and_headers_tell_apart_seeing_and_reading() -> None:
    words = ["BODY[]", "BODY.PEEK[]", "BODY[HEADER]", "BODY.PEEK[HEADER]", "RFC822", "RFC822.HEADER", "ENVELOPE"]
    marks = [(item.marks_seen, item.is_content) for item in parse_items(words)]
    assert marks == [
        (True, True),
        (False, True),
        (True, False),
        (False, False),
        (True, True),
        (False, False),
        (False, False),
    ]


def test_macros() -> None:
    assert [item.name for item in parse_items("FAST")] == [b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE"]
    assert [item.name for item in parse_items("full")][-2:] == [b"ENVELOPE", b"BODY"]


@pytest.mark.parametrize(
    ("keys", "matches"),
    [
        (["ALL"], True),
        (["SEEN"], True),
        (["UNSEEN"], False),
        (["NOT", "SEEN"], False),
        (["OR", "UNSEEN", "FLAGGED"], False),
        (["OR", "UNSEEN", ["SEEN", "2"]], True),
        (["NEW"], False),
        (["SUBJECT", "brötchen".encode()], True),
        (["FROM", "ALICE"], True),
        (["HEADER", "Message-ID", b""], True),
        (["HEADER", "X-None", b""], False),
        (["BODY", "Alice"], False),
        (["TEXT", "Alice"], True),
        (["SENTON", "7-Sep-2026"], True),
        (["SINCE", "8-Sep-2026"], False),
        (["BEFORE", b" 8-Sep-2026"], True),
        (["LARGER", "10", "SMALLER", "100000"], True),
        (["UID", "5:9"], True),
        (["1"], False),
        (["2:*"], True),
        (["KEYWORD", "x"], False),
        (["UNKEYWORD", "x"], True),
        (["SEEN"] * 500, True),
    ],
)
def test_search_keys(keys: list[object], matches: bool) -> None:
    predicate = KeyParser(keys, SearchContext([4, 5])).parse_all()
    assert predicate(message(NESTED, "S", number=2)) is matches


def test_a_broken_encoded_word_is_searched_as_it_is_written() -> None:
    broken = message(b"Subject: =?utf-8?b?A?= loaf\r\n\r\nx\r\n")
    for keys in (["SUBJECT", "loaf"], ["TEXT", "loaf"]):
        assert KeyParser(keys, SearchContext([5])).parse_all()(broken)


@pytest.mark.parametrize(
    "keys",
    [
        [],
        ["COLOUR"],
        ["NOT"],
        ["OR", "ALL"],
        ["LARGER", "x"],
        ["ON", "yesterday"],
        [b"ALL"],
        ["UID", "x"],
        [[]],
        [*["NOT"] * 9000, "ALL"],
        [*["NOT"] * 40, [*["NOT"] * 40, "ALL"]],
    ],
)
def test_what_is_no_search_key(keys: list[object]) -> None:
    with pytest.raises(ValueError, match=r".{10}"):
        KeyParser(keys, SearchContext([1])).parse_all()
