"""A browser's connection: octets between the network and `http.py`, and a thread for each page that is made.

    wire ──► TLS (port 443) ──► HttpConversation ──► answer(request), in a worker thread ──► wire
                                one request at a time; more is read when it has been answered

Protocol time is real time: how long a request may take to come, an answer to be fetched, a connection to rest.
Sessions end by lab time (`sessions.py`).  A page waits for mail servers, so it is never made on the lab's loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from .http import HttpConversation, HttpError, Request, Response

#: real seconds that a connection rests, that a request takes to come and an answer to be fetched
IDLE_SECONDS, REQUEST_SECONDS, ANSWER_SECONDS = 60.0, 20.0, 60.0
#: what still comes after a refusal is read for so long, and so many octets: closed at once, it would not be seen
LINGER_SECONDS, MAX_LINGER = 2.0, 4_000_000
#: octets that are read at once, pages that are made at one time
MAX_READ, MAX_PAGES = 65536, 32


@cache
def _workers(loop: asyncio.AbstractEventLoop) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(MAX_PAGES, thread_name_prefix="mailcourse-webmail")


@dataclass
class PageServer:
    """Serves one browser.  `refuse` makes the page for an `HttpError`; `warn` records a fault of ours."""

    answer: Callable[[Request], Response]
    refuse: Callable[[HttpError], Response]
    warn: Callable[..., object]
    now: Callable[[], datetime]
    _http: HttpConversation = field(default_factory=HttpConversation)

    def protocol(self) -> asyncio.Protocol:
        """Return what stands on a connection."""
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(MAX_READ), self._serve)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(TimeoutError, ConnectionError):  # it rested for too long, fetches nothing, or is gone
            try:
                while (request := await self._next_request(reader, writer)) is not None:
                    await _send(writer, self._http.reply(await self._answered(request), self.now()))
                    if not self._http.next_cycle():
                        break
            except HttpError as error:
                await _send(writer, self._http.reply(self.refuse(error), self.now(), last=True))
                await _linger(reader)
        writer.close()

    async def _next_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
        """Wait for a request; None when there will be no more."""
        request = self._http.next_request()  # it may have come together with the one before
        async with asyncio.timeout(IDLE_SECONDS):
            while request is None and self._http.is_empty and not self._http.is_over:
                request = await self._read_on(reader)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                while request is None and not self._http.is_over:
                    writer.write(self._http.go_on())
                    request = await self._read_on(reader)
        except TimeoutError:
            sentence = f"The request did not come within {REQUEST_SECONDS:g} seconds. Send it again."
            raise HttpError(408, sentence) from None
        return request

    async def _read_on(self, reader: asyncio.StreamReader) -> Request | None:
        self._http.receive(await reader.read(MAX_READ))
        return self._http.next_request()

    async def _answered(self, request: Request) -> Response:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(_workers(loop), self.answer, request)
        except Exception as error:  # a fault of ours ends one page, and can be seen
            self.warn(text=f"a page of the webmail broke: {error!r}")
            return self.refuse(HttpError(500, "The webmail could not make this page. Go back and try another."))


async def _send(writer: asyncio.StreamWriter, octets: bytes) -> None:
    writer.write(octets)
    async with asyncio.timeout(ANSWER_SECONDS):
        await writer.drain()


async def _linger(reader: asyncio.StreamReader) -> None:
    """Read on without looking: a connection that closes on unread octets is reset, and the answer lost."""
    read = 0
    async with asyncio.timeout(LINGER_SECONDS):
        while read < MAX_LINGER and (data := await reader.read(MAX_READ)):
            read += len(data)
