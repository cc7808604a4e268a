"""What unit tests share: a client with a socket, and an Internet of two hosts."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from smtp_user import MX1, Client, Connect

from mailcourse import Lab
from mailcourse.internet.clock import Clock
from mailcourse.internet.network import Internet
from mailcourse.internet.runtime import runtime
from mailcourse.internet.trace import Trace


@pytest.fixture
def connect(lab: Lab) -> Iterator[Connect]:
    """Connect to a server of the lab and read its greeting."""
    opened: list[Client] = []

    def one(where: tuple[str, int] = MX1, *, source: str | None = None) -> Client:
        host, port = where
        if source is None:
            sock = socket.create_connection(lab.endpoint(host, port), 10)
        else:
            sock = lab.host(source).dial(lab.host(host).addresses[0], port, timeout=10)
        opened.append(Client(sock))
        if port in (25, 587):
            assert opened[-1].reply().startswith(f"220 {host}")
        return opened[-1]

    yield one
    for client in opened:
        client.file.close()
        client.socket.close()


@pytest.fixture
def internet() -> Iterator[Internet]:
    clock = Clock(datetime(2026, 9, 7, tzinfo=UTC), runtime())
    network = Internet(clock, Trace(clock), runtime(), "seed")
    network.add_host("a.test", ["192.0.2.1"])
    network.add_host("b.test", ["192.0.2.2"])
    yield network
    runtime().run(network.close())
