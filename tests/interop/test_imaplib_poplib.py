"""Python's imaplib and poplib: every command that they have, for its effect; what is not offered is refused."""

from __future__ import annotations

import imaplib
import poplib
import re
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from office import at, trust

pytestmark = pytest.mark.interop
BRUNO = "bruno@bakery.test"
RAW = b"From: a@academy.test\r\nSubject: one\r\n\r\n.dot\r\n..dots\r\nlast\r\n"


@pytest.fixture
def client(outside: dict[str, Any]) -> Iterator[imaplib.IMAP4]:
    made = imaplib.IMAP4(*at(outside, BRUNO, 143), timeout=20)
    assert made.starttls(trust(outside))[0] == "OK"
    assert made.login(BRUNO, outside["people"][BRUNO])[0] == "OK"
    made.select()
    made.uid("STORE", "1:*", "+FLAGS.SILENT", "(\\Deleted)")
    made.expunge()
    yield made
    made.logout()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems acknowledge when they like")
def test_imaplib_waits_for_no_acknowledgement(outside: dict[str, Any]) -> None:
    client, took = imaplib.IMAP4(*at(outside, BRUNO, 143), timeout=20), []
    client.login(BRUNO, outside["people"][BRUNO])
    for _ in range(30):
        began = time.perf_counter()
        assert client.append("INBOX", "", "", RAW)[0] == "OK"
        took.append(time.perf_counter() - began)
    client.logout()
    assert min(took[20:]) < 0.035  # 40 ms for each, if the system puts its acknowledgements off


def test_imaplib_folders(client: imaplib.IMAP4) -> None:
    assert client.create("Work/2026")[0] == "OK"
    assert client.subscribe("Work/2026")[0] == "OK"
    assert b'"Work/2026"' in client.list('""', "Work*")[1][-1]
    assert client.lsub('""', "*")[1] == [b'() "/" "Work/2026"']
    assert client.rename("Work/2026", "Play")[0] == "OK"
    assert client.status("Play", "(MESSAGES UIDNEXT)")[1] == [b'"Play" (MESSAGES 0 UIDNEXT 1)']
    assert client.unsubscribe("Work/2026")[0] == "OK"
    assert client.delete("Play")[0] == "OK"
    assert client.select("Play")[0] == "NO"
    assert client.namespace()[1] == [b'(("" "/")) NIL NIL']


def test_imaplib_messages(client: imaplib.IMAP4) -> None:
    client.create("Work")
    client.select()
    assert client.append("INBOX", "(\\Answered)", '"07-Sep-2026 08:00:00 +0000"', RAW)[0] == "OK"
    assert client.append("INBOX", "", "", RAW.replace(b"one", b"two"))[0] == "OK"
    assert client.noop()[0] == "OK"
    assert client.check()[0] == "OK"
    assert client.search(None, "SUBJECT", "two")[1] == [b"2"]
    assert client.search("UTF-8", "ANSWERED")[1] == [b"1"]
    _, found = client.fetch("1", "(INTERNALDATE RFC822.SIZE BODY[])")
    assert found[0][1] == RAW
    assert b'INTERNALDATE "07-Sep-2026 08:00:00 +0000" RFC822.SIZE %d' % len(RAW) in found[0][0]
    assert b"\\Flagged" in client.store("1", "+FLAGS", "(\\Flagged)")[1][0]
    assert client.copy("1", "Work")[0] == "OK"
    assert client.uid("COPY", "1:*", "Work")[0] == "OK"
    assert client.status("Work", "(MESSAGES)")[1] == [b'"Work" (MESSAGES 3)']
    client.store("1", "+FLAGS", "(\\Deleted)")
    assert client.expunge()[1] == [b"1"]
    assert client.recent()[0] == "RECENT" or client.recent()[1] == [None]
    assert client.unselect()[0] == "OK"
    client.select("Work")
    client.store("1:3", "+FLAGS", "(\\Deleted)")
    assert client.close()[0] == "OK"
    assert client.status("Work", "(MESSAGES)")[1] == [b'"Work" (MESSAGES 0)']
    client.delete("Work")


def test_imaplib_login_by_plain_enable_and_what_is_not_offered(outside: dict[str, Any]) -> None:
    client = imaplib.IMAP4(*at(outside, BRUNO, 143), timeout=20)
    with pytest.raises(imaplib.IMAP4.error):
        client.login_cram_md5(BRUNO, "wrong")
    password = outside["people"][BRUNO]
    assert client.authenticate("PLAIN", lambda _: f"\0{BRUNO}\0{password}".encode())[0] == "OK"
    assert client.enable("UTF8=ACCEPT")[0] == "OK"
    client.select()
    for refused in (
        lambda: client.getquota("x"),
        lambda: client.getquotaroot("INBOX"),
        lambda: client.setquota("x", "(STORAGE 1)"),
        lambda: client.getacl("INBOX"),
        lambda: client.setacl("INBOX", "x", "r"),
        lambda: client.deleteacl("INBOX", "x"),
        lambda: client.myacl("INBOX"),
        lambda: client.getannotation("INBOX", "x", "y"),
        lambda: client.setannotation("INBOX", "x", "y"),
        lambda: client.sort("DATE", "UTF-8", "ALL"),
        lambda: client.thread("REFERENCES", "UTF-8", "ALL"),
        lambda: client.partial("1", "RFC822", "1", "5"),
    ):
        with pytest.raises((imaplib.IMAP4.error, AttributeError), match=r"no command|BAD|Unknown"):
            assert refused()[0] == "NO"
    assert client.noop()[0] == "OK", "the session lives on"
    client.logout()


@pytest.mark.parametrize("security", ["clear", "stls", "tls"])
def test_poplib_every_command(outside: dict[str, Any], client: imaplib.IMAP4, security: str) -> None:
    for subject in (b"one", b"two", b"three"):
        client.append("INBOX", "", "", RAW.replace(b"one", subject))
    if security == "tls":
        drop: poplib.POP3 = poplib.POP3_SSL(*at(outside, BRUNO, 995), context=trust(outside), timeout=20)
    else:
        drop = poplib.POP3(*at(outside, BRUNO, 110), timeout=20)
    assert drop.getwelcome().startswith(b"+OK")
    if security == "stls":
        drop.stls(trust(outside))
    assert {"UIDL", "TOP", "USER"} <= drop.capa().keys()
    drop.utf8()
    drop.user(BRUNO)
    drop.pass_(outside["people"][BRUNO])
    count, octets = drop.stat()
    lines = [line.decode() for line in drop.list()[1]]
    assert (count, octets) == (3, sum(int(line.split()[1]) for line in lines))
    assert drop.list(2) == f"+OK {lines[1]}".encode()
    _, body, size = drop.retr(1)
    assert b"\r\n".join(body) + b"\r\n" == RAW
    assert size == len(RAW)
    assert drop.top(1, 1)[1] == [b"From: a@academy.test", b"Subject: one", b"", b".dot"]
    names = [line.split()[1] for line in drop.uidl()[1]]
    assert len({*names}) == 3
    assert drop.uidl(3).split()[-1] == names[2]
    assert drop.noop() == b"+OK"
    drop.dele(1)
    drop.rset()
    drop.dele(2)
    with pytest.raises(poplib.error_proto, match="no such message: 2"):
        drop.retr(2)
    for refused in (lambda: drop.apop(BRUNO, "x"), lambda: drop.rpop("x")):
        with pytest.raises(poplib.error_proto, match=r"ERR|APOP"):
            refused()
    drop.quit()
    client.select()
    _, found = client.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    left = [re.findall(rb"Subject: (\w+)", item[1])[0] for item in found if isinstance(item, tuple)]
    assert left == [b"one", b"three"]
