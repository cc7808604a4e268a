"""What the scene marks at a step: where the letter lies, who refused it, and which way has failed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from test_reports import submit

from mailcourse import Lab
from mailcourse.scene.draw import PartMark, draw, host_id
from mailcourse.scene.places import ground_of
from mailcourse.widgets.frames import Frame, frames, shown_links
from mailcourse.widgets.journey import JourneyView
from mailcourse.widgets.steps import steps

ALICE, BRUNO, NOBODY = "alice@academy.test", "bruno@bakery.test", "nobody@bakery.test"
LYING = {"holding", "returning", "waiting"}


def film(view: JourneyView) -> list[Frame]:
    return frames(view._events, view.steps, view.stage.ground)


def named(view: JourneyView, marks: Mapping[str, PartMark]) -> dict[str, PartMark]:
    """Return the marks by the names of their parts."""
    ground = view.stage.ground
    parts = {host_id(ground, name): name for name in ground.spots}
    parts |= {f"e{n}": " → ".join(link) for n, link in enumerate(shown_links(ground, view.steps))}
    return {parts[part]: mark for part, mark in marks.items()}


def lies(marks: Mapping[str, PartMark]) -> dict[str, str]:
    """Return where a letter lies, and how."""
    return {name: state for name, mark in marks.items() for state in mark.classes if state in LYING}


def test_at_each_step_the_letter_lies_at_one_host_until_the_next_has_taken_it(lab: Lab) -> None:
    view = lab.person(ALICE).send(BRUNO, "x", "?").journey()
    told = [lies(named(view, frame.marks)) for frame in film(view)]
    assert all(len(places) == 1 for places in told[:-1])
    assert list(dict.fromkeys(name for places in told for name in places)) == [
        "laptop.academy.test",
        "mail.academy.test",
        "mx1.bakery.test",
        "mail.bakery.test",
    ]
    assert told[-1] == {}, "it is in the mailbox"


def test_a_refusal_stays_to_be_seen_at_who_refused_and_on_the_way_to_it(lab: Lab) -> None:
    view = lab.person(ALICE).send(NOBODY, "x", "?").journey()
    made = [named(view, frame.marks) for frame in film(view)]
    refused = next(n for n, step in enumerate(view.steps) if step.title.endswith("talks to mx1.bakery.test"))
    for marks in made[refused:]:
        assert marks["mx1.bakery.test"] == PartMark((*marks["mx1.bakery.test"].classes,), "refused")
        assert "refusing" in marks["mx1.bakery.test"].classes
        assert "failed" in marks["mail.academy.test → mx1.bakery.test"].classes
    assert not any("refusing" in mark.classes for marks in made[:refused] for mark in marks.values())
    assert lies(made[refused]) == {"mail.academy.test": "holding"}, "who was refused still has it"
    assert lies(made[-2]) == {"mail.academy.test": "returning"}, "the bounce lies there now"


def test_a_server_that_refuses_one_of_two_and_takes_the_other_is_not_marked(lab: Lab) -> None:
    view = lab.person(ALICE).send([BRUNO, NOBODY], "x", "?").journey()
    for frame in film(view):
        assert "refusing" not in {state for mark in frame.marks.values() for state in mark.classes}


@pytest.mark.parametrize(("code", "state", "words"), [(550, "refusing", "refused"), (451, "slow", "not now")])
def test_each_kind_of_no_has_its_mark_and_a_later_yes_takes_it_away(
    lab: Lab, code: int, state: str, words: str
) -> None:
    lab.fault("mx1.bakery.test", "reply", at="rcpt", say=f"{code} not today", times=1)
    lab.fault("mx2.bakery.test", "reply", at="rcpt", say=f"{code} not today", times=1)
    sent = lab.person(ALICE).send(BRUNO, "x", "?")
    lab.clock.advance(hours=1)
    view = sent.journey()
    made = [named(view, frame.marks) for frame in film(view)]
    said = [marks.get("mx1.bakery.test", PartMark()) for marks in made]
    assert any(state in mark.classes and mark.words == words for mark in said)
    if code < 500:
        assert said[-1].words != words


def test_an_attempt_that_fails_leaves_a_failed_way_and_a_tray(lab: Lab) -> None:
    lab.host("mail.bakery.test").down()
    view = lab.person(ALICE).send(BRUNO, "x", "?").journey()
    marks = named(view, film(view)[-1].marks)
    assert "failed" in marks["mx1.bakery.test → mail.bakery.test"].classes
    assert lies(marks) == {"mx1.bakery.test": "waiting"}, "a tray shows the letter: no second one beside it"


def test_a_letter_that_lies_somewhere_and_one_that_comes_back_have_a_shape_each(lab: Lab) -> None:
    view = lab.person(ALICE).send(NOBODY, "x", "?").journey()
    picture = draw(view.stage.ground, film(view)[-2].marks)
    for state in ("holding", "returning"):
        assert f'<g class="sign {state}">' in picture
    assert "mx1" in picture


def test_nothing_lies_where_a_bounce_has_expired(lab: Lab) -> None:
    lab.host("mail.bakery.test").down()
    sent = lab.person(ALICE).send(BRUNO, "x", "?")
    lab.settle()
    lab.host("mail.academy.test").down()  # so the bounce finds nobody either
    lab.host("mail.bakery.test").up()
    lab.fault("mail.bakery.test", "reply", at="rcpt", say="550 5.1.1 gone")
    lab.clock.advance(days=6)
    events = [event for event in lab.trace.journey(sent.message) if event.what not in ("asked", "answered", "said")]
    told, ground = steps(events), ground_of(lab.scenario)
    assert [step.message for step in told if step.what == "failed"][-1] == told[-1].message != sent.message
    made = frames(events, told, ground)
    assert {state for mark in made[-2].marks.values() for state in mark.classes} & LYING
    assert not {state for mark in made[-1].marks.values() for state in mark.classes} & LYING


def test_a_letter_that_somebody_deletes_or_nobody_is_told_of_lies_nowhere(lab: Lab) -> None:
    lab.host("mail.bakery.test").down()
    sent = lab.person(ALICE).send(BRUNO, "x", "?")
    lab.queue("mx1.bakery.test").delete()
    view = sent.journey()
    assert view.steps[-1].what == "deleted"
    assert lies(named(view, film(view)[-1].marks)) == {}
    submit(lab, {NOBODY: "NOTIFY=NEVER"})
    silent = lab.journey("m2")
    assert silent.steps[-1].what == "failed"
    assert lies(named(silent, film(silent)[-1].marks)) == {}


def test_a_letter_that_is_only_late_stays_where_it_is_when_its_sender_is_warned(lab: Lab) -> None:
    lab.host("mail.bakery.test").down()
    sent = lab.person(ALICE).send(BRUNO, "x", "?")
    lab.clock.advance(hours=5)
    lab.host("mail.bakery.test").up()
    lab.clock.advance(hours=1)
    view = sent.journey()
    made = [lies(named(view, frame.marks)) for frame in film(view)]
    warned = next(number for number, step in enumerate(view.steps) if step.what == "reported")
    arrived = max(number for number, step in enumerate(view.steps) if step.what == "accepted")
    assert all(set(places) & {"mx1.bakery.test"} for places in made[warned:arrived])


def test_nothing_tells_how_a_step_ends_while_it_moves(lab: Lab) -> None:
    refused = lab.person(ALICE).send(NOBODY, "x", "?").journey()
    lab.host("mail.bakery.test").down()
    lost = lab.person(ALICE).send(BRUNO, "x", "?").journey()
    for view in (refused, lost):
        made = film(view)
        for one, frame in zip([None, *made], made, strict=False):
            known = lies(named(view, one.marks)) if one else {}
            assert lies(named(view, frame.before)) == known, frame.title
        ends = [frame for frame in made if frame.opening != frame.title]
        assert len(ends) > 3
        for frame in ends:
            assert not any(word in frame.opening for word in ("10 mx1", "192.0.2", "250", "cannot", "198.51"))
    step = next(frame for frame in film(lost) if "cannot reach mail.bakery.test" in frame.title)
    assert "no answer" not in {mark.words for mark in step.before.values()}
    assert "no answer" in {mark.words for mark in step.marks.values()}


def test_a_host_that_did_not_answer_is_free_of_it_as_soon_as_it_talks(lab: Lab) -> None:
    lab.host("mx1.bakery.test").down()
    sent = lab.person(ALICE).send(BRUNO, "x", "?")
    lab.settle()
    lab.host("mx1.bakery.test").up()
    lab.clock.advance(hours=1)
    view = sent.journey()
    seen = [
        (step, named(view, frame.before), named(view, frame.marks))
        for step, frame in zip(view.steps, film(view), strict=True)
    ]
    failed = next(n for n, (step, _, marks) in enumerate(seen) if marks.get("mx1.bakery.test", PartMark()).words)
    talks = next(
        n
        for n, (step, *_) in enumerate(seen)
        if n > failed and step.works and step.link == ("mx2.bakery.test", "mx1.bakery.test")
    )
    assert seen[failed][2]["mx1.bakery.test"].words == "no answer"
    assert seen[talks - 1][2]["mx1.bakery.test"].words == "no answer", "nobody has tried again yet"
    assert seen[talks][1]["mx1.bakery.test"] == PartMark(("now",))
