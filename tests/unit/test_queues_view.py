"""Queues and the clock on the screen: what waits, what happened to it, and time that passes by a button."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from waits import until

from mailcourse import Lab
from mailcourse.internet.errors import LabError
from mailcourse.widgets.queues import QueuesView, history, timeline, waiting

ALICE, BRUNO, HOME = "alice@academy.test", "bruno@bakery.test", "mail.bakery.test"


@pytest.fixture
def stuck(lab: Lab) -> Lab:
    """One message waits on mx1, because the server inside is off."""
    lab.host(HOME).down()
    lab.person(ALICE).send(BRUNO, "hi", "x")
    lab.settle()
    return lab


def press(view: QueuesView, word: str) -> None:
    button = {**view.steps, **view.acts}[word]
    button.click()
    until(lambda: not button.disabled)


def test_a_message_that_waits_has_a_line_a_reason_and_a_next_attempt(stuck: Lab) -> None:
    (item,) = waiting(stuck)
    assert re.match(r"mx1.bakery.test: \w+ alice@academy.test → bruno@bakery.test \(next Mon 08:", item.line)
    told = history(stuck, item)
    assert told[0][1] == "accepted"
    assert [what for _, what, _ in told][-2:] == ["deferred", "next"]
    assert "▲" in timeline(told, stuck.clock.now())
    assert timeline([], stuck.clock.now()) == ""


def test_each_message_that_waits_has_a_lane_and_its_pauses_grow(stuck: Lab) -> None:
    stuck.person(ALICE).send(BRUNO, "another", "x")
    stuck.settle()
    view = stuck.queues()
    assert view.line.value.count("mc-timeline") == 2
    stuck.clock.advance(hours=3)
    until(lambda: "08:00" in view.line.value and view.line.value.count("▲") > 4)
    assert re.search(r'class="span"[^>]*>\d+ (min|h)', view.line.value)


def test_the_picture_of_the_queues_has_a_lane_for_each_message_and_its_own_colours(stuck: Lab) -> None:
    stuck.person(ALICE).send(BRUNO, "again", "x")
    stuck.settle()
    view = stuck.queues()
    drawn = view.svg()
    assert drawn.count('class="lane"') == 2
    assert drawn.count("bruno@bakery.test (next Mon 08:") == 2
    assert "var(" not in drawn, "no style sheet of a page is there"
    assert "2 waiting" in drawn


def test_what_was_said_is_never_markup() -> None:
    now = datetime(2026, 9, 7, 8, tzinfo=UTC)
    drawn = timeline([(now, "deferred", '<script>"x"</script>')], now + timedelta(hours=1))
    assert "<script>" not in drawn


def test_time_passes_by_a_button_and_the_message_arrives(stuck: Lab) -> None:
    view = stuck.queues()
    assert "1 waiting" in view.time.value
    before = stuck.clock.now()
    press(view, "Next event")
    assert stuck.clock.now() > before
    stuck.host(HOME).up()
    press(view, "+1 day")
    until(lambda: "0 waiting" in view.time.value)
    assert stuck.clock.now() >= before + timedelta(days=1)
    assert len(stuck.person(BRUNO).inbox()) == 1
    assert "Nothing waits" in view.story.value


def test_a_day_can_be_stopped(stuck: Lab) -> None:
    view, before = stuck.queues(), stuck.clock.now()
    view._cancelled.set()
    original = view._cancelled.clear
    view._cancelled.clear = lambda: None  # type: ignore[method-assign]  # as if Stop were pressed at once
    view.advance(timedelta(days=1))
    assert stuck.clock.now() == before
    view._cancelled.clear = original  # type: ignore[method-assign]


def test_hold_release_flush_and_delete(stuck: Lab) -> None:
    view = stuck.queues()
    press(view, "Hold")
    until(lambda: "held" in repr(view))
    press(view, "Release")
    until(lambda: "held" not in repr(view))
    stuck.host(HOME).up()
    press(view, "Flush all")
    stuck.settle()
    until(lambda: repr(view) == "all queues are empty")
    stuck.host(HOME).down()
    stuck.person(ALICE).send(BRUNO, "again", "x")
    stuck.settle()
    (left,) = waiting(stuck)
    until(lambda: view.list.value == (left.host, left.queue_id))
    press(view, "Delete")
    until(lambda: repr(view) == "all queues are empty")


def test_nothing_planned_is_a_sentence(lab: Lab) -> None:
    view = lab.queues()
    with pytest.raises(LabError, match="Nothing is planned"):
        view.advance(None)
    press(view, "Next event")
    assert "Nothing is planned" in view.notice.value


def test_the_head_of_a_lane_ends_with_when_it_is_tried_next_however_long_its_names_are(stuck: Lab) -> None:
    item = waiting(stuck)[0]
    assert item.headline == item.line
    long = replace(item, attempts=10, sender="a" * 60 + "@x.test", recipients=("b" * 200 + "@x.test", "c@x.test"))
    assert long.headline.endswith(", 10 tried)")
    assert len(long.headline) < 150
