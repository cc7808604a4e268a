"""The names of a lab that lives in another process: ordinary clients connect to them by name.

    with dialling({"mail.academy.test": {"587": ["127.0.0.1", 40587]}}):
        smtplib.SMTP("mail.academy.test", 587)      # smtplib, imaplib and poplib ask socket.create_connection

The table is what `Lab.endpoints()["hosts"]` gives.  Who uses it: exercises, whose labs are where no answer
can touch them.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

Endpoints = Mapping[str, Mapping[str, Sequence[Any]]]


@contextmanager
def dialling(table: Endpoints) -> Iterator[None]:
    """Connect names of `table` to their endpoints, and nothing else; with an empty table, change nothing."""
    if not table:
        yield
        return
    real, own = socket.create_connection, socket.getfqdn

    def connect(address: tuple[Any, int], *rest: Any, **named: Any) -> socket.socket:
        host, port = str(address[0]), address[1]
        if host not in table:
            raise socket.gaierror(socket.EAI_NONAME, f"there is no {host!r} here; known: {', '.join(sorted(table))}")
        if str(port) not in table[host]:
            raise ConnectionRefusedError(f"nothing listens on port {port} of {host}; open: {', '.join(table[host])}")
        endpoint = table[host][str(port)]
        return real((str(endpoint[0]), int(endpoint[1])), *rest, **named)

    socket.create_connection = connect  # type: ignore[assignment]
    socket.getfqdn = lambda name="": name or "client.example"  # smtplib asks who we are; no real DNS is asked
    try:
        yield
    finally:
        socket.create_connection, socket.getfqdn = real, own
