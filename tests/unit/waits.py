"""Waiting for what other threads do: looked at again and again, and not for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def until(true: Callable[[], object], seconds: float = 20) -> None:
    """Wait until it is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def until_at_rest(seconds: float = 20) -> None:
    """Wait until nothing that was pressed in a view is still being done."""
    until(lambda: not any(thread.name == "mailcourse-press" for thread in threading.enumerate()), seconds)
