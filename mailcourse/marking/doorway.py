"""The way from a room that has a network of its own to the judge's lab: ports in the room, answered outside.

    room: 127.0.0.1:40587 ──► socket that was handed over ──► 127.0.0.1:40587 ──► mail server of the judge's lab

    with open_ports(room, [40587, 40025]):      while the student's function is called

A socket belongs to the network in which it was opened, and whoever has it may answer there.  Knows octets only.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache

from .room import Room

CHUNK = 65_536


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Return the loop of all doorways, in a thread of its own."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="mailcourse-doorway", daemon=True).start()
    return loop


@contextmanager
def open_ports(room: Room, ports: Sequence[int]) -> Iterator[None]:
    """Let `ports` on 127.0.0.1 of the room lead to the same ones outside, as they do where networks are not apart."""
    if not room.has_own_network or not ports:
        yield
        return
    servers = [_serve(listening) for listening in room.listen(sorted(set(ports)))]
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(_close([server for server in servers if server is not None]), _loop()).result(
            10
        )


def _serve(listening: socket.socket) -> asyncio.Server | None:
    """Answer at a socket that the room has sent; one that does not listen on a port is closed."""
    listening.setblocking(False)
    try:
        port = int(listening.getsockname()[1])
        is_port = listening.family == socket.AF_INET and listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except (OSError, IndexError, ValueError, TypeError):
        is_port = 0
    if not is_port:
        listening.close()
        return None

    async def enter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_carry(reader, back), _carry(there, writer))
        for way in (back, writer):
            way.close()

    served = asyncio.run_coroutine_threadsafe(asyncio.start_server(enter, sock=listening), _loop())
    return served.result(10)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while octets := await reader.read(CHUNK):
            writer.write(octets)
            await writer.drain()
    with suppress(OSError, RuntimeError):
        writer.write_eof()


async def _close(servers: Sequence[asyncio.Server]) -> None:
    for server in servers:
        server.close()
