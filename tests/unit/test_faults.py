"""The switches: what is broken on purpose, what comes of it, and that it can be mended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mailcourse import Lab, LabError
from mailcourse.mua.account import NotSent

ALICE, BRUNO = "alice@academy.test", "bruno@bakery.test"
MX1 = "mx1.bakery.test"


def state(lab: Lab) -> str:
    return lab.person(ALICE).send(BRUNO, "x", "y").status[BRUNO].state


@pytest.mark.parametrize("stage", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."])
def test_a_connection_that_breaks_at_any_stage_sends_the_message_to_the_next_server(lab: Lab, stage: str) -> None:
    lab.fault(MX1, "drop", at=stage, times=1)
    sent = lab.person(ALICE).send(BRUNO, "x", "y")
    lab.clock.advance(minutes=10)
    assert sent.status[BRUNO].state == "delivered"
    assert "mx2.bakery.test" in {e.host for e in sent.events if e.what == "accepted"}
    assert len(lab.person(BRUNO).inbox()) == 1


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize(("say", "ends"), [("450 4.2.0 not now", "deferred"), ("550 5.7.1 never", "bounced")])
def test_a_refusal_means_later_or_never_by_its_first_digit(lab: Lab, stage: str, say: str, ends: str) -> None:
    with lab.fault(MX1, "reply", at=stage, say=say):
        sent = lab.person(ALICE).send(BRUNO, "x", "y")
        assert sent.status[BRUNO].state == ends
        assert say in sent.status[BRUNO].words
    lab.clock.advance(minutes=10)
    assert sent.status[BRUNO].state == ("delivered" if ends == "deferred" else "bounced")


def test_a_server_that_says_421_sends_us_to_the_next(lab: Lab) -> None:
    lab.fault(MX1, "reply", at="CONNECT", say="421 4.3.2 shutting down")
    sent = lab.person(ALICE).send(BRUNO, "x", "y")
    assert "mx2.bakery.test" in {e.host for e in sent.events if e.what == "accepted"}


def test_a_link_that_is_cut_carries_nothing_and_the_rest_works(lab: Lab) -> None:
    with lab.fault("mail.academy.test", "cut", peer=MX1) as cut:
        assert lab.faults.find(MX1, "cut", "mail.academy.test") is cut
        sent = lab.person(ALICE).send(BRUNO, "x", "y")
        lab.settle()
        assert sent.status[BRUNO].state == "delivered"
        assert "mx2.bakery.test" in {e.host for e in sent.events if e.what == "accepted"}
        reasons = [str(e.facts) for e in sent.events if e.what == "unreachable"]
        assert f"no answer from {MX1}, the link to mail.academy.test is cut" in "".join(reasons)
    assert lab.faults.find(MX1, "cut", "mail.academy.test") is None
    sent = lab.person(ALICE).send(BRUNO, "x", "y")
    assert "mx2.bakery.test" not in {e.host for e in sent.events}


def test_an_open_connection_breaks_when_its_link_is_cut(lab: Lab) -> None:
    laptop, mail = lab.person(ALICE).machine, "mail.academy.test"
    with lab.internet.host(laptop).dial(lab.internet.host(mail).addresses[0], 25) as talk:
        assert talk.recv(100).startswith(b"220")
        lab.fault(mail, "cut", peer=laptop)
        assert talk.recv(100) == b""


def test_a_full_disk_makes_the_server_say_452_and_lose_nothing(lab: Lab) -> None:
    with lab.fault(MX1, "disk"), lab.fault("mx2.bakery.test", "disk"):
        sent = lab.person(ALICE).send(BRUNO, "x", "y")
        assert "452 4.3.1" in sent.status[BRUNO].words
        assert sent.status[BRUNO].state == "deferred"
    lab.clock.advance(minutes=10)
    assert sent.status[BRUNO].state == "delivered"


def test_a_submission_server_with_a_full_disk_says_so_to_the_person(lab: Lab) -> None:
    with lab.fault("mail.academy.test", "disk"), pytest.raises(NotSent, match=r"4\.3\.1"):
        lab.person(ALICE).send(BRUNO, "x", "y")


def test_a_disk_that_fills_up_with_mail_in_the_queue_only_delays_it(lab: Lab) -> None:
    lab.host("mail.bakery.test").down()
    sent = lab.person(ALICE).send(BRUNO, "x", "y")
    with lab.fault(MX1, "disk"):
        lab.clock.advance(hours=1)
        assert sent.status[BRUNO].state == "deferred"
    lab.host("mail.bakery.test").up()
    lab.clock.advance(hours=2)
    assert sent.status[BRUNO].state == "delivered"


def test_a_full_mailbox_keeps_the_message_waiting(lab: Lab) -> None:
    lab.configure("mail.bakery.test", quota="try-later")
    with lab.fault("mail.bakery.test", "mailbox", person=BRUNO):
        sent = lab.person(ALICE).send(BRUNO, "x", "y")
        assert "452 4.2.2 the mailbox of bruno@bakery.test is full" in sent.status[BRUNO].words
    lab.clock.advance(minutes=10)
    assert sent.status[BRUNO].state == "delivered"


@pytest.mark.parametrize("say", ["SERVFAIL", "REFUSED", "silent"])
def test_a_broken_name_server_means_later_and_not_never(lab: Lab, say: str) -> None:
    with lab.fault("ns.bakery.test", "dns", say=say):
        sent = lab.person(ALICE).send(BRUNO, "x", "y")
        assert "451 4.4.3" in sent.status[BRUNO].words
    lab.clock.advance(minutes=10)
    assert sent.status[BRUNO].state == "delivered"


def test_a_closed_port_is_as_good_as_a_host_that_is_down(lab: Lab) -> None:
    with lab.fault(MX1, "port", port=25):
        sent = lab.person(ALICE).send(BRUNO, "x", "y")
        assert "mx2.bakery.test" in {e.host for e in sent.events if e.what == "accepted"}
    assert state(lab) == "delivered"


def test_a_slow_link_changes_nothing_but_the_time(lab: Lab) -> None:
    with lab.fault(MX1, "slow", seconds=0.02, peer="mail.academy.test"):
        assert state(lab) == "delivered"


def test_a_fault_begins_and_ends_when_it_was_told_to(lab: Lab) -> None:
    lab.fault(MX1, "down", after_minutes=10, for_minutes=20)
    up = []
    for _ in range(4):
        up.append(lab.host(MX1).is_up)
        lab.clock.advance(minutes=10)
    assert up == [True, False, False, True]


def test_mend_mends_everything(lab: Lab) -> None:
    lab.fault(MX1, "down")
    lab.fault("mail.bakery.test", "disk")
    lab.fault("ns.bakery.test", "dns")
    assert len(lab.faults.table()) == 3
    lab.mend()
    assert repr(lab.faults) == "nothing is broken"
    assert state(lab) == "delivered"


@pytest.mark.parametrize(
    ("host", "kind", "detail", "match"),
    [
        (MX1, "cut", {}, "two ends"),
        (MX1, "cut", {"peer": MX1}, "two ends"),
        (MX1, "cut", {"peer": "mx9.bakery.test"}, "no host 'mx9.bakery.test'"),
        ("mx9.bakery.test", "down", {}, "no host 'mx9.bakery.test'"),
        (MX1, "broken", {}, "no kind of fault 'broken'"),
        (MX1, "drop", {"at": "HELLO"}, "no stage of SMTP 'HELLO'"),
        (MX1, "reply", {"at": "RCPT", "say": "hello"}, "is no refusal of SMTP"),
        (MX1, "reply", {"at": "RCPT", "say": "450 4.2.0 x", "often": 3}, "no detail of the fault 'reply' 'often'"),
        ("laptop.academy.test", "drop", {"at": "MAIL"}, "no mail server"),
        (MX1, "mailbox", {"person": BRUNO}, "no mailbox on mx1.bakery.test"),
        (MX1, "dns", {}, "no name server"),
        ("ns.bakery.test", "dns", {"say": "MAYBE"}, "no answer of a broken name server 'MAYBE'"),
        (MX1, "port", {"port": 80}, "no open port of mx1.bakery.test 80"),
        ("laptop.academy.test", "disk", {}, "no host with a disk for mail"),
        (MX1, "slow", {}, "wants seconds="),
        (MX1, "clock", {}, "wants minutes="),
        (MX1, "clock", {"minutes": 1e9}, "wants minutes="),
        (MX1, "slow", {"seconds": 1, "peer": "nobody.test"}, "no host 'nobody.test'"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_and_changes_nothing(
    lab: Lab, host: str, kind: str, detail: dict[str, Any], match: str
) -> None:
    with pytest.raises(LabError, match=match):
        lab.fault(host, kind, **detail)
    assert state(lab) == "delivered"


def test_the_same_faults_give_the_same_events(make_lab: Callable[..., Lab]) -> None:
    def play() -> list[str]:
        lab = make_lab("two-offices")
        lab.fault(MX1, "reply", at="RCPT", say="450 4.2.0 not now", times=2)
        lab.fault("mx2.bakery.test", "drop", at=".", times=1)
        lab.person(ALICE).send([BRUNO, "bea@bakery.test"], "x", "y")
        lab.clock.advance(hours=2)
        return [event.sentence() for event in lab.trace]

    assert play() == play()
