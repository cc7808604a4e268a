"""Postfix, the server that half of the world's mail goes through, on both sides of the lab.

smtplib ─► Postfix ─► mx1.bakery.test ─► bruno          relayhost: the lab's endpoint
alice ─► mail.academy.test ─► mx.factory.test           which is Postfix, attached to the lab
"""

from __future__ import annotations

import email
import smtplib
from collections.abc import Callable
from dataclasses import replace
from email.message import Message
from pathlib import Path

import pytest
from postfix import Postfix

from mailcourse import Lab

pytestmark = pytest.mark.interop
Start = Callable[..., Postfix]
Until = Callable[..., object]
Attach = Callable[..., None]
WORKER, BRUNO = "worker@factory.test", "bruno@bakery.test"


# ---- Postfix delivers into the lab --------------------------------------------------------------------------


def relay(lab: Lab) -> str:
    host, port = lab.endpoint("mx1.bakery.test", 25, any_user=True)
    return f"relayhost = [{host}]:{port}"


def submit(
    postfix: Postfix, to: str, body: bytes, mail: list[str] | None = None, rcpt: list[str] | None = None
) -> None:
    """Submit one message; smtplib doubles the dots."""
    with smtplib.SMTP("127.0.0.1", postfix.port, local_hostname="client.example", timeout=20) as client:
        message = f"From: {WORKER}\r\nTo: {to}\r\nSubject: x\r\n\r\n".encode() + body
        client.sendmail(WORKER, [to], message, mail or [], rcpt or [])


def body_of(raw: bytes) -> bytes:
    return raw.partition(b"\r\n\r\n")[2]


BODIES = {
    "plain": b"Hello\r\n",
    "empty": b"",
    "8-bit": "Grüße, naïve café: я\r\n".encode(),
    "not even text": bytes(range(0x80, 0x100)) + b"\r\n",
    "a line of 2,000 octets": b"x" * 2000 + b"\r\nend\r\n",
    "dots": b".\r\n..\r\n...\r\n.x\r\nx.\r\n.\r\n",
    "From in the middle": b"From here\r\n>From there\r\n",
    "spaces at the ends": b" x \r\n\t\r\n  \r\n\r\n\r\n",
    "300 kB": b"".join(b".%d %s\r\n" % (n, b"y" * 60) for n in range(4500)),
}


def test_what_postfix_delivers_arrives_octet_for_octet(factory: Lab, postfix: Start, until: Until) -> None:
    sender = postfix(relay(factory), "smtp_line_length_limit = 0")
    bruno = factory.person(BRUNO)
    for number, (name, body) in enumerate(BODIES.items(), 1):
        submit(sender, BRUNO, body, ["BODY=8BITMIME"])
        until(lambda number=number: len(bruno.inbox()) == number)
        assert body_of(bruno.fetch()[-1].raw) == body, name


@pytest.mark.parametrize(
    ("settings", "protocol", "log"),
    [
        (["smtp_tls_security_level = none"], "with ESMTP ", "relay=127.0.0.1"),
        (["smtp_tls_security_level = may"], "with ESMTPS ", "Untrusted TLS connection established"),
        (
            ["smtp_tls_security_level = verify", "smtp_tls_verify_cert_match = mx1.bakery.test"],
            "with ESMTPS ",
            "Verified TLS connection established",
        ),
    ],
    ids=["none", "may", "verify"],
)
def test_postfix_uses_tls_as_it_is_told(
    factory: Lab, postfix: Start, until: Until, settings: list[str], protocol: str, log: str, tmp_path: Path
) -> None:
    authority = f"smtp_tls_CAfile = {factory.ca}" if "verify" in settings[0] else ""
    sender = postfix(relay(factory), "smtp_tls_loglevel = 1", authority, *settings)
    bruno = factory.person(BRUNO)
    submit(sender, BRUNO, b"Hello\r\n")
    until(bruno.inbox)
    first = bruno.inbox()[0].parsed.get_all("Received")[1]  # what mx1 wrote
    assert "from postfix.factory.test (outside [203.0.113.254])" in first
    assert protocol in first
    assert log in sender.log()


def test_postfix_believes_no_certificate_with_another_name(factory: Lab, postfix: Start, until: Until) -> None:
    sender = postfix(
        relay(factory),
        "smtp_tls_security_level = verify",
        f"smtp_tls_CAfile = {factory.ca}",
        "smtp_tls_verify_cert_match = mx2.bakery.test",
    )
    submit(sender, BRUNO, b"Hello\r\n")
    until(lambda: "status=deferred (Server certificate not verified)" in sender.log())
    assert len(factory.person(BRUNO).inbox()) == 0


def test_a_recipient_whom_the_lab_refuses_comes_back_from_postfix(factory: Lab, postfix: Start, until: Until) -> None:
    sender = postfix(relay(factory), domains="factory.test")
    submit(sender, "nobody@bakery.test", b"Hello\r\n")
    (bounce,) = until(sender.arrived)
    assert b"\nDiagnostic-Code: smtp; 550 5.1.1 " in bounce.read_bytes()


def test_a_fault_of_the_lab_makes_postfix_wait(factory: Lab, postfix: Start, until: Until) -> None:
    factory.fault("mx1.bakery.test", "reply", at="RCPT", say="450 4.2.1 busy")
    sender = postfix(relay(factory))
    submit(sender, BRUNO, b"Hello\r\n")
    until(lambda: "status=deferred (host 127.0.0.1[127.0.0.1] said: 450 4.2.1 busy" in sender.log())


def test_dsn_wishes_go_through_the_lab_and_the_report_comes_back_to_postfix(
    factory: Lab, postfix: Start, until: Until, attach: Attach
) -> None:
    sender = postfix(relay(factory), domains="factory.test")
    attach(sender.port)
    submit(sender, BRUNO, b"Hello\r\n", ["RET=HDRS", "ENVID=order+2B1"], ["NOTIFY=SUCCESS,FAILURE"])
    (report,) = until(sender.arrived)
    text = report.read_text()
    parsed = email.message_from_string(text)
    assert parsed.get_content_type() == "multipart/report"
    assert parsed["Return-Path"] == "<>"
    status = parsed.get_payload(1).as_string()
    assert "Original-Envelope-Id: order+1" in status
    assert "Action: delivered" in status
    assert "Original-Recipient: rfc822; bruno@bakery.test" in status
    assert parsed.get_payload(2).get_content_type() == "text/rfc822-headers"


# ---- Postfix receives from the lab --------------------------------------------------------------------------


def certificate(lab: Lab, name: str, folder: Path) -> str:
    """Let Postfix be `name`, as the lab's CA says."""
    lab.certificates._ca.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(str(folder / "chain.pem"))
    return f"smtpd_tls_chain_files = {folder / 'chain.pem'}"


def read(file: Path) -> Message:
    return email.message_from_bytes(file.read_bytes())


def test_what_the_lab_hands_to_postfix_is_in_its_maildir(
    factory: Lab, postfix: Start, until: Until, attach: Attach
) -> None:
    receiver = postfix(domains="factory.test")
    attach(receiver.port)
    text = ".\n.. two dots\nGrüße\n" + "long " * 300 + "\n"
    sent = factory.person("alice@academy.test").send(to=WORKER, subject="Prüfung", text=text)
    assert sent.status[WORKER].words == "handed to mx.factory.test"
    (file,) = until(receiver.arrived)
    message = read(file)
    assert body_of(file.read_bytes().replace(b"\n", b"\r\n")) == body_of(sent.raw)
    assert message["Return-Path"] == "<alice@academy.test>"
    assert message["X-Original-To"] == WORKER
    newest, oldest = message.get_all("Received")
    assert newest.startswith(
        "from mail.academy.test (unknown [127.0.0.1])\n\tby postfix.factory.test (Postfix) with ESMTP"
    )
    assert oldest.startswith("from laptop.academy.test (laptop.academy.test [192.0.2.10])")
    assert "by mail.academy.test" in oldest


@pytest.mark.parametrize("tls", ["may", "must"])
def test_the_lab_takes_the_tls_that_postfix_offers(
    factory: Lab, postfix: Start, until: Until, attach: Attach, tls: str, tmp_path: Path
) -> None:
    name = "mx.factory.test" if tls == "must" else "somebody.else.test"
    receiver = postfix(
        "smtpd_tls_security_level = may",
        "smtpd_tls_received_header = yes",
        certificate(factory, name, tmp_path),
        domains="factory.test",
    )
    attach(receiver.port)
    server = factory.mail_servers["mail.academy.test"]
    server.settings = replace(server.settings, tls=tls)
    sent = factory.person("alice@academy.test").send(to=WORKER)
    assert sent.status[WORKER].words == "handed to mx.factory.test"
    (file,) = until(receiver.arrived)
    newest = read(file).get_all("Received")[0]
    assert "using TLSv1.3" in newest
    assert "with ESMTPS" in newest


def test_the_lab_sends_nothing_to_a_certificate_with_another_name_where_tls_is_a_must(
    factory: Lab, postfix: Start, attach: Attach, tmp_path: Path
) -> None:
    offered = certificate(factory, "somebody.else.test", tmp_path)
    receiver = postfix("smtpd_tls_security_level = may", offered, domains="factory.test")
    attach(receiver.port)
    server = factory.mail_servers["mail.academy.test"]
    server.settings = replace(server.settings, tls="must")
    status = factory.person("alice@academy.test").send(to=WORKER).status[WORKER]
    assert status.state == "deferred"
    assert "451 4.7.5 certificate of mx.factory.test is not trusted: Hostname mismatch" in status.words
    assert receiver.arrived() == []


def test_a_postfix_that_wants_tls_refuses_a_lab_that_never_encrypts(
    factory: Lab, postfix: Start, attach: Attach, tmp_path: Path
) -> None:
    receiver = postfix(
        "smtpd_tls_security_level = encrypt", certificate(factory, "mx.factory.test", tmp_path), domains="factory.test"
    )
    attach(receiver.port)
    server = factory.mail_servers["mail.academy.test"]
    server.settings = replace(server.settings, tls="never")
    status = factory.person("alice@academy.test").send(to=WORKER).status[WORKER]
    assert status.state == "bounced"
    assert "530 5.7.0 Must issue a STARTTLS command first" in status.words


ACCESS = (
    "smtpd_recipient_restrictions = check_recipient_access inline:{"
    "{gone@factory.test = 550 5.1.1 gone for good} {busy@factory.test = 450 4.2.1 not now}}, reject_unauth_destination"
)


def test_each_recipient_ends_as_postfix_says(factory: Lab, postfix: Start, until: Until, attach: Attach) -> None:
    receiver = postfix(ACCESS, domains="factory.test")
    attach(receiver.port)
    alice = factory.person("alice@academy.test")
    sent = alice.send(to=["gone@factory.test", "busy@factory.test", WORKER], subject="to three")
    found = {recipient.partition("@")[0]: status for recipient, status in sent.status.items()}
    assert {name: status.state for name, status in found.items()} == {
        "gone": "bounced",
        "busy": "deferred",
        "worker": "queued",
    }
    assert "mx.factory.test said 550 5.1.1 <gone@factory.test>: Recipient address rejected: gone for good" in (
        found["gone"].words
    )
    assert "450 4.2.1 <busy@factory.test>: Recipient address rejected: not now" in found["busy"].words
    assert found["worker"].words == "handed to mx.factory.test"
    until(receiver.arrived)
    assert b"Diagnostic-Code: smtp; 550 5.1.1 <gone@factory.test>" in alice.fetch()[0].raw


def test_a_postfix_that_comes_back_gets_what_waited(factory: Lab, postfix: Start, until: Until, attach: Attach) -> None:
    sent = factory.person("alice@academy.test").send(to=WORKER)
    assert sent.status[WORKER].state == "deferred"
    receiver = postfix(domains="factory.test")
    attach(receiver.port)
    factory.clock.advance(hours=1)
    assert sent.status[WORKER].words == "handed to mx.factory.test"
    until(receiver.arrived)


def test_a_message_too_big_for_postfix_bounces_before_it_is_sent(factory: Lab, postfix: Start, attach: Attach) -> None:
    receiver = postfix("message_size_limit = 20000", domains="factory.test")
    attach(receiver.port)
    status = factory.person("alice@academy.test").send(to=WORKER, text="x\n" * 20_000).status[WORKER]
    assert status.state == "bounced"
    assert "552 5.3.4 Message size exceeds fixed limit" in status.words
