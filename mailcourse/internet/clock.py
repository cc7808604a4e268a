"""Lab time, and who may act now.

Standing still (the default), the clock is also the lab's turnstile:

    agenda   (due, number, job)      things to do, in order of time, then of asking
    turn     one job, or one action of a person, at a time

so the same actions always give the same events in the same order.  Before a person's action
begins, everything that is already due has been done.  `advance` moves time and does, in order,
all that falls due on the way.  A live clock follows wall time at `speed` and lets jobs overlap.

Knows times and jobs.  Does not know what the jobs do.  Protocol time-outs are real time, not here.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from .errors import LabError, NotSettled
from .runtime import Runtime

Job = Callable[[], Awaitable[None]]


class Clock:
    """The time of one lab.  `now` is thread-safe; the coroutines belong to the runtime's loop."""

    def __init__(self, start: datetime, runtime: Runtime, *, live: bool = False, speed: float = 1.0) -> None:
        self._time = start.astimezone(UTC)
        self._runtime = runtime
        self.live = live
        self._speed = speed
        self._began = time.monotonic()
        self._agenda: list[tuple[datetime, int, Job]] = []
        self._numbers = itertools.count()
        self._turn = asyncio.Lock()
        self._is_action = False  # the turn is a person's, not a job's
        self._running: set[asyncio.Task[None]] = set()
        self._worker: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._calm = asyncio.Event()
        self._closed = False
        self.on_fault: Callable[[BaseException], None] = lambda error: None
        self.on_move: Callable[..., object] = lambda to: None

    def now(self) -> datetime:
        """Return lab time, in UTC."""
        if not self.live:
            return self._time
        return self._time + timedelta(seconds=(time.monotonic() - self._began) * self._speed)

    def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> datetime:
        """Move lab time on and do, in order, everything that falls due; return the new time."""
        now = self.now()
        step = self._time_after(days=days, hours=hours, minutes=minutes, seconds=seconds) - now
        if step < timedelta(0):
            raise LabError("The clock only moves forward. Give a positive time, such as advance(minutes=30).")
        self._runtime.run(self.move(step))
        return self.now()

    def _time_after(self, **units: float) -> datetime:
        try:
            return self.now() + timedelta(**units)
        except (OverflowError, ValueError):
            raise LabError("The calendar of a lab ends with the year 9999. Give a shorter time.") from None

    # ---- on the loop -------------------------------------------------------------------------------

    def after(self, seconds: float, job: Job) -> None:
        """Put `job` on the agenda, `seconds` of lab time from now.  Loop thread only."""
        if self._closed:
            return
        if self.live and seconds <= 0:
            self._start(job)
            return
        heapq.heappush(self._agenda, (self._time_after(seconds=seconds), next(self._numbers), job))
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work())
        self._wake.set()

    def is_idle(self) -> bool:
        """True when nothing is due and nothing is being done."""
        return not self._due() and not self._running and not self._turn.locked()

    def next_due(self) -> datetime | None:
        """Return the time of the next thing on the agenda, or None when it is empty."""
        return self._agenda[0][0] if self._agenda else None

    async def move(self, step: timedelta) -> None:
        """Move time on by `step`, stopping at everything that falls due on the way."""
        target = self.now() + step
        await self.quiet()
        while self._agenda and self._agenda[0][0] <= target:
            self._set(max(self._agenda[0][0], self.now()))
            await self.quiet()
        self._set(max(target, self.now()))
        self.on_move(to=target)

    async def quiet(self, timeout: float = 300.0) -> None:
        """Wait until everything that is due has been done."""
        self._wake.set()
        try:
            async with asyncio.timeout(timeout):
                while not self.is_idle():
                    self._calm.clear()
                    await self._calm.wait()
        except TimeoutError:
            raise NotSettled(
                f"The lab was still busy after {timeout:g} s. Look at lab.trace for what is moving, "
                "or give settle() a longer timeout."
            ) from None

    async def take_turn(self) -> None:
        """Wait for everything due, then keep others waiting until `give_turn`."""
        if self.live:  # there, everybody acts when they act
            return
        await self.quiet()
        await self._turn.acquire()  # free, because all was quiet: this does not wait
        self._is_action = True

    def give_turn(self) -> None:
        """Let the others go on; does nothing when no action had the turn.  Loop thread only."""
        if self._is_action:
            self._is_action = False
            self._turn.release()
        self._done()

    async def close(self) -> None:
        """Forget the agenda and stop what is running."""
        self._closed = True
        self._agenda.clear()
        tasks = [*self._running, *([self._worker] if self._worker else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._calm.set()

    def _due(self) -> bool:
        return bool(self._agenda) and self._agenda[0][0] <= self.now()

    def _set(self, moment: datetime) -> None:
        self._time, self._began = moment, time.monotonic()

    def _done(self) -> None:
        self._wake.set()
        if self.is_idle():
            self._calm.set()

    async def _work(self) -> None:
        while True:
            while self._due():
                if self.live:
                    self._start(heapq.heappop(self._agenda)[2])
                else:
                    await self._do_next()
            self._wake.clear()
            await self._sleep()

    async def _do_next(self) -> None:
        """Standing clock: one job, when it is nobody else's turn."""
        async with self._turn:
            if self._due():
                await self._do(heapq.heappop(self._agenda)[2])
        self._done()

    def _start(self, job: Job) -> None:
        """Live clock: jobs run side by side."""
        task = asyncio.get_running_loop().create_task(self._do(job))
        self._running.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._done()

    async def _sleep(self) -> None:
        """Sleep until something is put on the agenda or, on a live clock, falls due."""
        seconds: float | None = None
        if self.live and self._agenda:
            seconds = max(0.0, (self._agenda[0][0] - self.now()).total_seconds() / self._speed)
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    async def _do(self, job: Job) -> None:
        try:
            await job()
        except Exception as error:  # one broken job must not stop the lab; the lab reports it
            self.on_fault(error)
