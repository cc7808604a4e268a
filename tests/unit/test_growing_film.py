"""A film that grows while its message travels: the page stays at its step, and no other film gives way to it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest
from waits import until

from mailcourse import Lab
from mailcourse.internet.trace import Event, Trace
from mailcourse.lab.sent import PlainSent
from mailcourse.scene.places import ground_of
from mailcourse.widgets import follow
from mailcourse.widgets.journey import JourneyView
from mailcourse.widgets.stage import Stage

ALICE, BRUNO, HOME = "alice@academy.test", "bruno@bakery.test", "mail.bakery.test"


class Asked:
    """A trace of which each journey that is asked for is told to somebody first: by its number, from 0."""

    def __init__(self, trace: Trace, tell: Callable[[int], object]) -> None:
        self._trace, self._tell, self._numbers = trace, tell, itertools.count()
        self.subscribe = trace.subscribe

    def journey(self, message: str) -> list[Event]:
        """Return the events of a message as they were when it was asked."""
        events = self._trace.journey(message)
        self._tell(next(self._numbers))
        return events


@pytest.fixture
def waiting(lab: Lab) -> PlainSent:
    """A message that waits, since the reader's server is off."""
    lab.host(HOME).down()
    sent = lab.person(ALICE).send(BRUNO, "Bread", "?")
    lab.settle()
    return sent


@pytest.fixture
def view(lab: Lab) -> JourneyView:
    return JourneyView(ground=ground_of(lab.scenario), stage=Stage(ground_of(lab.scenario)))


def deliver(lab: Lab) -> None:
    lab.host(HOME).up()
    lab.clock.advance(hours=1)
    lab.settle()


def has_arrived(view: JourneyView) -> bool:
    return bool(view.steps) and "into the mailbox" in view.steps[-1].title


def test_a_film_that_grows_leaves_the_page_at_its_step(
    lab: Lab, waiting: PlainSent, view: JourneyView, monkeypatch: pytest.MonkeyPatch
) -> None:
    view.follow(lab.trace, waiting.message)
    sent: list[str] = []
    monkeypatch.setattr(view.stage, "send_state", lambda key=None: sent.extend([key] if isinstance(key, str) else key))
    deliver(lab)
    until(lambda: has_arrived(view) and "frames" in sent)
    assert "step" not in sent, "the page may be further than the kernel has heard"


def test_a_film_that_grows_stays_away_when_another_is_shown(lab: Lab, waiting: PlainSent, view: JourneyView) -> None:
    has_asked, may_come = threading.Event(), threading.Event()

    def hold(number: int) -> None:
        if number == 1:  # the film grows
            has_asked.set()
            assert may_come.wait(30)

    trace: Any = Asked(lab.trace, hold)
    view.follow(trace, waiting.message)
    deliver(lab)
    other = lab.person(ALICE).send("amir@academy.test", "Rolls", "?")
    lab.settle()
    assert has_asked.wait(30)
    shows = threading.Thread(target=lambda: view.load(lab.trace.journey(other.message)))
    shows.start()
    shows.join(1)  # it may wait for its turn, or show at once: the end is the same
    may_come.set()
    shows.join(30)
    follow._one_at_a_time.submit(int).result(30)  # whatever was still looking has looked
    assert "mailbox of amir" in view.steps[-1].title
    assert not any("bakery" in frame["title"] for frame in view.stage.frames)


def test_two_views_of_one_stage_do_not_talk_over_each_other(lab: Lab, waiting: PlainSent, view: JourneyView) -> None:
    view.follow(lab.trace, waiting.message)
    other = JourneyView(ground=ground_of(lab.scenario), stage=view.stage)
    sent = lab.person(ALICE).send("amir@academy.test", "Rolls", "?")
    lab.settle()
    other.load(lab.trace.journey(sent.message))
    shown = list(view.stage.frames)
    deliver(lab)
    until(lambda: not view._follower or not view._follower.is_live)
    assert view.stage.frames == shown


def test_what_happens_while_a_journey_is_read_is_shown_too(lab: Lab, waiting: PlainSent, view: JourneyView) -> None:
    trace: Any = Asked(lab.trace, lambda number: deliver(lab) if number == 0 else None)
    view.follow(trace, waiting.message)
    until(lambda: has_arrived(view))
