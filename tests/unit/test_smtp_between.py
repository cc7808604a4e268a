"""What servers say to each other: TLS, LMTP, port 465, smart hosts, kept connections, held messages."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mailcourse import Lab, LabError
from mailcourse.mta import commands
from mailcourse.mta.session import SmtpSession
from mailcourse.mta.settings import SmartHost

ALICE, BRUNO = "alice@academy.test", "bruno@bakery.test"
MX1, HOME = "mx1.bakery.test", "mail.bakery.test"


def told(lab: Lab, host: str, **changes: object) -> None:
    """Tell a mail server something else than its scenario does."""
    server = lab.mail_servers[host]
    server.settings = replace(server.settings, **changes)  # type: ignore[arg-type]


def said(lab: Lab, host: str) -> list[str]:
    """What clients said to a server, in order."""
    return [e.facts["line"] for e in lab.trace if e.what == "said" and e.host == host and e.facts["side"] == "C"]


def send(lab: Lab, to: str = BRUNO) -> str:
    one = lab.person(ALICE).send(to, "x", "y").status[to]
    return f"{one.state}: {one.words}"


def test_tls_is_used_where_it_is_offered_and_demanded_where_it_is_a_must(lab: Lab) -> None:
    send(lab)
    assert "STARTTLS" in said(lab, MX1)
    assert "with ESMTPS id" in lab.person(BRUNO).fetch()[0].parsed.get_all("Received")[1]
    told(lab, "mail.academy.test", tls="must")
    assert send(lab).startswith("delivered")
    told(lab, MX1, offers_tls=False)
    told(lab, "mx2.bakery.test", offers_tls=False)
    assert "451 4.7.4 mx2.bakery.test does not offer TLS" in send(lab)
    told(lab, "mail.academy.test", tls="may")
    assert send(lab).startswith("delivered")


def test_a_certificate_for_another_name_is_trusted_only_where_nobody_asks(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = lab.certificates.server
    monkeypatch.setattr(lab.certificates, "server", lambda name: right("impostor.test" if "mx" in name else name))
    assert send(lab).startswith("delivered")
    told(lab, "mail.academy.test", tls="must")
    assert "451 4.7.5 certificate of mx2.bakery.test is not trusted" in send(lab)


def test_a_server_that_offers_tls_and_cannot_is_called_again_in_the_clear(lab: Lab) -> None:
    with lab.fault(MX1, "reply", at="STARTTLS", say="454 4.7.0 not now"):
        assert send(lab).startswith("delivered")
    assert [word for word in said(lab, MX1) if word in ("STARTTLS", "QUIT")][:2] == ["STARTTLS", "QUIT"]


def test_port_465_begins_with_tls(lab: Lab) -> None:
    address, port = lab.endpoint("mail.academy.test", 465)
    context = lab.certificates.client
    context.check_hostname = False
    with smtplib.SMTP_SSL(address, port, local_hostname="x.test", context=context) as client:
        client.ehlo("laptop.academy.test")
        assert not client.has_extn("starttls")
        client.login(ALICE, lab.person(ALICE).password)
        client.sendmail(ALICE, [BRUNO], "Subject: first TLS\r\n\r\nx")
    lab.settle()
    assert "with ESMTPSA id" in lab.person(BRUNO).fetch()[0].parsed.get_all("Received")[-1]


LMTP = """
extends = "two-offices"
title = "The last step by LMTP"

[hosts."mx1.bakery.test"]
inside = { "bakery.test" = "lmtp:mail.bakery.test" }

[hosts."mail.bakery.test"]
services = ["lmtp", "submission", "pop3", "imap"]
"""


@pytest.fixture
def lmtp(make_lab: Callable[..., Lab], tmp_path: Path) -> Lab:
    (tmp_path / "lmtp.toml").write_text(LMTP)
    return make_lab(tmp_path / "lmtp.toml")


def test_lmtp_answers_for_each_recipient(lmtp: Lab) -> None:
    lmtp.configure(HOME, quota="try-later")
    with lmtp.fault(HOME, "mailbox", person="bea@bakery.test"), lmtp.online("laptop.bakery.test"):
        client = smtplib.LMTP("198.51.100.25", 24)
        assert client.ehlo("x.test")[0] == 250 if client.ehlo_msg == "lhlo" else client.docmd("LHLO x.test")[0] == 250
        client.docmd("MAIL FROM:<alice@academy.test>")
        assert client.docmd(f"RCPT TO:<{BRUNO}>")[0] == 250
        assert client.docmd("RCPT TO:<bruno+two@bakery.test>")[0] == 250
        assert client.docmd("RCPT TO:<bea@bakery.test>")[0] == 452
        assert client.docmd("DATA")[0] == 354
        client.send("Subject: by hand\r\n\r\nx\r\n.\r\n")
        assert [client.getreply()[0] for _ in range(2)] == [250, 250]
        assert client.docmd("EHLO x.test")[0] == 500
        client.quit()
    assert len(lmtp.person(BRUNO).inbox()) == 2


def test_what_lmtp_refuses_waits_in_the_queue_before(lmtp: Lab) -> None:
    lmtp.configure(HOME, quota="try-later")
    with lmtp.fault(HOME, "mailbox", person=BRUNO):
        assert "452 4.2.2" in send(lmtp)
        assert len(lmtp.queue(MX1)) == 1
    assert len(lmtp.queue(MX1).flush()) == 0
    assert [mail.subject for mail in lmtp.person(BRUNO).inbox()] == ["x"]
    assert "LHLO mx1.bakery.test" in said(lmtp, HOME)
    assert "with LMTPS id" in lmtp.person(BRUNO).fetch()[0].parsed.get_all("Received")[0]


def test_the_rest_is_left_to_a_smart_host(lab: Lab) -> None:
    told(lab, "mail.academy.test", smart_host=SmartHost("relay.carrier.test"))
    sent = lab.person(ALICE).send(BRUNO, "x", "y")
    took = [e.host for e in sent.events if e.what == "accepted"]
    assert took == ["mail.academy.test", "relay.carrier.test", MX1, HOME]


def test_a_smart_host_that_wants_a_password_gets_it_in_tls_and_never_in_the_clear(lab: Lab) -> None:
    login = (BRUNO, lab.person(BRUNO).password)
    told(lab, "mail.academy.test", smart_host=SmartHost(HOME, 587, *login))
    assert send(lab, "bea@bakery.test").startswith("delivered")
    assert any(e.what == "logged-in" and e.host == HOME for e in lab.trace)
    told(lab, "mail.academy.test", tls="never", smart_host=SmartHost(HOME, 587, *login))
    assert "the password is not sent in the clear" in send(lab, "bea@bakery.test")
    told(lab, "mail.academy.test", tls="may", smart_host=SmartHost(HOME, 587, BRUNO, "wrong"))
    assert "535 5.7.8" in send(lab, "bea@bakery.test")


def test_the_fallback_is_asked_when_nobody_else_is_there(lab: Lab) -> None:
    for name in (MX1, "mx2.bakery.test"):
        lab.host(name).down()
    told(lab, "mail.academy.test", fallback=SmartHost("relay.carrier.test"))
    sent = lab.person(ALICE).send(BRUNO, "x", "y")
    assert "relay.carrier.test" in [e.host for e in sent.events if e.what == "accepted"]
    # What was refused is not tried elsewhere.
    lab.mend()
    lab.host(MX1).up()
    assert send(lab, "nobody@bakery.test").startswith("bounced")


def test_messages_that_wait_together_go_over_one_connection(lab: Lab) -> None:
    lab.host(MX1).down()
    lab.host("mx2.bakery.test").down()
    for _ in range(5):
        send(lab)
    lab.host(MX1).up()
    lab.queue("mail.academy.test").flush()
    calls = [e for e in lab.trace if e.what == "connected" and e.host == MX1]
    assert len(calls) == 1
    assert len(lab.person(BRUNO).inbox()) == 5
    assert said(lab, MX1)[-1] == "QUIT"


def test_commands_go_together_where_that_is_offered_and_one_by_one_where_not(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = commands.extensions
    monkeypatch.setattr(commands, "extensions", lambda session: [w for w in offered(session) if w != "PIPELINING"])
    assert send(lab).startswith("delivered")
    assert send(lab, "nobody@bakery.test").startswith("bounced")


@pytest.mark.parametrize(("lacks", "code"), [("8BITMIME", "5.6.3"), ("SMTPUTF8", "5.6.7")])
def test_a_message_is_not_forced_on_a_server_that_cannot_take_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, lacks: str, code: str
) -> None:
    offered = commands.extensions

    def without(session: SmtpSession) -> list[str]:
        return [word for word in offered(session) if word != lacks or session.host.name == "mail.academy.test"]

    monkeypatch.setattr(commands, "extensions", without)
    with lab.online("laptop.academy.test"), smtplib.SMTP("mail.academy.test", 587) as client:
        client.starttls(context=lab.certificates.client)
        client.login(ALICE, lab.person(ALICE).password)
        options = ["SMTPUTF8"] if lacks == "SMTPUTF8" else ["BODY=8BITMIME"]
        client.sendmail(ALICE, [BRUNO], "Subject: é\r\n\r\nçà".encode(), mail_options=options)
    lab.settle()
    assert code in lab.person(ALICE).fetch()[0].text


def test_a_held_message_stays_until_it_is_released_or_deleted(lab: Lab) -> None:
    lab.host(MX1).down()
    lab.host("mx2.bakery.test").down()
    sent = [lab.person(ALICE).send(BRUNO, str(number), "y") for number in range(3)]
    first, second, _ = (str(row["queue id"]) for row in lab.queue("mail.academy.test"))
    lab.queue("mail.academy.test").hold()
    lab.host(MX1).up()
    lab.clock.advance(days=1)
    assert [row["next attempt"] for row in lab.queue("mail.academy.test")] == ["held"] * 3
    assert len(lab.queue("mail.academy.test").release(first)) == 2
    assert len(lab.queue("mail.academy.test").delete(second)) == 1
    assert len(lab.queue("mail.academy.test").release().flush()) == 0
    assert sorted(one.status[BRUNO].state for one in sent) == ["deleted", "delivered", "delivered"]
    with pytest.raises(LabError, match="no message in the queue 'XXXX'"):
        lab.queue("mail.academy.test").flush("XXXX")


def test_vrfy_answers_vrfy_only_where_it_was_told_to(lab: Lab) -> None:
    with smtplib.SMTP(*lab.endpoint(MX1, 25), local_hostname="x.test") as client:
        assert client.verify(BRUNO)[0] == 252
        told(lab, MX1, answers_vrfy=True)
        assert client.verify(BRUNO)[0] == 250
        assert client.verify("nobody@bakery.test")[0] == 550
