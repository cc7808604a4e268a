"""Limits, long lines and smuggled messages: known traps of mail servers on asyncio."""

from __future__ import annotations

import pytest
from smtp_user import (
    BEGIN,
    MX1,
    SMALL,
    TO_BRUNO,
    Connect,
    accepted,
    incoming,
    settings,
    subjects,
)

from mailcourse import Lab
from mailcourse.internet.connection import Connection
from mailcourse.message.address import Address
from mailcourse.message.envelope import LocalCopy
from mailcourse.message.reply import Delivered, Outcome, Reply
from mailcourse.mta import receive
from mailcourse.mta.commands import COMMANDS
from mailcourse.mta.data import TOO_LONG, Content
from mailcourse.mta.input_buffer import InputBuffer
from mailcourse.mta.session import SmtpSession


def test_p10_the_limit_of_a_line_belongs_to_one_session_and_stays(connect: Connect) -> None:
    first = connect()
    first.ask(b"EHLO x.test\r\n" * 50)
    assert connect().ask(b"EHLO y.test\r\n").startswith("250")
    assert first.ask(b"NOOP " + b"x" * 4089 + b"\r\n") == "250 2.0.0 ok"
    assert first.ask(b"NOOP " + b"x" * 4090 + b"\r\n").startswith("500 5.5.2")
    assert first.reply() == ""


def test_p11_a_failure_inside_is_421_and_tells_nothing_of_the_inside(lab: Lab, connect: Connect) -> None:
    class Broken:
        def refusal(self, recipient: Address) -> Reply | None:
            raise RuntimeError("/home/secret/path")

        def deliver(self, copy: LocalCopy) -> Outcome:
            return Delivered(Reply(250, "", ""))

    lab.mail_servers["mx1.bakery.test"].delivery = Broken()
    client = connect()
    told = client.ask(BEGIN + TO_BRUNO)
    assert told == "421 4.3.0 something went wrong here; try again later"
    assert client.reply() == ""
    assert [e.host for e in lab.trace if e.what == "warning" and "/home/secret/path" in e.facts["text"]] == [MX1[0]]
    assert connect().ask(BEGIN).startswith("250")


def test_p12_a_long_line_passes_three_servers_unchanged(lab: Lab) -> None:
    text = "x" * 50_000 + "\n"
    lab.person("alice@academy.test").send("bruno@bakery.test", "Long", text)
    assert lab.person("bruno@bakery.test").fetch()[0].text == text


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r"])
def test_p13_no_second_message_is_smuggled_behind_a_first(lab: Lab, connect: Connect, end: bytes) -> None:
    client = connect()
    client.ask(BEGIN + TO_BRUNO)
    evil = b"MAIL FROM:<amir@academy.test>\r\nRCPT TO:<bea@bakery.test>\r\nDATA\r\nSubject: evil\r\n\r\n.\r\n"
    assert client.tell(b"Subject: first\r\n\r\nhello" + end + evil).startswith("550 5.6.11")
    assert client.rest() == b""
    assert (accepted(lab), subjects(lab), incoming(lab)) == ([], [], [])


@pytest.mark.parametrize("tail", [b".", b"", b"\r", b"x.", b"\r\n"])
def test_p13_the_end_of_a_line_that_is_too_long_is_not_the_end_of_the_message(tail: bytes) -> None:
    arriving, content = InputBuffer(), Content(10**6)
    arriving.begin_message()
    for octets in (b"x" * 70_000 + tail, b"\r\nMAIL FROM:<amir@academy.test>\r\n.\r\nNOOP\r\n"):
        arriving.feed(octets)
        piece, is_whole = arriving.message()
        content.take(piece)
    assert is_whole
    assert content.end() == TOO_LONG
    assert arriving.line(100) == b"NOOP\r\n"


def test_p14_every_piece_of_a_message_shows_that_the_client_is_alive(lab: Lab) -> None:
    server = lab.mail_servers["mx1.bakery.test"]
    session = SmtpSession(server, Connection(1, "x.test", "192.0.2.10", "198.51.100.21", 25), "smtp", COMMANDS)
    session.receive(BEGIN + TO_BRUNO + b"DATA\r\n")
    signs = [session.lines_read]
    for piece in (b"Subject: x\r\n", b"\r\none\r\n", b"two\r\n.\r\n"):
        session.receive(piece)
        signs.append(session.lines_read)
    assert signs == [4, 5, 6, 7]


def test_p14_a_client_that_says_nothing_is_told_why_it_is_sent_away(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "REAL_SECONDS", 0.05)
    client = connect()
    assert client.reply() == "421 4.4.2 idle for 5 minutes, closing"
    assert client.reply() == ""


def test_p15_a_message_that_is_too_big_is_read_to_its_end_and_not_kept(lab: Lab, connect: Connect) -> None:
    with settings(lab, "mx1.bakery.test", max_octets=1000):
        client = connect()
        assert client.ask(b"EHLO x.test\r\nMAIL FROM:<alice@academy.test> SIZE=1001\r\n").startswith("552 5.3.4")
        client.ask(b"MAIL FROM:<alice@academy.test>\r\n" + TO_BRUNO)
        told = client.tell(b"Subject: big\r\n\r\n" + b"0123456789\r\n" * 100 + b".\r\n")
        assert told.startswith("552 5.3.4")
        assert client.ask(b"NOOP\r\n") == "250 2.0.0 ok"
        client.ask(b"MAIL FROM:<alice@academy.test>\r\n" + TO_BRUNO)
        assert client.tell(b"x" * 998 + b"\r\n.\r\n").startswith("250")
    lab.settle()
    assert len(accepted(lab)) == 2
    assert incoming(lab) == []


def test_p16_a_message_has_so_many_recipients_and_no_more(lab: Lab, connect: Connect) -> None:
    with settings(lab, "mx1.bakery.test", max_recipients=2):
        client = connect()
        client.ask(BEGIN + TO_BRUNO + TO_BRUNO)
        assert client.ask(b"RCPT TO:<bea@bakery.test>\r\n").startswith("250")
        assert client.ask(b"RCPT TO:<postmaster@bakery.test>\r\n").startswith("452 4.5.3")
        assert client.tell(SMALL).startswith("250")
    lab.settle()
    assert subjects(lab) == subjects(lab, "bea@bakery.test") == ["small"]


def test_p16_a_client_that_only_makes_mistakes_is_sent_away(connect: Connect) -> None:
    client = connect()
    client.socket.sendall(b"FLY\r\n" * 25)
    codes = [client.reply()[:3] for _ in range(7)]
    assert codes == ["500"] * 5 + ["421", ""]


def test_p18_what_is_offered_is_done_and_what_is_not_is_refused(connect: Connect) -> None:
    client = connect()
    client.socket.sendall(b"EHLO x.test\r\n")
    offered = {client.file.readline().decode()[4:].split()[0] for _ in range(9)} - {"mx1.bakery.test"}
    assert offered == {"SIZE", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES", "DSN", "STARTTLS", "HELP"}
    assert client.ask(b"BDAT 5 LAST\r\n").startswith("502 5.5.1")


def test_p21_a_reply_of_many_lines_is_one_write(connect: Connect) -> None:
    client = connect()
    client.socket.sendall(b"EHLO x.test\r\n")
    assert client.socket.recv(65536).endswith(b"250 HELP\r\n")
