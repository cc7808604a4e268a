"""The public face of the lab."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mailcourse import Lab, LabError
from mailcourse.internet.errors import LabClosed, UnknownName
from mailcourse.mua.account import NotSent


def test_each_recipient_has_a_status_of_its_own_and_the_sender_gets_one_bounce(lab: Lab) -> None:
    alice = lab.person("alice@academy.test")
    everybody = ["bruno@bakery.test", "amir@academy.test", "nobody@bakery.test", "x@nowhere.test"]
    sent = alice.send(to=everybody, subject="To all", text="Hello")
    states = {name: one.state for name, one in sent.status.items()}
    assert states == dict(zip(everybody, ("delivered", "delivered", "bounced", "bounced"), strict=True))
    assert "mx1.bakery.test said 550 5.1.1" in sent.status["nobody@bakery.test"].words
    assert "the domain nowhere.test does not exist" in sent.status["x@nowhere.test"].words
    assert [mail.subject for mail in alice.inbox()] == ["Your message could not be delivered"]
    report = alice.fetch()[0].parsed
    assert report.get_content_type() == "multipart/report"
    assert "nobody@bakery.test" in str(report)
    assert "x@nowhere.test" in str(report)


def test_local_mail_meets_no_other_mail_server(lab: Lab) -> None:
    sent = lab.person("alice@academy.test").send("amir@academy.test", "Hi", "Near")
    assert sent.status["amir@academy.test"].state == "delivered"
    assert {event.host for event in sent.events if event.role == "mta"} == {"mail.academy.test"}


def test_a_message_crosses_three_servers_and_carries_their_marks(lab: Lab) -> None:
    lab.person("alice@academy.test").send("bruno@bakery.test", "Bread", ".dots\n..and more\n")
    mail = lab.person("bruno@bakery.test").fetch()[0]
    by = [re.search(r"by (\S+)", line)[1] for line in mail.parsed.get_all("Received")]  # type: ignore[index]
    assert by == ["mail.bakery.test", "mx1.bakery.test", "mail.academy.test"]
    assert mail.text == ".dots\n..and more\n"
    assert mail.parsed["Return-Path"] == "<alice@academy.test>"


def test_the_first_server_is_down_so_the_second_takes_it(lab: Lab) -> None:
    lab.host("mx1.bakery.test").down()
    sent = lab.person("alice@academy.test").send("bruno@bakery.test", "Bread", "?")
    assert [e.host for e in sent.events if e.what == "accepted"] == ["mail.academy.test", "mx2.bakery.test"]
    assert sent.status["bruno@bakery.test"].state == "deferred"
    lab.host("mx1.bakery.test").up()
    lab.clock.advance(minutes=6)
    assert sent.status["bruno@bakery.test"].state == "delivered"
    assert len(lab.queue("mx2.bakery.test")) == 0


def test_a_message_that_nobody_takes_comes_back_after_five_days(lab: Lab) -> None:
    for name in ("mx1.bakery.test", "mx2.bakery.test"):
        lab.host(name).down()
    alice = lab.person("alice@academy.test")
    sent = alice.send("bruno@bakery.test", "Bread", "?")
    assert sent.status["bruno@bakery.test"].state == "deferred"
    assert [row["attempts"] for row in lab.queue("mail.academy.test")] == [1]
    lab.clock.advance(days=6)
    assert sent.status["bruno@bakery.test"].state == "bounced"
    warning, bounce = alice.fetch()
    assert (warning.subject, bounce.subject) == ("Your message is delayed", "Your message could not be delivered")
    assert "5 days" in bounce.text


def test_bcc_is_in_the_envelope_and_in_no_header(lab: Lab) -> None:
    lab.person("alice@academy.test").send("amir@academy.test", "Hi", "x", bcc="bruno@bakery.test")
    mail = lab.person("bruno@bakery.test").fetch()[0]
    # Only Delivered-To and a Received line for him alone, written by his own servers, may name him.
    assert mail.parsed["Bcc"] is None
    assert "bruno" not in str(mail.parsed["To"])
    assert b"bruno" not in lab.person("amir@academy.test").fetch()[0].raw


def test_pop3_leaves_the_message_unless_told_to_delete(lab: Lab) -> None:
    bruno = lab.person("bruno@bakery.test")
    lab.person("alice@academy.test").send(bruno.address, "Once", "x")
    assert len(bruno.fetch("pop3")) == len(bruno.fetch("pop3", delete=True)) == 1
    assert len(bruno.inbox()) == 0


def test_an_edited_zone_has_a_new_serial_and_caches_keep_the_old_answer(lab: Lab) -> None:
    zone = lab.zone("bakery.test")
    before = lab.dns.lookup("bakery.test", "MX").values
    old = zone.serial
    zone.edit(zone.text.replace("MX 10 mx1", "MX 30 mx1"))
    assert zone.serial == old + 1
    assert lab.dns.lookup("bakery.test", "MX").values == before
    lab.clock.advance(hours=2)
    assert "30 mx1.bakery.test." in lab.dns.lookup("bakery.test", "MX").values


def test_the_same_actions_give_the_same_events_and_bytes(make_lab: Callable[..., Lab]) -> None:
    def play() -> tuple[list[object], bytes]:
        lab = make_lab("two-offices")
        lab.person("alice@academy.test").send(["bruno@bakery.test", "nobody@bakery.test"], "Same", "x")
        lab.person("bea@bakery.test").send("alice@academy.test", "Same too", "y")
        raw = lab.person("bruno@bakery.test").fetch()[0].raw
        return [(e.seq, e.time, e.host, e.role, e.what, e.message, e.facts) for e in lab.trace], raw

    first, second = play(), play()
    assert first == second
    assert len(first[0]) > 100


def test_the_lab_works_the_same_in_memory(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab("two-offices")
    sent = lab.person("alice@academy.test").send("bruno@bakery.test", "No sockets", "x" * 100_000)
    assert sent.status["bruno@bakery.test"].state == "delivered"
    assert [m.subject for m in lab.person("bruno@bakery.test").fetch("pop3")] == ["No sockets"]


def test_a_live_clock_delivers_too(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab("two-offices", clock="live", speed=60)
    sent = [lab.person("alice@academy.test").send("bruno@bakery.test", str(n), "x") for n in range(5)]
    lab.settle(30)
    assert {one.status["bruno@bakery.test"].state for one in sent} == {"delivered"}
    assert len(lab.person("bruno@bakery.test").inbox()) == 5


def test_opening_a_lab_again_closes_the_old_one(make_lab: Callable[..., Lab]) -> None:
    first = make_lab("two-offices", name="again")
    second = make_lab("two-offices", name="again")
    assert not first.is_open
    with pytest.raises(LabClosed, match="Open it again"):
        first.person("alice@academy.test")
    assert second.person("alice@academy.test").send("amir@academy.test", "x", "y").status


def test_opened_twenty_times_a_lab_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # other tests have folders of their own

    def one() -> None:
        lab = Lab("two-offices", name="twenty")
        lab.person("alice@academy.test").send("bruno@bakery.test", "x", "y")
        lab.settle()

    def weigh() -> tuple[int, int, int, int]:
        gc.collect()
        runtime = Lab("two-offices", name="twenty").runtime
        tasks = runtime.call(lambda: len(asyncio.all_tasks(runtime.loop)))
        # The workers are started one by one, up to their number, and stay.
        threads = [thread for thread in threading.enumerate() if not thread.name.startswith("mailcourse-file")]
        return len(threads), len(os.listdir("/proc/self/fd")), tasks, len(os.listdir(tmp_path))

    if not os.path.exists("/proc/self/fd"):
        pytest.skip("this system does not show a process's open files")
    one()
    first = weigh()
    for _ in range(20):
        one()
    after = weigh()
    Lab("two-offices", name="twenty").close()
    assert after == first


# ---- bad input: a clear error, and the lab goes on ----------------------------------------------------------

MISTAKES: list[tuple[Callable[[Lab], object], type[Exception], str]] = [
    (lambda lab: lab.person("alice@academy.test").send("not an address", "x"), LabError, "there is no @"),
    (lambda lab: lab.person("alice@academy.test").send("", "x"), LabError, "no recipient"),
    (lambda lab: lab.person("alicia@academy.test"), UnknownName, "Did you mean 'alice@academy.test'"),
    (lambda lab: lab.host("mx3.bakery.test"), UnknownName, "Did you mean"),
    (lambda lab: lab.endpoint("mx1.bakery.test", 143), LabError, "does not listen on port 143. Its open ports: 25"),
    (lambda lab: lab.queue("laptop.academy.test"), UnknownName, "mail server"),
    (lambda lab: lab.zone("bakery.example"), UnknownName, "zone"),
    (
        lambda lab: lab.zone("bakery.test").edit("@ SOA ns h 1 2 3 4 5\n@ NS ns\n@ MX ten mx1"),
        LabError,
        "line 3, column 6",
    ),
    (
        lambda lab: lab.zone("bakery.test").edit("@ SOA ns h 1 2 3 4 5\n@ NS ns\nmx1 A 192.0.2.300"),
        LabError,
        "line 3, column 7",
    ),
    (lambda lab: lab.zone("bakery.test").edit("$TTL 60\n@ NS ns"), LabError, "no SOA"),
    (lambda lab: lab.dns.lookup("bakery.test", "MXX"), LabError, "no record type"),
    (lambda lab: lab.person("bruno@bakery.test").fetch("smtp"), LabError, "imap"),
    (lambda lab: lab.clock.advance(minutes=-1), LabError, "forward"),
    (lambda lab: lab.person("alice@academy.test").send("bruno@bakery.test", "big", "x" * 11_000_000), NotSent, "552"),
    (lambda lab: lab.person("alice@academy.test").send("nobody@academy.test", "x"), NotSent, "550 5.1.1"),
    (lambda lab: lab.journey("m99"), UnknownName, "message"),
    (lambda lab: Lab("three-offices"), UnknownName, "two-offices"),
    (lambda lab: Lab("nowhere.toml"), LabError, "no file"),
    (lambda lab: Lab(clock="fast"), LabError, "still"),
]


@pytest.mark.parametrize(("act", "kind", "words"), MISTAKES, ids=[words for *_, words in MISTAKES])
def test_a_mistake_is_explained_and_the_lab_goes_on(
    lab: Lab, act: Callable[[Lab], object], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=re.escape(words)):
        act(lab)
    assert (
        lab.person("bea@bakery.test").send("bruno@bakery.test", "still here", "x").status["bruno@bakery.test"].state
        == "delivered"
    )


def test_a_wrong_password_is_refused_by_every_server(lab: Lab) -> None:
    alice = lab.person("alice@academy.test")
    alice.password = "guess"
    for act in (lambda: alice.send("amir@academy.test", "x"), alice.inbox, lambda: alice.fetch("pop3")):
        with pytest.raises(LabError, match="password"):
            act()


def test_two_labs_cannot_share_a_folder(tmp_path: os.PathLike[str], make_lab: Callable[..., Lab]) -> None:
    make_lab("two-offices", path=tmp_path)
    with pytest.raises(LabError, match="Another lab is using"):
        make_lab("two-offices", path=tmp_path)


def test_a_lab_goes_on_when_its_mail_server_is_down(lab: Lab) -> None:
    lab.host("mail.academy.test").down()
    with pytest.raises(NotSent, match="switched off"):
        lab.person("alice@academy.test").send("bruno@bakery.test", "x")
    lab.host("mail.academy.test").up()
    assert (
        lab.person("alice@academy.test").send("bruno@bakery.test", "x").status["bruno@bakery.test"].state == "delivered"
    )


def test_an_interrupted_cell_gives_its_turn_back(lab: Lab) -> None:
    alice = lab.person("alice@academy.test")
    with pytest.raises(KeyboardInterrupt), lab.turn():
        raise KeyboardInterrupt
    gate = threading.Event()

    async def slow() -> None:
        while not gate.is_set():
            await asyncio.sleep(0.001)

    lab.runtime.call(lambda: lab.clock.after(0, slow))
    waiting = threading.Thread(target=lambda: alice.send("bruno@bakery.test", "from a thread", "x"))
    waiting.start()
    gate.set()
    waiting.join(30)
    assert alice.send("bruno@bakery.test", "afterwards", "x").status["bruno@bakery.test"].state == "delivered"
    assert len(lab.person("bruno@bakery.test").inbox()) == 2


def test_a_lab_that_nobody_has_any_more_is_given_back() -> None:
    lab = Lab("two-offices", name="dropped")
    path = lab.path
    lab.person("alice@academy.test").send("bruno@bakery.test", "x", "x")
    address = lab.endpoint("mail.bakery.test", 143)
    del lab
    gc.collect()
    end = time.monotonic() + 20
    while path.exists():
        assert time.monotonic() < end, "its folder is still there"
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(address, 5)
