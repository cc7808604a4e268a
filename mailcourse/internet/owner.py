"""Whose is a socket?  Linux lists all sockets of a machine with the number of their user.

    /proc/net/tcp    sl  local_address  rem_address    st … uid
                     4:  0100007F:CD3D  0100007F:9E2B  01 … 1000

Other systems do not tell; there, everybody on 127.0.0.1 may come in.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

PROC_NET = Path("/proc/net")


def may_enter(kind: str, peer: tuple[str, int], door: int) -> bool:
    """True when the socket `peer` of a program on this machine belongs to our own user, or the system does not tell.

    `kind` is "tcp" or "udp"; `door` is our own port, to which the program has connected.
    """
    if sys.platform != "linux" or not (PROC_NET / kind).exists():
        return True
    rows = [row for table in (kind, f"{kind}6") for row in _rows(table)]
    return any(owner == os.geteuid() for owner in _owners(rows, kind, peer, door))


def _owners(rows: list[list[str]], kind: str, peer: tuple[str, int], door: int) -> Iterator[int]:
    source, port, target = _hex(peer[0]), f":{peer[1]:04X}", f":{door:04X}"
    for row in rows:
        local, remote, owner = row[1], row[2], int(row[7])
        if kind == "tcp" and local.endswith(source + port) and remote.endswith(target):
            yield owner
        elif kind == "udp" and local.endswith(port) and not local.startswith(f"{_hex('127.0.0.1')}:{door:04X}"):
            yield owner  # a socket that is not connected shows 0.0.0.0


def _rows(table: str) -> list[list[str]]:
    try:
        lines = (PROC_NET / table).read_text().splitlines()[1:]
    except OSError:  # no IPv6 here
        return []
    return [line.split() for line in lines]


def _hex(address: str) -> str:
    return f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}"
