"""The MDA: aliases, lists, forwarding, tags, catch-all, quota; loops are found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mailcourse import Lab, LabError
from mailcourse.mda.aliases import AddressBook, MailingList, expand

ALICE, BRUNO, BEA = "alice@academy.test", "bruno@bakery.test", "bea@bakery.test"
WORLD = """
extends = "two-offices"
title = "An office with everything"

[people."bea@bakery.test"]
quota = 4000

[aliases]
"orders@bakery.test" = ["bruno@bakery.test", "bea@bakery.test"]
"far@bakery.test" = ["alice@academy.test"]
"a@bakery.test" = ["b@bakery.test"]
"b@bakery.test" = ["a@bakery.test"]
"@bakery.test" = ["bruno@bakery.test"]

[lists."friends@bakery.test"]
members = ["alice@academy.test", "amir@academy.test", "bruno@bakery.test"]
owner = "bea@bakery.test"
"""


@pytest.fixture
def office(make_lab: Callable[..., Lab], tmp_path: Path) -> Lab:
    file = tmp_path / "office.toml"
    file.write_text(WORLD)
    return make_lab(file)


def inbox(lab: Lab, person: str) -> list[str]:
    return [mail.subject for mail in lab.person(person).inbox()]


def test_an_alias_for_two_people_reaches_both(office: Lab) -> None:
    sent = office.person(ALICE).send("orders@bakery.test", "Bread", "x")
    assert sent.status["orders@bakery.test"].state == "delivered"
    assert (inbox(office, BRUNO), inbox(office, BEA)) == (["Bread"], ["Bread"])
    assert office.person(BRUNO).fetch()[0].parsed["Delivered-To"] == "orders@bakery.test"


def test_an_alias_that_leads_elsewhere_sends_the_message_on(office: Lab) -> None:
    sent = office.person(BRUNO).send("far@bakery.test", "Back", "x")
    assert {name: one.state for name, one in sent.status.items()} == {
        "far@bakery.test": "forwarded",
        ALICE: "delivered",
    }
    mail = office.person(ALICE).fetch()[0].parsed
    assert mail["Return-Path"] == f"<{BRUNO}>"
    assert mail.get_all("Delivered-To") == [ALICE, "far@bakery.test"]


def test_a_list_sends_to_its_members_with_the_owner_as_sender(office: Lab) -> None:
    sent = office.person(ALICE).send("friends@bakery.test", "Party", "x")
    assert {one.state for name, one in sent.status.items() if name != "friends@bakery.test"} == {"delivered"}
    mail = office.person("amir@academy.test").fetch()[0].parsed
    assert mail["Return-Path"] == f"<{BEA}>"
    assert mail["List-Id"] == "<friends.bakery.test>"
    assert mail["From"].startswith("Alice")


def test_what_follows_the_plus_is_for_the_reader(office: Lab) -> None:
    office.person(ALICE).send("bruno+orders@bakery.test", "Tagged", "x")
    assert inbox(office, BRUNO) == ["Tagged"]
    assert office.person(BRUNO).fetch()[0].parsed["Delivered-To"] == "bruno+orders@bakery.test"


def test_the_catch_all_takes_what_nobody_else_takes(office: Lab) -> None:
    office.person(ALICE).send("whoever@bakery.test", "Caught", "x")
    assert (inbox(office, BRUNO), inbox(office, BEA)) == (["Caught"], [])


def test_aliases_in_a_circle_are_a_failure_and_not_a_loop(office: Lab) -> None:
    sent = office.person(ALICE).send("a@bakery.test", "Round", "x")
    assert "554 5.4.6 alias loop detected: a@bakery.test" in sent.status["a@bakery.test"].words


def test_a_person_forwards_and_keeps_a_copy_if_she_says_so(lab: Lab) -> None:
    bruno = lab.person(BRUNO)
    bruno.forward(ALICE)
    lab.person("amir@academy.test").send(BRUNO, "one", "x")
    bruno.forward(ALICE, BRUNO)
    lab.person("amir@academy.test").send(BRUNO, "two", "x")
    bruno.forward()
    lab.person("amir@academy.test").send(BRUNO, "three", "x")
    assert (inbox(lab, ALICE), inbox(lab, BRUNO)) == (["one", "two"], ["two", "three"])


def test_two_people_who_forward_to_each_other_get_a_bounce_and_no_storm(lab: Lab) -> None:
    lab.person(BRUNO).forward(ALICE)
    lab.person(ALICE).forward(BRUNO)
    sent = lab.person("amir@academy.test").send(BRUNO, "ping", "x")
    lab.clock.advance(days=1)
    assert "5.4.6" in sent.status[BRUNO].words or "5.4.6" in sent.status[ALICE].words
    assert inbox(lab, "amir@academy.test") == ["Your message could not be delivered"]


def test_forwarding_to_nonsense_is_refused(lab: Lab) -> None:
    with pytest.raises(LabError, match="is not an address"):
        lab.person(BRUNO).forward("nonsense")


def test_a_mailbox_that_is_full_makes_the_message_wait_and_one_too_big_never_fits(office: Lab) -> None:
    office.configure("mail.bakery.test", quota="try-later")
    alice = office.person(ALICE)
    assert "552 5.2.3" in alice.send(BEA, "Big", "x" * 60 + "\n" * 5000).status[BEA].words
    assert alice.send(BEA, "First", "word " * 300).status[BEA].state == "delivered"
    second = alice.send(BEA, "Second", "word " * 300)
    assert "452 4.2.2" in second.status[BEA].words
    office.person(BEA).fetch("pop3", delete=True)
    office.clock.advance(minutes=10)
    assert second.status[BEA].state == "delivered"


def test_expanding_knows_tags_lists_and_forwards() -> None:
    book = AddressBook(
        frozenset({"a.test"}),
        frozenset({"x@a.test", "y@a.test"}),
        {"all@a.test": ["x@a.test", "Y@a.test", "z@b.test", "all@a.test"]},
        {"l@a.test": MailingList(("x@a.test",), "y@a.test")},
    )
    assert expand("all@a.test", book).people == ("x@a.test", "y@a.test")
    assert [str(address) for address in expand("all+tag@a.test", book).elsewhere] == ["z@b.test"]
    assert expand("l@a.test", book).people == ("x@a.test",)
    assert expand("x@a.test", book, lambda person: ["y@a.test"] if person == "x@a.test" else []).people == ("y@a.test",)
    assert expand("nobody@a.test", book).is_nobody
    swap = {"x@a.test": ["y@a.test"], "y@a.test": ["x@a.test"]}
    assert expand("x@a.test", book, lambda person: swap[person]).is_loop
