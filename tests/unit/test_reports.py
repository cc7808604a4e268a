"""Reports to the sender: failed, delayed, delivered, relayed, expanded (RFC 3461, RFC 3464)."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from email.message import EmailMessage, Message

import pytest

from mailcourse import Lab
from mailcourse.message.address import MalformedAddress, parse
from mailcourse.mta import commands
from mailcourse.mta.session import SmtpSession

ALICE, BRUNO = "alice@academy.test", "bruno@bakery.test"


def submit(lab: Lab, recipients: dict[str, str], mail: str = "") -> None:
    """Submit as Alice; `recipients` gives each one's RCPT parameters."""
    with lab.online("laptop.academy.test"), smtplib.SMTP("mail.academy.test", 587) as server:
        server.starttls(context=lab.certificates.client)
        server.login(ALICE, lab.person(ALICE).password)
        assert server.docmd(f"MAIL FROM:<{ALICE}> {mail}")[0] == 250
        for recipient, words in recipients.items():
            assert server.docmd(f"RCPT TO:<{recipient}> {words}")[0] == 250
        server.data("Subject: report, please\r\n\r\nthe body\r\n")
    lab.settle()


def reports(lab: Lab) -> list[EmailMessage]:
    return [mail.parsed for mail in lab.person(ALICE).fetch() if mail.parsed.get_content_type() == "multipart/report"]


def fields(report: EmailMessage) -> list[Message]:
    """The blocks of message/delivery-status: one about all, one for each recipient."""
    part = next(part for part in report.iter_parts() if part.get_content_type() == "message/delivery-status")
    return list(part.get_payload())  # type: ignore[arg-type]


def test_success_is_reported_by_the_server_that_delivers(lab: Lab) -> None:
    submit(lab, {BRUNO: "NOTIFY=SUCCESS ORCPT=rfc822;bruno+2Bx@bakery.test"}, "ENVID=7+2B1")
    (report,) = reports(lab)
    about_all, about_bruno = fields(report)
    assert about_all["Reporting-MTA"] == "dns; mail.bakery.test"
    assert about_all["Original-Envelope-Id"] == "7+1"
    assert about_bruno["Action"] == "delivered"
    assert about_bruno["Status"] == "2.1.5"
    assert about_bruno["Original-Recipient"] == "rfc822; bruno+x@bakery.test"
    assert about_bruno["Final-Recipient"] == f"rfc822; {BRUNO}"


def test_a_server_that_cannot_report_makes_the_one_before_it_report(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    offered = commands.extensions

    def without_dsn(session: SmtpSession) -> list[str]:
        return [word for word in offered(session) if word != "DSN" or session.host.name != "mx1.bakery.test"]

    monkeypatch.setattr(commands, "extensions", without_dsn)
    submit(lab, {BRUNO: "NOTIFY=SUCCESS"})
    (report,) = reports(lab)
    about_all, about_bruno = fields(report)
    assert (about_all["Reporting-MTA"], about_bruno["Action"]) == ("dns; mail.academy.test", "relayed")
    assert about_bruno["Remote-MTA"] == "dns; mx1.bakery.test"


def test_nothing_is_reported_to_whoever_asked_for_nothing(lab: Lab) -> None:
    submit(lab, {"x@nowhere.test": "NOTIFY=NEVER", "y@nowhere.test": "NOTIFY=SUCCESS"})
    assert reports(lab) == []


def test_failure_is_reported_once_for_all_who_failed_together(lab: Lab) -> None:
    submit(lab, {"x@nowhere.test": "", "y@nowhere.test": "NOTIFY=FAILURE", "amir@academy.test": ""})
    (report,) = reports(lab)
    assert [(block["Final-Recipient"], block["Action"]) for block in fields(report)[1:]] == [
        ("rfc822; x@nowhere.test", "failed"),
        ("rfc822; y@nowhere.test", "failed"),
    ]


@pytest.mark.parametrize(("wish", "kind"), [("RET=FULL", "message/rfc822"), ("RET=HDRS", "text/rfc822-headers")])
def test_the_whole_message_comes_back_only_if_that_was_wished(lab: Lab, wish: str, kind: str) -> None:
    submit(lab, {"x@nowhere.test": ""}, wish)
    (report,) = reports(lab)
    assert [part.get_content_type() for part in report.iter_parts()][2] == kind
    assert ("the body" in report.as_string()) == (wish == "RET=FULL")


def test_a_delay_is_told_once_and_says_until_when(lab: Lab) -> None:
    lab.host("mx1.bakery.test").down()
    lab.host("mx2.bakery.test").down()
    submit(lab, {BRUNO: "", "bea@bakery.test": "NOTIFY=FAILURE"})
    lab.clock.advance(hours=3)
    assert reports(lab) == []
    lab.clock.advance(hours=20)
    (report,) = reports(lab)
    (about,) = fields(report)[1:]  # Bea's sender did not want to hear of delays
    assert (about["Action"], about["Status"], about["Will-Retry-Until"][:16]) == (
        "delayed",
        "4.4.1",
        "Sat, 12 Sep 2026",
    )


@pytest.mark.parametrize("is_off", [True, False])
def test_a_report_quotes_a_host_only_for_what_it_said(lab: Lab, is_off: bool) -> None:
    for name in ("mx1.bakery.test", "mx2.bakery.test"):
        if is_off:
            lab.host(name).down()
        else:
            lab.fault(name, "reply", at="CONNECT", say="421 4.3.2 shutting down")
    submit(lab, {BRUNO: ""})
    lab.clock.advance(hours=5)
    (report,) = reports(lab)
    (about,) = fields(report)[1:]
    body = report.get_body()
    assert body is not None
    assert ("said:" in body.get_content()) == (not is_off)
    assert about["Remote-MTA"] == (None if is_off else "dns; mx2.bakery.test")  # the last one that was tried
    assert about["Diagnostic-Code"] == (None if is_off else "smtp; 421 4.3.2 shutting down")


def test_no_report_is_sent_about_a_report(lab: Lab) -> None:
    lab.host("mail.bakery.test").down()
    lab.fault("mail.academy.test", "reply", at="RCPT", say="550 5.1.1 nobody")
    with lab.online("laptop.bakery.test"), smtplib.SMTP("relay.carrier.test", 25) as server:
        server.sendmail(ALICE, ["x@nowhere.test"], "Subject: doomed\r\n\r\n")
    lab.clock.advance(days=6)
    assert [event.facts["to"] for event in lab.trace if event.what == "reported"] == [ALICE]
    assert [len(lab.queue(name)) for name in lab.mail_servers] == [0] * len(lab.mail_servers)


def test_a_message_to_a_hundred_and_fifty_takes_two_transactions(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab("two-offices")
    names = [f"bruno+{number}@bakery.test" for number in range(150)]
    sent = lab.person(ALICE).send(names, "Many", "x")
    assert {one.state for one in sent.status.values()} == {"delivered"}
    accepted = [len(e.facts["recipients"]) for e in sent.events if e.what == "accepted" and e.host == "mx1.bakery.test"]
    assert accepted == [100, 50]


@pytest.mark.parametrize(
    "ugly", ['"@<\\""', '"a\\\\,;:"', '"(((("', '"=?utf-8?q?x?="', '"ä 日\u202e"', "a=b/c!#$%&'*+^_`{|}~", "日"]
)
def test_a_report_is_written_whatever_the_sender_made_up(lab: Lab, ugly: str) -> None:
    lab.fault(
        "mx1.bakery.test", "reply", at="RCPT", say="550 5.1.1 \x85 the message that came back \u2028 =?utf-8?b?abcde?="
    )
    with lab.online("laptop.academy.test"), smtplib.SMTP("mail.academy.test", 587) as server:
        server.starttls(context=lab.certificates.client)
        server.login(ALICE, lab.person(ALICE).password)
        said = f"MAIL FROM:<{ugly}@academy.test> SMTPUTF8 BODY=8BITMIME RET=FULL ENVID=x+2BX\r\n"
        server.command_encoding = "utf-8"
        server.send(said)
        assert server.getreply()[0] == 250
        server.send(f"RCPT TO:<{BRUNO}> ORCPT=rfc822;a+2Bb\r\n")
        assert server.getreply()[0] == 250
        server.data(f"Subject: {ugly}\r\n\r\nKäse \xff\r\n".encode("latin-1", "replace"))
    lab.settle()
    assert not [event.facts["text"] for event in lab.trace if event.what == "warning"]
    assert [event.facts["to"] for event in lab.trace if event.what == "reported"] == [f"{ugly}@academy.test"]


@pytest.mark.parametrize("sign", ["\x85", "\x9f", "\u2028", "\u2029", "\x7f"])
def test_an_address_has_no_line_ends_of_any_kind(sign: str) -> None:
    for text in (f"a{sign}b@b.test", f'"a{sign}b"@b.test', f"a@b{sign}.test"):
        with pytest.raises(MalformedAddress):
            parse(text)
