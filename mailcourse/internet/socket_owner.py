"""Whose is a socket?  Linux tells the number of the user who made it.

    sock_diag(7)     one question to the kernel, one answer
    /proc/net/tcp    the list of all sockets, where the kernel does not answer such questions
                     4: 0100007F:CD3D 0100007F:9E2B 01 … 1000

Other systems do not tell; there, everybody on 127.0.0.1 may come in.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from .connection import LOOPBACK

PROC_NET = Path("/proc/net")
#: linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST = 4, 20, 1
HEADER, SOCKET_ID = struct.Struct("=IHHII"), struct.Struct("!HH16s16s12x")
REQUEST, ANSWER = struct.Struct("=BBBBI"), struct.Struct("=4x48x12xI")


def may_enter(kind: str, peer: tuple[str, int], door: int) -> bool:
    """True when the socket `peer` of a program on this machine belongs to our own user, or the system does not tell.

    `kind` is "tcp" or "udp"; `door` is our own port, to which the program has connected.
    """
    if sys.platform != "linux" or not (PROC_NET / kind).exists():
        return True
    if kind == "tcp" and _asked(peer, door) == os.geteuid():
        return True
    rows = [row for table in (kind, f"{kind}6") for row in _rows(table)]
    return any(owner == os.geteuid() for owner in _owners(rows, kind, peer, door))


def _asked(peer: tuple[str, int], door: int) -> int | None:
    """Ask the kernel for the owner of a connected socket; None when it does not say."""
    addresses = (socket.inet_aton(address).ljust(16, b"\0") for address in (peer[0], LOOPBACK))
    wanted = REQUEST.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF)
    wanted += SOCKET_ID.pack(peer[1], door, *addresses)[:-8] + b"\xff" * 8  # any cookie
    header = HEADER.pack(HEADER.size + len(wanted), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG) as kernel:
            kernel.settimeout(1)
            kernel.send(header + wanted)
            answer = kernel.recv(8192)
    except OSError:
        return None
    kind = HEADER.unpack_from(answer)[1]
    same = SOCKET_ID.unpack_from(answer, HEADER.size + 4)[:2] == (peer[1], door) if len(answer) > 80 else False
    return int(ANSWER.unpack_from(answer, HEADER.size)[0]) if kind == SOCK_DIAG_BY_FAMILY and same else None


def _owners(rows: list[list[str]], kind: str, peer: tuple[str, int], door: int) -> Iterator[int]:
    source, port, target = _hex(peer[0]), f":{peer[1]:04X}", f":{door:04X}"
    for row in rows:
        local, remote, owner = row[1], row[2], int(row[7])
        if kind == "tcp" and local.endswith(source + port) and remote.endswith(target):
            yield owner
        elif kind == "udp" and local.endswith(port) and not local.startswith(f"{_hex(LOOPBACK)}:{door:04X}"):
            yield owner  # a socket that is not connected shows 0.0.0.0


def _rows(table: str) -> list[list[str]]:
    try:
        lines = (PROC_NET / table).read_text().splitlines()[1:]
    except OSError:  # no IPv6 here
        return []
    return [line.split() for line in lines]


def _hex(address: str) -> str:
    return f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}"
