"""How does a program on a machine of the lab reach a server by its name?  It asks the DNS, and connects.

Who uses it: people's mail programs and browsers, and the webmail.  Knows a machine and its way into the DNS; not the
world, which must be given back when nobody has it any more.
"""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
from socket import socket

from mailcourse.dns.stub import NoAnswer, Stub
from mailcourse.internet.network import Host

from .interrupt import watch


def dial(
    machine: Host, stub: Stub, server: str, port: int, message: str | None = None, *, timeout: float = 30.0
) -> socket:
    """Find a server's address in the DNS and connect to it, as a blocking socket.  Not on the lab's own thread."""
    return connect(machine, addresses(machine, stub, server, message), port, message, timeout)


def connect(machine: Host, found: list[str], port: int, message: str | None, timeout: float = 30.0) -> socket:
    """Connect to the first of several addresses; a silence may last `timeout` real seconds."""
    return watch(machine.dial(found[0], port, timeout, message))


def addresses(machine: Host, stub: Stub, server: str, message: str | None = None) -> list[str]:
    """Ask the DNS for a server's addresses; raise `OSError` when there is none.  An address is its own."""
    with suppress(ValueError):
        return [str(ip_address(server))]
    try:
        found = machine.internet.runtime.run(stub.addresses(server, message))
    except NoAnswer as error:
        raise OSError(f"the DNS gave no answer for {server}: {error}") from None
    if not found:
        raise OSError(f"the DNS knows no address of {server}")
    return found
