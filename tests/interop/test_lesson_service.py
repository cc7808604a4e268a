"""The files of lesson 08, run: a real Postfix and a real Dovecot serve the Bakery, and the lab writes to them.

What the test changes is where things are: ports, folders, the user of the mailboxes; and the way out, since a real
Postfix cannot ask the lab's DNS.  Every other line is as the lesson shows it.  Not seen here: that Dovecot takes no
password in the clear, for it trusts its own machine, and the test is there.
"""

from __future__ import annotations

import imaplib
import os
import re
import smtplib
import ssl
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from dovecot import HERE, Dovecot, program
from postfix import Postfix, free_port

from mailcourse import Lab
from mailcourse.lessons import real_config

pytestmark = pytest.mark.interop


class BakeryDovecot(Dovecot):
    """Dovecot with the lesson's file."""

    def __init__(self, change: Callable[[str], str]) -> None:
        super().__init__()
        found = HERE.format(folder=self.folder, imap=self.imap, pop3=self.pop3)
        self.configuration.write_text(change(real_config("dovecot-2.3.conf")) + found)


class BakeryPostfix(Postfix):
    """Postfix with the lesson's files; `submission` and `submissions` are the ports for people."""

    def __init__(self, change: Callable[[str], str], *settings: str) -> None:
        super().__init__(*change(real_config("main.cf")).splitlines(), *settings)
        self.submission, self.submissions = free_port(), free_port()
        services = re.sub(
            r"^submission ", f"127.0.0.1:{self.submission} ", real_config("master.cf"), flags=re.MULTILINE
        )
        services = re.sub(r"^submissions ", f"127.0.0.1:{self.submissions} ", services, flags=re.MULTILINE)
        with (self.folder / "conf/master.cf").open("a") as file:
            file.write(services + "\n")


@pytest.fixture
def bakery(
    make_lab: Callable[..., Lab], need: Callable[..., str]
) -> Iterator[tuple[Lab, BakeryPostfix, BakeryDovecot, ssl.SSLContext]]:
    need("postfix")
    if program() is None:
        need("dovecot")
    if os.geteuid() != 0:
        pytest.skip("Postfix changes to users of its own, and only root may (sudo -E make test)")
    lab = make_lab(Path(__file__).with_name("service.toml"))
    made = tempfile.TemporaryDirectory(prefix="mailcourse-service-")
    etc = Path(made.name)
    etc.chmod(0o755)  # programs of other users read it
    authority = trustme.CA()
    certificate = authority.issue_cert("mail.bakery.test")
    certificate.private_key_pem.write_to_path(etc / "key.pem")
    for number, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(etc / "cert.pem", append=bool(number))
    for name in ("mailboxes", "aliases", "users"):
        (etc / name).write_text(real_config(name) + "\n")

    def change(text: str) -> str:
        for here, there in places.items():
            text = text.replace(here, there)
        return text

    places = {"/etc/postfix": str(etc), "/etc/dovecot": str(etc), "/etc/ssl/bakery": str(etc)}
    way_out = "127.0.0.1]:{1}".format(*lab.endpoint("mail.academy.test", 25, any_user=True))
    places |= {"5000": "65534"}
    postfix = BakeryPostfix(change, f"relayhost = [{way_out}", "queue_run_delay = 1")
    places |= {"/var/mail/vhosts": str(postfix.boxes), "/var/spool/postfix": f"{postfix.folder}/queue"}
    main = postfix.folder / "conf/main.cf"
    # A name that is there twice is warned of by every process, and so many warnings block Postfix's own log.
    lines = [line for line in change(main.read_text()).splitlines() if line.strip() and not line.startswith("#")]
    main.write_text("\n".join({line.split("=")[0].strip(): line for line in lines}.values()) + "\n")
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with postfix:
        lab.runtime.call(lambda: lab.internet.attach(lab.host("mx1.bakery.test"), 25, postfix.port))
        with BakeryDovecot(change) as dovecot:
            yield lab, postfix, dovecot, trust
    made.cleanup()


def inbox(dovecot: Dovecot, trust: ssl.SSLContext, who: str, password: str) -> list[bytes]:
    """Read by IMAP with STARTTLS; the certificate is checked for the name of the lesson's server."""
    with imaplib.IMAP4("127.0.0.1", dovecot.imap) as client:
        client.host = "mail.bakery.test"  # this name is checked
        client.starttls(ssl_context=trust)
        client.login(who, password)
        client.select(readonly=True)
        _, found = client.fetch("1:*", "(BODY.PEEK[])") if int(client.untagged_responses["EXISTS"][0]) else ("", [])
        return [item[1] for item in found if isinstance(item, tuple)]


def test_a_letter_comes_in_and_is_read_and_an_alias_reaches_both(
    bakery: tuple[Lab, BakeryPostfix, BakeryDovecot, ssl.SSLContext], until: Callable[..., object]
) -> None:
    lab, postfix, dovecot, trust = bakery
    alice = lab.person("alice@academy.test")
    sent = alice.send(to="orders@bakery.test", subject="Forty rolls", text="For Monday.")
    lab.settle()
    assert sent.status["orders@bakery.test"].words == "handed to mx1.bakery.test", sent
    for who, password in (("bruno@bakery.test", "warm-bread-23"), ("bea@bakery.test", "salt-and-flour-8")):
        until(lambda who=who, password=password: inbox(dovecot, trust, who, password))
        assert b"Subject: Forty rolls" in inbox(dovecot, trust, who, password)[0], postfix.log()


def test_nobody_else_has_a_mailbox_and_strangers_are_not_relayed(
    bakery: tuple[Lab, BakeryPostfix, BakeryDovecot, ssl.SSLContext],
) -> None:
    lab, postfix, _, _ = bakery
    alice = lab.person("alice@academy.test")
    sent = alice.send(to="nobody@bakery.test", subject="?")
    lab.settle()
    assert "550" in sent.status["nobody@bakery.test"].words
    with smtplib.SMTP("127.0.0.1", postfix.port, "stranger.example") as client:
        client.ehlo()
        client.mail("x@stranger.example")
        assert client.rcpt("y@elsewhere.example")[0] == 554
        assert not client.has_extn("auth"), "no password on port 25"


def test_a_letter_goes_out_after_a_log_in_inside_tls_and_only_then(
    bakery: tuple[Lab, BakeryPostfix, BakeryDovecot, ssl.SSLContext], until: Callable[..., object]
) -> None:
    lab, postfix, _, trust = bakery
    with smtplib.SMTP("127.0.0.1", postfix.submission, "laptop.bakery.test") as client:
        client.ehlo()
        assert not client.has_extn("auth")
        assert client.docmd("MAIL FROM:<bruno@bakery.test>")[0] == 530
        client._host = "mail.bakery.test"  # this name is checked
        client.starttls(context=trust)
        client.ehlo()
        wrong = b64encode(b"\0bruno@bakery.test\0cold-bread").decode()
        assert client.docmd("AUTH", f"PLAIN {wrong}")[0] == 535
        client.login("bruno@bakery.test", "warm-bread-23")
        client.sendmail("bruno@bakery.test", "alice@academy.test", "Subject: On Monday\r\n\r\nAt six.")
    alice = lab.person("alice@academy.test")
    until(lambda: [mail for mail in alice.inbox() if mail.subject == "On Monday"])


def test_both_files_of_dovecot_say_the_same_with_other_names() -> None:
    new, old = real_config("dovecot-2.4.conf"), real_config("dovecot-2.3.conf")
    for name in re.findall(r"# 2\.3: (\w+)", new):
        assert re.search(rf"^ *{name}\b", old, re.MULTILINE), name
    for value in ("/etc/dovecot/users", "/etc/ssl/bakery/key.pem", "/var/spool/postfix/private/auth", "plain login"):
        assert value in new
        assert value in old
