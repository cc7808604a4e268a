"""`with lab.online(host)`: ordinary code, unchanged, sits on a machine of the lab.

Inside, the process's look-ups and connections go to the lab and nowhere else:

    socket.getaddrinfo("mail.academy.test", 587)   →  the lab's resolver  →  192.0.2.25
    socket.socket().connect(("192.0.2.25", 587))   →  the lab's network
    socket.socket().sendto(b"…", ("192.0.2.53", 53))  the same, for datagrams
    socket.socket().connect(("mail.academy.test", 25))  a name is looked up in the lab too
    socket.socket().connect(anything else)         →  refused

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

from .errors import LabError
from .loopback import LoopbackInternet
from .network import Host

Lookup = Callable[[str], list[str]]

_inside = threading.Lock()


@contextmanager
def online(host: Host, lookup: Lookup) -> Iterator[None]:
    """Put this process on `host`; `lookup(name)` gives the lab addresses of a name."""
    internet = host.internet
    if not isinstance(internet, LoopbackInternet):
        raise LabError("`online` needs a lab on loopback sockets; this one is in memory.")
    if not _inside.acquire(blocking=False):
        raise LabError("This process is already online in a lab. Leave the other `with lab.online(…)` first.")
    replaced = {name: getattr(socket, name) for name in ("getaddrinfo", "gethostbyname")}
    try:
        for name, replacement in _names(host, lookup, replaced).items():
            setattr(socket, name, replacement)
        for name, replacement in _methods(host, internet, lookup).items():
            setattr(socket.socket, name, replacement)
        yield
    finally:
        for name, original in replaced.items():
            setattr(socket, name, original)
        for name in METHODS:
            delattr(socket.socket, name)  # the C class's own shows again
        _inside.release()


METHODS = ("connect", "connect_ex", "sendto", "recvfrom")


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


def _methods(host: Host, internet: LoopbackInternet, lookup: Lookup) -> dict[str, Any]:
    def real(self: socket.socket, address: Any) -> Any:
        """Translate a lab address; refuse any other."""
        if internet.runtime.is_here() or self.family not in (socket.AF_INET, socket.AF_INET6):
            return address
        there = _addresses(str(address[0]), lookup)[0]
        if internet.host_at(there) is None:
            raise ConnectionRefusedError(
                errno.ECONNREFUSED, f"{there} is not in this lab, and nothing else is reachable here"
            )
        connection = internet.new_connection(host, there, address[1], None)
        return internet.prepare(connection, host, self)

    def connect(self: socket.socket, address: Any) -> None:
        super(socket.socket, self).connect(real(self, address))

    def connect_ex(self: socket.socket, address: Any) -> int:
        try:
            return super(socket.socket, self).connect_ex(real(self, address))
        except OSError as error:
            return error.errno or errno.ECONNREFUSED

    def sendto(self: socket.socket, data: Any, *rest: Any) -> int:
        flags = rest[0] if len(rest) == 2 else 0
        return int(super(socket.socket, self).sendto(data, flags, real(self, rest[-1])))

    def recvfrom(self: socket.socket, *rest: Any) -> tuple[bytes, Any]:
        data, address = super(socket.socket, self).recvfrom(*rest)
        if internet.runtime.is_here():  # the lab's own servers; a client's port may be the number of a lab port
            return data, address
        return data, (internet.lab_address(address[1]) or address) if address else address

    return dict(zip(METHODS, (connect, connect_ex, sendto, recvfrom), strict=True))
