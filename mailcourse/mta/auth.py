"""AUTH: a client proves that it is one of our people (RFC 4954).

    PLAIN   one line: NUL name NUL password, in base64 (RFC 4616)
    LOGIN   two questions, two answers, each in base64; old, and still common

base64 is not encryption: that is why AUTH is taken only inside TLS.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from functools import partial

from mailcourse.message.reply import Reply
from mailcourse.message.sasl import Credentials, SaslFailure, decode_answer, parse_plain

from . import replies
from .session import Answer, CheckPassword, SmtpSession, SmtpState

MECHANISMS = ("PLAIN", "LOGIN")

#: RFC 4954 §6; somebody else's identity is refused like a wrong password
REPLIES = {
    SaslFailure.CANCELLED: (501, "5.7.0"),
    SaslFailure.NOT_BASE64: (501, "5.5.2"),
    SaslFailure.MALFORMED: (501, "5.5.2"),
    SaslFailure.OTHER_IDENTITY: (535, "5.7.8"),
}


def auth(session: SmtpSession, argument: str) -> Answer:
    """Begin an AUTH, unless it cannot be one here and now."""
    if not session.submission:
        return replies.NO_AUTH_HERE
    if not session.is_encrypted:
        return replies.NO_AUTH_IN_CLEAR
    if session.state is not SmtpState.GREETED or session.person is not None:
        return replies.wrong_order("say AUTH once, after EHLO and before MAIL")
    mechanism, _, initial = argument.partition(" ")
    match mechanism.upper():
        case "PLAIN":
            return _plain(initial) if initial else _challenge(session, "", _plain)
        case "LOGIN":
            return _name(session, initial) if initial else _challenge(session, "Username:", partial(_name, session))
    return Reply(504, "5.5.4", f"use one of {', '.join(MECHANISMS)}")


def _challenge(session: SmtpSession, text: str, take: Callable[[str], Answer]) -> Reply:
    """Ask the client; its next line is for `take`."""
    session.next_line = take
    return Reply(334, "", b64encode(text.encode()).decode())


def _plain(line: str) -> Answer:
    return _check(parse_plain(_octets(line)))


def _name(session: SmtpSession, line: str) -> Answer:
    name = decode_answer(_octets(line))
    return _check(name) if isinstance(name, SaslFailure) else _challenge(session, "Password:", partial(_password, name))


def _password(name: bytes, line: str) -> Answer:
    password = decode_answer(_octets(line))
    if isinstance(password, SaslFailure):
        return _check(password)
    return _check(Credentials(name.decode("utf-8", "replace"), password.decode("utf-8", "replace")))


def _check(credentials: Credentials | SaslFailure) -> Answer:
    if isinstance(credentials, SaslFailure):
        return Reply(*REPLIES[credentials], credentials.value)
    return CheckPassword(*credentials)


def _octets(line: str) -> bytes:
    return line.encode("utf-8", "surrogateescape")
