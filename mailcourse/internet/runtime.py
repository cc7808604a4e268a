"""The runtime: one daemon thread with one event loop, which serves every lab of the process.

    a cell, a widget, a test   →  runtime.run(coroutine)   →  the loop thread: servers, queues, clock
                               ←  its result or its error  ←

This is the only place that crosses threads.  The notebook's own loop is never touched, so a lab
works the same in a cell, in a script and under a test runner.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from math import inf
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, Generic, NoReturn, TypeVar

from .errors import LabError

T = TypeVar("T")

#: Threads for what must not hold up the loop: syncing files, checking passwords, reading mailboxes.
WORKERS = 8
#: Seconds that one who waits sleeps at most: the system may tell any thread of a signal, which wakes only that one.
NAP = 0.2


class Handover(Generic[T]):
    """One result or error, from the thread that works to the one that waits.

    A Future's lock is Python code: an interrupt in the middle of it leaves it held, and the other thread waits forever.
    """

    def __init__(self) -> None:
        self._outcome: SimpleQueue[Callable[[], T]] = SimpleQueue()

    def give(self, result: T) -> None:
        """Hand over a result; any thread."""
        self._outcome.put(lambda: result)

    def fail(self, error: BaseException) -> None:
        """Hand over what was raised instead."""
        self._outcome.put(partial(_raise, error))

    def take(self, timeout: float | None = None) -> T:
        """Wait for the result and return it, or raise the error; TimeoutError after so many seconds."""
        end = inf if timeout is None else monotonic() + timeout
        while (left := end - monotonic()) > 0:
            with suppress(Empty):
                outcome = self._outcome.get(timeout=min(left, NAP))
                break
        else:
            raise TimeoutError
        return outcome()


def _raise(error: BaseException) -> NoReturn:
    raise error


class Runtime:
    """A loop in a thread.  Most programs use the shared one: `runtime()`."""

    #: A thread of its own; the runtime of a web page has none (`browser/`).
    is_apart = True

    def __init__(self) -> None:
        self.process = os.getpid()
        self._begin()

    def _begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="mailcourse-file")
        self.loop.set_default_executor(self._workers)
        self._thread = threading.Thread(target=self._serve, name="mailcourse", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def is_here(self) -> bool:
        """True on the runtime's own thread."""
        return threading.get_ident() == self._thread.ident

    def run(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run `work` on the loop and wait for its result, from any thread but the loop's own."""
        if self.is_here():
            work.close()
            raise LabError(
                "A blocking call was made on the lab's own thread, where it could never end. "
                "Call it from a cell, or from a thread of your own."
            )
        handover, tasks = Handover[T](), list[asyncio.Task[None] | None]()

        async def act() -> None:
            tasks.append(asyncio.current_task())
            try:
                handover.give(await work)
            except BaseException as error:
                handover.fail(error)
            finally:
                tasks.clear()  # a task ends on its own thread: what ends with it cannot be interrupted there

        def give_up() -> None:
            for task in tasks:
                task and task.cancel()
            if not tasks:
                work.close()

        try:
            self.loop.call_soon_threadsafe(lambda: self.loop.create_task(act()))
            return handover.take(timeout)
        except BaseException:
            self.loop.call_soon_threadsafe(give_up)  # the cell was interrupted, or the time was up
            raise

    def call(self, act: Callable[[], T]) -> T:
        """Call `act` on the loop's thread and return its result."""
        if self.is_here():
            return act()

        async def work() -> T:
            return act()

        return self.run(work())


_shared: Runtime | None = None
_lock = threading.Lock()


def runtime() -> Runtime:
    """Return the runtime that all labs of this process share, starting it at first use."""
    global _shared
    with _lock:
        if _shared is None or _shared.process != os.getpid():  # a fork has no threads but its own
            _shared = Runtime()
        return _shared
