"""Addresses, parameters and passwords as clients send them: known traps of mail servers on asyncio."""

from __future__ import annotations

import threading

import pytest
from smtp_user import (
    ACADEMY,
    BEGIN,
    SMALL,
    Connect,
)

from mailcourse import Lab


def test_p01_parameters_are_read_in_any_case_and_auth_is_accepted(connect: Connect) -> None:
    client = connect()
    told = client.ask(b"EHLO x.test\r\nMAIL FROM:<alice@academy.test> sIzE=10 body=8bitmime AUTH=<> SMTPUTF8\r\n")
    assert told == "250 2.1.0 sender <alice@academy.test> ok"
    assert client.ask(b"RCPT TO:<bruno@bakery.test> RRVS=NEVER\r\n").startswith("555 5.5.4")


def test_p02_the_null_sender_is_kept_and_never_gets_a_bounce(lab: Lab, connect: Connect) -> None:
    client = connect(("relay.carrier.test", 25), source="laptop.academy.test")
    assert client.ask(b"EHLO x.test\r\nMAIL FROM:<>\r\n").startswith("250")
    client.ask(b"RCPT TO:<bruno@bakery.test>\r\nRCPT TO:<nobody@bakery.test>\r\n")
    assert client.tell(SMALL).startswith("250")
    lab.settle()
    assert [e.facts["recipients"] for e in lab.trace if e.what == "failed"] == [["nobody@bakery.test"]]
    assert [e for e in lab.trace if e.what == "reported"] == []
    assert lab.person("bruno@bakery.test").fetch()[0].parsed["Return-Path"] == "<>"


def test_p03_an_address_without_angle_brackets_is_refused(connect: Connect) -> None:
    client = connect()
    assert client.ask(b"EHLO x.test\r\nMAIL FROM:alice@academy.test\r\n").startswith("501 5.5.4")
    assert client.ask(b"MAIL FROM:<@carrier.test:alice@academy.test>\r\n") == "250 2.1.0 sender <alice@academy.test> ok"


def test_p04_a_recipient_beyond_ascii_needs_smtputf8_in_mail(connect: Connect) -> None:
    client = connect()
    assert client.ask(BEGIN + "RCPT TO:<zoë@bakery.test>\r\n".encode()).startswith("553 5.6.7")
    client.ask(b"RSET\r\nMAIL FROM:<alice@academy.test> SMTPUTF8\r\n")
    assert client.ask("RCPT TO:<zoë@bakery.test>\r\n".encode()).startswith("550 5.1.1")


def test_p05_the_mechanism_of_auth_is_read_in_any_case(lab: Lab, connect: Connect) -> None:
    client = connect(ACADEMY)
    assert client.ask(b"EHLO x.test\r\nSTARTTLS\r\n").startswith("220")
    inside = client.secure(lab.certificates.client, "mail.academy.test")
    told = inside.ask(b"EHLO x.test\r\nauth pLaIn AGFsaWNlQGFjYWRlbXkudGVzdABhcHBsZS10cmVlLTQx\r\n")
    assert told == "235 2.7.0 welcome, alice@academy.test"


def test_p06_a_slow_password_check_holds_up_nobody_else(lab: Lab, connect: Connect) -> None:
    asked, go_on = threading.Event(), threading.Event()

    class Slow:
        def check(self, person: str, password: str) -> bool:
            asked.set()
            return go_on.wait(10)

    lab.mail_servers["mail.academy.test"].passwords = Slow()
    client = connect(ACADEMY)
    client.ask(b"EHLO x.test\r\nSTARTTLS\r\n")
    inside = client.secure(lab.certificates.client, "mail.academy.test")
    inside.ask(b"EHLO x.test\r\n")
    inside.socket.sendall(b"AUTH PLAIN AGFsaWNlAGFsaWNl\r\n")
    assert asked.wait(10)
    assert connect(ACADEMY).ask(b"EHLO y.test\r\n").startswith("250")
    go_on.set()
    assert inside.reply().startswith("235")


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("alice(comment)@academy.test", "501"),
        ("Alice <alice@academy.test>", "501"),
        ("a b@academy.test", "501"),
        ("alice@academy.test,amir@academy.test", "501"),
        ("alice@[192.0.2.10]", "250"),
        ('"a b"@academy.test', "250"),
        ('"a\\"b"@academy.test', "250"),
    ],
)
def test_p22_an_address_is_what_the_rfc_says_and_nothing_else(connect: Connect, address: str, code: str) -> None:
    told = connect().ask(b"EHLO x.test\r\n" + f"MAIL FROM:<{address}>\r\n".encode())
    assert told.startswith(code)
    assert code != "250" or told == f"250 2.1.0 sender <{address}> ok"


def test_p23_an_address_beyond_ascii_is_never_written_as_an_encoded_word(lab: Lab) -> None:
    alice = lab.person("alice@academy.test")
    alice.send(["bruno@bakery.test", "zoë@bakery.test"], "Grüße", "x")
    raw = lab.person("bruno@bakery.test").fetch()[0].raw
    assert "zoë@bakery.test".encode() in raw
    report = alice.fetch()[0].raw
    assert "zoë@bakery.test".encode() in report
    assert b"=?" not in b"".join(line for line in report.splitlines() if b"Recipient" in line)
