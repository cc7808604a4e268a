"""Sockets where the machine has none: pairs in the memory of the page, under Python's own `socket` module.

    socket.socketpair() ──► two file numbers, each with an End ──► what one writes, the other reads
    bind, listen        ──► a port of 127.0.0.1 in this page: its own programs reach it, and nobody else
    connect             ──► such a port, or refused: a page has no network

`PageSocket` takes the place of the class in C that `socket.socket` is made of, so that `makefile`, `dup`, time-outs and
closing are those of the standard library.
"""

from __future__ import annotations

import _socket
import errno
import importlib
import select
import socket
from collections.abc import Callable
from typing import Any

from .ends import BACKLOG, LOOPBACK, End, Listener, by_number, ends, listening, numbers, ports
from .threads import wait_until

NO_NETWORK = "A web page has no network. Use `with lab.online(host):` to be on a host of the lab."


class PageSocket:
    """What `socket.socket` is made of."""

    # The class above has a place for weak references, so this one may not have one.
    __slots__ = ("_family", "_number", "_port", "_timeout", "_type", "listener", "proto")

    def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> None:
        self._family = _socket.AF_INET if family == -1 else int(family)
        self._type = _socket.SOCK_STREAM if type == -1 else int(type)
        self.proto = 0 if proto == -1 else proto
        self._timeout = _socket.getdefaulttimeout()
        self._number = next(numbers) if fileno is None else fileno
        self._port = 0
        self.listener: Listener | None = None

    @property
    def family(self) -> int:
        return self._family

    @property
    def type(self) -> int:
        return self._type

    def end(self) -> End:
        """Return its end of the connection."""
        if self._number == -1:
            raise OSError(errno.EBADF, "this socket is closed")
        found = by_number.get(self._number)
        if found is None:
            raise OSError(errno.ENOTCONN, "this socket is not connected")
        return found

    def fileno(self) -> int:
        return self._number

    def detach(self) -> int:
        number, self._number = self._number, -1
        return number

    def close(self) -> None:
        number = self.detach()
        if self.listener is not None:
            self.listener.close()
        if number != -1:
            close(number)

    def settimeout(self, value: float | None) -> None:
        self._timeout = value

    def gettimeout(self) -> float | None:
        return self._timeout

    @property
    def timeout(self) -> float | None:
        return self._timeout

    def setblocking(self, flag: bool) -> None:
        self._timeout = None if flag else 0.0

    def getblocking(self) -> bool:
        return self._timeout != 0.0

    def _until(self, is_so: Callable[[], bool]) -> None:
        if is_so():
            return
        if self._timeout == 0.0:
            raise BlockingIOError(errno.EWOULDBLOCK, "nothing is there yet")
        if not wait_until(is_so, self._timeout):
            raise TimeoutError("timed out")

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        end = self.end()
        self._until(lambda: end.is_readable)
        if flags & getattr(_socket, "MSG_PEEK", 0) and end.arrived:
            return end.arrived[0][:bufsize]
        return end.take(bufsize)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        view = memoryview(buffer).cast("B")
        data = PageSocket.recv(self, nbytes or len(view), flags)
        view[: len(data)] = data
        return len(data)

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, Any]:
        return PageSocket.recv(self, bufsize, flags), None

    def send(self, data: Any, flags: int = 0) -> int:
        end = self.end()
        self._until(lambda: end.has_room)
        if end.far.is_closed:
            raise BrokenPipeError(errno.EPIPE, "the far end is closed")
        end.far.put(bytes(data))
        return len(bytes(data))

    def sendall(self, data: Any, flags: int = 0) -> None:
        PageSocket.send(self, data)

    def sendto(self, *given: Any) -> int:
        raise OSError(errno.ENETUNREACH, NO_NETWORK)

    def shutdown(self, how: int) -> None:
        if self.listener is not None:
            self.listener.close()
            return
        end = self.end()
        if how != _socket.SHUT_RD:
            end.finish()
        if how != _socket.SHUT_WR:
            end.has_ended = True
            end.tell()

    def connect(self, address: Any) -> None:
        listener = listening.get(address[1]) if address[0] == LOOPBACK else None
        if address[0] != LOOPBACK:
            raise OSError(errno.ENETUNREACH, NO_NETWORK)
        if listener is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"nothing listens on port {address[1]}")
        by_number[self._number] = listener.connect()
        self._port = next(ports)

    def connect_ex(self, address: Any) -> int:
        try:
            self.connect(address)
        except OSError as error:
            return error.errno or errno.ECONNREFUSED
        return 0

    def bind(self, address: Any) -> None:
        if address[0] not in (LOOPBACK, "localhost"):
            raise OSError(errno.EADDRNOTAVAIL, NO_NETWORK)
        if address[1] in listening:
            raise OSError(errno.EADDRINUSE, "this port is in use")
        self._port = address[1] or next(ports)

    def listen(self, backlog: int = BACKLOG) -> None:
        self._port = self._port or next(ports)
        self.listener = self.listener or Listener(self._port)

    def _accept(self) -> tuple[int, Any]:
        listener = self.listener
        if listener is None:
            raise OSError(errno.EINVAL, "this socket does not listen")
        self._until(lambda: bool(listener.arrived) or self._number == -1 or listener.port not in listening)
        if not listener.arrived:
            raise OSError(errno.EBADF, "this socket was closed")
        number = next(numbers)
        by_number[number] = listener.arrived.popleft()
        return number, (LOOPBACK, next(ports))

    def getpeername(self) -> Any:
        self.end()
        return (LOOPBACK, 0)

    def getsockname(self) -> Any:
        return (LOOPBACK, self._port)

    def setsockopt(self, *given: Any) -> None:
        pass

    def getsockopt(self, *given: Any) -> int:
        return 0


def pair(family: int = -1, type: int = -1, proto: int = 0) -> tuple[PageSocket, PageSocket]:
    """`_socket.socketpair`."""
    kind = _socket.SOCK_STREAM if type == -1 else type
    found = []
    for end in ends(is_stream=kind == _socket.SOCK_STREAM):
        made = PageSocket(_socket.AF_INET if family == -1 else family, kind, proto)
        by_number[made.fileno()] = end
        found.append(made)
    return found[0], found[1]


def close(number: int) -> None:
    """`_socket.close`."""
    end = by_number.pop(number, None)
    if end is not None:
        end.uses -= 1
        if not end.uses:
            end.close()


def dup(number: int) -> int:
    """`_socket.dup`."""
    if number not in by_number:
        raise OSError(errno.EBADF, "this socket is closed")
    new = next(numbers)
    by_number[new] = by_number[number]
    by_number[new].uses += 1
    return new


def ready(readers: Any, writers: Any, _: Any, seconds: float | None = None) -> tuple[list[Any], list[Any], list[Any]]:
    """`select.select`, for sockets in memory."""
    reads, writes = [(one, one.end()) for one in readers], [(one, one.end()) for one in writers]

    def found() -> tuple[list[Any], list[Any], list[Any]]:
        return [one for one, end in reads if end.is_readable], [one for one, end in writes if end.has_room], []

    wait_until(lambda: any(found()), seconds)
    return found()


def install() -> None:
    """Make Python's `socket` module of these."""
    for name, part in {
        "socket": PageSocket,
        "SocketType": PageSocket,
        "socketpair": pair,
        "close": close,
        "dup": dup,
    }.items():
        setattr(_socket, name, part)
    known = socket._GLOBAL_DEFAULT_TIMEOUT
    importlib.reload(socket)
    given = socket.create_connection.__defaults__ or ()  # modules that were there before have the old mark
    socket.create_connection.__defaults__ = tuple(known if type(one) is object else one for one in given)
    socket._GLOBAL_DEFAULT_TIMEOUT = known
    select.select = ready
