"""A wire: what stands between a connection and the server's protocol, and can listen, delay and cut.

    the socket, or a pipe in memory         `beneath`, a transport
          │  data_received  ▲  write
          ▼                 │
        Wire ── taps see every chunk as it enters; a lane holds it while the link is slow
          │  data_received  ▲  write
          ▼                 │
    SMTP, POP3, IMAP, or asyncio's TLS      `protocol`, changed by STARTTLS

Towards the transport it is a protocol, towards the protocol a transport.  TLS lies above it, so what
passes here is what an eavesdropper sees.  Each end that stops speaking gives one `close`; a
connection that breaks gives one `reset`.  With no tap and no delay, a chunk costs one more call.
Knows octets.  Does not know what they mean.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, cast

from .connection import Connection
from .lane import Gate, Lane
from .links import Links
from .pipe import feeder


class Wire(asyncio.Transport, asyncio.Protocol):
    """One connection, seen from the side that serves it; `dialling` puts it on the other side."""

    _start_tls_compatible = True  # asyncio's word for "start_tls may wrap me"

    def __init__(
        self,
        links: Links,
        connection: Connection,
        protocol: asyncio.BaseProtocol,
        gone: Callable[[], None] = lambda: None,
        *,
        dialling: bool = False,
    ) -> None:
        super().__init__()
        self.connection, self._links, self._gone = connection, links, gone
        self._far_is_client = not dialling  # the far end is the one beneath
        self._closing = self._lost = False
        self._ended: set[bool] = set()  # which ends have said their last: is it the client?
        self._beneath: asyncio.Transport
        self._reading = Gate(lambda: self._hold(True), lambda: self._hold(False))
        self._writing = Gate(lambda: self._protocol.pause_writing(), lambda: self._protocol.resume_writing())
        self._up = Lane(partial(self._reading.set, "lane"))
        self._down = Lane(partial(self._writing.set, "lane"))
        self.set_protocol(protocol)

    # ---- what taps see -----------------------------------------------------------------------------

    def _show(self, kind: str, from_client: bool, data: bytes = b"") -> None:
        if self._links.taps.listeners:
            self._links.taps.show(self.connection, kind, from_client, data)

    def _end(self, from_client: bool) -> None:
        if from_client not in self._ended:
            self._ended.add(from_client)
            self._show("close", from_client)

    def _break(self, from_client: bool) -> None:
        if len(self._ended) < 2:
            self._ended = {True, False}
            self._show("reset", from_client)

    def _lag(self) -> float:
        return self._links.lag(self.connection) if self._links.lags else 0.0

    # ---- a protocol, towards the transport beneath -----------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._beneath = cast(asyncio.Transport, transport)
        self._links.wires[self.connection.number] = self
        self.connection.close = self.abort
        self._show("open", True)
        self._protocol.connection_made(self)

    def data_received(self, data: bytes) -> None:
        """Pass on what the far end says, while somebody listens."""
        if self._closing:
            return
        if self._links.taps.listeners:
            self._show("data", self._far_is_client, data)
        if self._up.moving or self._links.lags:
            self._up.send(lambda: self._feed(data), self._lag(), len(data))
        else:
            self._feed(data)

    def eof_received(self) -> bool:
        """The far end says no more, and may still listen."""
        self._end(self._far_is_client)
        if self._closing:
            return bool(self._down.moving)  # our own last words are still on their way
        if self._up.moving or self._links.lags:
            self._up.send(self._pass_eof, self._lag())
            return True
        stays = bool(cast(asyncio.Protocol, self._protocol).eof_received())
        self._closing = self._closing or not stays
        return stays

    def _pass_eof(self) -> None:
        if not cast(asyncio.Protocol, self._protocol).eof_received():
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; what is still on its way up arrives first, unless nobody wants it."""
        self._lost = True
        if exc is not None:
            self._break(self._far_is_client)
        self._end(self._far_is_client)
        self._end(not self._far_is_client)
        self._down.clear()
        if self._closing or self._reading.reasons or not self._up.moving:
            self._finish(exc)
        else:
            self._up.send(partial(self._finish, exc), 0)

    def _finish(self, exc: Exception | None) -> None:
        if self._links.wires.pop(self.connection.number, None) is None:
            return
        self._closing, self.connection.is_open = True, False
        self._up.clear()
        try:
            self._protocol.connection_lost(exc)
        finally:
            self._gone()

    def pause_writing(self) -> None:
        """The far end reads too slowly."""
        self._writing.set("beneath", True)

    def resume_writing(self) -> None:
        """The far end has caught up."""
        self._writing.set("beneath", False)

    # ---- a transport, towards the protocol above -------------------------------------------------------

    def write(self, data: Any) -> None:
        """Send octets to the far end."""
        if self._closing or not data:
            return
        if self._links.taps.listeners:
            self._show("data", not self._far_is_client, bytes(data))
        if self._down.moving or self._links.lags:
            self._down.send(partial(self._beneath.write, bytes(data)), self._lag(), len(data))
        else:
            self._beneath.write(data)

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Send octets that come in pieces."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """True when half of the connection can be closed."""
        return self._beneath.can_write_eof()

    def write_eof(self) -> None:
        """Say no more, and still listen."""
        self._end(not self._far_is_client)
        self._then(self._beneath.write_eof)

    def close(self) -> None:
        """End the connection, after all that was written has been sent."""
        if not self._closing:
            self._closing = True
            self._end(not self._far_is_client)
            self._up.clear()  # nobody wants it any more
            self._then(self._beneath.close)
            if self._lost:  # its end was on the way up too
                asyncio.get_running_loop().call_soon(self._finish, None)

    def _then(self, act: Callable[[], None]) -> None:
        if self._down.moving or self._links.lags:
            self._down.send(act, self._lag())
        else:
            act()

    def abort(self) -> None:
        """Cut the connection now."""
        self._force_close(None)

    def _force_close(self, exc: Exception | None) -> None:  # asyncio's TLS calls it
        self._closing = True
        self._break(not self._far_is_client)
        self._up.clear()
        self._down.clear()
        if self._lost:
            self._finish(exc)
        else:
            self._beneath._force_close(exc)  # type: ignore[attr-defined]

    def is_closing(self) -> bool:
        """True once the connection is ending."""
        return self._closing or self._beneath.is_closing()

    def pause_reading(self) -> None:
        """Keep what arrives until `resume_reading`."""
        self._up.hold(True)
        self._reading.set("protocol", True)

    def resume_reading(self) -> None:
        """Hand over what has arrived."""
        self._up.hold(False)
        self._reading.set("protocol", False)

    def _hold(self, held: bool) -> None:
        if not self._lost:  # else only what is on its way is held
            self._beneath.pause_reading() if held else self._beneath.resume_reading()

    def is_reading(self) -> bool:
        """True unless paused."""
        return "protocol" not in self._reading.reasons

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection to another protocol; STARTTLS does."""
        self._protocol, self._feed = protocol, feeder(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol in charge."""
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport beneath knows."""
        return self._beneath.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        """Return the number of octets written and not yet sent."""
        return self._beneath.get_write_buffer_size() + sum(octets for _, octets, _ in self._down.moving)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the marks, low and high, of the transport beneath."""
        return self._beneath.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks of the transport beneath."""
        self._beneath.set_write_buffer_limits(high, low)
