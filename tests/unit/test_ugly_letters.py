"""A letter that nobody can read hides no other, and ends no session: through all that a person can do with an inbox."""

from __future__ import annotations

import imaplib
from datetime import UTC, datetime

import pytest
from test_fields import UGLY
from test_imap_corners import ugly

from mailcourse import Lab

BRUNO = "bruno@bakery.test"
LETTERS = {
    **UGLY,
    "encoded words without an end": b"Subject: " + b"=?utf-8?q?" * 5000 + b"\r\n",
    "charsets that nobody has": b"Subject: =?hex?q?00?= =?idna?q?xn--?= =?undefined?q?x?= =?zlib?b?eA==?=\r\n",
    "a type of many pieces": b"Content-Type: multipart/mixed; "
    + b";".join(b"boundary*%d=x" % n for n in range(500))
    + b"\r\n",
    "parts without an end": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
    + b"--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" * 300,
    "messages without an end": b"Content-Type: message/rfc822\r\n\r\n" * 300,
    "a date that is none": b"Date: Mon, 99 Xyz 99999 99:99:99 +99999999\r\n",
    "folded spaces": b"From: Alice\r\n" + (b" " * 70 + b"\r\n") * 3000 + b" <alice@academy.test>\r\n",
    "a name of a file that is none": b"Content-Disposition: attachment; filename*=;filename*0*=';filename*1*=%\r\n",
}


@pytest.mark.parametrize("header", LETTERS.values(), ids=LETTERS.keys())
def test_an_ugly_letter_hides_no_other_and_ends_no_session(lab: Lab, header: bytes) -> None:
    bruno, when = lab.person(BRUNO), datetime(2026, 9, 7, 8, tzinfo=UTC)
    with bruno.session() as server:
        for raw in (b"Subject: before\r\n\r\nbread", header + b"\r\nbread\r\n", b"Subject: after\r\n\r\nbread"):
            server.append("INBOX", raw, (), when)
    device = bruno.device("laptop")
    device.sync()
    for mails in (bruno.inbox(), bruno.fetch(), bruno.fetch("pop3"), device.messages()):
        assert [mails[0].subject, mails[2].subject] == ["before", "after"]
        assert repr(mails).encode()
        assert mails._repr_html_().encode()
    keys = ("TEXT before", "SUBJECT before", "FROM x", "SENTSINCE 1-Jan-2020", "BODY bread", "NOT HEADER Date 99")
    assert ["1" in [mail.uid for mail in bruno.search(key)] for key in keys] == [True, True, False, False, True, True]
    with lab.online("laptop.bakery.test"):
        client: imaplib.IMAP4 = ugly(lab)
        client.select()
        assert (
            client.fetch("1:*", "(ENVELOPE BODY BODYSTRUCTURE RFC822.SIZE BODY.PEEK[1] BODY.PEEK[1.MIME])")[0] == "OK"
        )
        assert client.logout()[0] == "BYE"
    assert not [event for event in lab.trace if event.what == "warning"]
    bruno.draft(BRUNO, f"Re: {bruno.read(2).subject}", bruno.read(2).text, answers=bruno.read(2))


@pytest.mark.parametrize("word", ["abcde", "=?utf-8?B?abcde?=", "abcd"])
def test_what_cannot_be_decoded_is_searched_as_it_stands(lab: Lab, word: str) -> None:
    bruno = lab.person(BRUNO)
    with bruno.session() as server:
        server.append("INBOX", b"Subject: =?utf-8?B?abcde?=\r\n\r\nx", (), datetime(2026, 9, 7, 8, tzinfo=UTC))
    for key in ("SUBJECT", "TEXT", "HEADER Subject"):
        assert len(bruno.search(f'{key} "{word}"')) == 1
