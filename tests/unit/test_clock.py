"""The clock: standing still, moved, live; and whose turn it is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from mailcourse.internet.clock import Clock
from mailcourse.internet.errors import LabError, NotSettled
from mailcourse.internet.runtime import runtime

START = datetime(2026, 9, 7, 8, tzinfo=UTC)


@pytest.fixture
def clock() -> Clock:
    return Clock(START, runtime())


def later(clock: Clock, seconds: float, act: Callable[[], object]) -> None:
    async def job() -> None:
        act()

    runtime().call(lambda: clock.after(seconds, job))


def test_time_stands_still_until_it_is_moved(clock: Clock) -> None:
    assert clock.now() == START
    assert clock.advance(hours=1, minutes=30) == START + timedelta(minutes=90)
    assert clock.now() == START + timedelta(minutes=90)


def test_what_falls_due_is_done_in_order_and_at_its_time(clock: Clock) -> None:
    seen: list[tuple[str, datetime]] = []
    for name, seconds in (("c", 300), ("a", 60), ("b", 60), ("never", 9999)):
        later(clock, seconds, lambda n=name: seen.append((n, clock.now())))  # type: ignore[misc]
    clock.advance(minutes=10)
    assert seen == [
        ("a", START + timedelta(seconds=60)),
        ("b", START + timedelta(seconds=60)),
        ("c", START + timedelta(seconds=300)),
    ]


def test_a_job_may_ask_for_another(clock: Clock) -> None:
    seen: list[datetime] = []

    async def again() -> None:
        seen.append(clock.now())
        clock.after(60, again)

    runtime().call(lambda: clock.after(60, again))
    clock.advance(minutes=5)
    assert len(seen) == 5


def test_jobs_run_one_at_a_time_and_wait_for_an_action(clock: Clock) -> None:
    seen: list[str] = []

    async def slow(name: str) -> None:
        seen.append(f"{name} begins")
        await asyncio.sleep(0)
        seen.append(f"{name} ends")

    runtime().run(clock.take_turn())
    for name in "ab":
        runtime().call(lambda n=name: clock.after(0, lambda: slow(n)))  # type: ignore[misc]
    assert seen == []
    runtime().call(clock.give_turn)
    runtime().run(clock.quiet())
    assert seen == ["a begins", "a ends", "b begins", "b ends"]


def test_a_broken_job_is_reported_and_the_next_one_runs(clock: Clock) -> None:
    faults: list[BaseException] = []
    clock.on_fault = faults.append
    later(clock, 0, lambda: 1 / 0)
    seen: list[int] = []
    later(clock, 0, lambda: seen.append(1))
    runtime().run(clock.quiet())
    assert [type(fault) for fault in faults] == [ZeroDivisionError]
    assert seen == [1]


def test_waiting_for_what_never_ends_is_given_up(clock: Clock) -> None:
    gate = asyncio.Event()

    async def stuck() -> None:
        await gate.wait()

    runtime().call(lambda: clock.after(0, stuck))
    with pytest.raises(NotSettled, match=r"busy after 0\.05 s"):
        runtime().run(clock.quiet(0.05))
    runtime().call(gate.set)
    runtime().run(clock.quiet())


def test_a_live_clock_runs_and_lets_jobs_overlap() -> None:
    clock = Clock(START, runtime(), live=True, speed=3600)
    meeting: list[str] = []
    both = asyncio.Barrier(2)

    async def wait(name: str) -> None:
        await both.wait()
        meeting.append(name)

    def ask(job: Callable[[], Awaitable[None]]) -> None:
        runtime().call(lambda: clock.after(60, job))

    ask(lambda: wait("a"))
    ask(lambda: wait("b"))
    done = threading.Event()
    later(clock, 120, done.set)
    assert done.wait(10)
    runtime().run(clock.quiet(10))
    assert sorted(meeting) == ["a", "b"]
    assert clock.now() > START + timedelta(seconds=120)
    runtime().run(clock.close())


def test_time_never_goes_back(clock: Clock) -> None:
    with pytest.raises(LabError, match="forward"):
        clock.advance(seconds=-1)


def test_a_blocking_call_on_the_labs_own_thread_is_refused() -> None:
    async def wrong() -> None:
        runtime().run(asyncio.sleep(0))

    with pytest.raises(LabError, match="own thread"):
        runtime().run(wrong())
