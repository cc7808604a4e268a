"""Datagrams of ordinary sockets that are `online`: the questions of dig-like code to the lab's name servers.

    sock.sendto(question, ("203.0.113.8", 53))  ──►  the pair's other end  ──►  the lab's exchange
    sock.recvfrom(…)                            ◄──  the answer, in the order of the questions

A question without an answer stays without one; the asker's time-out is its own.
"""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from weakref import WeakKeyDictionary

from .connection import Unreachable
from .network import Host

SocketAddress = tuple[str, int]
#: Octets of a datagram.
MAX_DATAGRAM = 65535


class Datagrams:
    """The sockets of this process that ask the lab by datagrams."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._asking: WeakKeyDictionary[socket.socket, Conversation] = WeakKeyDictionary()

    def join(self, sock: socket.socket, place: SocketAddress) -> None:
        """Let what `sock` sends next go to `place`."""
        if sock not in self._asking:
            near, far = pair()
            become(sock, near)
            self._asking[sock] = Conversation(self._host, far)
        self._asking[sock].target = place

    def source(self, sock: socket.socket) -> SocketAddress | None:
        """Return who sent the datagram that `sock` has just received; None for a socket of others."""
        known = self._asking.get(sock)
        return known.sources.popleft() if known and known.sources else None


class Conversation:
    """The far end of one socket, on the lab's loop until the near end is closed."""

    def __init__(self, host: Host, far: socket.socket) -> None:
        self.target: SocketAddress = ("", 0)
        self.sources: deque[SocketAddress] = deque()
        self._host, self._far = host, far
        far.setblocking(False)
        loop = host.internet.runtime.loop
        loop.call_soon_threadsafe(loop.create_task, self._serve())

    async def _serve(self) -> None:
        loop = self._host.internet.runtime.loop
        with contextlib.suppress(OSError), self._far:  # the near end is closed, or the lab is
            while question := await loop.sock_recv(self._far, MAX_DATAGRAM):
                target = self.target
                with contextlib.suppress(Unreachable):
                    answer = await self._host.exchange(*target, question)
                    self.sources.append(target)
                    await loop.sock_sendall(self._far, answer)


def pair() -> tuple[socket.socket, socket.socket]:
    """Return two sockets for datagrams, each the other's far end."""
    if hasattr(socket, "AF_UNIX"):
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    near, far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    for one in (near, far):
        one.bind(("127.0.0.1", 0))
    near.connect(far.getsockname())
    far.connect(near.getsockname())
    return near, far


def become(sock: socket.socket, other: socket.socket) -> None:
    """Let the object `sock` be the socket `other` from now on; its family, kind and time-out stay as they look."""
    family, kind, proto, timeout = sock.family, sock.type, sock.proto, sock.gettimeout()
    socket.close(super(socket.socket, sock).detach())  # the class in C: the one in Python notes that it is closed
    super(socket.socket, sock).__init__(family, kind, proto, other.detach())
    sock.settimeout(timeout)
