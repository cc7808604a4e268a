"""What unit tests share: a client with a socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from smtp_user import MX1, Client, Connect

from mailcourse import Lab


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
