"""Which connections stay open for the next message, and how many there may be at a time.

    10 messages for bakery.test wait       →  one greeting, ten transactions, one QUIT
    nobody else waits for that route       →  QUIT at once
    5 connections of one route are busy    →  the sixth message waits its turn

Who waits: messages that are due now and have not begun their attempt (`_expected`), and those that
wait for one of the connections (`_waiting`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from weakref import WeakValueDictionary

from mailcourse.internet.certificates import Authority
from mailcourse.internet.network import Host

from .route import Route
from .settings import TransportPolicy
from .smtp_client import SmtpClient, open_client

#: Connections of one route, and of one server, at a time; messages over one connection.
MAX_PER_ROUTE, MAX_CONNECTIONS, MAX_MESSAGES = 5, 20, 100


class Connections:
    """The outgoing connections of one server.  Loop thread only."""

    def __init__(self, host: Host, authority: Authority) -> None:
        self._host, self._authority = host, authority
        self._expected: Counter[tuple[Route, datetime | None]] = Counter()
        self._waiting: Counter[Route] = Counter()
        self._idle: dict[Route, list[SmtpClient]] = {}
        self._semaphores: WeakValueDictionary[Route, asyncio.Semaphore] = WeakValueDictionary()
        self._all = asyncio.Semaphore(MAX_CONNECTIONS)

    def expect(self, routes: Iterable[Route], due: datetime | None) -> None:
        """Note that a message will take these routes: at once, or when it is `due`."""
        self._expected.update((route, due) for route in routes)

    def begun(self, routes: Iterable[Route], due: datetime | None) -> None:
        """Note that its attempt begins."""
        self._expected.subtract((route, due) for route in routes)

    async def over(self, routes: Iterable[Route], due: datetime | None) -> None:
        """Note that its attempt is over: end what was kept for it and not used."""
        for route in routes:
            if self._expected[route, due] <= 0:
                del self._expected[route, due]
            if not self._is_wanted(route):
                for client in self._idle.pop(route, []):
                    await client.quit()

    def _is_wanted(self, route: Route) -> bool:
        """True when another message is to take this route now: on a standing clock many are due at one time."""
        return self._expected[route, None] + self._expected[route, self._host.now()] + self._waiting[route] > 0

    @asynccontextmanager
    async def slot(self, route: Route) -> AsyncIterator[None]:
        """Wait until one more connection may be used."""
        semaphore = self._semaphores.setdefault(route, asyncio.Semaphore(MAX_PER_ROUTE))
        self._waiting[route] += 1
        try:
            await semaphore.acquire()
        finally:
            self._waiting[route] -= 1
        try:
            async with self._all:
                yield
        finally:
            semaphore.release()

    async def open(self, peer: str, address: str, policy: TransportPolicy, message: str | None) -> SmtpClient:
        """Connect to the server called `peer`, and greet it; raise `HostFailed` when nothing comes of it."""
        return await open_client(self._host, peer, address, policy, self._authority, message)

    def idle_client(self, route: Route) -> SmtpClient | None:
        """Return an open connection of this route that nobody uses, or None."""
        clients = self._idle.get(route)
        while clients:
            client = clients.pop()
            if not client.reader.at_eof() and not client.writer.is_closing():
                return client
            client.writer.close()
        return None

    async def give_back(self, route: Route, client: SmtpClient) -> None:
        """Keep a connection that was used if somebody waits for it; end it if nobody does."""
        client.messages += 1
        if self._is_wanted(route) and client.messages < MAX_MESSAGES:
            self._idle.setdefault(route, []).append(client)
        else:
            await client.quit()
