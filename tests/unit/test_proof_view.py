"""SPF, DKIM and DMARC of one message, in three lanes, step by step."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Callable

import pytest

from mailcourse import Lab
from mailcourse.internet.errors import LabError
from mailcourse.widgets.proof import ProofView, count, drawn, lanes, lanes_html, text_of

ALICE, BRUNO, FORGED = (
    "alice@academy.test",
    "bruno@bakery.test",
    "From: Alice <alice@academy.test>\r\nSubject: pay\r\n\r\nnow\r\n",
)


@pytest.fixture(scope="module")
def offices() -> Lab:
    with Lab("signed-offices", name="proof-view") as lab:
        lab.person(ALICE).send(to=BRUNO, subject="signed", text="x")
        lab.settle()
        yield lab  # type: ignore[misc]


def forge(lab: Lab, sender: str = ALICE) -> str:
    with lab.online("machine.stranger.test"), smtplib.SMTP("mx1.bakery.test", 25, "machine.stranger.test") as client:
        try:
            client.sendmail(sender, [BRUNO], FORGED)
        except smtplib.SMTPResponseException as refusal:
            return f"{refusal.smtp_code} {refusal.smtp_error.decode()}"
    return ""


def test_a_mail_and_what_was_sent_show_the_same_proof(offices: Lab) -> None:
    mail = offices.person(BRUNO).fetch()[0]
    sent = next(event.message for event in offices.trace if event.what == "composed")
    assert sent is not None
    assert repr(mail.authentication()) == repr(offices.proof(sent)) == repr(offices.proof(mail))
    assert repr(mail).startswith("<Mail ")


@pytest.mark.parametrize("way", ["inbox", "folder", "fetch", "search", "read"])
def test_every_way_to_a_mail_leads_to_its_proof(offices: Lab, way: str) -> None:
    bruno = offices.person(BRUNO)
    ways: dict[str, Callable[[], object]] = {
        "inbox": bruno.inbox,
        "folder": lambda: bruno.folder("INBOX"),
        "fetch": lambda: bruno.fetch("pop3"),
        "search": lambda: bruno.search("ALL"),
        "read": lambda: [bruno.read(1)],
    }
    (mail,) = ways[way]()  # type: ignore[misc]
    assert "spf and dkim of academy.test" in repr(mail.authentication())


def test_the_view_tells_each_question_answer_and_comparison(offices: Lab) -> None:
    text = repr(offices.person(BRUNO).inbox()[0].authentication())
    for words in (
        "SPF: may this host send for academy.test? pass",
        "TXT of academy.test | v=spf1 mx -all",
        "DKIM: did academy.test sign it, and is it unchanged? pass",
        "TXT of autumn._domainkey.academy.test",
        "DMARC: does that speak for the author, academy.test? pass",
        "TXT of _dmarc.academy.test | v=DMARC1; p=reject",
        "The message was delivered.",
    ):
        assert words in text


def test_steps_come_one_by_one_and_results_when_their_lane_is_done(offices: Lab) -> None:
    view = offices.person(BRUNO).inbox()[0].authentication()
    steps = count(view.lanes)
    assert steps == sum(len(lane.steps) for lane in view.lanes) + 1
    for number in range(steps):
        shown = lanes_html(view.lanes, number, view.end)
        assert shown.count('class="now"') == (number < steps - 1)
        assert shown.count('class="later"') == max(steps - 2 - number, 0)
        done = sum(number >= end - 1 for end in (2, 6, 10))
        assert shown.count('class="result') == done
        assert (view.end in shown) == (number == steps - 1)
    view.player.back.click()
    assert view.player.slider.value == steps - 2
    view.close()


def test_a_refused_forgery_shows_what_did_not_speak_for_the_author(offices: Lab) -> None:
    assert forge(offices).startswith("550 5.7.26")
    message = next(e.message for e in reversed(offices.trace.events()) if e.what == "authenticated")
    assert message is not None
    view = offices.proof(message)
    assert [lane.result for lane in view.lanes] == ["fail", "none", "fail"]
    assert view.end.startswith("The message was refused.")


def test_a_lab_that_asked_nobody_says_how_to_let_it_ask(lab: Lab) -> None:
    sent = lab.person(ALICE).send(to=BRUNO, subject="x", text="y")
    lab.settle()
    for ask in (lambda: lab.proof(sent), lab.person(BRUNO).inbox()[0].authentication):
        with pytest.raises(LabError, match=r"signed-offices.*authenticate="):
            ask()


@pytest.mark.parametrize("nothing", ["m99", None, b"x", 7])
def test_what_is_no_message_has_no_proof(offices: Lab, nothing: object) -> None:
    with pytest.raises(LabError, match="No server asked"):
        offices.proof(nothing)  # type: ignore[arg-type]


def test_a_saved_notebook_has_a_picture_and_a_text(offices: Lab) -> None:
    bundle = offices.person(BRUNO).inbox()[0].authentication()._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert data["image/png"].startswith("iVBOR")
    assert "SPF: may this host send" in data["text/plain"]


UGLY = [
    "<script>alert(1)</script>",
    "&amp;<b>",
    'x" onmouseover="y',
    "a\x00\x1b[2J\u202eb",
    "ö" * 5000,
    "<table>",
    "-->",
    "\\N",
]


@pytest.mark.parametrize("ugly", UGLY)
def test_nothing_that_a_stranger_wrote_is_markup(ugly: str) -> None:
    step = {"what": ugly, "question": ugly, "answer": ugly, "compared": ugly, "verdict": ugly, "depth": 3}
    checks = [
        {"check": name, "result": ugly, "reason": ugly, "domain": ugly, "selector": ugly, "steps": [step] * 3}
        for name in ("spf", "dkim", "dkim", "dmarc")
    ]
    view = ProofView(checks, ugly, ugly)
    tags = {*re.findall(r"</?([a-z0-9]+)", lanes_html(view.lanes, 100, view.end))}
    assert tags <= {"style", "div", "section", "h4", "ol", "li", "strong", "span", "p"}
    bundle = view._repr_mimebundle_()
    assert (bundle[0] if isinstance(bundle, tuple) else bundle)["image/png"]
    assert len(text_of(view.lanes, view.end)) < 30_000
    assert drawn(lanes([]), "").startswith("<svg ")
    view.close()
