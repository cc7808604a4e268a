"""IMAP's corners: parts with any octets, names of files in pieces, patterns of any kind, BYE before every close."""

from __future__ import annotations

import imaplib
import re
import smtplib
import time
from collections.abc import Callable

import pytest
from test_imap_fetch import fetch

from mailcourse import Lab
from mailcourse.access import session
from mailcourse.access.imap.folder_tree import matches
from mailcourse.access.imap.list_request import _pattern
from mailcourse.access.imap.session import ImapSession
from mailcourse.message import mime

ALICE, BRUNO = "alice@academy.test", "bruno@bakery.test"
CODED = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b"a=00b", b"~{3}\r\na\0b"),
        (b"a \t\r\nb= \r\n c \r\n", b"{8}\r\na\r\nb c\r\n"),
        (b"a\0b  \r\n", b"~{5}\r\na\0b\r\n"),
        (b"=E2=82=AC", "{3}\r\n€".encode()),
        (b"=\r\n", b"{0}\r\n"),
    ],
)
def test_binary_is_decoded_as_mime_says(body: bytes, wanted: bytes) -> None:
    assert fetch("BINARY.PEEK[1]", CODED + body) == b"BINARY[1] " + wanted
    size = re.match(rb"~?\{(\d+)\}", wanted)
    assert size is not None
    assert fetch("BINARY.SIZE[1]", CODED + body) == b"BINARY.SIZE[1] " + size[1]


def test_the_name_of_a_file_is_in_the_order_of_its_numbers() -> None:
    header = b'Content-Disposition: attachment; filename*1="plan.pdf"; filename*0="bread-"\r\n\r\nx'
    assert b'("ATTACHMENT" ("FILENAME" "bread-plan.pdf"))' in fetch("BODYSTRUCTURE", header)
    assert b'("NAME" "ab")' in fetch("BODYSTRUCTURE", b"Content-Type: a/b; name*1=b; name*0=a\r\n\r\nx")


@pytest.mark.parametrize(
    ("pattern", "name", "is_match"),
    [
        ("*", "a/b", True),
        ("%", "a/b", False),
        ("%/%", "a/b", True),
        ("a%c", "abc", True),
        ("a%c", "a/c", False),
        ("a*c", "a/b/c", True),
        ("%b%", "abc/b", False),
        ("*b", "abab", True),
        ("", "", True),
        ("", "a", False),
        ("%", "", True),
        ("[*]", "[a/b]", True),
    ],
)
def test_a_pattern_matches(pattern: str, name: str, is_match: bool) -> None:
    assert matches(pattern, name) == matches(_pattern(pattern), name) == is_match


def test_a_pattern_of_many_wildcards_takes_no_time() -> None:
    names = [("a" * 9 + "/") * 20 for _ in range(500)]
    began = time.thread_time()
    for pattern in ("%a" * 100 + "b", "*a" * 100 + "b", "*/" * 30_000, "%" * 60_000 + "b", "a" * 60_000):
        read = _pattern(pattern)  # once, as a server reads it
        assert not any(matches(read, name) for name in names)
    assert time.thread_time() - began < 5


def ugly(lab: Lab) -> imaplib.IMAP4:
    client = imaplib.IMAP4("mail.bakery.test")
    client.login(BRUNO, lab.person(BRUNO).password)
    return client


def silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(session.IDLE_TIMEOUT, "imap", 0.05)


def fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: ImapSession, data: bytes) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(ImapSession, "replies", broken)


@pytest.mark.parametrize(("cause", "word"), [(silence, b"silent"), (fault, b"[SERVERBUG]")])
def test_no_connection_is_closed_without_bye(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, cause: Callable[[pytest.MonkeyPatch], None], word: bytes
) -> None:
    with lab.online("laptop.bakery.test"):
        client = ugly(lab)
        cause(monkeypatch)
        client.send(b"a NOOP\r\n")
        said = [line for line in iter(client.file.readline, b"") if not line.startswith((b"a OK", b"* OK"))]
        assert len(said) == 1
        assert said[0].startswith(b"* BYE ")
        assert word in said[0]


def test_who_says_no_more_hears_bye(lab: Lab) -> None:
    with lab.online("laptop.bakery.test"):
        client = imaplib.IMAP4("mail.bakery.test")
        client.send(b"a NOOP\r\nb LOGOUT\r\n")
        assert client.file.read().count(b"* BYE") == 1
        client = imaplib.IMAP4("mail.bakery.test")
        client.send(b"a NOOP\r\n")
        client.socket().shutdown(1)
        assert client.file.read().splitlines()[-1].startswith(b"* BYE")


@pytest.mark.parametrize(
    "first", [" for <eve@evil.test>; never", "\tfrom evil.test by x; never", " ", ".\tx: y", "  \r\n z"]
)
def test_a_first_line_that_begins_with_a_space_continues_no_line_of_ours(lab: Lab, first: str) -> None:
    with lab.online("laptop.academy.test"), smtplib.SMTP("mx1.bakery.test") as server:
        server.ehlo()
        server.docmd(f"MAIL FROM:<{ALICE}>")
        server.docmd(f"RCPT TO:<{BRUNO}>")
        server.docmd("DATA")
        server.send(f"{first}\r\nSubject: not one\r\n\r\nx\r\n.\r\n")
        assert server.getreply()[0] == 250
    lab.settle()
    (mail,) = lab.person(BRUNO).fetch()
    assert {name for name, _ in mail.fields} == {"Return-Path", "Delivered-To", "Received"}
    assert not any("evil" in value for _, value in mail.fields)
    assert mail.raw.endswith(f"\r\n\r\n{first.removeprefix('.')}\r\nSubject: not one\r\n\r\nx\r\n".encode())
    assert mail.subject == ""


def test_the_parts_of_a_message_share_one_allowance_of_lines() -> None:
    begin = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
    body = b"\r\n--xy" * 2 * mime.MAX_BOUNDARIES + b"\r\n--x\r\n\r\nlate\r\n--x--"
    part = mime.split(begin + body)
    assert [inner.body for inner in part.parts] == [b""]
    assert part.allowance.boundaries == 0
