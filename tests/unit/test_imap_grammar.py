"""From octets to commands, in any pieces."""

from __future__ import annotations

from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from mailcourse.access.imap.grammar import parse, text_of
from mailcourse.access.imap.reader import (
    MAX_LINE,
    MAX_MESSAGE,
    CommandRejected,
    Malformed,
    MessageTooBig,
    OnDisk,
    Reader,
    SpoolFailed,
)
from mailcourse.access.imap.strings import in_set, quoted
from mailcourse.internet.disk import Disk
from mailcourse.mailbox.temporary import Spool

COMMANDS: list[tuple[bytes, tuple[str, str, list[Any]]]] = [
    (b"a1 NOOP\r\n", ("a1", "NOOP", [])),
    (b"a1 noop\n", ("a1", "NOOP", [])),
    (b'a LOGIN bob "a \\"b\\" \\\\"\r\n', ("a", "LOGIN", ["bob", b'a "b" \\'])),
    (b'a LOGIN "" x\r\n', ("a", "LOGIN", [b"", "x"])),
    (b"a LOGIN {3+}\r\nbob {4+}\r\na\r\nb\r\n", ("a", "LOGIN", [b"bob", b"a\r\nb"])),
    (b"a LOGIN {0+}\r\n x\r\n", ("a", "LOGIN", [b"", "x"])),
    (b"a FETCH 1:*,3 (FLAGS (UID) ())\r\n", ("a", "FETCH", ["1:*,3", ["FLAGS", ["UID"], []]])),
    (
        b"a FETCH 1 BODY.PEEK[HEADER.FIELDS (To From)]<0.9>\r\n",
        ("a", "FETCH", ["1", "BODY.PEEK[HEADER.FIELDS (To From)]<0.9>"]),
    ),
    (
        b"a FETCH 1 (UID BODY[HEADER.FIELDS ({2+}\r\nTo {4+}\r\nFrom)])\r\n",
        ("a", "FETCH", ["1", ["UID", 'BODY[HEADER.FIELDS ("To" "From")]']]),
    ),
    (b"a SEARCH SUBJECT [x BODY {2+}\r\nhi\r\n", ("a", "SEARCH", ["SUBJECT", "[x", "BODY", b"hi"])),
    (b"a STORE 1 +FLAGS (\\Seen)\r\n", ("a", "STORE", ["1", "+FLAGS", ["\\Seen"]])),
    (b'a LIST "" *\r\n', ("a", "LIST", [b"", "*"])),
]


def spooling(folder: Path) -> Reader:
    """A reader after login."""
    reader = Reader()
    reader.spool = lambda: Spool(folder / "spooled", FileIO(folder / "spooled", "wb"), Disk())
    return reader


@pytest.mark.parametrize("size", [1000, 7, 1])
@pytest.mark.parametrize(("octets", "wanted"), COMMANDS, ids=[repr(octets[:30]) for octets, _ in COMMANDS])
def test_a_command_is_read_in_any_pieces(octets: bytes, wanted: tuple[str, str, list[Any]], size: int) -> None:
    reader, found = Reader(), []
    for start in range(0, len(octets), size):
        assert found == []  # nothing before the last octet
        reader.feed(octets[start : start + size])
        whole = reader.next()
        if isinstance(whole, list):
            found.append(parse(whole))
    assert [(one.tag, one.name, one.arguments) for one in found] == [wanted]
    assert reader.next() is None


def test_a_literal_is_invited_once() -> None:
    reader = Reader()
    reader.feed(b"a LOGIN {3}\r\n")
    assert reader.next() == b"+"
    assert reader.next() is None
    reader.feed(b"bob x\r\nb NOOP\r\n")
    assert reader.next() == [b"a LOGIN ", b"bob", b" x"]
    assert reader.next() == [b"b NOOP"]


@pytest.mark.parametrize(
    ("line", "tag"),
    [
        (b"", "*"),
        (b"(", "*"),
        (b"* NOOP", "*"),
        (b"\xff NOOP", "*"),
        (b"a", "a"),
        (b"a (x)", "a"),
        (b"a X (", "a"),
        (b"a X )", "a"),
        (b'a X "open', "a"),
        (b"a X \x01", "a"),
        (b"a X " + b"(" * 50, "a"),
    ],
)
def test_broken_grammar_carries_the_tag(line: bytes, tag: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse([line])
    assert caught.value.tag == tag
    assert not caught.value.is_fatal


@pytest.mark.parametrize(
    ("octets", "logged_in", "is_fatal"),
    [
        (b"a LOGIN {9000}\r\n", False, False),
        (b"a LOGIN {9000+}\r\n", False, True),
        (b"a APPEND INBOX {9000}\r\n", False, False),  # before login nobody sends messages
        (b"a APPEND INBOX {%d}\r\n" % (MAX_MESSAGE + 1), True, False),
        (b"a APPEND INBOX {%d+}\r\n" % (MAX_MESSAGE + 1), True, True),
        (b"a APPEND INBOX" + b" {0+}\r\n" * 1100, True, True),
        (b"a " + b"x" * MAX_LINE, False, True),
        (b"a " + b"x" * MAX_LINE + b"\r\n", False, True),
        (b"a X" + b" {8000+}\r\n" + (b"y" * 8000 + b" {8000+}\r\n") * 9, False, True),
    ],
)
def test_what_is_too_long_is_refused(octets: bytes, logged_in: bool, is_fatal: bool, tmp_path: Path) -> None:
    reader = spooling(tmp_path) if logged_in else Reader()
    reader.feed(octets)
    with pytest.raises(CommandRejected, match="too long") as caught:
        reader.next()
    assert caught.value.is_fatal is is_fatal
    assert isinstance(caught.value, MessageTooBig if logged_in and b"APPEND" in octets else Malformed)


def test_a_long_message_goes_to_the_disk_as_it_comes(tmp_path: Path) -> None:
    reader = spooling(tmp_path)
    reader.feed(b"a APPEND INBOX {200000+}\r\n")
    for _ in range(199):
        reader.feed(b"x" * 1000)
        assert reader.next() is None
        assert len(reader.buffer) == 0
    reader.feed(b"y" * 1000 + b"\r\nb NOOP\r\n")
    whole = reader.next()
    assert isinstance(whole, list)
    assert isinstance(whole[1], OnDisk)
    assert b"".join(whole[1].spool.pieces()) == b"x" * 199_000 + b"y" * 1000
    assert parse(whole).arguments[1] is whole[1]
    assert reader.next() == [b"b NOOP"]


def test_a_client_that_vanishes_in_the_middle_of_a_message_leaves_nothing(tmp_path: Path) -> None:
    reader = spooling(tmp_path)
    reader.feed(b"a APPEND INBOX {200000+}\r\n" + b"x" * 70_000 + b" {300000+}\r\n")
    assert reader.next() is None
    assert len(list(tmp_path.iterdir())) == 1
    reader.clear()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_when_the_message_is_over(tmp_path: Path) -> None:
    reader = Reader()

    def full() -> Spool:
        raise OSError(28, "No space left on device")

    reader.spool = full
    reader.feed(b"a APPEND INBOX {70000+}\r\n" + b"x" * 70_000 + b"\r\nb NOOP\r\n")
    with pytest.raises(SpoolFailed, match="No space") as caught:
        reader.next()
    assert (caught.value.tag, caught.value.status) == ("a", "NO")
    assert reader.next() == [b"b NOOP"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1", {1}),
        ("3:1", {1, 3}),
        ("*", {9}),
        ("5:*", {7, 9}),
        ("50:*", {9}),
        ("4", set()),
        ("1,7:8", {1, 7}),
        ("*:1", {1, 3, 7, 9}),
    ],
)
def test_sequence_sets(text: str, wanted: set[int]) -> None:
    assert in_set(text, [1, 3, 7, 9]) == wanted


@pytest.mark.parametrize("text", ["", ",", "1,", "a", "1:", "1::2", "-1", "1 2", "1:2:3"])
def test_what_is_no_sequence_set(text: str) -> None:
    with pytest.raises(ValueError, match="no set of messages"):
        in_set(text, [1])


STRINGS = [
    (None, b"NIL"),
    ("", b'""'),
    ('a"b\\', b'"a\\"b\\\\"'),
    ("é", b"{2}\r\n\xc3\xa9"),
    ("a\r\nb", b"{4}\r\na\r\nb"),
]


@pytest.mark.parametrize(("text", "octets"), STRINGS)
def test_strings_are_quoted_or_literal(text: str | None, octets: bytes) -> None:
    assert quoted(text) == octets


@pytest.mark.parametrize("text", ["", "plain", 'a"b\\', "é", "a{3}b"])
def test_a_string_that_is_written_reads_back(text: str) -> None:
    reader = Reader()
    reader.feed(b"a X " + quoted(text).replace(b"}\r\n", b"+}\r\n") + b"\r\n")
    whole = reader.next()
    assert isinstance(whole, list)
    assert text_of(parse(whole).arguments[0]) == text
