"""Python's own mail programs, imaplib, poplib and smtplib, against the servers of a lab."""

from __future__ import annotations

import imaplib
import poplib
import smtplib
import ssl
from collections.abc import Callable, Iterator

import pytest

from mailcourse import Lab

ALICE, PASSWORD, HOST = "alice@academy.test", "apple-tree-41", "mail.academy.test"
FORWARDED = (
    b"Subject: Fwd\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n"
    b"Subject: inner\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
)
Login = Callable[[], imaplib.IMAP4]


@pytest.fixture
def trust(lab: Lab) -> ssl.SSLContext:
    """Believe the CA's file; the clients dial 127.0.0.1, so the names cannot be checked."""
    context = ssl.create_default_context(cafile=str(lab.ca))
    context.check_hostname = False
    return context


@pytest.fixture
def mailbox(lab: Lab) -> Lab:
    """Alice has two messages."""
    amir = lab.person("amir@academy.test")
    amir.send(ALICE, "One", ".first\n")
    amir.send(ALICE, "Two", "second\n")
    lab.settle()
    return lab


@pytest.fixture
def imap(mailbox: Lab, trust: ssl.SSLContext) -> Iterator[Login]:
    """Open IMAP sessions of Alice inside TLS, with the inbox selected."""
    opened = []

    def log_in() -> imaplib.IMAP4:
        client = imaplib.IMAP4(*mailbox.endpoint(HOST, 143))
        opened.append(client)
        assert client.starttls(trust)[0] == "OK"
        assert client.login(ALICE, PASSWORD)[0] == "OK"
        assert client.select()[0] == "OK"
        return client

    yield log_in
    for client in opened:
        client.logout()


def fetched(client: imaplib.IMAP4, number: str, what: str) -> bytes:
    status, found = client.fetch(number, f"({what})")
    assert status == "OK"
    assert isinstance(found[0], tuple)
    return bytes(found[0][1])


def test_imaplib_lists_reads_and_flags(imap: Login) -> None:
    client = imap()
    assert [line.split()[-1] for line in client.list()[1] if isinstance(line, bytes)] == [b'"INBOX"']
    assert client.search(None, "UNSEEN", "SUBJECT", "One") == ("OK", [b"1"])
    raw = fetched(client, "1", "BODY[]")
    assert raw.endswith(b"\r\n\r\n.first\r\n")
    assert client.search(None, "UNSEEN") == ("OK", [b"2"])
    assert client.store("2", "+FLAGS", r"(\Flagged)") == ("OK", [rb"2 (FLAGS (\Flagged \Recent))"])
    assert client.uid("SEARCH", "FLAGGED") == ("OK", [b"2"])
    assert fetched(client, "2", "BODY.PEEK[HEADER.FIELDS (SUBJECT)]") == b"Subject: Two\r\n\r\n"


def test_imaplib_appends_copies_and_deletes(imap: Login) -> None:
    client = imap()
    assert client.create("Kept")[0] == "OK"
    assert client.copy("1:2", "Kept")[0] == "OK"
    sent = b"Subject: mine\r\n\r\n" + bytes(range(32, 127)) + b"\r\n"
    assert client.append("Kept", r"(\Seen)", imaplib.Time2Internaldate(1788768000), sent)[0] == "OK"
    client.store("1", "+FLAGS", r"(\Deleted)")
    assert client.expunge() == ("OK", [b"1"])
    assert client.select("Kept") == ("OK", [b"3"])
    assert fetched(client, "3", "BODY[]") == sent
    assert client.search(None, "SEEN") == ("OK", [b"3"])
    assert client.status("INBOX", "(MESSAGES UIDNEXT)") == ("OK", [b'"INBOX" (MESSAGES 1 UIDNEXT 3)'])


def test_a_message_whose_only_part_is_a_message_can_be_taken_apart(imap: Login) -> None:
    client = imap()
    client.append("INBOX", "", "", FORWARDED)
    assert fetched(client, "3", "BODY[1]") == FORWARDED.partition(b"\r\n\r\n")[2]
    assert fetched(client, "3", "BODY[1.HEADER]") == b"Subject: inner\r\nContent-Type: text/plain\r\n\r\n"
    assert fetched(client, "3", "BODY[1.1]") == b"hello\r\n"


def test_expunge_is_told_to_another_session_at_noop_and_not_during_fetch(imap: Login) -> None:
    one, two = imap(), imap()
    one.store("1", "+FLAGS", r"(\Deleted)")
    one.expunge()
    assert two.fetch("1:2", "(UID)") == ("OK", [b"1 (UID 1)", b"2 (UID 2)"])
    assert two.response("EXPUNGE") == ("EXPUNGE", [None])
    assert two.noop()[0] == "OK"
    assert two.response("EXPUNGE") == ("EXPUNGE", [b"1"])
    assert two.fetch("1", "(UID)") == ("OK", [b"1 (UID 2)"])


def test_a_new_message_is_told_at_noop(imap: Login, mailbox: Lab) -> None:
    client = imap()
    client.response("EXISTS")  # what SELECT said
    mailbox.person("amir@academy.test").send(ALICE, "Three", "third\n")
    mailbox.settle()
    assert client.response("EXISTS") == ("EXISTS", [None])
    client.noop()
    assert client.response("EXISTS") == ("EXISTS", [b"3"])
    assert fetched(client, "3", "BODY[TEXT]") == b"third\r\n"


def test_the_flags_that_two_sessions_set_are_both_kept(imap: Login) -> None:
    one, two = imap(), imap()
    one.store("1", "+FLAGS", r"(\Flagged)")
    two.store("1", "+FLAGS", r"(\Answered)")
    one.noop()
    assert one.response("FETCH")[1] == [rb"1 (FLAGS (\Answered \Flagged \Recent))"]


def test_poplib_reads_and_deletes_inside_tls(mailbox: Lab, trust: ssl.SSLContext) -> None:
    client = poplib.POP3(*mailbox.endpoint(HOST, 110))
    assert client.stls(trust).startswith(b"+OK")
    assert "STLS" not in client.capa()
    client.user(ALICE)
    client.pass_(PASSWORD)
    count, octets = client.stat()
    assert count == 2
    assert client.retr(1)[1][-1] == b".first"
    assert client.top(2, 0)[1][-1] == b""
    assert sum(int(line.split()[1]) for line in client.list()[1]) == octets
    names = client.uidl()[1]
    client.dele(1)
    client.quit()
    again = poplib.POP3(*mailbox.endpoint(HOST, 110))
    again.user(ALICE)
    again.pass_(PASSWORD)
    assert [line.split()[1] for line in again.uidl()[1]] == [names[1].split()[1]]
    again.quit()


def test_smtplib_submits_after_starttls_and_login(lab: Lab, trust: ssl.SSLContext) -> None:
    client = smtplib.SMTP(*lab.endpoint(HOST, 587), local_hostname="laptop.academy.test")
    with client:
        with pytest.raises(smtplib.SMTPSenderRefused, match="STARTTLS"):
            client.sendmail(ALICE, ["bruno@bakery.test"], "Subject: too early\r\n\r\n")
        client.starttls(context=trust)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login(ALICE, "guess")
        client.login(ALICE, PASSWORD)
        refused = client.sendmail(ALICE, ["bruno@bakery.test", "no@academy.test"], "Subject: in time\r\n\r\n.dot\r\n")
        assert {name: code for name, (code, _) in refused.items()} == {"no@academy.test": 550}
    lab.settle()
    assert [mail.subject for mail in lab.person("bruno@bakery.test").fetch()] == ["in time"]
    assert lab.person("bruno@bakery.test").fetch()[0].text == ".dot\n"


def test_a_client_that_does_not_trust_the_lab_goes_away_and_the_next_is_served(lab: Lab) -> None:
    stranger = ssl.create_default_context()
    for _ in range(3):
        client = smtplib.SMTP(*lab.endpoint(HOST, 587), local_hostname="laptop.academy.test")
        with pytest.raises(ssl.SSLCertVerificationError):
            client.starttls(context=stranger)
        client.close()
    assert lab.person(ALICE).send("amir@academy.test", "x", "y").status["amir@academy.test"].state == "delivered"
