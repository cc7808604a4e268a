"""A person's programs use TLS and check who is there (RFC 8314); clear text is only used where somebody says so."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mailcourse import Lab
from mailcourse.internet.errors import LabError, UnknownName
from mailcourse.mua.account import NotSent

BRUNO, HOST, LAPTOP = "bruno@bakery.test", "mail.bakery.test", "laptop.bakery.test"


def everything(lab: Lab, sends_by: str, reads_by: str) -> bytes:
    """Return all that passes between a person's machine and the server while everything is done once."""
    bruno = lab.person(BRUNO)
    bruno.sends_by, bruno.reads_by = sends_by, reads_by
    with lab.tap(LAPTOP, HOST) as tap:
        bruno.send(to=BRUNO, subject="to myself", text="the words of the letter")
        lab.settle()
        assert bruno.inbox()[0].subject == "to myself"
        assert bruno.fetch("pop3")[0].subject == "to myself"
        bruno.device("phone").sync()
        bruno.device("old", "pop3").sync()
        with bruno.idle() as updates:
            bruno.flag(1)
            assert updates.wait()
    return b"".join(packet.data for packet in tap.packets)


def secrets(lab: Lab) -> list[bytes]:
    password = lab.person(BRUNO).password
    return [password.encode(), b64encode(f"\0{BRUNO}\0{password}".encode()), b"the words of the letter"]


@pytest.mark.parametrize("reads_by", ["tls", "starttls"])
@pytest.mark.parametrize("sends_by", ["tls", "starttls"])
def test_nobody_on_the_way_reads_a_password_or_a_word(lab: Lab, sends_by: str, reads_by: str) -> None:
    heard = everything(lab, sends_by, reads_by)
    assert len(heard) > 10_000
    assert [secret for secret in secrets(lab) if secret in heard] == []


def test_what_is_read_in_clear_text_on_request_can_be_read_on_the_way(lab: Lab) -> None:
    heard = everything(lab, "tls", "clear")
    assert lab.person(BRUNO).password.encode() in heard
    assert b"the words of the letter" in heard


def test_a_scenario_says_nothing_and_programs_are_private(lab: Lab) -> None:
    with lab.tap(LAPTOP, HOST) as tap:
        lab.person(BRUNO).inbox()
    assert {packet.port for packet in tap.packets} == {993}


@pytest.mark.parametrize(("act", "error"), [("inbox", LabError), ("pop3", LabError), ("send", NotSent)])
@pytest.mark.parametrize("way", ["tls", "starttls"])
def test_nothing_is_said_to_a_server_that_cannot_prove_who_it_is(lab: Lab, act: str, error: type, way: str) -> None:
    bruno = lab.person(BRUNO)
    bruno.sends_by = bruno.reads_by = way
    zone = lab.zone("bakery.test").remove("mail", "A")
    zone.add("mail A 192.0.2.25")  # the Academy's server, whose certificate is its own
    lab.dns.forget()
    acts = {
        "inbox": bruno.inbox,
        "pop3": lambda: bruno.fetch("pop3"),
        "send": lambda: bruno.send(to=BRUNO, subject="x", text="y"),
    }
    with lab.tap(LAPTOP) as tap, pytest.raises(error, match=r"mail\.bakery\.test did not prove who it is: .*valid"):
        acts[act]()
    heard = b"".join(packet.data for packet in tap.packets)
    assert heard
    assert [secret for secret in secrets(lab) if secret in heard] == []


def test_a_way_that_there_is_not_is_named(lab: Lab) -> None:
    bruno = lab.person(BRUNO)
    bruno.reads_by = "ssl"
    with pytest.raises(UnknownName, match=r"'ssl'.*clear, starttls, tls"):
        bruno.inbox()


def test_a_server_that_wants_tls_for_log_in_refuses_clear_text(lab: Lab) -> None:
    bruno = lab.person(BRUNO)
    bruno.sends_by = "clear"
    with pytest.raises(LabError, match=r"TLS|AUTH"):
        bruno.send(to=BRUNO, subject="x", text="y")


def test_a_capture_of_the_whole_first_lesson_has_no_password(tmp_path: Path) -> None:
    """Run lesson 00, cell by cell, with everything written down that passes anywhere."""
    lesson = json.loads((Path(__file__).parents[2] / "notebooks" / "00-start-here.ipynb").read_text("utf-8"))
    names: dict[str, Any] = {}
    passwords: dict[str, str] = {}
    with ExitStack() as captures:
        for cell in lesson["cells"]:
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), "<cell>", "exec"), names)
            if "lab" in names and not passwords:
                lab = names["lab"]
                passwords = {who: lab.person(who).password for who in lab.addresses}
                captures.enter_context(lab.capture(tmp_path / "lesson.pcap"))
    heard = (tmp_path / "lesson.pcap").read_bytes()
    assert len(heard) > 20_000
    for who, password in passwords.items():
        forms = [password.encode(), b64encode(password.encode()), b64encode(f"\0{who}\0{password}".encode())]
        assert [form for form in forms if form in heard] == []
