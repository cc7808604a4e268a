"""A student's function is called here, and whatever it does, the notebook goes on.

    it returns            Answered(value)
    it never ends         after some seconds it is interrupted, again and again until it lets go
    it raises, or exits   Failed("your function stopped with ZeroDivisionError … in line 3: 1 / 0")
    it prints a lot       the first 300 characters are kept
    it leaves threads     they are counted

Runs in the notebook's kernel, on its main thread, where a loop can be interrupted.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import linecache
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FrameType, FunctionType
from typing import Any

from mailcourse.checks.remote_names import Endpoints, dialling
from mailcourse.internet.runtime import runtime

KEPT = 300
#: seconds between two interruptions of a function that catches everything
AGAIN = 0.05
NOT_WRITTEN = "Your function is not written yet: it does nothing, and returns nothing (None)."


@dataclass(frozen=True)
class Called:
    """What came of a call: `value`, or why there is none in `failed`."""

    value: Any = None
    failed: str = ""
    late: bool = False
    notes: tuple[str, ...] = ()


class TimeIsUp(BaseException):
    """Raised inside a function that does not end; no `except Exception` catches it."""


class _Printed(io.StringIO):
    """Keeps the beginning of what is printed, and counts the rest."""

    count = 0

    def write(self, text: str) -> int:
        self.count += len(text)
        return super().write(text[: max(0, KEPT - self.tell())])


def within(seconds: float) -> contextlib.AbstractContextManager[None]:
    """Raise `TimeIsUp` inside the block when it takes longer; only on the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return contextlib.nullcontext()
    # Without a thread to ring, each line looks at the clock.
    return _Bell(seconds) if runtime().is_apart else _watched(seconds)


class _Bell:
    """Interrupts the main thread after `seconds`, and again until the block is left.

    What it raises comes out of the block, and never out of its own entering and leaving: there it would leave
    a bell that rings on in whatever comes next.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._rings = seconds, itertools.count()
        self._rang = self._stop_was_pressed = False
        self._over = threading.Event()
        self._ringing = threading.Thread(target=self._ring, daemon=True)

    def __enter__(self) -> None:
        self._before, self._traced = signal.signal(signal.SIGINT, self._wake), sys.gettrace()
        self._ringing.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._ringing.join()
        sys.settrace(self._traced)
        signal.signal(signal.SIGINT, self._before)
        if self._stop_was_pressed:
            raise KeyboardInterrupt

    def _ring(self) -> None:
        if self._over.wait(self._seconds):
            return
        self._rang = True
        while True:
            _interrupt()
            if self._over.wait(AGAIN):
                return

    def _wake(self, number: int, frame: FrameType | None) -> None:
        if self._is_outside(frame):
            self._stop_was_pressed |= not self._rang  # by the student; to be told at the end
        elif not self._rang:
            raise KeyboardInterrupt
        elif next(self._rings) % 2:  # every second time in between two lines, where no `try` catches it
            _stop_at_next_line(frame)
        else:
            raise TimeIsUp

    def _is_outside(self, frame: FrameType | None) -> bool:
        """Say whether the block has not begun, or has ended: what was interrupted enters or leaves it."""
        own = (_Bell.__enter__.__code__, _Bell.__exit__.__code__)
        while frame is not None:
            if frame.f_code in own and frame.f_locals["self"] is self:
                return True
            frame = frame.f_back
        return False


def _interrupt() -> None:
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, signal.SIGINT)  # also ends a wait for the network
    else:
        signal.raise_signal(signal.SIGINT)


@contextlib.contextmanager
def _watched(seconds: float) -> Iterator[None]:
    now = runtime().loop.time
    until = now() + seconds

    def at_line(frame: FrameType, event: str, argument: Any) -> Any:
        if now() > until:
            raise TimeIsUp
        return at_line

    traced = sys.gettrace()
    sys.settrace(at_line)
    try:
        yield
    finally:
        sys.settrace(traced)


def _stop_at_next_line(frame: FrameType | None) -> None:
    """Raise `TimeIsUp` before the next line of whatever runs: also before a `while` around a `try`."""

    def at_line(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            raise TimeIsUp
        return at_line

    while frame is not None and frame.f_code.co_filename != __file__:
        frame.f_trace = at_line
        frame = frame.f_back
    sys.settrace(lambda *_: None)


def is_stub(answer: object) -> bool:
    """Say whether a function is still as it was given out: nothing but `...` in it."""
    if not isinstance(answer, FunctionType):
        return False
    code, nothing = answer.__code__, {None, answer.__doc__}
    return code.co_code in EMPTY and set(code.co_consts) <= nothing


def _stub() -> None: ...


def _told() -> None:
    """Nothing but a text that tells what it is for."""


EMPTY = (_stub.__code__.co_code, _told.__code__.co_code)


def call(function: Callable[..., Any], arguments: Sequence[Any], seconds: float, online: Endpoints) -> Called:
    """Call a function with bounds, and with the names of a lab; nothing that it does gets out of here but Stop."""
    printed, threads, value, failed, late = _Printed(), threading.active_count(), None, "", False
    try:
        with (
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
            within(seconds),
            dialling(online),
        ):
            value = function(*arguments)
    except TimeIsUp:
        late = True
        failed = f"Your function did not end within {seconds:g} seconds. Is there a loop, or a wait, without an end?"
    except KeyboardInterrupt:
        raise
    except SystemExit:
        failed = "Your function called exit(). Use return to give its result back."
    except NotImplementedError:
        failed = "Your function is not written yet: it raises NotImplementedError."
    except BaseException as error:
        failed = _why(error)
    return Called(value, failed, late, tuple(_notes(printed, threading.active_count() - threads)))


def _why(error: BaseException) -> str:
    """Say what stopped a function, and in which line of it."""
    stack = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    own = [frame for frame in stack if "site-packages" not in frame.filename and "/lib/python" not in frame.filename]
    where = ""
    if own:
        line = linecache.getline(own[-1].filename, own[-1].lineno or 0).strip()
        where = f", in line {own[-1].lineno}" + (f": {line}" if line else "")
    return f"Your function stopped with {type(error).__name__}: {str(error)[:200]}{where}"


def _notes(printed: _Printed, threads: int) -> Iterator[str]:
    if 0 < printed.count <= KEPT:
        lines = [line.strip() for line in printed.getvalue().splitlines() if line.strip()]
        yield f"Your function printed: {' / '.join(lines[:3])}{' / …' if len(lines) > 3 else ''}"
    if printed.count > KEPT:
        yield "Your function printed a lot. That is not looked at: what counts is what it returns."
    if threads > 0:
        yield f"Your function left {threads} {'thread' if threads == 1 else 'threads'} running."
