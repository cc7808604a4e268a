"""The two ends of a connection in the memory of the page, and the ports of 127.0.0.1 that exist there.

    one.far.put(b"EHLO …")  ──►  the far end's `arrived`  ──►  whoever waits for a change is told
    Listener(40587)         ──►  what a program of this page that connects there gets: one more pair of ends

Sockets (sockets.py) and loops (transport.py) know an end by its number, as they know a file of the system.
"""

from __future__ import annotations

import errno
import itertools
from collections import deque
from collections.abc import Callable

#: Octets that wait for the far end before a writer waits.
MAX_WAITING = 2**20
#: Connections that wait to be taken; one more is refused.
BACKLOG = 128
LOOPBACK = "127.0.0.1"

numbers, ports = itertools.count(1_000_000), itertools.count(40_000)
by_number: dict[int, End] = {}
listening: dict[int, Listener] = {}


class End:
    """One end of a pair: what has arrived, whether more can come, and who wants to know."""

    def __init__(self, is_stream: bool) -> None:
        self.is_stream = is_stream
        self.arrived: deque[bytes] = deque()
        self.octets, self.uses = 0, 1
        self.has_ended = self.is_closed = False  # nothing more comes; nobody reads here any more
        self.far: End
        self.changed: list[Callable[[], None]] = []

    def put(self, data: bytes) -> None:
        """Have something arrive."""
        if not self.is_closed:
            self.arrived.append(data)
            self.octets += len(data)
            self.tell()

    def take(self, size: int) -> bytes:
        """Return what has arrived: of a stream as much as asked for, of datagrams the oldest."""
        if not self.arrived:
            return b""
        if not self.is_stream:
            found = self.arrived.popleft()
            self.octets -= len(found)
            return found[:size]
        if len(self.arrived) > 1 and len(self.arrived[0]) < size:
            joined = b"".join(self.arrived)
            self.arrived.clear()
            self.arrived.append(joined)
        found, rest = self.arrived[0][:size], self.arrived[0][size:]
        if rest:
            self.arrived[0] = rest
        else:
            self.arrived.popleft()
        self.octets -= len(found)
        self.far.tell()
        return found

    def tell(self) -> None:
        """Wake whoever waits for a change of this end."""
        for act in [*self.changed]:
            act()

    def finish(self) -> None:
        """Send no more."""
        self.far.has_ended = True
        self.far.tell()

    def close(self) -> None:
        """Neither read nor send any more."""
        if not self.is_closed:
            self.is_closed = True
            self.arrived.clear()
            self.finish()
            self.tell()

    @property
    def is_readable(self) -> bool:
        """True when `take` would not have to wait."""
        return bool(self.arrived) or self.has_ended or self.is_closed

    @property
    def has_room(self) -> bool:
        """True when the far end is not behind."""
        return self.far.octets < MAX_WAITING or self.far.is_closed


class Listener:
    """A port of this page, and who has connected to it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.arrived: deque[End] = deque()
        self.take: Callable[[], None] | None = None  # a loop serves it
        listening[port] = self

    def connect(self) -> End:
        """Return the near end of a new connection."""
        if len(self.arrived) >= BACKLOG:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "too many connections wait there")
        near, far = ends(is_stream=True)
        self.arrived.append(far)
        if self.take is not None:
            self.take()
        return near

    def close(self) -> None:
        """Give the port back."""
        listening.pop(self.port, None)
        for end in self.arrived:
            end.close()


def ends(*, is_stream: bool) -> tuple[End, End]:
    """Return the two ends of a connection."""
    one, other = End(is_stream), End(is_stream)
    one.far, other.far = other, one
    return one, other
