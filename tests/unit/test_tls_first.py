"""Ports 993 and 995: TLS comes before everything (RFC 8314)."""

from __future__ import annotations

import imaplib
import poplib
import socket
import ssl
from pathlib import Path

import pytest

from mailcourse import Lab

HOST, BRUNO = "mail.bakery.test", "bruno@bakery.test"


@pytest.fixture
def context(lab: Lab) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=lab.ca)
    made.check_hostname = False  # the name is right only inside the lab
    return made


def test_imap_inside_tls_offers_no_starttls_and_works(lab: Lab, context: ssl.SSLContext) -> None:
    lab.person("alice@academy.test").send(BRUNO, "sealed", "x")
    lab.settle()
    client = imaplib.IMAP4_SSL(*lab.endpoint(HOST, 993), ssl_context=context)
    assert "STARTTLS" not in client.capabilities
    client.login(BRUNO, lab.person(BRUNO).password)
    assert client.select()[1] == [b"1"]
    client.logout()


def test_pop3_inside_tls_offers_no_stls_and_works(lab: Lab, context: ssl.SSLContext) -> None:
    lab.person("alice@academy.test").send(BRUNO, "sealed", "x")
    lab.settle()
    client = poplib.POP3_SSL(*lab.endpoint(HOST, 995), context=context)
    assert "STLS" not in client.capa()
    client.user(BRUNO)
    client.pass_(lab.person(BRUNO).password)
    assert client.stat()[0] == 1
    client.quit()


@pytest.mark.parametrize("port", [465, 993, 995])
def test_who_speaks_no_tls_is_sent_away_and_nothing_is_left(lab: Lab, port: int) -> None:
    host = HOST if port != 465 else "mail.academy.test"
    with socket.create_connection(lab.endpoint(host, port), 10) as client:
        client.sendall(b"a CAPABILITY\r\n")
        while client.recv(100):
            pass
    lab.settle()
    for _ in range(200):
        if not lab.internet.links.wires:
            break
        lab.runtime.call(lambda: None)
    assert not lab.internet.links.wires


def test_the_certificate_is_the_labs(lab: Lab, tmp_path: Path) -> None:
    strange = ssl.create_default_context()
    strange.check_hostname = False
    with pytest.raises(ssl.SSLCertVerificationError):
        imaplib.IMAP4_SSL(*lab.endpoint(HOST, 993), ssl_context=strange)
