"""A terminal: lines typed by hand on real connections, what they mean, and what harm they cannot do."""

from __future__ import annotations

from functools import partial

import pytest
import waits

from mailcourse import Lab
from mailcourse.internet.errors import LabError
from mailcourse.widgets.terminal import BAD, GOOD, LATER, ON, TerminalView, meaning, shown, suggested

until = partial(waits.until, seconds=15)
MX1, HOME, BRUNO = "mx1.bakery.test", "mail.bakery.test", "bruno@bakery.test"


def heard(view: TerminalView) -> list[str]:
    return [line for who, line in view.lines if who == "S"]


def say(view: TerminalView, line: str, answers: int = 1) -> str:
    before = len(heard(view))
    view.say_line(line)
    until(lambda: len(heard(view)) >= before + answers)
    return heard(view)[-1]


@pytest.mark.parametrize(
    ("line", "colour", "words"),
    [
        ("250 2.0.0 ok", GOOD, "done"),
        ("250-SIZE 1", GOOD, ""),
        ("354 go on", ON, "send the message"),
        ("450 4.2.0 later", LATER, "try again later"),
        ("550 5.1.1 nobody", BAD, "no such mailbox"),
        ("+OK 2 messages", GOOD, "done"),
        ("-ERR no", BAD, "no"),
        ("a1 OK done", GOOD, "the end of command a1"),
        ("a1 NO [CANNOT] x", BAD, "not possible"),
        ("a1 BAD x", BAD, "not understood"),
        ("* 3 EXISTS", "#222222", "news"),
        ("+ idling", ON, "go on"),
        ("Subject: x", "#222222", ""),
    ],
)
def test_each_line_has_its_colour_and_its_meaning(line: str, colour: str, words: str) -> None:
    assert meaning(line)[0] == colour
    assert words in meaning(line)[1]


def test_a_message_typed_by_hand_arrives(lab: Lab) -> None:
    view = lab.telnet(MX1, 25)
    until(lambda: bool(heard(view)))
    for line in [line for line in suggested(lab, MX1, 25) if line not in ("STARTTLS", "RSET", "QUIT")]:
        if line in ("Subject: by hand", "", "Typed in a terminal.") or line.startswith("From:"):
            view.say_line(line)
        else:
            say(view, line)
    assert heard(view)[-1].startswith("250")
    lab.settle()
    assert [mail.subject for mail in lab.person(BRUNO).inbox()] == ["by hand"]
    say(view, "QUIT")
    until(lambda: "closed the connection" in repr(view))
    view.say_line("NOOP")
    assert "Connect again" in view.notice.value
    view.again.click()
    until(lambda: len(heard(view)) == 1)


def test_starttls_shows_the_certificate_and_goes_on_inside(lab: Lab) -> None:
    view = lab.telnet(HOME, 143)
    until(lambda: bool(heard(view)))
    view.say_line("a1 STARTTLS")
    until(lambda: "certificate of mail.bakery.test" in repr(view))
    assert "TLS is on: TLSv1." in repr(view)
    assert "issued by mailcourse lab, checked" in repr(view)
    assert say(view, f"a2 LOGIN {BRUNO} {lab.person(BRUNO).password}").startswith("a2 OK")


def test_lines_typed_before_tls_has_begun_wait_for_it(lab: Lab) -> None:
    view = lab.telnet(MX1, 25)
    typed = ["EHLO laptop.academy.test", "STARTTLS", "EHLO laptop.academy.test", "MAIL FROM:<x@y.test>"]
    for line in (*typed, "RCPT TO:<nobody@bakery.test>"):
        view.say_line(line)
    until(lambda: heard(view)[-1].startswith("550 5.1.1"))
    assert "certificate of mx1.bakery.test" in repr(view)
    assert not [line for line in heard(view)[:-1] if meaning(line)[0] == BAD]


def test_after_tls_is_refused_the_waiting_lines_are_said(lab: Lab) -> None:
    view = lab.telnet(MX1, 25)
    for line in ("STARTTLS", "EHLO laptop.academy.test", "STARTTLS", "NOOP"):
        view.say_line(line)
    until(lambda: len(heard(view)) > 2 and heard(view)[-1].startswith("250 2.0.0"))
    assert meaning(heard(view)[-2])[0] == BAD
    assert repr(view).count("TLS is on") == 1


@pytest.mark.parametrize(("port", "first"), [(995, "+OK"), (993, "* OK")])
def test_ports_where_tls_comes_first(lab: Lab, port: int, first: str) -> None:
    view = lab.telnet(HOME, port)
    until(lambda: bool(heard(view)))
    assert heard(view)[0].startswith(first)
    assert "certificate of mail.bakery.test" in repr(view)


@pytest.mark.parametrize("port", [110, 143])
def test_every_line_that_is_suggested_is_obeyed(lab: Lab, port: int) -> None:
    lab.person("alice@academy.test").send(BRUNO, "hi", "x")
    lab.settle()
    view = lab.telnet(HOME, port)
    until(lambda: bool(heard(view)))
    for line in suggested(lab, HOME, port):
        view.say_line(line)
        end = "+OK" if port == 110 else line.split()[0] + " OK"
        until(lambda end=end: any(said.startswith(end) for said in heard(view)))  # type: ignore[misc]
    until(lambda: "closed the connection" in repr(view))
    assert not [line for line in heard(view) if meaning(line)[0] == BAD]


def test_what_a_server_says_is_never_markup() -> None:
    assert "<script>" not in shown([("S", "250 <script>alert(1)</script>"), ("C", "<script>")])


def test_a_port_that_is_closed_and_a_lab_that_is_closed_are_sentences(lab: Lab) -> None:
    with pytest.raises(LabError, match="Its ports: 25"):
        lab.telnet(MX1, 143)
    view = lab.telnet(MX1, 25)
    lab.close()
    assert "closed" in view.notice.value
    view.say_line("NOOP")
    assert view.input.disabled


def test_what_the_page_sends_is_a_line_and_nothing_else(lab: Lab) -> None:
    view = lab.telnet("mx1.bakery.test", 25)
    for said in ({"line": "NOOP"}, {"line": 5}, {"other": "QUIT"}, "QUIT", None):
        view.input._handle_custom_msg(said, [])
    until(lambda: any("250" in line for line in heard(view)))
    assert [line for who, line in view.lines if who == "C"] == ["NOOP"]
