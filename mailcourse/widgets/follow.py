"""Looking when something happens: soon after it has rested, at most ten times a second, never twice for nothing.

    trace.add ─► happened ─(0.02 s)─► look ─(0.1 s of rest)─► look again, if more has happened

All looks are made on one thread, one after the other; whoever adds to a trace never waits for a look.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from mailcourse.internet.trace import Event, Trace

#: Seconds of rest after a look: what happens meanwhile is seen together.
PAUSE = 0.1
#: Seconds before a look: what one press causes comes in several events.
SHORT = 0.02
_one_at_a_time = ThreadPoolExecutor(1, thread_name_prefix="mailcourse-view")


def later(seconds: float, act: Callable[[], object]) -> None:
    """Act after some real time, unless the program has ended by then."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


class Follower:
    """Calls `look` after events of a trace; `heard` gets each event, on the thread where it happened."""

    def __init__(self, trace: Trace, look: Callable[[], None], heard: Callable[[Event], None] | None = None) -> None:
        self._look, self._heard, self.is_live = look, heard, True
        self._is_busy = self._is_wanted = False
        self._lock = threading.Lock()
        self._unsubscribe = trace.subscribe(self._happened)

    def _happened(self, event: Event) -> None:
        if self._heard is not None:
            self._heard(event)
        self.soon()

    def soon(self) -> None:
        """Look in a moment; asked a thousand times meanwhile, it looks once."""
        with self._lock:
            if not self.is_live or self._is_busy:
                self._is_wanted = True
                return
            self._is_busy = True
        later(SHORT, self._submit)

    def _submit(self) -> None:
        _one_at_a_time.submit(self._look_now)

    def _look_now(self) -> None:
        self._is_wanted = False  # what comes from here on may be missed by this look
        try:
            if self.is_live:
                self._look()
        finally:
            later(PAUSE, self._rested)

    def _rested(self) -> None:
        with self._lock:
            self._is_busy = self._is_wanted and self.is_live
        if self._is_busy:
            self._submit()

    def stop(self) -> None:
        """Follow no longer."""
        self.is_live = False
        self._unsubscribe()
