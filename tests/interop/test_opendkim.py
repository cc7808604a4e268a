"""DKIM with others: OpenDKIM's tools, dkimpy's commands, and Postfix with opendkim on both sides of the lab."""

from __future__ import annotations

import os
import re
import shutil
import smtplib
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from opendkim import OpenDkim, Relay53
from postfix import Postfix

from mailcourse import Lab

pytestmark = pytest.mark.interop
Start = Callable[..., Postfix]
Until = Callable[..., object]
Attach = Callable[..., None]
WORKER, BRUNO, ALICE = "worker@factory.test", "bruno@bakery.test", "alice@academy.test"
DKIM_COMMANDS = Path(sys.executable).parent


@pytest.fixture
def signed(factory: Lab) -> Lab:
    """The factory's world at today's date, for programs that look at their own clock; academy.test signs."""
    factory.configure("mx1.bakery.test", authenticate="note")
    factory.zone("academy.test").add(factory.sign("mail.academy.test", "academy.test", "autumn"))
    if (ahead := datetime.now(UTC) - factory.clock.now()).total_seconds() > 0:
        factory.clock.advance(seconds=ahead.total_seconds())
    return factory


def resolver(lab: Lab) -> tuple[str, int]:
    return lab.endpoint("resolver.carrier.test", 53, any_user=True)


@pytest.fixture
def opendkim(signed: Lab, need: Callable[..., str]) -> Iterator[Callable[..., OpenDkim]]:
    """Start an opendkim that asks the lab's resolver."""
    need("opendkim")
    with ExitStack() as running:
        yield lambda *settings: running.enter_context(OpenDkim(resolver(signed), *settings))


@pytest.fixture
def relay(signed: Lab, need: Callable[..., str]) -> Iterator[Relay53]:
    """Answer on port 53."""
    need("bwrap", "bubblewrap")
    if os.geteuid() != 0:
        pytest.skip("port 53 is root's (sudo -E make test)")
    found = Relay53(resolver(signed))
    yield found
    found.close()


def letter(lab: Lab, form: str = "relaxed/relaxed") -> bytes:
    """Let Alice write to Bruno, and return the message with the server's signature, as it arrived."""
    lab.person(ALICE).send(to=BRUNO, subject="rolls", text="Forty, please.\n\n\n").status  # noqa: B018
    return bytes(lab.person(BRUNO).fetch()[-1].raw)


def last_results(lab: Lab) -> dict[str, str]:
    (*_, event) = (event for event in lab.trace if event.what == "authenticated")
    return {check["check"]: check["result"] for check in event.facts["checks"]}


# ---- tools ----------------------------------------------------------------------------------------------------------


def test_what_we_sign_verifies_with_opendkim(signed: Lab, opendkim: Callable[..., OpenDkim]) -> None:
    verifier = opendkim("Mode v")
    raw = letter(signed)
    assert "verification (s=autumn, d=academy.test, 2048-bit key) succeeded" in verifier.says(raw)
    assert "failed: signature verification failed" in verifier.says(raw.replace(b"Forty", b"Fifty"))


def test_what_we_sign_verifies_with_opendkim_testmsg(
    signed: Lab, relay: Relay53, need: Callable[..., str], tmp_path: Path
) -> None:
    need("opendkim-testmsg", "opendkim-tools")
    raw = letter(signed)
    good = relay.run(tmp_path, "opendkim-testmsg", message=raw)
    assert (good.returncode, good.stdout, good.stderr) == (0, b"", b"")
    bad = relay.run(tmp_path, "opendkim-testmsg", message=raw.replace(b"Forty", b"Fifty"))
    assert b"Bad signature" in bad.stdout + bad.stderr


def test_what_we_sign_verifies_with_dkimpys_command(signed: Lab, relay: Relay53, tmp_path: Path) -> None:
    verify = str(DKIM_COMMANDS / "dkimverify")
    raw = letter(signed)
    assert relay.run(tmp_path, verify, message=raw).stdout == b"signature ok\n"
    assert relay.run(tmp_path, verify, message=raw.replace(b"Forty", b"Fifty")).returncode != 0


def test_a_key_of_opendkim_genkey_is_published_and_signs(
    signed: Lab, opendkim: Callable[..., OpenDkim], need: Callable[..., str], tmp_path: Path
) -> None:
    need("opendkim-genkey", "opendkim-tools")
    subprocess.run(["opendkim-genkey", "-D", str(tmp_path), "-d", "academy.test", "-s", "winter"], check=True)
    signed.zone("academy.test").add((tmp_path / "winter.txt").read_text())
    key = (tmp_path / "winter.private").read_text()
    signed.configure("mail.academy.test", sign={"domain": "academy.test", "selector": "winter", "key": key})
    raw = letter(signed)
    assert last_results(signed)["dkim"] == "pass"
    assert "(s=winter, d=academy.test, 2048-bit key) succeeded" in opendkim("Mode v").says(raw)


LETTER = (
    f"From: {ALICE}\r\nTo: {BRUNO}\r\nDate: Mon, 07 Sep 2026 08:00:00 +0000\r\nSubject: two\r\n  lines\r\n\r\n"
    "Forty  rolls. \r\n\r\n\r\n"
).encode()


def give(lab: Lab, message: bytes) -> str:
    """Hand a message to mx1 from outside, and return what was found out of its signature."""
    host, port = lab.endpoint("mx1.bakery.test", 25)
    with smtplib.SMTP(host, port, local_hostname="client.example") as client:
        client.sendmail(ALICE, [BRUNO], message)
    lab.settle()
    return last_results(lab).get("dkim", "none")


@pytest.mark.parametrize("form", ["relaxed", "simple"])
@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_what_dkimpys_command_signs_verifies_here(signed: Lab, tmp_path: Path, form: str, kind: str) -> None:
    key = [DKIM_COMMANDS / "dknewkey", "--ktype", kind, str(tmp_path / "key")]
    subprocess.run(key, capture_output=True, check=True)
    record = (tmp_path / "key.dns").read_text().strip()
    strings = " ".join(f'"{record[at : at + 250]}"' for at in range(0, len(record), 250))
    signed.zone("academy.test").add(f"new._domainkey TXT {strings}")
    command = [DKIM_COMMANDS / "dkimsign", "--hcanon", form, "--bcanon", form, "--signalg", f"{kind}-sha256"]
    command += ["new", "academy.test", str(tmp_path / "key.key")]
    done = subprocess.run(command, input=LETTER, capture_output=True, check=True)
    assert give(signed, done.stdout) == "pass"
    assert give(signed, done.stdout.replace(b"Forty", b"Fifty")) == "fail"


def test_what_opendkim_testmsg_signs_is_not_believed_because_it_uses_sha_1(
    signed: Lab, need: Callable[..., str], tmp_path: Path
) -> None:
    need("opendkim-testmsg", "opendkim-tools")
    key = tmp_path / "key.pem"
    key.write_text({row["setting"]: row["value"] for row in signed.settings("mail.academy.test")}["sign"]["key"])
    key.chmod(0o600)
    command = ["opendkim-testmsg", "-C", "-d", "academy.test", "-k", str(key), "-s", "autumn"]
    done = subprocess.run(command, input=LETTER, capture_output=True, check=True)
    (digest,) = {word for word in done.stdout.split() if word.startswith(b"a=rsa-")}
    expected = {b"a=rsa-sha1;": "policy", b"a=rsa-sha256;": "pass"}[digest]  # RFC 8301 §3.1
    assert give(signed, done.stdout) == expected


# ---- Postfix with opendkim ------------------------------------------------------------------------------------------


def test_postfix_with_opendkim_signs_and_the_lab_finds_it_so(
    signed: Lab,
    opendkim: Callable[..., OpenDkim],
    postfix: Start,
    until: Until,
    need: Callable[..., str],
    tmp_path: Path,
) -> None:
    need("opendkim-genkey", "opendkim-tools")
    keys = Path(shutil.copytree(tmp_path, opendkim("Mode v").folder / "keys"))
    subprocess.run(["opendkim-genkey", "-D", str(keys), "-d", "factory.test", "-s", "steel"], check=True)
    zone = signed.zone("factory.test")
    zone.add((keys / "steel.txt").read_text())
    zone.add('_dmarc TXT "v=DMARC1; p=reject"')
    signer = opendkim(
        "Mode s",
        "Domain factory.test",
        "Selector steel",
        f"KeyFile {keys}/steel.private",
        "SignatureAlgorithm rsa-sha256",
    )
    host, port = signed.endpoint("mx1.bakery.test", 25, any_user=True)
    sender = postfix(f"relayhost = [{host}]:{port}", f"smtpd_milters = inet:127.0.0.1:{signer.port}")
    bruno = signed.person(BRUNO)
    with smtplib.SMTP("127.0.0.1", sender.port, local_hostname="client.example", timeout=20) as client:
        client.sendmail(WORKER, [BRUNO], f"From: {WORKER}\r\nTo: {BRUNO}\r\nSubject: x\r\n\r\nSteel.\r\n".encode())
    until(bruno.inbox)
    assert last_results(signed) == {"spf": "none", "dkim": "pass", "dmarc": "pass"}
    assert b"dkim=pass header.d=factory.test header.s=steel" in bruno.fetch()[0].raw


def test_what_the_lab_signs_is_found_so_by_postfix_with_opendkim(
    signed: Lab, opendkim: Callable[..., OpenDkim], postfix: Start, until: Until, attach: Attach
) -> None:
    verifier = opendkim("Mode v", "AuthservID postfix.factory.test", "AlwaysAddARHeader yes")
    receiver = postfix(f"smtpd_milters = inet:127.0.0.1:{verifier.port}", domains="factory.test")
    attach(receiver.port)
    sent = signed.person(ALICE).send(to=WORKER, subject="steel", text="One ton, please.")
    assert sent.status[WORKER].words == "handed to mx.factory.test"
    (file,) = until(receiver.arrived)
    assert re.search(r"dkim=pass \(2048-bit key[^)]*\) header.d=academy.test ", file.read_text())
