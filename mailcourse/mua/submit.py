"""Submission: handing a written message to one's own server, port 587 (RFC 6409), with `smtplib`.

EHLO → STARTTLS → EHLO → AUTH → MAIL, RCPT …, DATA → QUIT
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable

from .account import Account, LoginRefused, NotSent
from .compose import Letter

Dial = Callable[[], socket.socket]


class _DiallingSmtp(smtplib.SMTP):
    """smtplib's client, on a socket of the lab."""

    def __init__(self, dial: Dial, server: str, own_name: str) -> None:
        self._dial = dial
        super().__init__(server, 587, local_hostname=own_name)

    def _get_socket(self, host: str, port: int, timeout: float | None) -> socket.socket:
        return self._dial()


def submit(
    account: Account, dial: Dial, tls: ssl.SSLContext, own_name: str, letter: Letter
) -> dict[str, tuple[int, bytes]]:
    """Submit a message; return the recipients that were refused, with the replies.

    Raises `LoginRefused`, or `NotSent` when the server took the message for nobody.
    """
    try:
        with _DiallingSmtp(dial, account.server, own_name) as client:
            client.starttls(context=tls)
            client.login(account.person, account.password)
            options = ["SMTPUTF8", "BODY=8BITMIME"] if letter.is_utf8 else []
            return client.sendmail(letter.sender, letter.recipients, letter.raw, options)
    except smtplib.SMTPAuthenticationError as error:
        raise LoginRefused(
            f"{account.server} did not accept the password of {account.person}: "
            f"{error.smtp_code} {_text(error.smtp_error)}. The right one is in lab.people."
        ) from None
    except smtplib.SMTPRecipientsRefused as error:
        replies = "; ".join(f"{r}: {code} {_text(text)}" for r, (code, text) in error.recipients.items())
        raise NotSent(
            f"{account.server} refused every recipient: {replies}. Fix the addresses and send again."
        ) from None
    except smtplib.SMTPResponseException as error:
        raise NotSent(
            f"{account.server} refused the message: {error.smtp_code} {_text(error.smtp_error)}. Change it, send again."
        ) from None
    except (smtplib.SMTPException, OSError) as error:
        raise NotSent(
            f"{account.server} could not be used: {error}. Is the host up? lab.hosts tells. Then send again."
        ) from None


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said
