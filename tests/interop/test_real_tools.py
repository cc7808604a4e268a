"""Real programs against `mailcourse up`: what a student's own tools see."""

from __future__ import annotations

import email
import imaplib
import os
import poplib
import smtplib
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.interop
Outside = dict[str, Any]
Need = Callable[[str], str]


def run(*command: str, **named: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **named)


def at(outside: Outside, host: str, port: int) -> tuple[str, str]:
    address, real = outside["hosts"][host][str(port)]
    return address, str(real)


def inbox(outside: Outside, person: str) -> list[email.message.Message]:
    """Read a person's mail with imaplib."""
    domain = person.partition("@")[2]
    host, port = at(outside, f"mail.{domain}", 143)
    with imaplib.IMAP4(host, int(port)) as client:
        client.starttls(ssl_context=trust(outside, check=False))
        client.login(person, outside["people"][person])
        client.select()
        _, found = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
        return [email.message_from_bytes(item[1]) for item in found if isinstance(item, tuple)]


def trust(outside: Outside, *, check: bool = True) -> ssl.SSLContext:
    """Trust the lab's CA; the names of lab hosts cannot be looked up from outside, so some do not check them."""
    context = ssl.create_default_context(cafile=outside["ca"])
    context.check_hostname = check
    return context


def until(outside: Outside, person: str, subject: str) -> email.message.Message:
    """Wait for a message: on a live clock the lab carries it by itself."""
    import time

    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for message in inbox(outside, person):
            if message["Subject"] == subject:
                return message
        time.sleep(0.05)
    raise AssertionError(f"{subject!r} did not reach {person}")


# ---- DNS ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_dig_sees_both_mail_exchangers(outside: Outside, need: Need, transport: str) -> None:
    host, port = map(str, outside["dns"])
    told = run(need("dig"), f"@{host}", "-p", port, transport, "MX", "bakery.test")
    assert told.returncode == 0
    assert "status: NOERROR" in told.stdout
    lines = [line.split() for line in told.stdout.splitlines() if line.startswith("bakery.test.")]
    assert sorted(line[-2:] for line in lines) == [["10", "mx1.bakery.test."], ["20", "mx2.bakery.test."]]


@pytest.mark.parametrize("option", ["+noedns", "+bufsize=512", "+nocookie", "+norec"])
def test_dig_understands_an_authoritative_server(outside: Outside, need: Need, option: str) -> None:
    host, port = at(outside, "ns.bakery.test", 53)
    told = run(need("dig"), f"@{host}", "-p", port, option, "A", "imap.bakery.test")
    assert "flags: qr aa" in told.stdout
    assert "mail.bakery.test." in told.stdout
    assert "WARNING: Message parser reports" not in told.stdout


# ---- SMTP --------------------------------------------------------------------------------------------------


def swaks(need: Need, outside: Outside, host: str, port: int, *rest: str) -> subprocess.CompletedProcess[str]:
    address, real = at(outside, host, port)
    return run(need("swaks"), "--server", address, "--port", real, "--helo", "client.example", *rest)


def test_swaks_submits_with_starttls_and_auth(outside: Outside, need: Need) -> None:
    person = "alice@academy.test"
    for number, mechanism in enumerate(("PLAIN", "LOGIN")):
        told = swaks(
            need,
            outside,
            "mail.academy.test",
            587,
            "-tls",
            "-a",
            mechanism,
            "-au",
            person,
            "-ap",
            outside["people"][person],
            "-f",
            person,
            "-t",
            "bruno@bakery.test",
            "--header",
            f"Subject: from swaks {number}",
        )
        assert told.returncode == 0, told.stdout
        received = until(outside, "bruno@bakery.test", f"from swaks {number}").get_all("Received") or []
        assert len(received) == 3
        assert "outside [203.0.113.254]" in received[-1]
        assert "with ESMTPSA" in received[-1]


def test_swaks_is_refused_without_auth(outside: Outside, need: Need) -> None:
    told = swaks(need, outside, "mail.academy.test", 587, "-tls", "-f", "alice@academy.test", "-t", "bruno@bakery.test")
    assert told.returncode == 23, told.stdout  # swaks: MAIL was refused
    assert "530 5.7.0" in told.stdout


def test_swaks_is_refused_with_a_wrong_password(outside: Outside, need: Need) -> None:
    told = swaks(
        need,
        outside,
        "mail.academy.test",
        587,
        "-tls",
        "-a",
        "PLAIN",
        "-au",
        "alice@academy.test",
        "-ap",
        "guess",
        "-f",
        "alice@academy.test",
        "-t",
        "bruno@bakery.test",
    )
    assert told.returncode == 28, told.stdout  # swaks: AUTH was refused
    assert "535 5.7.8" in told.stdout


@pytest.mark.parametrize("host", ["mail.academy.test", "mx1.bakery.test", "relay.carrier.test"])
def test_port_25_is_no_open_relay(outside: Outside, need: Need, host: str) -> None:
    told = swaks(need, outside, host, 25, "-f", "a@client.example", "-t", "b@elsewhere.example")
    assert told.returncode == 24, told.stdout  # swaks: RCPT was refused
    assert "550 5.7.1" in told.stdout


def test_swaks_pipelines_and_mail_for_the_domain_is_taken_on_port_25(outside: Outside, need: Need) -> None:
    told = swaks(
        need,
        outside,
        "mx1.bakery.test",
        25,
        "--pipeline",
        "-f",
        "a@client.example",
        "-t",
        "bea@bakery.test",
        "--header",
        "Subject: pipelined",
    )
    assert told.returncode == 0, told.stdout
    assert until(outside, "bea@bakery.test", "pipelined")["Return-Path"] == "<a@client.example>"


def test_openssl_sees_the_certificate_of_the_lab(outside: Outside, need: Need) -> None:
    address, real = at(outside, "mail.academy.test", 587)
    told = run(
        need("openssl"),
        "s_client",
        "-starttls",
        "smtp",
        "-connect",
        f"{address}:{real}",
        "-CAfile",
        outside["ca"],
        "-verify_hostname",
        "mail.academy.test",
        "-verify_return_error",
        "-brief",
        input="QUIT\r\n",
    )
    assert "Verification: OK" in told.stderr, told.stderr


def test_curl_submits_and_reads(outside: Outside, need: Need, tmp_path: Path) -> None:
    person = "amir@academy.test"
    login = [
        "--user",
        f"{person}:{outside['people'][person]}",
        "--cacert",
        outside["ca"],
        "--ssl-reqd",
        "--silent",
        "--show-error",
    ]
    address, real = at(outside, "mail.academy.test", 587)
    names = ["--connect-to", f"mail.academy.test:587:{address}:{real}"]
    file = tmp_path / "message"
    file.write_text(f"From: {person}\r\nTo: {person}\r\nSubject: from curl\r\n\r\nHello\r\n")
    told = run(
        need("curl"),
        *login,
        *names,
        "--mail-from",
        person,
        "--mail-rcpt",
        person,
        "--upload-file",
        str(file),
        "smtp://mail.academy.test:587",
    )
    assert told.returncode == 0, told.stderr
    until(outside, person, "from curl")
    for scheme, port, path in (("imap", 143, "INBOX;MAILINDEX=1"), ("pop3", 110, "1")):
        address, real = at(outside, "mail.academy.test", port)
        names = ["--connect-to", f"mail.academy.test:{port}:{address}:{real}"]
        read = run("curl", *login, *names, f"{scheme}://mail.academy.test:{port}/{path}")
        assert "Subject: from curl" in read.stdout, read.stderr


def test_curl_logs_in_at_the_webmail_and_reads(outside: Outside, need: Need, tmp_path: Path) -> None:
    host, person, jar = "webmail.bakery.test", "bea@bakery.test", tmp_path / "cookies"
    address, real = at(outside, host, 443)
    known = ["--cacert", outside["ca"], "--connect-to", f"{host}:443:{address}:{real}", "--silent", "--show-error"]
    known += ["--cookie-jar", str(jar), "--cookie", str(jar), "--location", "--fail-with-body"]
    form = run(need("curl"), *known, f"https://{host}/")
    token = form.stdout.partition('name="token" value="')[2].partition('"')[0]
    fields = {"token": token, "address": person, "password": outside["people"][person]}
    given = [part for name, value in fields.items() for part in ("--data-urlencode", f"{name}={value}")]
    inbox = run("curl", *known, *given, f"https://{host}/login")
    assert "<h1><bdi>INBOX</bdi></h1>" in inbox.stdout, inbox.stdout + inbox.stderr
    refused = run("curl", *known, "--header", "Host: evil.test", f"https://{host}/")
    assert "421" in refused.stdout + refused.stderr


# ---- reading ----------------------------------------------------------------------------------------------


def put(outside: Outside, person: str, subject: str) -> None:
    host, port = at(outside, f"mail.{person.partition('@')[2]}", 25)
    with smtplib.SMTP(host, int(port), local_hostname="client.example") as client:
        client.sendmail(
            "a@client.example", [person], f"From: a@client.example\r\nTo: {person}\r\nSubject: {subject}\r\n\r\n.x\r\n"
        )
    until(outside, person, subject)


def test_poplib_reads_flags_nothing_and_deletes(outside: Outside) -> None:
    person = "bea@bakery.test"
    put(outside, person, "for poplib")
    host, port = at(outside, "mail.bakery.test", 110)
    client = poplib.POP3(host, int(port))
    client.stls(trust(outside, check=False))
    client.user(person)
    client.pass_(outside["people"][person])
    count, octets = client.stat()
    assert sum(len(b"\r\n".join(client.retr(n)[1])) + 2 for n in range(1, count + 1)) == octets
    assert b".x" in client.retr(count)[1]
    client.dele(count)
    client.quit()
    assert "for poplib" not in [message["Subject"] for message in inbox(outside, person)]


def test_fetchmail_fetches_by_pop3_and_by_imap(outside: Outside, need: Need, tmp_path: Path) -> None:
    program = need("fetchmail")
    person = "bruno@bakery.test"
    for protocol, port in (("pop3", 110), ("imap", 143)):
        put(outside, person, f"for fetchmail {protocol}")
        host, real = at(outside, "mail.bakery.test", port)
        out = tmp_path / f"{protocol}.mbox"
        control = tmp_path / protocol
        control.write_text(
            f"poll {host} service {real} protocol {protocol}\n"
            f'  user "{person}" password "{outside["people"][person]}"\n'
            f'  sslproto "" nokeep fetchall\n  mda "cat >> {out}"\n'
        )
        control.chmod(0o600)
        environment = {**os.environ, "HOME": str(tmp_path), "FETCHMAILHOME": str(tmp_path)}
        told = run(program, "-f", str(control), "--pidfile", str(tmp_path / f"{protocol}.pid"), "-v", env=environment)
        assert told.returncode == 0, told.stdout + told.stderr
        assert f"Subject: for fetchmail {protocol}" in out.read_text()
        assert inbox(outside, person) == []


def test_mutt_flags_and_deletes(outside: Outside, need: Need, tmp_path: Path) -> None:
    program = need("mutt")
    person = "amir@academy.test"
    put(outside, person, "for mutt, keep")
    put(outside, person, "for mutt, delete")
    host, real = at(outside, "mail.academy.test", 143)
    settings = tmp_path / "muttrc"
    settings.write_text(
        f'set imap_user="{person}" imap_pass="{outside["people"][person]}" ssl_starttls=no ssl_force_tls=no\n'
        f'set folder="imap://{host}:{real}/" spoolfile="imap://{host}:{real}/INBOX" delete=yes quit=yes\n'
        'set header_cache="" certificate_file="" wait_key=no confirmappend=no\n'
        'push \'<delete-pattern>~s"for mutt, delete"<enter><tag-pattern>~s"for mutt, keep"<enter>'
        "<tag-prefix><flag-message><sync-mailbox><quit>'\n"
    )
    environment = {**os.environ, "HOME": str(tmp_path), "TERM": "xterm"}
    # mutt wants a terminal; `script` gives it one.
    told = run("script", "-qec", f"{program} -n -F {settings}", "/dev/null", env=environment, input="")
    assert told.returncode == 0, told.stdout
    subjects = [message["Subject"] for message in inbox(outside, person)]
    assert "for mutt, keep" in subjects
    assert "for mutt, delete" not in subjects
    with imaplib.IMAP4(host, int(real)) as client:
        client.login(person, outside["people"][person])
        client.select(readonly=True)
        assert len(client.search(None, "FLAGGED")[1][0].split()) == 1
