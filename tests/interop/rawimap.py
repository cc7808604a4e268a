"""IMAP and POP3 clients that know nothing: they send octets and collect what comes until the answer ends."""

from __future__ import annotations

import socket
import time
from types import TracebackType


class Late(Exception):
    """The answer did not end in time."""


class _Wire:
    def __init__(self, port: int, limit: float = 30) -> None:
        self.limit, self.octets = limit, 0
        self._socket = socket.create_connection(("127.0.0.1", port), limit)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._end = time.monotonic() + limit

    def __enter__(self):  # type: ignore[no-untyped-def]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send octets; the time for the answer begins."""
        self._end = time.monotonic() + self.limit
        self._socket.settimeout(self.limit)
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise Late from None

    def some(self) -> bytes:
        """Return what comes next."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise Late
        self._socket.settimeout(left)
        try:
            data = self._socket.recv(1 << 18)
        except TimeoutError:
            raise Late from None
        if not data:
            raise ConnectionAbortedError("the server hung up")
        self.octets += len(data)
        return data

    def until(self, last: bytes) -> bytes:
        """Return what comes, up to octets that end like this."""
        data = b""
        while not data.endswith(last):
            data += self.some()
        return data


class Imap(_Wire):
    """One connection.  `octets` counts what came."""

    def __init__(self, port: int, limit: float = 30) -> None:
        super().__init__(port, limit)
        self._number = 0
        self.until(b"\r\n")

    def log_in(self, user: str, password: str) -> Imap:
        """Log in; it must succeed."""
        self.must(f'LOGIN "{user}" "{password}"')
        return self

    def must(self, command: str | bytes) -> bytes:
        """Do a command that must succeed."""
        answer = self.do(command)
        if answer[answer.rfind(b"\n", 0, -2) + 1 :].split(b" ")[1] != b"OK":
            raise AssertionError(f"{command!r}: {answer[-300:]!r}")
        return answer

    def do(self, command: str | bytes) -> bytes:
        """Send a command, any literals as {n+}; return the whole answer, which is not looked at."""
        self._number += 1
        tag = b"zq%d" % self._number
        self.send(tag + b" " + (command.encode() if isinstance(command, str) else command) + b"\r\n")
        pieces, line = [], b""
        while True:
            pieces.append(self.some())
            line += pieces[-1]
            start = line.rfind(b"\n", 0, -2) + 1 if line.endswith(b"\r\n") else 0
            if line.endswith(b"\r\n") and line.startswith(tag + b" ", start):
                return b"".join(pieces)
            line = line[line.rfind(b"\n") + 1 :]  # the last line, as far as it is here

    def append(self, folder: str, message: bytes, options: str = "") -> bytes:
        """Add a message."""
        return self.must(f"APPEND {folder} {options}{{{len(message)}+}}\r\n".encode() + message)

    def idle(self) -> None:
        """Begin to wait for news."""
        self.send(b"idle IDLE\r\n")
        while b"+ " not in self.until(b"\r\n"):
            pass


class Pop3(_Wire):
    """One connection."""

    def __init__(self, port: int, limit: float = 30) -> None:
        super().__init__(port, limit)
        self.until(b"\r\n")

    def do(self, command: str, *, many: bool = False) -> bytes:
        """Send a command; return the answer: one line, or `many` when it is not an error."""
        self.send(command.encode() + b"\r\n")
        answer = self.until(b"\r\n")
        if many and answer.startswith(b"+OK"):
            while not answer.endswith(b"\r\n.\r\n"):
                answer += self.some()
        return answer
