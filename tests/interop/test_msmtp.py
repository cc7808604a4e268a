"""msmtp, the mail submission agent that mutt and git send-email are often given."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mailcourse import Lab

pytestmark = pytest.mark.interop
Msmtp = Callable[..., subprocess.CompletedProcess[str]]
ALICE, BRUNO, SERVER = "alice@academy.test", "bruno@bakery.test", "mail.academy.test"
MESSAGE = f"From: Alice <{ALICE}>\nTo: {BRUNO}\nBcc: bea@bakery.test\nSubject: from msmtp\n\n.\nGrüße\n.\nend\n"
#: sysexits.h: no permission
NOPERM = 77


@pytest.fixture
def msmtp(lab: Lab, need: Callable[..., str], tmp_path: Path) -> Msmtp:
    """Send a message with msmtp; `settings` are lines of its own."""
    program = need("msmtp")

    def msmtp(
        *options: str, port: int = 587, message: str = MESSAGE, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        address, real = lab.endpoint(SERVER, port)
        lines = {
            "host": address,
            "port": str(real),
            "domain": "laptop.example",
            "from": ALICE,
            "auth": "plain",
            "user": ALICE,
            "password": lab.person(ALICE).password,
            "tls": "on",
            "tls_starttls": "on" if port == 587 else "off",
            "tls_trust_file": str(lab.ca),
            "tls_host_override": SERVER,
            "timeout": "20",
            **settings,
        }
        file = tmp_path / "msmtprc"
        file.write_text("account default\n" + "".join(f"{name} {value}\n" for name, value in lines.items()))
        file.chmod(0o600)
        command = [program, f"--file={file}", *options]
        return subprocess.run(command, input=message, capture_output=True, text=True, timeout=60)

    return msmtp


@pytest.mark.parametrize("mechanism", ["plain", "login", "on"])
@pytest.mark.parametrize("port", [587, 465])
def test_msmtp_submits_to_a_server_whose_certificate_it_checks(
    lab: Lab, msmtp: Msmtp, port: int, mechanism: str
) -> None:
    told = msmtp(BRUNO, port=port, auth=mechanism)
    assert told.returncode == 0, told.stderr
    (mail,) = lab.person(BRUNO).fetch()
    assert mail.raw.partition(b"\r\n\r\n")[2] == ".\r\nGrüße\r\n.\r\nend\r\n".encode()
    assert "with ESMTPSA" in mail.parsed.get_all("Received")[-1]


def test_recipients_and_sender_are_read_from_the_header(lab: Lab, msmtp: Msmtp) -> None:
    told = msmtp("--read-recipients", "--read-envelope-from", message=MESSAGE.replace(ALICE, "Amir@academy.test"))
    assert told.returncode == 0, told.stderr
    for person in (BRUNO, "bea@bakery.test"):
        (mail,) = lab.person(person).fetch()
        assert mail.parsed["Return-Path"] == "<Amir@academy.test>"
        assert mail.parsed["Bcc"] is None


@pytest.mark.parametrize("mechanism", ["plain", "login"])
def test_a_wrong_password_is_refused(lab: Lab, msmtp: Msmtp, mechanism: str) -> None:
    told = msmtp(BRUNO, auth=mechanism, password="guess")
    assert told.returncode == NOPERM
    assert "535 5.7.8" in told.stderr
    assert len(lab.person(BRUNO).inbox()) == 0


def test_msmtp_trusts_no_certificate_of_another_name_nor_of_another_authority(lab: Lab, msmtp: Msmtp) -> None:
    assert "certificate" in msmtp(BRUNO, tls_host_override="mail.bakery.test").stderr
    assert "certificate" in msmtp(BRUNO, tls_trust_file="/etc/ssl/certs/ca-certificates.crt").stderr
    assert len(lab.person(BRUNO).inbox()) == 0


def test_a_refused_recipient_is_told_with_the_servers_words(lab: Lab, msmtp: Msmtp) -> None:
    told = msmtp("nobody@academy.test")
    assert told.returncode != 0
    assert "550 5.1.1" in told.stderr


def test_msmtp_asks_what_the_server_can_do(msmtp: Msmtp) -> None:
    told = msmtp("--serverinfo")
    assert told.returncode == 0, told.stderr
    for line in (f"{SERVER} ESMTP", "10000000", "PIPELINING", "DSN", "STARTTLS", "AUTH", "PLAIN LOGIN"):
        assert line in told.stdout


def test_msmtp_hands_on_the_wishes_for_a_report(lab: Lab, msmtp: Msmtp) -> None:
    told = msmtp("--dsn-notify=success", "--dsn-return=hdrs", BRUNO)
    assert told.returncode == 0, told.stderr
    assert lab.person(ALICE).inbox()[0].subject == "Your message was delivered"
