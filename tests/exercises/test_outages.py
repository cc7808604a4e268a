"""What comes of a letter when servers are off, or records wrong: tried in one lab, it is so in every world."""

from __future__ import annotations

import pytest

from mailcourse.checks.outages import BEST, HOME, SECOND, outages, place_of, places
from mailcourse.checks.world import World
from mailcourse.checks.wrong_records import outcome, tried, without_mx, wrong_records

#: the second mail server is preferred in one of them
NAMES = ("Ben", "Eva")


@pytest.mark.parametrize("name", NAMES)
def test_a_letter_is_where_the_two_offices_say_in_the_world_of_anybody(name: str) -> None:
    world = World("05-relays", name)
    own = {BEST: world.best, SECOND: world.second, HOME: world.home}
    for moment, outage in outages(world).items():
        with world.open(name=f"{name} {moment}") as lab:
            for host in outage.off:
                lab.fault(own[host], "down", for_minutes=outage.lasts * 60)
            sent = lab.person(world.person("alice")).send(world.person("bruno"), "Where?")
            lab.clock.advance(hours=outage.looked)
            said = places(world)[place_of(outage)]
            waits = [f"in the queue of {host}" for host in lab.mail_servers if len(lab.queue(host))]
            state = sent.status[world.person("bruno")].state
            ends = {"bounced": ["back with Alice"], "delivered": ["in Bruno's mailbox"]}
            assert [said] == ends.get(state, waits), moment


def test_the_worlds_of_the_test_have_both_orders_of_mail_servers() -> None:
    assert {World("05-relays", name).is_turned for name in NAMES} == {True, False}


@pytest.mark.parametrize("name", NAMES)
def test_records_that_are_missing_or_wrong_do_the_same_in_the_world_of_anybody(name: str) -> None:
    world = World("02-dns", name)
    for case, lines in wrong_records(world).items():
        with world.open(name=f"{name} {case}") as lab:
            assert outcome(without_mx(lab, world, lines), world) == tried(case), case
