"""TLS from the first octet: ports 465, 993 and 995 (RFC 8314 §3.3).

    transport ─► TlsFirst (shakes hands) ─► the server's protocol, which sees plain text

STARTTLS is not here: it is a command of each protocol.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

#: Real seconds for the handshake.
HANDSHAKE_SECONDS = 30.0


class Early(asyncio.Protocol):
    """Keeps what is said inside TLS before the server's protocol is there: it may come with the handshake's end."""

    def __init__(self) -> None:
        self.told: list[Callable[[asyncio.Protocol], object]] = []

    def data_received(self, data: bytes) -> None:
        """The client speaks."""
        self.told.append(lambda protocol: protocol.data_received(data))

    def eof_received(self) -> None:
        """The client says no more."""
        self.told.append(lambda protocol: protocol.eof_received())

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone, or never was inside."""
        self.told.append(lambda protocol: protocol.connection_lost(exc))


class TlsFirst(asyncio.Protocol):
    """Stands in front of `protocol` until TLS is there; a handshake that fails is the end."""

    def __init__(self, protocol: asyncio.Protocol, context: ssl.SSLContext) -> None:
        self._protocol, self._context = protocol, context
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        cast(asyncio.ReadTransport, transport).pause_reading()
        self._task = asyncio.get_running_loop().create_task(self._shake_hands(cast(asyncio.Transport, transport)))

    async def _shake_hands(self, transport: asyncio.Transport) -> None:
        loop, early = asyncio.get_running_loop(), Early()
        try:
            inside = await loop.start_tls(
                transport, early, self._context, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except (ssl.SSLError, OSError):
            inside = None
        if inside is None:  # it failed, or was cut off by us meanwhile
            transport.abort()
            self.connection_lost(None)
            return
        lost = self._protocol.connection_lost

        def connection_lost(exc: Exception | None) -> None:
            lost(exc)
            self.connection_lost(exc)

        self._protocol.connection_lost = connection_lost  # type: ignore[method-assign]
        inside.set_protocol(self._protocol)
        self._protocol.connection_made(inside)
        for tell in early.told:
            tell(self._protocol)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing: who listens for the end is told through this method."""
