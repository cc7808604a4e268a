"""The letter of each step: whose envelope it is in, and which lines its header has by then."""

from __future__ import annotations

import re

from mailcourse import Lab
from mailcourse.widgets.journey import JourneyView
from mailcourse.widgets.letter import LetterNow, fields, letters

ALICE, BRUNO = "alice@academy.test", "bruno@bakery.test"


def told(view: JourneyView) -> list[tuple[str, LetterNow]]:
    """Return the title and the letter of each step."""
    made = letters(view._events, view.steps)
    return [(step.title, letter) for step, letter in zip(view.steps, made, strict=True)]


def received(letter: LetterNow) -> list[str]:
    """Return the servers whose lines a letter has, the newest first."""
    return [line.text.split(" by ")[1].split()[0] for line in letter.lines if line.text.startswith("Received")]


def test_before_it_is_submitted_a_message_has_no_envelope_and_no_received_line(lab: Lab) -> None:
    title, letter = told(lab.person(ALICE).send(BRUNO, "x", "?").journey())[0]
    assert "writes a message" in title
    assert letter.sender is None
    assert received(letter) == []
    assert {line.step for line in letter.lines} == {0}


def test_each_server_adds_its_line_at_its_step(lab: Lab) -> None:
    view = lab.person(ALICE).send(BRUNO, "x", "?").journey()
    seen = [received(letter) for title, letter in told(view) if "takes responsibility" in title]
    assert seen == [
        ["mail.academy.test"],
        ["mx1.bakery.test", "mail.academy.test"],
        ["mail.bakery.test", "mx1.bakery.test", "mail.academy.test"],
    ]
    last = told(view)[-1][1]
    assert [line.text.split(":")[0] for line in last.lines[:2]] == ["Return-Path", "Delivered-To"]
    assert [line.is_new for line in last.lines[:3]] == [True, True, False]


def test_at_the_end_the_header_is_the_one_that_was_delivered(make_lab: type[Lab]) -> None:
    for scenario in ("two-offices", "signed-offices"):
        lab = make_lab(scenario)
        view = lab.person(ALICE).send(BRUNO, "x", "?").journey()
        (delivered,) = [event for event in lab.trace if event.what == "delivered"]
        lines = [line.text for line in told(view)[-1][1].lines]
        assert lines == [text[:400] for text in fields(delivered.facts["header"])]


def test_a_message_that_waits_has_the_lines_that_its_servers_wrote(lab: Lab) -> None:
    lab.host("mx1.bakery.test").down()
    view = lab.person(ALICE).send(BRUNO, "x", "?").journey()
    title, letter = told(view)[-1]
    assert "will try again" in title
    assert received(letter) == ["mx2.bakery.test", "mail.academy.test"]
    waiting = [line.text for line in letter.lines if line.text.startswith("Received")]
    lab.host("mx1.bakery.test").up()
    lab.clock.advance(hours=2)
    (delivered,) = [event for event in lab.trace if event.what == "delivered"]
    assert waiting == [text for text in fields(delivered.facts["header"]) if text.startswith("Received")][2:]


def test_the_envelope_of_a_bounce_has_no_sender_and_goes_to_who_wrote(lab: Lab) -> None:
    view = lab.person(ALICE).send("nobody@bakery.test", "x", "?").journey()
    before = True
    for title, letter in told(view):
        before &= "sends a bounce" not in title
        if not before:
            assert (letter.sender, letter.recipients, letter.is_bounce) == ("", (ALICE,), True), title
        elif letter.sender is not None:
            assert (letter.sender, letter.recipients, letter.is_bounce) == (ALICE, ("nobody@bakery.test",), False), (
                title
            )
    assert "mailbox of alice" in title
    assert re.search("<>", view.stage.frames[-1]["letter"].replace("&lt;&gt;", "<>"))


def test_a_bounce_that_travels_keeps_its_own_envelope_on_the_way(lab: Lab) -> None:
    lab.configure("mx1.bakery.test", relay_domains=["bakery.test"])
    view = lab.person("bruno@bakery.test").send("nobody@academy.test", "x", "?").journey()
    bounces = [letter for _, letter in told(view) if letter.is_bounce]
    assert {letter.sender for letter in bounces} == {""}
    assert {letter.recipients for letter in bounces} == {(BRUNO,)}


def test_each_branch_shows_the_envelope_of_its_own_hop(lab: Lab) -> None:
    view = lab.person(ALICE).send([BRUNO, "amir@academy.test"], "x", "?").journey()
    view.whose.value = BRUNO
    by_title = dict(told(view))
    assert by_title["mail.academy.test takes responsibility: it is in its queue"].recipients == (
        BRUNO,
        "amir@academy.test",
    )
    assert by_title["mx1.bakery.test takes responsibility: it is in its queue"].recipients == (BRUNO,)


def test_a_blind_copy_is_on_the_envelope_and_not_in_the_header(lab: Lab) -> None:
    alice = lab.person(ALICE)
    view = alice.send(BRUNO, "x", "?", bcc="bea@bakery.test", from_header="The Boss <boss@bakery.test>").journey()
    letter = dict(told(view))[f"mail.bakery.test puts it into the mailbox of {BRUNO}"]
    assert letter.sender == ALICE
    assert "bea@bakery.test" in letter.recipients
    header = "\n".join(line.text for line in letter.lines)
    assert "From: The Boss <boss@bakery.test>" in header
    assert "bea@" not in header
