"""SASL PLAIN: who may say who he is, in one place for SMTP, POP3 and IMAP."""

from __future__ import annotations

from base64 import b64encode

import pytest

from mailcourse.message.sasl import Credentials, SaslFailure, parse_plain

ALICE = Credentials("alice", "apple tree")
ANSWERS = [
    (b64encode(b"\0alice\0apple tree"), ALICE),
    (b64encode(b"alice\0alice\0apple tree") + b"\r\n", ALICE),
    (b64encode(b"ALICE\0alice\0apple tree"), ALICE),  # names are compared ignoring case, as the accounts do
    (b64encode(b"bruno\0alice\0apple tree"), SaslFailure.OTHER_IDENTITY),
    (b64encode("\0zoë\0ümläut".encode()), Credentials("zoë", "ümläut")),
    (b64encode(b"alice\0apple tree"), SaslFailure.MALFORMED),
    (b64encode(b"\0alice\0apple\0tree"), SaslFailure.MALFORMED),
    (b"", SaslFailure.MALFORMED),
    (b"=", SaslFailure.MALFORMED),
    (b"*", SaslFailure.CANCELLED),
    (b"a b", SaslFailure.NOT_BASE64),
    (b"\xff\xfe", SaslFailure.NOT_BASE64),
]


@pytest.mark.parametrize(("line", "wanted"), ANSWERS, ids=[repr(line) for line, _ in ANSWERS])
def test_an_answer_gives_credentials_or_the_reason_why_not(line: bytes, wanted: Credentials | SaslFailure) -> None:
    assert parse_plain(line) == wanted
