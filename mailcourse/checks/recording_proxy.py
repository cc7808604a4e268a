"""A proxy between a client and a server: replies come through it in pieces, and what both say is recorded.

    with RecordingProxy(lab.endpoint(host, 25)) as proxy:
        …                    a client connects to proxy.address
    proxy.commands           ["EHLO me", "MAIL FROM:<…>", …]: what the client said, but for the message
    proxy.last               the last lines of both, and whether the client's has an end
    proxy.is_early           True when the client spoke before it had heard the greeting

A network may cut a reply anywhere, so a client has to read whole lines.  Who uses it: the exercise with a client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress

from mailcourse.internet.runtime import runtime

#: octets of a reply that come first, and seconds until the rest comes
FIRST, PAUSE = 6, 0.02
#: seconds until the greeting comes: who speaks earlier did not wait for it
GREETING = 0.15
#: seconds that are left to both for their last words
REST = 1.0


class RecordingProxy:
    """One way to a server, for any number of connections one after the other."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.is_early = False
        self.address = ("127.0.0.1", 0)
        self._server, self._said = server, list[tuple[str, bytes]]()
        self._under_way: set[asyncio.Task[None]] = set()
        self._listener: asyncio.AbstractServer = runtime().run(self._listen())

    async def _listen(self) -> asyncio.AbstractServer:
        listener = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        self.address = listener.sockets[0].getsockname()[:2]
        return listener

    def __enter__(self) -> RecordingProxy:
        """Connect to `address`."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Let both finish what they said, and close the proxy."""
        runtime().run(self._end())

    async def _end(self) -> None:
        self._listener.close()
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=REST)
        for task in self._under_way:
            task.cancel()

    def _begin(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(client, to_client))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        greeted = asyncio.Event()
        with suppress(OSError):
            server, to_server = await asyncio.open_connection(*self._server)
            try:
                await asyncio.gather(
                    self._pass_replies(server, to_client, greeted), self._pass_commands(client, to_server, greeted)
                )
            finally:
                to_server.close()
        to_client.close()

    async def _pass_commands(
        self, client: asyncio.StreamReader, to_server: asyncio.StreamWriter, greeted: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while octets := await client.read(65536):
                self.is_early = self.is_early or not greeted.is_set()
                self._said.append(("C", octets))
                to_server.write(octets)
                await to_server.drain()
            to_server.write_eof()

    async def _pass_replies(
        self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter, greeted: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while octets := await server.read(65536):
                await asyncio.sleep(0 if greeted.is_set() else GREETING)
                greeted.set()
                self._said.append(("S", octets))
                to_client.write(octets[:FIRST])
                await asyncio.sleep(PAUSE)
                to_client.write(octets[FIRST:])
                await to_client.drain()
            to_client.write_eof()

    # ---- what was said -------------------------------------------------------------------------------

    def _lines(self) -> Iterator[tuple[str, str]]:
        """Return (side, line) pairs; a line has its end, if the client gave it one."""
        began = {"C": "", "S": ""}
        for side, octets in list(self._said):
            began[side] += octets.decode("utf-8", "replace")
            *whole, began[side] = began[side].split("\n")
            yield from ((side, line + "\n") for line in whole)
        yield from ((side, line) for side, line in began.items() if line)

    @property
    def commands(self) -> list[str]:
        """What the client said, without the message."""
        commands, in_message = list[str](), False
        for side, line in self._lines():
            if side == "S":
                in_message = in_message or line.startswith("354")
            elif in_message:
                in_message = line.rstrip("\r\n") != "."
            else:
                commands.append(line.rstrip("\r\n"))
        return commands

    @property
    def last(self) -> str:
        """The end of the dialogue, for people; empty when nobody connected."""
        lines = list(self._lines())
        if not lines:
            return ""
        end = f"The dialogue ended like this: {[f'{side}: {line.rstrip()}' for side, line in lines[-3:]]}."
        open_ = next((line for side, line in reversed(lines) if side == "C"), "\r\n")
        return end if open_.endswith("\r\n") else f"{end} The client's last line has no end (\\r\\n)."
