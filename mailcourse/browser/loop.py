"""The loop of the labs, on top of the page's: asyncio's own, driven in turns instead of waiting in `select`.

    call_soon, call_at ──► this loop's lists ──► `turn`: by whoever waits (threads.py), or else in a turn of the page

Connections in memory need no selector, and a turn of the page costs more than a hundred callbacks.
"""

from __future__ import annotations

import asyncio
import contextvars
from asyncio import base_events
from collections.abc import Callable
from typing import Any

from mailcourse.internet.runtime import Runtime

from . import threads
from .ends import LOOPBACK
from .sockets import PageSocket
from .threads import begin_job, page_loop, running_as
from .transport import PortServer, received, serve, when_readable

#: Seconds that a turn of the page may take before other things are looked after.
TURN_SECONDS = 0.02


class _Nothing:
    """A selector in which nothing is ever registered."""

    def select(self, timeout: float | None = None) -> list[Any]:
        return []


class TurnLoop(base_events.BaseEventLoop):
    """A loop that is driven in turns."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Nothing()
        self._next: asyncio.Handle | None = None
        self._due = float("inf")
        self._thread_id = self.ident = next(threads._numbers)
        self._is_turning = False

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """Run something in the next turn."""
        handle = super().call_soon(callback, *args, context=context)
        self._plan()
        return handle

    call_soon_threadsafe = call_soon

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Run something at a time."""
        handle = super().call_at(when, callback, *args, context=context)
        self._plan()
        return handle

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Have a job done, by whoever waits."""
        future = self.create_future()

        def act() -> None:
            try:
                result = func(*args)
            except BaseException as error:
                self.call_soon(_fail, future, error)
            else:
                self.call_soon(_give, future, result)

        begin_job(act)
        return future

    async def connect_accepted_socket(self, protocol_factory: Any, sock: Any, **_: Any) -> Any:
        """Serve one end of a pair in memory."""
        return serve(self, protocol_factory(), sock.end(), sock.close)

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = 0, **how: Any) -> Any:
        """Serve a port of this page."""
        sock = how.get("sock")
        if sock is None:
            sock = PageSocket()
            sock.bind((host or LOOPBACK, port))
        return PortServer(self, protocol_factory, sock)

    async def create_datagram_endpoint(self, protocol_factory: Any, *_: Any, sock: Any = None, **__: Any) -> Any:
        """Keep the number; no program of a page asks by datagrams from outside."""
        return _NoDatagrams(), protocol_factory()

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        """Connect to a port of this page."""
        connecting = PageSocket()
        connecting.connect((host, port))
        return serve(self, protocol_factory(), connecting.end(), connecting.close)

    def add_reader(self, fd: Any, callback: Callable[..., Any], *args: Any) -> None:
        """Call back once, as soon as a socket can be read."""
        when_readable(fd.end(), lambda: self.call_soon(begin_job, lambda: callback(*args)))

    async def sock_recv(self, sock: Any, n: int) -> bytes:
        """Wait for what a socket receives."""
        return await received(self, sock.end(), n)

    async def sock_sendall(self, sock: Any, data: Any) -> None:
        """Send."""
        sock.sendall(data)

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def due_in(self) -> float:
        """Return the seconds until something is due."""
        if self._is_turning:
            return float("inf")
        if self._ready:
            return 0.0
        return max(0.0, self._scheduled[0].when() - self.time()) if self._scheduled else float("inf")

    def turn(self) -> bool:
        """Do what is due, once; False when nothing is."""
        if self.due_in() > 0:
            return False
        self._is_turning = True
        try:
            with running_as(self.ident, self):
                self._run_once()
        finally:
            self._is_turning = False
        return True

    def _plan(self) -> None:
        """Ask the page for a turn, unless one comes early enough."""
        if self._ready:
            due = 0.0
        elif self._scheduled:
            due = self._scheduled[0].when()
        else:
            return
        if self._next is not None and self._due <= due:
            return
        if self._next is not None:
            self._next.cancel()
        page, self._due = page_loop(), due
        self._next = page.call_later(max(0.0, due - self.time()), self._turns) if due else page.call_soon(self._turns)

    def _turns(self) -> None:
        self._next, self._due = None, float("inf")
        until = self.time() + TURN_SECONDS
        while self.turn() and self.time() < until:
            pass
        self._plan()


class _NoDatagrams(asyncio.DatagramTransport):
    def close(self) -> None:
        pass


def _give(future: asyncio.Future[Any], result: Any) -> None:
    if not future.cancelled():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.cancelled():
        future.set_exception(error)


class PageRuntime(Runtime):
    """The runtime without a thread of its own: its loop is driven by whoever waits for it."""

    is_apart = False

    def _begin(self) -> None:
        self.loop = TurnLoop()
        threads.loops.append(self.loop)

    def is_here(self) -> bool:
        """True in a callback of the loop."""
        return threads.get_ident() == self.loop.ident
