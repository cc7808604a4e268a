"""Which connections stay open for the next message, and how many there may be at a time.

    10 messages for bakery.test wait       →  one greeting, ten transactions, one QUIT
    nobody else waits for that way         →  QUIT at once
    5 connections to one place are busy    →  the sixth message waits its turn

Who waits: messages that are due now and have not begun their attempt (`_expected`), and those that
wait for one of the connections (`_waiting`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from .route import Route
from .talk import Talk, end

#: Connections to one place, and of one server, at a time; messages over one connection.
MOST_TO_ONE, MOST_AT_ONCE, MOST_MESSAGES = 5, 20, 100


class Connections:
    """The outgoing connections of one server.  Loop thread only."""

    def __init__(self) -> None:
        self._expected: Counter[Route] = Counter()
        self._waiting: Counter[Route] = Counter()
        self._kept: dict[Route, list[Talk]] = {}
        self._places: WeakValueDictionary[Route, asyncio.Semaphore] = WeakValueDictionary()
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)

    def expect(self, ways: Iterable[Route]) -> None:
        """Note that a message will soon want to go these ways."""
        self._expected.update(ways)

    def begun(self, ways: Iterable[Route]) -> None:
        """Note that its attempt begins."""
        self._expected.subtract(ways)

    async def over(self, ways: Iterable[Route]) -> None:
        """Note that its attempt is over: end what was kept for it and not used."""
        for way in ways:
            if self._expected[way] + self._waiting[way] <= 0:
                del self._expected[way], self._waiting[way]
                for talk in self._kept.pop(way, []):
                    await end(talk)

    @asynccontextmanager
    async def place(self, way: Route) -> AsyncIterator[None]:
        """Wait until one more connection may be used."""
        semaphore = self._places.setdefault(way, asyncio.Semaphore(MOST_TO_ONE))
        self._waiting[way] += 1
        try:
            await semaphore.acquire()
        finally:
            self._waiting[way] -= 1
        try:
            async with self._slots:
                yield
        finally:
            semaphore.release()

    def kept(self, way: Route) -> Talk | None:
        """Return an open connection that leads this way, or None."""
        talks = self._kept.get(way)
        while talks:
            talk = talks.pop()
            if not talk.reader.at_eof() and not talk.writer.is_closing():
                return talk
            talk.writer.close()
        return None

    async def give_back(self, way: Route, talk: Talk) -> None:
        """Keep a connection that was used if somebody waits for it; end it if nobody does."""
        talk.messages += 1
        if self._expected[way] + self._waiting[way] > 0 and talk.messages < MOST_MESSAGES:
            self._kept.setdefault(way, []).append(talk)
        else:
            await end(talk)
