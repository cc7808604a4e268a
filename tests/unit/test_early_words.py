"""What a client says together with the end of its TLS handshake, or instead of one, disturbs no server."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Iterator

import pytest

from mailcourse import Lab

HOST, WEB = "mail.bakery.test", "webmail.bakery.test"
#: port → what is said at once, and what comes back
FIRST = {
    465: (b"EHLO x.test\r\n", b"250-mail.bakery.test"),
    993: (b"a NOOP\r\n", b"a OK"),
    995: (b"CAPA\r\n", b"+OK"),
    443: (b"GET / HTTP/1.1\r\nHost: webmail.bakery.test\r\n\r\n", b"HTTP/1.1 "),
}
#: port → how TLS is asked for, and the words of the answer
UPGRADED = {143: (b"a STARTTLS\r\n", b"a OK"), 110: (b"STLS\r\n", b"+OK"), 25: (b"STARTTLS\r\n", b"220")}
SAID = {143: (b"b NOOP\r\n", b"b OK"), 110: (b"CAPA\r\n", b"+OK"), 25: (b"EHLO x.test\r\n", b"250-mail.bakery.test")}


@pytest.fixture(autouse=True)
def nothing_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """asyncio has nothing to complain of."""
    yield
    assert [said.getMessage() for said in caplog.records if said.name == "asyncio"] == []


class EarlyClient:
    """A client inside TLS, whose octets leave when it is told to."""

    def __init__(self, lab: Lab, port: int) -> None:
        host = WEB if port == 443 else HOST
        self._socket = socket.create_connection(lab.endpoint(host, port), timeout=10)
        self._come, self._go = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = lab.tls_context().wrap_bio(self._come, self._go, server_hostname=host)

    def ask(self, words: bytes, answer: bytes, *, is_last: bool = False) -> None:
        """Say something in the clear, once the server has greeted, and perhaps nothing after it."""
        self.hear(b"\r\n")
        if words.startswith(b"STARTTLS"):
            self._socket.sendall(b"EHLO x.test\r\n")
            self.hear(b"250 ")
        self._socket.sendall(words)
        if is_last:
            self._socket.shutdown(socket.SHUT_WR)
        else:
            self.hear(answer)

    def hear(self, words: bytes) -> None:
        heard = b""
        while words not in heard:
            piece = self._socket.recv(4096)
            assert piece, heard
            heard += piece

    def shake_hands(self) -> None:
        """Shake hands, and keep our last words of it back."""
        while True:
            try:
                self._tls.do_handshake()
                return
            except ssl.SSLWantReadError:
                self._socket.sendall(self._go.read())
                self._come.write(self._socket.recv(65536))

    def say(self, words: bytes, answer: bytes) -> bytes:
        """Say words together with the end of the handshake, and return what comes back until the answer is in it."""
        self._tls.write(words)
        self._socket.sendall(self._go.read())
        heard = b""
        while answer not in heard:
            try:
                heard += self._tls.read()
            except ssl.SSLWantReadError:
                piece = self._socket.recv(65536)
                assert piece, heard
                self._come.write(piece)
        return heard

    def leave(self) -> None:
        """Say the end of the handshake, and that nothing will follow, in one breath."""
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.unwrap()
        self._socket.sendall(self._go.read())
        self._socket.shutdown(socket.SHUT_WR)
        while self._socket.recv(65536):
            continue

    def shout(self, words: bytes) -> None:
        """Say words in the clear, and hear whatever comes until the server hangs up."""
        self._socket.sendall(words)
        with contextlib.suppress(ConnectionResetError):
            while self._socket.recv(65536):
                continue

    def break_off(self, words: bytes) -> None:
        """Say words in the clear, and break the connection at once."""
        self._socket.sendall(words)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self) -> None:
        self._socket.close()


def until_nobody_is_connected(lab: Lab) -> None:
    end = time.monotonic() + 10
    while lab.internet.links.wires:
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("port", FIRST)
def test_words_that_come_with_the_end_of_the_handshake_are_answered(lab: Lab, port: int) -> None:
    client, (words, answer) = EarlyClient(lab, port), FIRST[port]
    client.shake_hands()
    assert answer in client.say(words, answer)
    client.close()
    until_nobody_is_connected(lab)


@pytest.mark.parametrize("port", UPGRADED)
def test_words_that_come_with_the_end_of_an_upgrade_are_answered(lab: Lab, port: int) -> None:
    client = EarlyClient(lab, port)
    client.ask(*UPGRADED[port])
    client.shake_hands()
    words, answer = SAID[port]
    assert answer in client.say(words, answer)
    client.close()
    until_nobody_is_connected(lab)


@pytest.mark.parametrize("port", [*FIRST, *UPGRADED])
def test_who_leaves_with_the_end_of_the_handshake_is_gone(lab: Lab, port: int) -> None:
    client = EarlyClient(lab, port)
    if port in UPGRADED:
        client.ask(*UPGRADED[port])
    client.shake_hands()
    client.leave()
    client.close()
    until_nobody_is_connected(lab)


@pytest.mark.parametrize("port", UPGRADED)
def test_who_asks_for_tls_and_says_no_more_is_not_waited_for(lab: Lab, port: int) -> None:
    client = EarlyClient(lab, port)
    lab.internet.delay(HOST, None, 0.05)  # then its last word and its end arrive together
    client.ask(*UPGRADED[port], is_last=True)
    until_nobody_is_connected(lab)
    client.close()


@pytest.mark.parametrize("port", [*FIRST, *UPGRADED])
def test_what_is_no_handshake_ends_the_connection_and_nothing_else(lab: Lab, port: int) -> None:
    client = EarlyClient(lab, port)
    if port in UPGRADED:
        client.ask(*UPGRADED[port])
    client.shout(b"EHLO x.test\r\n")
    client.close()
    until_nobody_is_connected(lab)


@pytest.mark.parametrize("port", SAID)
def test_who_breaks_off_on_a_slow_link_is_gone_once_the_words_have_arrived(lab: Lab, port: int) -> None:
    client = EarlyClient(lab, port)
    client.hear(b"\r\n")
    lab.internet.delay(HOST, None, 0.1)
    client.break_off(SAID[port][0])
    until_nobody_is_connected(lab)
