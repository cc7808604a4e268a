r"""Plays a conversation from a text file against a server: the client's lines are said, the server's are checked.

    # a remark
    C: NOOP                    the client says this line; CR LF is added
    C\: NOOP\n{a*5000}         octets as in a Python string, {a*5000} means 5000 a's; nothing is added
    C64: alice|secret          the line in base64, where | stands for NUL
    S: 250 2.0.0 ok            the server says exactly this line
    S~ 250 .* queued as \w+    the server says a line that this regular expression matches whole
    S-                         the server closes the connection
    TLS                        the client begins TLS (over TCP only)
    ---                        a new connection; what the server says more than expected is a failure

Lines of the client that follow each other are sent together, as a pipelining client does.  They are cut
into whole lines, sevens or single octets: what a server answers must not depend on that.
"""

from __future__ import annotations

import base64
import re
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

CHUNKS = {"lines": 0, "sevens": 7, "octets": 1}
MAX_PIECES = 1000  # of what the client says at once: a very long line is cut into larger pieces
SIDE = re.compile(r"(C\\|C64|C|S)(?:: ?(.*))?|(S)~ (.*)|(S-|TLS|---)")
REPETITION = re.compile(rb"\{(.)\*(\d+)\}", re.DOTALL)


class Peer(Protocol):
    """A server in conversation."""

    def send(self, octets: bytes) -> None:
        """Say something."""

    def line(self) -> bytes | None:
        """Return the next line of the server without its line end, or None when it says nothing more."""

    def is_closed(self) -> bool:
        """True when the server has closed the connection, and said nothing before."""

    def end(self) -> bytes:
        """Leave; return what the server has said and nobody has read."""

    def begin_tls(self) -> None:
        """Go on inside TLS."""


@dataclass(frozen=True)
class Step:
    """One line of a dialogue."""

    number: int
    side: str
    text: str

    def octets(self) -> bytes:
        if self.side == "C64":
            return base64.b64encode(self.text.replace("|", "\0").encode()) + b"\r\n"
        if self.side == "C":
            return self.text.encode() + b"\r\n"
        plain = self.text.encode().decode("unicode_escape").encode("latin-1")
        return REPETITION.sub(lambda found: found[1] * int(found[2]), plain)


def steps(file: Path) -> Iterator[Step]:
    """Read a dialogue."""
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        found = SIDE.fullmatch(line)
        if found is None:
            raise ValueError(f"{file.name}:{number}: a line begins with C:, S: or S~, not {line!r}")
        if found[3]:
            yield Step(number, "S~", found[4])
        else:
            yield Step(number, found[1] or found[5], found[2] or "")


def play(file: Path, connect: Callable[[], Peer], chunk: str) -> None:
    """Play a dialogue; `AssertionError` says where it goes another way, and how."""
    peer = connect()
    said: list[Step] = []
    for step in steps(file):
        if step.side.startswith("C"):
            said.append(step)
            continue
        _say(peer, said, CHUNKS[chunk])
        if step.side == "---":
            _end(file, step.number, peer)
            peer = connect()
        elif step.side == "TLS":
            peer.begin_tls()
        elif step.side == "S-":
            if not peer.is_closed():
                raise AssertionError(f"{file.name}:{step.number} ({chunk})\n  expected the end of the connection")
        else:
            _check(file, step, peer.line(), chunk)
    _say(peer, said, CHUNKS[chunk])
    _end(file, 0, peer)


def _say(peer: Peer, said: list[Step], size: int) -> None:
    for piece in cut([step.octets() for step in said], size):
        peer.send(piece)
    said.clear()


def cut(lines: Iterable[bytes], size: int) -> list[bytes]:
    """Cut into pieces of `size` octets; 0 leaves the lines whole.

    >>> cut([b"NOOP\\r\\n", b"QUIT\\r\\n"], 7)
    [b'NOOP\\r\\nQ', b'UIT\\r\\n']
    """
    if size == 0:
        return list(lines)
    octets = b"".join(lines)
    size = max(size, len(octets) // MAX_PIECES)
    return [octets[start : start + size] for start in range(0, len(octets), size)]


def _check(file: Path, step: Step, line: bytes | None, chunk: str) -> None:
    got = None if line is None else line.decode("utf-8", "backslashreplace")
    fits = got is not None and (re.fullmatch(step.text, got) if step.side == "S~" else step.text == got)
    if not fits:
        shown = "nothing more" if got is None else got
        raise AssertionError(
            f"{file.name}:{step.number} ({chunk})\n  expected {step.side} {step.text}\n  got         {shown}"
        )


def _end(file: Path, number: int, peer: Peer) -> None:
    left = peer.end()
    if left:
        where = f"line {number}" if number else "the end"
        raise AssertionError(f"{file.name}: before {where} the server also said\n  {left!r}")


# ---- against a session without sockets ------------------------------------------------------------------


class SansIo(Protocol):
    """A session that takes octets and returns octets."""

    closed: bool

    def greeting(self) -> bytes: ...

    def receive(self, data: bytes) -> bytes: ...

    def end(self) -> None: ...

    def begin_tls(self) -> None: ...


class OnSession:
    """A session in this process, without a socket."""

    def __init__(self, session: SansIo) -> None:
        self._session = session
        self._said = bytearray(session.greeting())

    def send(self, octets: bytes) -> None:
        if not self._session.closed:
            self._said += self._session.receive(octets)

    def line(self) -> bytes | None:
        if b"\r\n" not in self._said:
            return None
        line, _, self._said = self._said.partition(b"\r\n")
        return bytes(line)

    def is_closed(self) -> bool:
        return self._session.closed and not self._said

    def end(self) -> bytes:
        self._session.end()
        return bytes(self._said)

    def begin_tls(self) -> None:
        self._session.begin_tls()


# ---- against an address -------------------------------------------------------------------------------------


class OnTcp:
    """The server `name` behind a real address; `tls` is what the client believes."""

    def __init__(
        self, address: tuple[str, int], name: str, tls: ssl.SSLContext | None = None, timeout: float = 10.0
    ) -> None:
        self._socket = socket.create_connection(address, timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._name, self._tls, self._said = name, tls, bytearray()

    def send(self, octets: bytes) -> None:
        with suppress(ConnectionError):  # the server was quicker to close; the next line that is expected tells
            self._socket.sendall(octets)

    def _more(self) -> bool:
        try:
            octets = self._socket.recv(65536)
        except ConnectionResetError:  # closed, while something of ours was still unread there
            octets = b""
        self._said += octets
        return bool(octets)

    def line(self) -> bytes | None:
        try:
            while b"\r\n" not in self._said:
                if not self._more():
                    return None
        except TimeoutError:
            return None
        line, _, self._said = self._said.partition(b"\r\n")
        return bytes(line)

    def is_closed(self) -> bool:
        try:
            return not self._said and not self._more()
        except TimeoutError:
            return False

    def end(self) -> bytes:
        if isinstance(self._socket, ssl.SSLSocket):
            self._socket.close()
            return bytes(self._said)
        with self._socket:
            try:
                self._socket.shutdown(socket.SHUT_WR)
                while self._more():
                    pass
            except OSError:  # the server was quicker to close
                pass
        return bytes(self._said)

    def begin_tls(self) -> None:
        assert self._tls is not None
        self._socket = self._tls.wrap_socket(self._socket, server_hostname=self._name)
