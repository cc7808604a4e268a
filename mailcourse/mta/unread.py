"""What the client has sent and this server has not read yet.

A command is a line; a message is everything up to CR LF . CR LF; and a client that pipelines
(RFC 2920) has sent the next command before we have read this one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

CHUNK = 64 * 1024
END = b"\r\n.\r\n"


class Unread:
    """The octets between the connection and the dialogue; at most `CHUNK` and a line of them."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._left = b""

    def forget(self) -> None:
        """Drop what was sent before TLS began: it may be somebody else's (RFC 3207 §4.2)."""
        self._left = b""

    def has_line(self) -> bool:
        """True when the next command is here already."""
        return b"\n" in self._left

    async def _more(self) -> bytes:
        data = await self._reader.read(CHUNK)
        if not data:
            raise asyncio.IncompleteReadError(self._left, None)
        return data

    async def line(self, most: int) -> bytes | None:
        """Return the next line with its line end; None when it is longer than `most` octets."""
        while (end := self._left.find(b"\n")) < 0:
            if len(self._left) > most:
                return None
            self._left += await self._more()
        line, self._left = self._left[: end + 1], self._left[end + 1 :]
        return line if len(line) <= most else None

    async def message(self, alive: Callable[[], None]) -> AsyncIterator[bytes]:
        """Yield a message as it comes, in pieces of any size, and stop behind its end mark.

        `alive` is called for every piece, so that a long message on a slow link is not cut off.
        """
        data, given = b"\r\n" + self._left, 2  # as if a line had ended before the first
        self._left = b""
        while (end := data.find(END)) < 0:
            if len(data) - given > len(END):
                yield data[given : -len(END) + 1]
                data, given = data[-len(END) - 1 :], 2
            data += await self._more()
            alive()
        yield data[given : end + 2]
        self._left = data[end + len(END) :]
