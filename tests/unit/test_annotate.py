"""A whole header and a whole conversation, explained: every line of a real one, and nothing that is made up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mailcourse import Lab, LabError
from mailcourse.lessons import explain_dialogue, explain_header, speak
from mailcourse.lessons.annotate import UNKNOWN_FIELD, UNKNOWN_LINE


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    return make_lab("two-offices")


def test_every_field_of_a_letter_is_explained_and_each_server_named(lab: Lab) -> None:
    lab.person("alice@academy.test").send(to="bruno@bakery.test", subject="Rolls")
    mail = lab.person("bruno@bakery.test").fetch()[-1]
    rows = list(explain_header(mail))
    assert [row["field"] for row in rows] == [name for name, _ in mail.fields]
    assert all(row["meaning"] not in (UNKNOWN_FIELD[1], "") for row in rows)
    hops = [(row["written by"], row["meaning"]) for row in rows if row["field"] == "Received"]
    assert hops == [
        ("mail.bakery.test", "took it from mx1.bakery.test, inside TLS"),
        ("mx1.bakery.test", "took it from mail.academy.test, inside TLS"),
        ("mail.academy.test", "took it from laptop.academy.test, inside TLS, after a log-in"),
    ]


def test_a_field_that_is_nobodys_is_shown_and_said_to_be_one(lab: Lab) -> None:
    talk = speak(lab, "mx1.bakery.test")
    for line in ("EHLO x.test", "MAIL FROM:<alice@academy.test>", "RCPT TO:<bruno@bakery.test>", "DATA"):
        talk.say(line)
    talk.say("X-Oven: hot", "", "Hello", ".")
    lab.settle()
    rows = list(explain_header(lab.person("bruno@bakery.test").fetch()[-1]))
    assert [row["meaning"] for row in rows if row["field"] == "X-Oven"] == [UNKNOWN_FIELD[1]]


def test_every_line_of_a_conversation_between_servers_is_explained(lab: Lab) -> None:
    sent = lab.person("alice@academy.test").send(to="bruno@bakery.test", subject="Rolls")
    rows = list(explain_dialogue(sent, "mx1.bakery.test"))
    said = [row["line"] for row in sent.said() if row["at server"] == "mx1.bakery.test"]
    assert all(row["meaning"] != UNKNOWN_LINE for row in rows)
    assert [row["line"] for row in rows[:9]] == said[:9]
    assert rows[-3]["meaning"] == "the server has the whole message and is responsible for it from now on"
    assert [row["meaning"] for row in rows if row["line"] == "250-…"] == [
        "7 lines of the list above again, without STARTTLS"
    ]


def test_submission_is_explained_without_its_password(lab: Lab) -> None:
    alice = lab.person("alice@academy.test")
    rows = list(explain_dialogue(alice.send(to="bruno@bakery.test", subject="Rolls"), "mail.academy.test"))
    assert all(row["meaning"] != UNKNOWN_LINE for row in rows)
    assert "logged in" in [row["meaning"] for row in rows]
    assert alice.password not in str(rows)


def test_a_refusal_is_explained_by_its_first_digit(lab: Lab) -> None:
    alice = lab.person("alice@academy.test")
    rows = list(explain_dialogue(alice.send(to="nobody@bakery.test", subject="Hello?"), "mx1.bakery.test"))
    assert [row["meaning"] for row in rows if str(row["line"]).startswith("550")] == ["no"]
    with lab.fault("mx1.bakery.test", "reply", at="RCPT", say="450 4.2.1 busy"):
        rows = list(explain_dialogue(alice.send(to="bruno@bakery.test", subject="Hello?"), "mx1.bakery.test"))
    later = [row["meaning"] for row in rows if str(row["line"]).startswith("450")]
    assert later == ["not now; the client tries again later"]


def test_what_cannot_be_explained_says_what_can(lab: Lab) -> None:
    sent = lab.person("alice@academy.test").send(to="bruno@bakery.test", subject="Rolls")
    with pytest.raises(LabError, match=r"said to: mail\.academy\.test, mx1"):
        explain_dialogue(sent, "mx9.bakery.test")
    with pytest.raises(LabError, match="Give a message that was read"):
        explain_header("Subject: x")  # type: ignore[arg-type]
