"""The control room: the script of steps, Reset, the menu of scenarios, and a lab that is somebody else's."""

from __future__ import annotations

import gc
import html
import threading
import weakref
from dataclasses import replace
from functools import partial

import pytest
import waits
from ipywidgets.widgets.widget import _instances

from mailcourse import Lab
from mailcourse.internet.errors import LabError
from mailcourse.widgets.room import TOOLS, RoomView
from mailcourse.widgets.script import SCRIPT, first_mail_server, pair

until = partial(waits.until, seconds=30)


def play(room: RoomView, title: str) -> None:
    stage = room.stage
    stage.play(next(step for step in SCRIPT if step.title == title))
    until(lambda: not room.controls.next.disabled)
    assert not stage.notice.value, stage.notice.value


def front(room: RoomView) -> str:
    """Return the tool that is open beside the scene; "" when there is none."""
    return TOOLS[room.stage.tabs.selected_index] if room.stage.is_open else ""


def places(room: RoomView) -> dict[str, object]:
    return dict(room.stage.stage.ground.spots)


@pytest.fixture
def room(lab: Lab) -> RoomView:
    return lab.room()


def test_the_story_of_the_second_mail_server_is_told_by_three_buttons(room: RoomView) -> None:
    play(room, "A message travels")
    assert "puts it into the mailbox of bruno@bakery.test" in repr(room.stage.journey)
    assert room.stage.stage.playing
    play(room, "The first mail server is off")
    assert "cannot reach mx1.bakery.test" in repr(room.stage.journey)
    assert "mx2.bakery.test takes responsibility" in repr(room.stage.journey)
    assert "puts it into" not in repr(room.stage.journey)
    assert "lowest number comes first" in room.stage.words.value
    play(room, "It comes back")
    assert len(room.lab.person("bruno@bakery.test").inbox()) == 2
    until(lambda: "puts it into the mailbox of bruno@bakery.test" in repr(room.stage.journey))
    assert "writes a message" not in repr(room.stage.journey), "only what is new is told"
    assert "Received" in room.stage.stage.frames[0]["letter"], "but the letter has its past"


def test_next_goes_through_the_script_and_ask_first_only_asks(room: RoomView) -> None:
    for number, step in enumerate(SCRIPT):
        room.controls.ask.click()
        assert step.ask in html.unescape(room.stage.words.value)
        assert room.stage.number == number - 1, "nothing has happened yet"
        room.controls.next.click()
        until(lambda: not room.controls.next.disabled)
        assert html.unescape(step.say) in html.unescape(room.stage.words.value)
        assert room.controls.moment.value == number + 1
    room.controls.next.click()
    until(lambda: not room.controls.next.disabled)
    assert room.stage.number == 0


def test_the_keys_of_a_presenter_mean_next_and_ask(room: RoomView) -> None:
    press = room.stage.stage._handle_custom_msg
    press({"pressed": "key ask"}, [])
    assert SCRIPT[0].ask in html.unescape(room.stage.words.value)
    press({"pressed": "key next"}, [])
    until(lambda: not room.controls.next.disabled)
    assert room.stage.number == 0


def test_no_host_moves_through_the_whole_script(room: RoomView) -> None:
    before = places(room)
    for step in SCRIPT:
        play(room, step.title)
        assert places(room) == before


def test_reset_gives_back_what_the_old_stage_held(room: RoomView) -> None:
    stages, counts = [], []
    for _ in range(4):
        play(room, "A message travels")
        play(room, "By hand")
        stages.append(weakref.ref(room.stage))
        room.begin()
        counts.append(len(_instances))
    assert counts[1:] == [counts[1]] * 3
    until(lambda: gc.collect() >= 0 and sum(stage() is not None for stage in stages) <= 3)
    room.close()


def test_a_room_that_nobody_holds_is_not_closed_by_the_collector_of_memory(lab: Lab) -> None:
    room = lab.room()
    room.begin()
    own, room.__dict__["close"] = room.lab, lambda: pytest.fail("the lab's thread may be the one that collects")
    room.__del__()
    assert own.is_open
    own.close()


def test_the_whole_script_runs_in_order_twice(room: RoomView) -> None:
    for _ in range(2):
        for step in SCRIPT:
            play(room, step.title)
    assert all(waiting == 0 for waiting in (len(s.queue.entries()) for s in room.lab.mail_servers.values()))
    assert front(room) == "Terminal"


@pytest.mark.parametrize("step", SCRIPT, ids=lambda step: step.title)
def test_each_step_can_be_shown_first(room: RoomView, step: object) -> None:
    play(room, step.title)  # type: ignore[attr-defined]


def test_only_the_terminal_leaves_the_scene_and_the_next_moment_puts_it_away(room: RoomView) -> None:
    play(room, "How did it know where to go?")
    assert front(room) == ""
    assert "ns.bakery.test tells resolver.carrier.test" in repr(room.stage.journey)
    play(room, "The mailbox cannot be reached")
    assert front(room) == ""
    until(lambda: len(room.stage.queues.list.options) == 1)
    play(room, "By hand")
    assert front(room) == "Terminal"
    assert room.tools.value
    (terminal,) = room.stage.screen.children
    until(lambda: any("220 mx1.bakery.test" in line for _, line in terminal.lines))
    play(room, "A message travels")
    assert front(room) == ""
    assert not room.tools.value


def test_a_reset_while_a_moment_plays_frees_the_controls_for_the_new_lab(
    room: RoomView, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = threading.Event()
    with monkeypatch.context() as slowly:
        slowly.setattr("mailcourse.widgets.room.SCRIPT", (replace(SCRIPT[0], act=lambda _: may_end.wait(30)),))
        room.controls.next.click()
    assert room.controls.next.disabled
    room.reset.click()
    assert not room.controls.next.disabled
    assert room.controls.moment.value == 0
    room.controls.next.click()
    until(lambda: room.stage.number == 0)
    until(lambda: not room.controls.next.disabled)
    before = room.controls.clock.value
    may_end.set()
    waits.until_at_rest(30)
    assert not room.controls.next.disabled
    assert room.controls.clock.value == before
    room.close()


def test_reset_begins_again_and_leaves_the_lab_it_came_with(room: RoomView, lab: Lab) -> None:
    play(room, "A message travels")
    room.reset.click()
    first = room.lab
    assert first is not lab
    assert lab.is_open
    assert len(first.person("bruno@bakery.test").inbox()) == 0
    room.scenario.value = "backup-mx"
    assert not first.is_open
    assert room.lab.scenario.name == "backup-mx"
    assert "The backup mail server" in room.stage.words.value
    last = room.lab
    room.close()
    assert not last.is_open
    assert lab.is_open


def test_a_lab_that_cannot_begin_is_told_above_the_old_one(room: RoomView, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise LabError("no room for a lab")

    before = room.stage
    monkeypatch.setattr("mailcourse.widgets.room.PlainLab", refuse)
    room.reset.click()
    assert room.stage is before
    assert "no room for a lab" in before.words.value
    assert 'role="alert"' in before.words.value
    assert not room.reset.disabled
    play(room, "A message travels")


def test_larger_type_is_a_switch(room: RoomView) -> None:
    room.large.value = True
    assert "mailcourse-large" in room._dom_classes
    assert room.stage.stage.min_text == 20
    room.large.value = False
    assert "mailcourse-large" not in room._dom_classes


def test_a_closed_lab_rests_every_part_and_reset_helps(room: RoomView, lab: Lab) -> None:
    lab.close()
    assert all(button.disabled for button in (room.controls.next, room.controls.ask, room.controls.moment))
    assert "closed" in room.stage.notice.value
    room.reset.click()
    play(room, "A message travels")
    room.close()


def test_a_mail_server_is_found_by_its_preference(lab: Lab) -> None:
    assert pair(lab) == ("alice@academy.test", "bruno@bakery.test")
    assert first_mail_server(lab) == "mx1.bakery.test"


def test_a_saved_notebook_shows_a_picture_and_the_script(room: RoomView) -> None:
    bundle = room._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "Script: A message travels" in data["text/plain"]
    assert data["image/png"].startswith("iVBOR")
