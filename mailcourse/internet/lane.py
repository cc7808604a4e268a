"""A slow link, one direction of it: what enters first arrives first, each after its delay.

Who uses it: `wire.py`.  Knows times and how many octets wait.  Does not know the octets.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

#: Octets that a slow link holds in each direction; then the sender waits.
MAX_MOVING = 2**18


class Lane:
    """One direction of a slow link: what enters first arrives first, each after its delay."""

    def __init__(self, on_full: Callable[[bool], None]) -> None:
        self.moving: deque[tuple[float, int, Callable[[], None]]] = deque()  # due, octets, what to do then
        self._on_full, self._octets, self._held = on_full, 0, False
        self._timer: asyncio.TimerHandle | None = None

    def send(self, act: Callable[[], None], seconds: float, octets: int = 0) -> None:
        """Do `act` after `seconds`, and after all that entered before."""
        due = asyncio.get_running_loop().time() + seconds
        self.moving.append((max(due, self.moving[-1][0]) if self.moving else due, octets, act))
        self._octets += octets
        if self._octets > MAX_MOVING:
            self._on_full(True)
        self._arm()

    def hold(self, held: bool) -> None:
        """Let nothing arrive, or go on."""
        self._held = held
        self._arm()

    def clear(self) -> None:
        """Forget what is on its way."""
        self.moving.clear()
        self._octets = 0

    def _arm(self) -> None:
        if self._timer is None and self.moving and not self._held:
            self._timer = asyncio.get_running_loop().call_at(self.moving[0][0], self._arrive)

    def _arrive(self) -> None:
        self._timer, now = None, asyncio.get_running_loop().time()
        try:
            while self.moving and not self._held and self.moving[0][0] <= now:
                _, octets, act = self.moving.popleft()
                self._octets -= octets
                act()
        finally:
            self._arm()
        if self._octets <= MAX_MOVING // 2:
            self._on_full(False)


class Gate:
    """Shut while anybody has a reason to keep it shut; tells only when that changes."""

    def __init__(self, on_shut: Callable[[], None], on_open: Callable[[], None]) -> None:
        self.reasons: set[str] = set()
        self._on_shut, self._on_open = on_shut, on_open

    def set(self, reason: str, shut: bool) -> None:
        """Add the reason, or take it away."""
        before = bool(self.reasons)
        (self.reasons.add if shut else self.reasons.discard)(reason)
        if bool(self.reasons) != before:
            (self._on_open if before else self._on_shut)()
