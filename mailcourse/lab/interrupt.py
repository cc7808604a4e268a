"""What an interrupt ends: a cell's waiting, and never a step halfway.

    cell     send(…) ── waits ─────── Ctrl-C ──► KeyboardInterrupt, at once
    aside         its work, with all its `finally` ── its connections are cut ──► ends by itself, and is forgotten

Python raises KeyboardInterrupt between any two steps of the main thread, within an `__exit__` too: a turn would never
be given back, and smtplib's QUIT would read the reply to DATA and call it a refusal.  No other thread is interrupted,
so what a cell asks for is done on a thread of its own.
"""

from __future__ import annotations

import contextvars
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial, wraps
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

from mailcourse.internet.runtime import Handover, runtime

T = TypeVar("T")
Given = ParamSpec("Given")

_here = threading.local()  # .errand: what is being done on this thread


class Errand:
    """Something that is done aside; nobody wants it any more when the cell that waited was interrupted."""

    def __init__(self) -> None:
        self._is_wanted = True
        self._connections: list[socket.socket] = []

    def watch(self, connection: socket.socket) -> None:
        """Remember a connection, to be cut when nobody wants the work any more."""
        self._connections.append(connection.dup())  # the caller may wrap its own into TLS, or close it
        if not self._is_wanted:
            self.give_up()

    def give_up(self) -> None:
        """Cut the connections: whatever waits for an answer ends."""
        self._is_wanted = False
        for connection in [*self._connections]:
            with suppress(OSError):  # it has ended by itself
                connection.shutdown(socket.SHUT_RDWR)

    def do(self, act: Callable[[], T], handover: Handover[T]) -> None:
        """Act, on this thread."""
        _here.errand = self
        try:
            result = act()
        except BaseException as error:
            self._hang_up()
            handover.fail(error)
        else:
            self._hang_up()
            handover.give(result)

    def _hang_up(self) -> None:
        for connection in self._connections:
            connection.close()


def watch(connection: socket.socket) -> socket.socket:
    """Have a connection cut when the cell is interrupted that the work on this thread is done for; return it."""
    errand: Errand | None = getattr(_here, "errand", None)
    if errand is not None:
        errand.watch(connection)
    return connection


def uninterrupted(method: Callable[Given, T]) -> Callable[Given, T]:
    """Return a function that does what `method` does aside, and waits; an interrupt ends the waiting."""

    @wraps(method)
    def act(*arguments: Given.args, **named: Given.kwargs) -> T:
        return aside(partial(method, *arguments, **named))

    return act


def aside(act: Callable[[], T]) -> T:
    """Do something on a thread of its own and return its result; on threads that nobody interrupts, at once."""
    if threading.current_thread() is not threading.main_thread() or not runtime().is_apart:
        return act()
    errand, handover = Errand(), Handover[T]()
    try:
        _hand_over(partial(contextvars.copy_context().run, errand.do, act, handover))
        return handover.take()
    except BaseException:
        errand.give_up()
        raise


#: What each thread that has nothing to do waits for; none after a fork.
idle: list[SimpleQueue[Callable[[], object]]] = []


def _hand_over(run: Callable[[], object]) -> None:
    """Have a thread run something: one that waits, or a new one."""
    try:
        orders = idle.pop()
    except IndexError:
        orders = SimpleQueue()
        thread = threading.Thread(target=_serve, args=(orders,), name="mailcourse-aside", daemon=True)
        runtime().loop.call_soon_threadsafe(thread.start)  # `start` waits, and an interrupt breaks its lock
    orders.put(run)


def _serve(orders: SimpleQueue[Callable[[], object]]) -> None:
    while True:
        orders.get()()
        idle.append(orders)
