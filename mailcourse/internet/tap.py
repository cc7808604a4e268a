"""A tap: what somebody on the way between two hosts sees.

    3 laptop.academy.test:49155 → mail.academy.test:587 (tcp) opens
    3 ← 220 mail.academy.test ESMTP
    3 → EHLO laptop.academy.test
    3 →   0000  16 03 01 02 00 01 00 01  fc 03 03 9a 4e 0b 6d c1  ............N.m.

Streams are seen as they pass the wire (`wire.py`), so after STARTTLS they are ciphertext; datagrams
as they reach the server and leave it.  The number is that of the connection.
Knows octets and whether they can be printed.  Does not know what they mean.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from .connection import Connection
from .trace import Trace

#: Octets that a tap keeps; then the oldest packets are dropped.
MAX_KEPT = 10_000_000
#: What a packet costs beside its data.
BESIDE = 400


@dataclass(frozen=True, slots=True)
class Packet:
    """One chunk on its way.  `kind` is open, data, close (this end says no more) or reset (cut off)."""

    number: int
    time: datetime  # lab time
    connection: int
    source: str  # the client: its name, lab address and lab port
    source_address: str
    source_port: int
    target: str  # the server
    address: str
    port: int
    transport: str  # tcp or udp
    from_client: bool
    kind: str
    data: bytes


Listener = Callable[[Packet], None]


class Taps:
    """Who listens to the wires of a lab."""

    def __init__(self, trace: Trace) -> None:
        self.listeners: tuple[Listener, ...] = ()  # replaced, never changed: any thread may read it
        self._trace, self._lock, self._numbers = trace, threading.Lock(), itertools.count(1)

    def add(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each packet from now on, on the loop's thread; return the way to stop."""
        with self._lock:
            self.listeners = (*self.listeners, listener)

        def stop() -> None:
            with self._lock:
                self.listeners = tuple(one for one in self.listeners if one is not listener)

        return stop

    def show(
        self, connection: Connection, kind: str, from_client: bool, data: bytes = b"", transport: str = "tcp"
    ) -> None:
        """Show a chunk to everybody who listens.  Loop thread only, which keeps the order."""
        if not self.listeners:
            return
        packet = Packet(
            next(self._numbers),
            self._trace.now(),
            connection.number,
            connection.source,
            connection.source_address,
            connection.source_port,
            connection.target,
            connection.address,
            connection.port,
            transport,
            from_client,
            kind,
            data,
        )
        for listener in self.listeners:
            self._tell(listener, packet)

    def _tell(self, listener: Listener, packet: Packet) -> None:
        try:
            listener(packet)
        except Exception as error:  # a broken listener must not break the conversation it listens to
            with self._lock:
                self.listeners = tuple(one for one in self.listeners if one is not listener)
            self._trace.add(packet.target, "host", "warning", text=f"a tap broke and listens no more: {error!r}")


class Tap:
    """The packets between two hosts, kept; without names, those of the whole lab."""

    def __init__(self, taps: Taps, *hosts: str) -> None:
        self._ends = frozenset(hosts)
        self._kept: deque[Packet] = deque()
        self._size = 0
        self.dropped = 0
        self._lock = threading.Lock()
        self._stop = taps.add(self._keep)

    def _keep(self, packet: Packet) -> None:
        if not self._ends <= {packet.source, packet.target}:
            return
        with self._lock:
            self._kept.append(packet)
            self._size += len(packet.data) + BESIDE
            while self._size > MAX_KEPT and len(self._kept) > 1:
                self._size -= len(self._kept.popleft().data) + BESIDE
                self.dropped += 1

    @property
    def packets(self) -> list[Packet]:
        """What has been seen, oldest first."""
        with self._lock:
            return list(self._kept)

    def text(self) -> str:
        """Return all of it as lines to read; what cannot be printed is dumped."""
        gone = [f"({self.dropped} older packets were dropped)"] if self.dropped else []
        return "\n".join([*gone, *_lines(self.packets)])

    def stop(self) -> None:
        """Listen no more; what was seen stays."""
        self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return self.text() or "nothing has passed yet"


def _lines(packets: list[Packet]) -> Iterator[str]:
    known = set()
    for packet in packets:
        if packet.connection not in known:
            known.add(packet.connection)
            ends = f"{packet.source}:{packet.source_port} → {packet.target}:{packet.port} ({packet.transport})"
            yield f"{packet.connection} {ends}" + (" opens" if packet.kind == "open" else "")
        begin = f"{packet.connection} {'→' if packet.from_client else '←'} "
        if packet.kind in ("close", "reset"):
            yield begin + {"close": "(closes)", "reset": "(cuts the connection)"}[packet.kind]
        for line in readable(packet.data):
            yield begin + line


def readable(data: bytes) -> list[str]:
    r"""Return the lines of a text; a dump of anything else.

    >>> readable(b"EHLO a.test\r\n")
    ['EHLO a.test']
    >>> readable(b"\x16\x03\x01A")
    ['  0000  16 03 01 41                                       ...A']
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return dump(data)
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n") if text else []
    return lines if all(line.replace("\t", " ").isprintable() for line in lines) else dump(data)


def dump(data: bytes) -> list[str]:
    """Return octets as `xxd` shows them: place, hexadecimal, and the letters among them."""
    rows = []
    for place in range(0, len(data), 16):
        row = data[place : place + 16]
        octets = f"{row[:8].hex(' '):23}  {row[8:].hex(' '):23}"
        rows.append(f"  {place:04x}  {octets}  {''.join(chr(o) if 32 <= o < 127 else '.' for o in row)}")
    return rows
