"""The form to write a message: the envelope follows the headers, what is looked at is what is sent."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from waits import until

from mailcourse import Lab
from mailcourse.internet.errors import LabError
from mailcourse.mua.account import NotSent
from mailcourse.mua.mail import Mail
from mailcourse.widgets.compose import ComposeView, follow

ALICE, AMIR, BRUNO, BEA = "alice@academy.test", "amir@academy.test", "bruno@bakery.test", "bea@bakery.test"

NOW = datetime(2026, 9, 7, 8, tzinfo=UTC)


def press(view: ComposeView, word: str = "Send") -> None:
    button = view.button if word == "Send" else view.see
    button.click()
    until(lambda: not button.disabled)


def attach(view: ComposeView, *files: tuple[str, bytes]) -> None:
    view.upload.value = tuple(
        {"name": name, "type": "", "size": len(octets), "content": memoryview(octets), "last_modified": NOW}
        for name, octets in files
    )


@pytest.fixture
def form(lab: Lab) -> ComposeView:
    view = lab.person(ALICE).compose()
    view.fields["to"].value, view.fields["subject"].value, view.text.value = BRUNO, "Bread", "Forty rolls, please."
    return view


# ---- the message: person.draft ---------------------------------------------------------------------------


def test_parts_stand_in_the_order_that_mime_wants(lab: Lab) -> None:
    letter = lab.person(ALICE).draft(BRUNO, "x", "text", html="<p>text", attachments=[("a.png", b"1"), ("b", b"2")])
    kinds = re.findall(rb"Content-Type: ([\w/-]+)", letter.raw)
    assert kinds == [
        b"multipart/mixed",
        b"multipart/alternative",
        b"text/plain",
        b"text/html",
        b"image/png",
        b"application/octet-stream",
    ]
    mail = Mail("1", (), letter.raw)
    assert (mail.plain, mail.html) == ("text\n", "<p>text\n")
    assert [(one.name, one.octets) for one in mail.attachments] == [("a.png", b"1"), ("b", b"2")]


def test_html_alone_is_one_part(lab: Lab) -> None:
    mail = Mail("1", (), lab.person(ALICE).draft(BRUNO, html="<p>x").raw)
    assert (mail.plain, mail.html, mail.attachments) == (None, "<p>x\n", [])


def test_the_same_actions_give_the_same_boundaries(make_lab: Callable[..., Lab]) -> None:
    def raw() -> bytes:
        with make_lab("two-offices") as lab:
            return lab.person(ALICE).send(BRUNO, "x", "y", html="z", attachments=[("a", b"b")]).raw

    assert raw() == raw()
    boundaries = re.findall(rb'boundary="([^"]+)"', raw())
    assert len({*boundaries}) == 2


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("The Dean <dean@academy.test>", b"From: The Dean <dean@academy.test>"),
        ("I am nobody", b"From: I am nobody"),
        ("Käse <k@bakery.test>", b"From: =?utf-8?b?S8Okc2U=?= <k@bakery.test>"),
        ("a@b.test\r\nBcc: c@d.test", b"From: a@b.test Bcc: c@d.test"),
        ("\u202eevil <a@b.test>", b"From: evil <a@b.test>"),
        ("", b"From: Alice <alice@academy.test>"),
    ],
)
def test_from_is_what_somebody_writes_there_and_stays_one_line(lab: Lab, written: str, shown: bytes) -> None:
    letter = lab.person(ALICE).draft(BRUNO, "x", from_header=written)
    assert letter.raw.split(b"\r\n")[0] == shown
    assert letter.sender == ALICE


def test_an_address_in_other_letters_in_from_needs_smtputf8(lab: Lab) -> None:
    letter = lab.person(ALICE).draft(BRUNO, "x", from_header="δ@bakery.test")
    assert letter.is_utf8
    assert "From: δ@bakery.test".encode() in letter.raw


@pytest.mark.parametrize(
    "name", ["a\r\nX: 1.txt", "../../etc/passwd", "C:\\x.exe", "\ud800", "", "Käse" * 60, '"; x="']
)
def test_names_of_files_lead_nowhere(lab: Lab, name: str) -> None:
    letter = lab.person(ALICE).draft(BRUNO, "x", attachments=[(name, b"1")])
    (file,) = Mail("1", (), letter.raw).attachments
    assert file.octets == b"1"
    assert 0 < len(file.name) <= 100
    assert not re.search(r"[/\\\r\n]", file.name)
    assert b"\r\nX:" not in letter.raw


def test_an_envelope_of_its_own_decides(lab: Lab) -> None:
    sent = lab.person(ALICE).send(BRUNO, "x", sender="", recipients=[BEA], from_header="Bank <bank@bakery.test>")
    assert [*sent.status] == [BEA]
    (mail,) = lab.person(BEA).inbox()
    assert (mail.field("To"), mail.field("Return-Path"), mail.sender) == (BRUNO, "<>", "Bank <bank@bakery.test>")
    assert len(lab.person(BRUNO).inbox()) == 0


def test_what_is_too_large_is_refused_before_it_is_written(lab: Lab) -> None:
    with pytest.raises(LabError, match="more than 25,000,000 are not sent"):
        lab.person(ALICE).draft(BRUNO, "x", attachments=[("a", bytes(25_000_001))])
    with pytest.raises(LabError, match="octets; more than"):  # base64 makes a third more
        lab.person(ALICE).draft(BRUNO, "x", attachments=[("a", bytes(20_000_000))])
    with pytest.raises(LabError, match="From header is too long"):
        lab.person(ALICE).draft(BRUNO, "x", from_header="x" * 1_000_000)


def test_a_draft_is_not_sent_and_each_submission_sends_it_once_more(lab: Lab) -> None:
    alice = lab.person(ALICE)
    letter = alice.draft(BRUNO, "x")
    lab.settle()
    assert not any(event.what == "composed" for event in lab.trace)
    assert [alice.submit(letter).message, alice.submit(letter).message] == ["m1", "m2"]
    one, two = lab.person(BRUNO).inbox()
    assert one.field("Message-ID") == two.field("Message-ID")


# ---- the form ----------------------------------------------------------------------------------------------


def test_the_envelope_follows_the_headers_until_it_is_edited(form: ComposeView) -> None:
    form.fields["cc"].value = f"{BEA}, {BRUNO.upper()}"
    form.fields["bcc"].value = AMIR
    assert (form.mail_from.value, form.rcpt_to.value) == (ALICE, f"{BRUNO}, {BEA}, {AMIR}")
    form.fields["from_header"].value = "The Dean <dean@academy.test>"
    assert form.mail_from.value == "dean@academy.test"
    form.rcpt_to.value = AMIR
    form.fields["to"].value = BEA
    assert form.rcpt_to.value == AMIR
    assert "RCPT TO: as you edited it" in form.status.value
    form.fields["from_header"].value = "nobody"
    assert form.mail_from.value == ALICE  # it still follows
    form.follow_button.click()
    assert form.rcpt_to.value == f"{BEA}, {BRUNO.upper()}, {AMIR}"
    assert "follows the headers" in form.status.value
    assert form.more.selected_index is None
    assert follow("a@x.test", "", "", "", "") == ("a@x.test", "")


def test_what_is_looked_at_is_what_is_sent(form: ComposeView, lab: Lab) -> None:
    form.fields["bcc"].value, form.html.value = BEA, "<b>Forty</b>"
    attach(form, ("rolls <b>.txt", b"abc"))
    assert "rolls &lt;b&gt;.txt (3 octets)" in form.listed.value
    press(form, "Look")
    assert len(lab.person(BRUNO).inbox()) == 0
    identity = re.search(r"Message-ID: &lt;(\w+@laptop.academy.test)&gt;", form.raw.value)
    assert identity is not None
    for said in ("Date", "that machine&#x27;s clock", "Message-ID", f"{BEA}: in the envelope only", "boundary"):
        assert said in form.raw.value
    looked_at = form.letter().raw
    assert b"Bcc" not in looked_at
    assert BEA.encode() not in looked_at
    press(form)
    assert form.sent is not None
    assert form.sent.raw == looked_at
    assert form.result.value.count("delivered") == 2
    assert form.journey.steps
    assert lab.person(BRUNO).inbox()[0].field("Message-ID") == f"<{identity[1]}>"
    press(form)  # once more: another message
    assert form.sent.raw != looked_at
    form.remove.click()
    assert (form.attachments, form.listed.value) == ([], "")


def test_a_changed_field_makes_another_message(form: ComposeView) -> None:
    press(form, "Look")
    before = form.letter()
    form.text.value = "Fifty rolls."
    assert form.raw.value == ""
    assert "look at the raw message again" in form.result.value
    press(form)
    assert form.sent is not None
    assert form.sent.raw != before.raw


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"to": ""}, "into the field To."),
        ({"to": "bruno at the bakery"}, "is not an address: there is no @"),
        ({"to": "<script>@x.test"}, "&lt;script&gt;"),
        ({"to": "\ud800@x.test"}, "is not valid"),
        ({"from_header": "\ud800@x.test"}, "is not valid"),
        ({"to": "nobody@academy.test"}, "refused every recipient"),
        ({"from_header": "x" * 2000}, "From header is too long"),
    ],
)
def test_what_cannot_be_sent_is_a_sentence_and_the_fields_stay(form: ComposeView, fields: Any, said: str) -> None:
    for name, value in fields.items():
        form.fields[name].value = value
    press(form)
    assert 'role="alert"' in form.result.value
    assert said in form.result.value
    assert form.sent is None
    assert form.text.value == "Forty rolls, please."
    assert all(form.fields[name].value == value for name, value in fields.items())
    form.fields["to"].value, form.fields["from_header"].value = BRUNO, ""
    press(form)
    assert "delivered" in form.result.value


def test_a_server_that_refuses_the_size_is_a_sentence(form: ComposeView) -> None:
    attach(form, ("a", bytes(9_000_000)))
    press(form)
    assert 'role="alert"' in form.result.value
    assert "5.3.4" in form.result.value or "552" in form.result.value


def test_a_copy_that_waits_is_followed_after_send(form: ComposeView, lab: Lab) -> None:
    lab.host("mx1.bakery.test").down()
    lab.host("mx2.bakery.test").down()
    press(form)
    assert "deferred" in form.result.value
    lab.host("mx1.bakery.test").up()
    lab.clock.advance(hours=2)
    until(lambda: "delivered" in form.result.value)


def test_the_login_is_checked(lab: Lab) -> None:
    alice = lab.person(ALICE)
    alice.password = "wrong"
    form = alice.compose()
    form.fields["to"].value = BRUNO
    press(form)
    assert "did not accept the password" in form.result.value
    with pytest.raises(NotSent):
        lab.person(ALICE).send("nobody@academy.test", "x", html="y")
