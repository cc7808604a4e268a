"""A pipe between two hosts holds so much and no more: a writer waits for a far end that does not read."""

from __future__ import annotations

import asyncio

import pytest

from mailcourse.internet.connection import Connection
from mailcourse.internet.network import Internet
from mailcourse.internet.pipe import MAX_WAITING
from mailcourse.internet.runtime import runtime


class Silent(asyncio.Protocol):
    """Does not read until it is told to."""

    def __init__(self, connection: Connection) -> None:
        self.heard = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        self.heard += len(data)


def test_a_writer_waits_for_a_far_end_that_does_not_read(internet: Internet) -> None:
    a, b = internet.host("a.test"), internet.host("b.test")
    served: list[Silent] = []

    def serve(connection: Connection) -> Silent:
        served.append(Silent(connection))
        return served[-1]

    async def talk() -> int:
        await b.listen(25, serve)
        _, writer, _ = await a.connect("192.0.2.2", 25)
        while writer.transport.get_write_buffer_size() <= MAX_WAITING:
            writer.write(b"x" * 65536)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await writer.drain()
        served[0].transport.resume_reading()
        await writer.drain()
        writer.write_eof()
        while writer.transport.get_write_buffer_size():
            await asyncio.sleep(0)
        return served[0].heard

    assert runtime().run(talk(), 10) > MAX_WAITING
