"""Python's own imaplib and poplib against the servers on real sockets, and clients that behave badly."""

from __future__ import annotations

import gc
import imaplib
import poplib
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailcourse.access import serve, session
from mailcourse.internet.certificates import Authority
from mailcourse.internet.clock import Clock
from mailcourse.internet.network import Internet
from mailcourse.internet.runtime import Runtime, runtime
from mailcourse.internet.trace import Trace
from mailcourse.mailbox.accounts import Accounts

START = datetime(2026, 9, 7, 8, tzinfo=UTC)
BRUNO, HOST = "bruno@bakery.test", "mail.bakery.test"
CONTENT = b"From: alice@academy.test\r\nSubject: Bread\r\n\r\nHello\r\n.dot\r\n"


class Served:
    """One host with POP3 and IMAP."""

    def __init__(self, folder: Path, shared: Runtime) -> None:
        self.runtime = shared
        self.expected_warnings = 0
        self.clock = Clock(START, shared)
        self.trace = Trace(self.clock)
        self.internet = Internet(self.clock, self.trace, shared, "test")
        self.accounts, self.authority = Accounts(folder), Authority(folder / "ca.pem")
        self.accounts.add(BRUNO, "loaf", b"salt")
        self.inbox = self.accounts.mailbox(BRUNO)
        self.inbox.deliver([CONTENT], "1788768000.m1.1.mail.bakery.test", START)
        host = self.internet.add_host(HOST, ["198.51.100.25"])
        shared.run(host.listen(110, serve.pop3(self.accounts, host, self.authority)))
        shared.run(host.listen(143, serve.imap(self.accounts, host, self.authority)))

    def address(self, port: int) -> tuple[str, int]:
        return self.runtime.run(self.internet.open_door(self.internet.host(HOST), port))

    def connect(self, port: int) -> socket.socket:
        return socket.create_connection(self.address(port), timeout=20)

    def believing(self) -> ssl.SSLContext:
        """A context for clients that dial 127.0.0.1; the certificate is checked, its name cannot be."""
        context = self.authority.client
        context.check_hostname = False
        return context

    def has_ended(self) -> None:
        """Wait until every connection is over."""

        async def ended() -> None:
            import asyncio

            mine = asyncio.current_task()
            while tasks := [t for t in asyncio.all_tasks() if t is not mine and "_serve" in repr(t.get_coro())]:
                await asyncio.wait(tasks)

        self.runtime.run(ended(), timeout=20)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    one = Served(tmp_path, runtime())
    complaints: list[dict[str, Any]] = []
    one.runtime.call(lambda: one.runtime.loop.set_exception_handler(lambda _, context: complaints.append(context)))
    yield one
    one.runtime.run(one.clock.close())
    one.runtime.run(one.internet.close())
    gc.collect()  # a task whose error nobody asked for complains when it is collected
    one.runtime.call(lambda: one.runtime.loop.set_exception_handler(None))
    assert complaints == []
    assert sum(event.what == "warning" for event in one.trace) == one.expected_warnings


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "starttls"])
def test_imaplib_logs_in_lists_reads_flags_and_deletes(served: Served, secure: bool) -> None:
    with imaplib.IMAP4(*served.address(143)) as client:
        assert "STARTTLS" in client.capabilities
        if secure:
            client.starttls(served.believing())
            assert "STARTTLS" not in client.capabilities
        client.login(BRUNO, "loaf")
        assert client.list()[1] == [b'(\\HasNoChildren) "/" "INBOX"']
        assert client.select("INBOX") == ("OK", [b"1"])
        data: Any = client.fetch("1", "(FLAGS BODY[])")[1]
        assert data[0][1] == CONTENT
        assert client.search(None, "SUBJECT", '"bread"')[1] == [b"1"]
        assert client.append("INBOX", "\\Flagged", "", b"Subject: mine\r\n\r\nx\r\n")[0] == "OK"
        assert client.store("2", "+FLAGS", "(\\Deleted)")[1] == [b"2 (FLAGS (\\Deleted \\Flagged \\Recent))"]
        assert client.expunge()[1] == [b"2"]
    assert [one.flags for one in served.inbox.scan()] == [frozenset("S")]
    assert any(event.what == "fetched" and event.message == "m1" for event in served.trace)


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "stls"])
def test_poplib_logs_in_lists_reads_and_deletes(served: Served, secure: bool) -> None:
    client = poplib.POP3(*served.address(110), timeout=20)
    if secure:
        client.stls(served.believing())
        assert "STLS" not in client.capa()
    client.user(BRUNO)
    client.pass_("loaf")
    assert client.stat() == (1, len(CONTENT))
    assert client.retr(1)[1] == CONTENT.splitlines()
    assert client.uidl(1) == b"+OK 1 1.1"
    client.dele(1)
    client.quit()
    assert served.inbox.scan() == []


def test_wrong_passwords_are_refused_and_the_third_ends_the_session(served: Served) -> None:
    client = imaplib.IMAP4(*served.address(143))
    for _ in range(2):
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            client.login(BRUNO, "guess")
    with pytest.raises(imaplib.IMAP4.error, match=r"too many failed logins|AUTHENTICATIONFAILED"):
        client.login(BRUNO, "guess")
    with pytest.raises((imaplib.IMAP4.abort, OSError)):
        client.noop()
    client.shutdown()


def test_a_pipelining_client_gets_every_reply_in_order(served: Served) -> None:
    with served.connect(143) as client, client.makefile("rb") as replies:
        client.sendall(b"".join(b"t%d NOOP\r\n" % n for n in range(2000)) + b"z LOGOUT\r\n")
        said = replies.read().splitlines()
    assert said[1:2001] == [b"t%d OK NOOP done" % n for n in range(2000)]
    assert said[-1] == b"z OK LOGOUT done"


def test_a_client_that_says_no_more_still_gets_its_answer(served: Served) -> None:
    with served.connect(110) as client, client.makefile("rb") as replies:
        client.sendall(b"CAPA\r\n")
        client.shutdown(socket.SHUT_WR)
        assert replies.read().endswith(b"\r\n.\r\n")


def rude(client: socket.socket) -> None:
    """Break the connection with a reset, not with a goodbye."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    client.close()


MOMENTS: list[tuple[int, bytes]] = [
    (110, b""),
    (110, b"USER bruno@bakery.test\r\nPASS loaf\r\n"),
    (110, b"USER bruno@bakery.test\r\nPASS loaf\r\nDELE 1\r\nRETR"),
    (110, b"STLS\r\n"),
    (143, b"a LOGIN bruno@bakery.test loaf\r\nb SELECT INBOX\r\n" + b"c FETCH 1 BODY[]\r\n" * 500),
    (143, b"a LOGIN bruno@bakery.test loaf\r\nb APPEND INBOX {5000+}\r\nhalf"),
    (143, b"a STARTTLS\r\n"),
    (143, b"a STARTTLS\r\nthis is no TLS handshake\r\n"),
]


@pytest.mark.parametrize("leave", [socket.socket.close, rude], ids=["closes", "resets"])
@pytest.mark.parametrize(("port", "octets"), MOMENTS, ids=[f"{p}-{o[-14:]!r}" for p, o in MOMENTS])
def test_a_client_may_vanish_at_any_moment(
    served: Served, port: int, octets: bytes, leave: Callable[[socket.socket], None]
) -> None:
    client = served.connect(port)
    client.recv(200)
    client.sendall(octets)
    leave(client)
    served.has_ended()
    assert len(served.inbox.scan()) == 1
    assert served.accounts.lock(BRUNO)  # the maildrop is free again
    served.accounts.unlock(BRUNO)


@pytest.mark.parametrize(("port", "octets"), [(110, b"STLS\r\n"), (143, b"a STARTTLS\r\n")], ids=["pop3", "imap"])
@pytest.mark.parametrize("leave", [socket.socket.close, rude], ids=["closes", "resets"])
def test_a_client_that_leaves_in_the_handshake_is_forgotten(
    served: Served, port: int, octets: bytes, leave: Callable[[socket.socket], None]
) -> None:
    client = served.connect(port)
    client.recv(200)
    client.sendall(octets)
    assert b"begin TLS" in client.recv(200)  # now the server waits for the handshake
    leave(client)
    served.has_ended()
    assert served.runtime.call(lambda: len(served.internet.links.wires)) == 0


def test_a_silent_client_is_sent_away(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(session.IDLE_TIMEOUT, "pop3", 0.05)
    with served.connect(110) as client, client.makefile("rb") as replies:
        assert replies.readline().startswith(b"+OK")
        assert replies.read() == b""


def test_a_fault_of_ours_ends_one_session_and_is_seen(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve.Pop3Session, "replies", lambda self, data: data.no_such_thing)
    with served.connect(110) as client, client.makefile("rb") as replies:
        client.sendall(b"CAPA\r\n")
        assert replies.read().count(b"\r\n") == 1  # the greeting, and the end
    served.has_ended()
    assert [event.facts["text"] for event in served.trace if event.what == "warning"] == [
        "a pop3 session broke: AttributeError(\"'bytes' object has no attribute 'no_such_thing'\")"
    ]
    served.expected_warnings = 1


def test_no_plain_text_behind_stls_gets_an_answer(served: Served) -> None:
    with served.connect(110) as client, client.makefile("rb") as replies:
        client.sendall(b"STLS\r\nCAPA\r\n")
        assert replies.readline().startswith(b"+OK")
        assert replies.readline() == b"+OK begin TLS\r\n"
        client.shutdown(socket.SHUT_WR)
        assert b"capabilities follow" not in replies.read()
