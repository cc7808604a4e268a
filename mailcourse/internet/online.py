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

from .datagrams import Datagrams, become
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
        for name, replacement in _methods(host, lookup).items():
            setattr(socket.socket, name, replacement)
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


def _methods(host: Host, lookup: Lookup) -> dict[str, Any]:
    internet, here = host.internet, host.internet.runtime.is_here
    datagrams = Datagrams(host)
    peers: dict[int, tuple[str, int]] = {}  # file descriptor of a socket that is connected in the lab -> its peer

    def is_outside(sock: socket.socket) -> bool:
        return here() or sock.family not in (socket.AF_INET, socket.AF_INET6)

    def place(address: Any) -> tuple[str, int]:
        """Translate a name; refuse what is not in the lab."""
        there = _addresses(str(address[0]), lookup)[0]
        if internet.host_at(there) is None:
            raise ConnectionRefusedError(
                errno.ECONNREFUSED, f"{there} is not in this lab, and nothing else is reachable here"
            )
        return there, int(address[1])

    def connect(self: socket.socket, address: Any) -> None:
        if is_outside(self):
            return super(socket.socket, self).connect(address)
        there = place(address)
        if self.type == socket.SOCK_DGRAM:
            datagrams.join(self, there)
        else:
            become(self, host.dial(*there))
        peers[self.fileno()] = there
        return None

    def connect_ex(self: socket.socket, address: Any) -> int:
        try:
            self.connect(address)
        except OSError as error:
            return error.errno or errno.ECONNREFUSED
        return 0

    def sendto(self: socket.socket, data: Any, *rest: Any) -> int:
        if is_outside(self):
            return int(super(socket.socket, self).sendto(data, *rest))
        datagrams.join(self, place(rest[-1]))
        return self.send(data, rest[0] if len(rest) == 2 else 0)

    def recvfrom(self: socket.socket, *rest: Any) -> tuple[bytes, Any]:
        data, address = super(socket.socket, self).recvfrom(*rest)
        return data, datagrams.source(self) or address

    def getpeername(self: socket.socket) -> Any:
        name = super(socket.socket, self).getpeername()  # raises when it is not connected
        return name if is_outside(self) else peers.get(self.fileno(), name)

    def setsockopt(self: socket.socket, level: int, *rest: Any) -> None:
        if level == socket.IPPROTO_TCP and not is_outside(self) and self.fileno() in peers:
            return  # a pair has no options of TCP, and needs none
        super(socket.socket, self).setsockopt(level, *rest)

    return dict(zip(METHODS, (connect, connect_ex, sendto, recvfrom, getpeername, setsockopt), strict=True))
