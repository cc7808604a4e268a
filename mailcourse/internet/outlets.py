"""Outlets: a port of a lab host that a program outside the lab serves, on 127.0.0.1 only.

    mail.academy.test ── connect("203.0.113.9", 25) ──► wire ──► 127.0.0.1:2525, a Postfix

The wire is on the connecting side here.  Not here: datagrams.
"""

from __future__ import annotations

import asyncio
import socket

from .connection import LOOPBACK, Unreachable
from .wire import Wire


async def connect(wire: Wire, real_port: int) -> None:
    """Connect `wire` to the program, or raise `Unreachable`."""
    try:
        await asyncio.get_running_loop().create_connection(lambda: wire, LOOPBACK, real_port)
    except OSError as error:
        raise Unreachable(str(error)) from error


def dial(real_port: int, timeout: float) -> socket.socket:
    """Connect a blocking socket to the program, or raise `Unreachable`."""
    connecting = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    connecting.settimeout(timeout)
    try:
        # The method of the C class: `online` may have replaced socket.socket's own.
        super(socket.socket, connecting).connect((LOOPBACK, real_port))
    except OSError as error:
        connecting.close()
        raise Unreachable(str(error)) from error
    return connecting
