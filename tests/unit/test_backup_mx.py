"""The scenario of the second mail server: six hours of lab time, the same each time."""

from __future__ import annotations

import time
from collections.abc import Callable

from mailcourse import Lab

STORY = ("answered", "unreachable", "accepted", "relayed", "deferred", "delivered", "host-up", "host-down")


def play(lab: Lab) -> list[str]:
    sent = lab.person("alice@academy.test").send("bruno@bakery.test", "Bread", "Six loaves, please.")
    assert sent.status["bruno@bakery.test"].state == "deferred"
    assert len(lab.queue("mx2.bakery.test")) == 1
    lab.clock.advance(hours=7)
    assert sent.status["bruno@bakery.test"].state == "delivered"
    assert len(lab.queue("mx2.bakery.test")) == 0
    assert [mail.subject for mail in lab.person("bruno@bakery.test").inbox()] == ["Bread"]
    return [f"{event.seq} {event.time} {event.sentence()}" for event in lab.trace]


def test_the_message_waits_in_the_second_server_until_the_first_is_back(make_lab: Callable[..., Lab]) -> None:
    began = time.monotonic()
    lab = make_lab("backup-mx")
    play(lab)
    assert time.monotonic() - began < 3
    told = [(e.host, e.what) for e in lab.trace if e.what in STORY and e.role != "dns"]
    first_hour = [
        ("mx1.bakery.test", "host-down"),
        ("mail.academy.test", "accepted"),
        ("mail.academy.test", "unreachable"),
        ("mx2.bakery.test", "accepted"),
        ("mail.academy.test", "relayed"),
        ("mx2.bakery.test", "unreachable"),
        ("mx2.bakery.test", "deferred"),
    ]
    assert told[: len(first_hour)] == first_hour
    assert told[-6:] == [
        ("mx1.bakery.test", "host-up"),
        ("mx1.bakery.test", "accepted"),
        ("mx2.bakery.test", "relayed"),
        ("mail.bakery.test", "accepted"),
        ("mx1.bakery.test", "relayed"),
        ("mail.bakery.test", "delivered"),
    ]
    # After four hours the sender got one warning, and no more.
    assert [mail.subject for mail in lab.person("alice@academy.test").inbox()] == ["Your message is delayed"]


def test_three_runs_give_the_same_events(make_lab: Callable[..., Lab]) -> None:
    first, second, third = (play(make_lab("backup-mx")) for _ in range(3))
    assert first == second == third
