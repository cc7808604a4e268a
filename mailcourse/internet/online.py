"""`with lab.online(host)`: ordinary code, unchanged, sits on a machine of the lab.

Inside, the process's look-ups and connections go to the lab and nowhere else:

    socket.getaddrinfo("mail.academy.test", 587)   →  the lab's resolver  →  192.0.2.25
    socket.socket().connect(("192.0.2.25", 587))   →  the lab's network
    socket.socket().sendto(b"…", ("192.0.2.53", 53))  the same, for datagrams
    socket.socket().connect(("mail.academy.test", 25))  a name is looked up in the lab too
    socket.socket().connect(anything else)         →  refused

A socket that connects becomes one end of a pair, whose other end the lab's loop holds: no port is opened.
The lab's own thread is not affected, and neither are Unix sockets, which are no network.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from .datagrams import Datagrams, SocketAddress, become
from .errors import LabError
from .network import Host

Lookup = Callable[[str], list[str]]

_inside = threading.Lock()


@contextmanager
def online(host: Host, lookup: Lookup) -> Iterator[None]:
    """Put this process on `host`; `lookup(name)` gives the lab addresses of a name."""
    if not _inside.acquire(blocking=False):
        raise LabError("This process is already online in a lab. Leave the other `with lab.online(…)` first.")
    replaced = {name: getattr(socket, name) for name in ("getaddrinfo", "gethostbyname")}
    try:
        for name, replacement in _names(host, lookup, replaced).items():
            setattr(socket, name, replacement)
        sockets = _Sockets(host, lookup)
        for name in METHODS:
            setattr(socket.socket, name, sockets.replacement(name))
        yield
    finally:
        for name, original in replaced.items():
            setattr(socket, name, original)
        for name in METHODS:
            delattr(socket.socket, name)  # the C class's own shows again
        _inside.release()


METHODS = ("connect", "connect_ex", "sendto", "recvfrom", "getpeername", "setsockopt")


def _names(host: Host, lookup: Lookup, replaced: dict[str, Any]) -> dict[str, Any]:
    mine = host.internet.runtime.is_here
    addresses = partial(_addresses, lookup=lookup)

    def getaddrinfo(name: Any, port: Any, *rest: Any, **named: Any) -> Any:
        if mine() or name is None:
            return replaced["getaddrinfo"](name, port, *rest, **named)
        kind = named.get("type") or (rest[1] if len(rest) > 1 else 0) or socket.SOCK_STREAM
        number = port if isinstance(port, int) else socket.getservbyname(str(port)) if port else 0
        name = name.decode() if isinstance(name, bytes) else name
        return [(socket.AF_INET, kind, 0, "", (address, number)) for address in addresses(name)]

    def gethostbyname(name: str) -> Any:
        return replaced["gethostbyname"](name) if mine() else addresses(name)[0]

    return {"getaddrinfo": getaddrinfo, "gethostbyname": gethostbyname}


def _addresses(name: str, lookup: Lookup) -> list[str]:
    if _is_address(name):
        return [name]
    found = lookup(name)
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, f"the lab's resolver knows no address of {name!r}")
    return found


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class _Sockets:
    """What the methods of ordinary sockets do instead, while this process is on a host."""

    def __init__(self, host: Host, lookup: Lookup) -> None:
        self._host, self._lookup = host, lookup
        self._datagrams = Datagrams(host)
        self._peers: dict[
            int, SocketAddress
        ] = {}  # file descriptor of a socket that is connected in the lab -> its peer

    def replacement(self, name: str) -> Callable[..., Any]:
        """Return a method for `socket.socket`: ours for sockets of this process, the old one for all others."""
        ours = getattr(self, name)

        def method(sock: socket.socket, *arguments: Any) -> Any:
            if self._host.internet.runtime.is_here() or sock.family not in (socket.AF_INET, socket.AF_INET6):
                return getattr(super(socket.socket, sock), name)(*arguments)
            return ours(sock, *arguments)

        return method

    def _place(self, address: Any) -> SocketAddress:
        """Translate a name; refuse what is not in the lab."""
        there = _addresses(str(address[0]), self._lookup)[0]
        if self._host.internet.by_address.get(there) is None:
            raise ConnectionRefusedError(
                errno.ECONNREFUSED, f"{there} is not in this lab, and nothing else is reachable here"
            )
        return there, int(address[1])

    def connect(self, sock: socket.socket, address: Any) -> None:
        place = self._place(address)
        if sock.type == socket.SOCK_DGRAM:
            self._datagrams.join(sock, place)
        else:
            become(sock, self._host.dial(*place))
        self._peers[sock.fileno()] = place

    def connect_ex(self, sock: socket.socket, address: Any) -> int:
        try:
            self.connect(sock, address)
        except OSError as error:
            return error.errno or errno.ECONNREFUSED
        return 0

    def sendto(self, sock: socket.socket, data: Any, *rest: Any) -> int:
        self._datagrams.join(sock, self._place(rest[-1]))
        return sock.send(data, rest[0] if len(rest) == 2 else 0)

    def recvfrom(self, sock: socket.socket, *rest: Any) -> tuple[bytes, Any]:
        data, address = super(socket.socket, sock).recvfrom(*rest)
        return data, self._datagrams.source(sock) or address

    def getpeername(self, sock: socket.socket) -> Any:
        name = super(socket.socket, sock).getpeername()  # raises when it is not connected
        return self._peers.get(sock.fileno(), name)

    def setsockopt(self, sock: socket.socket, level: int, *rest: Any) -> None:
        if level == socket.IPPROTO_TCP and sock.fileno() in self._peers:
            return  # a pair has no options of TCP, and needs none
        super(socket.socket, sock).setsockopt(level, *rest)
