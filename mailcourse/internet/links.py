"""The links between hosts: which connections are open on them, who listens, how slow they are, which are cut.

Who uses it: `network.py`, which changes it, and each `Wire`, which obeys it.
"""

from __future__ import annotations

from typing import Protocol

from .connection import Connection
from .tap import Taps


class OpenConnection(Protocol):
    """A connection that can be cut."""

    connection: Connection

    def abort(self) -> None:
        """Cut it now."""


class Links:
    """All links of a lab.  Loop thread only, except for reading."""

    def __init__(self, taps: Taps) -> None:
        self.taps = taps
        self.wires: dict[int, OpenConnection] = {}  # number of an open connection -> its wire
        self.lags: dict[frozenset[str], float] = {}  # both ends of a link, or one end of many -> seconds
        self.cuts: set[frozenset[str]] = set()  # both ends of each link that carries nothing

    def set_lag(self, ends: frozenset[str], seconds: float) -> None:
        """Hold each chunk for so long, each way; 0 ends it."""
        self.lags.pop(ends, None)
        if seconds:
            self.lags[ends] = seconds

    def lag(self, connection: Connection) -> float:
        """Return the seconds that a chunk of this connection is held: the slowest of what applies."""
        ends = frozenset({connection.source, connection.target})
        return max(self.lags.get(link, 0.0) for link in (ends, *(frozenset({end}) for end in ends)))

    def cut(self, ends: frozenset[str]) -> None:
        """Let nothing pass between two hosts, and break what is open between them."""
        self.cuts.add(ends)
        for wire in list(self.wires.values()):
            if {wire.connection.source, wire.connection.target} == ends:
                wire.abort()

    def disconnect(self, host: str) -> None:
        """Cut every connection from or to a host."""
        for wire in list(self.wires.values()):
            if host in (wire.connection.source, wire.connection.target):
                wire.abort()

    def abort_all(self) -> None:
        """Cut every connection."""
        for wire in list(self.wires.values()):
            wire.abort()
