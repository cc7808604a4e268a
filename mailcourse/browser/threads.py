"""Threads where the machine has none: whoever waits does meanwhile what others have to do.

    wait_until(is_so) ──► work(): turns of the labs' loops, jobs, threads ──► is it so? ──► … ──► time passes
    Thread.start      ──► a job: done by whoever waits next, or in the page's next turn

A web page runs Python on one thread.  The labs never block, jobs are short and threads come to an end, so each is done
whole, on the stack of whoever waits.  A thread that waits for what only a later cell does is told so by an error.
(JavaScript can keep a stack for later, but not every browser can, and several kept ones ended in a broken memory.)
`threading` is given new parts; what is made of them, `queue` and `concurrent.futures` too, works as it is.
"""

from __future__ import annotations

import _thread
import _threading_local
import asyncio
import concurrent.futures
import itertools
import queue
import sys
import threading
import time
from asyncio import events, tasks
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

MAIN = _thread.get_ident()
_block = time.sleep
_numbers = itertools.count(MAIN + 1)
_current = MAIN
_page: asyncio.AbstractEventLoop | None = None
_jobs: deque[Callable[[], object]] = deque()


class Worker(Protocol):
    """A loop that can be driven from here."""

    def turn(self) -> bool:
        """Do what is due; False when nothing is."""

    def due_in(self) -> float:
        """Return the seconds until something is due."""


#: The labs' loops.
loops: list[Worker] = []


def get_ident() -> int:
    """Return the number of the thread that runs."""
    return _current


@contextmanager
def running_as(ident: int, loop: asyncio.AbstractEventLoop | None = None) -> Iterator[None]:
    """Say who runs meanwhile, and on which loop: the page's unless told."""
    global _current
    before, _current = _current, ident
    outer, inner = events._get_running_loop(), loop or page_loop()
    task = tasks._swap_current_task(outer, None) if outer is not None else None
    events._set_running_loop(inner)
    try:
        yield
    finally:
        _current = before
        events._set_running_loop(outer)
        if outer is not None:
            tasks._swap_current_task(outer, task)


def page_loop() -> asyncio.AbstractEventLoop:
    """Return the loop of the page, which never blocks: its turns are JavaScript's."""
    global _page
    if _page is None:
        from pyodide.webloop import WebLoop

        found = asyncio.get_event_loop()
        if not isinstance(found, WebLoop):
            raise ImportError("The page's own loop is not there. Import mailcourse in a cell, not in a task of yours.")
        _page = found
    return _page


def work() -> bool:
    """Do a part of what others have to do; False when there is nothing."""
    if _jobs:
        _jobs.popleft()()
        return True
    turned = [loop.turn() for loop in loops]
    return any(turned)


def wait_until(is_so: Callable[[], bool], seconds: float | None = None) -> bool:
    """Work until something is so; False when the time was up first."""
    until = None if seconds is None else time.monotonic() + seconds
    while not is_so():
        left = float("inf") if until is None else until - time.monotonic()
        if left <= 0:
            return False
        if not work():
            due = min([left, *(loop.due_in() for loop in loops)])
            if due == float("inf"):
                raise RuntimeError("Nothing that runs here can end this wait.")
            _block(max(0.0, due))
    return True


def begin_job(job: Callable[[], object]) -> None:
    """Have a short piece of work done: by whoever waits next, or in the page's next turn."""
    number = next(_numbers)

    def run() -> None:
        with running_as(number):
            job()

    _jobs.append(run)
    page_loop().call_soon(_do_jobs)


def _do_jobs() -> None:
    while _jobs:
        _jobs.popleft()()


class Lock:
    """`threading.Lock`."""

    def __init__(self) -> None:
        self._is_held = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it; wait for it, unless told otherwise."""
        if self._is_held and not (blocking and wait_until(self._is_free, None if timeout < 0 else timeout)):
            return False
        self._is_held = True
        return True

    def _is_free(self) -> bool:
        return not self._is_held

    def release(self) -> None:
        """Give it back."""
        if not self._is_held:
            raise RuntimeError("release unlocked lock")
        self._is_held = False

    def locked(self) -> bool:
        """True while somebody has it."""
        return self._is_held

    def _at_fork_reinit(self) -> None:
        self._is_held = False

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class _Handle:
    """What `threading` asks of a thread of the system."""

    def __init__(self) -> None:
        self.ident = next(_numbers)
        self._is_done = False

    def is_done(self) -> bool:
        return self._is_done

    def _set_done(self) -> None:
        self._is_done = True

    def join(self, timeout: float | None = None) -> None:
        wait_until(self.is_done, timeout)


def _start(thread: threading.Thread) -> None:
    """`Thread.start`."""
    if thread._started.is_set():
        raise RuntimeError("threads can only be started once")
    handle = thread._os_thread_handle
    thread._ident = thread._native_id = handle.ident
    thread._started.set()

    def run() -> None:
        with running_as(handle.ident):
            threading._active[handle.ident] = thread
            try:
                thread.run()
            except BaseException:
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), thread)))
            finally:
                del threading._active[handle.ident]
                handle._set_done()

    _jobs.append(run)
    page_loop().call_soon(_do_jobs)


def _start_timer(timer: threading.Timer) -> None:
    """`Timer.start`: a timer of the page, and no thread that waits."""

    def run() -> None:
        if not timer.finished.is_set():
            with running_as(next(_numbers)):
                timer.function(*timer.args, **timer.kwargs)
            timer.finished.set()

    timer._started.set()
    page_loop().call_later(max(0.0, timer.interval), run)


def _submit(self: Any, fn: Callable[..., Any], /, *given: Any, **named: Any) -> concurrent.futures.Future[Any]:
    """`ThreadPoolExecutor.submit`: there is no pool."""
    future: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def act() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = fn(*given, **named)
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    begin_job(act)
    return future


def sleep(seconds: float) -> None:
    """`time.sleep`: others go on meanwhile."""
    wait_until(lambda: False, seconds)


def install() -> None:
    """Give Python these threads; its own cannot be started here."""
    page_loop()
    parts: dict[str, Any] = {
        "get_ident": get_ident,
        "get_native_id": get_ident,
        "Lock": Lock,
        "_allocate_lock": Lock,
        "RLock": threading._PyRLock,
        "_CRLock": None,
        "local": _threading_local.local,
        "_ThreadHandle": _Handle,
    }
    for name, part in parts.items():
        setattr(threading, name, part)
    threading.Thread.start = _start
    threading.Timer.start = _start_timer
    concurrent.futures.ThreadPoolExecutor.submit = _submit
    queue.SimpleQueue = queue._PySimpleQueue
    time.sleep = sleep
