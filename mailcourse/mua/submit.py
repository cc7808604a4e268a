"""Submission: handing a written message to one's own server (RFC 6409), with `smtplib`.

port 587:   EHLO → STARTTLS → EHLO → AUTH → MAIL, RCPT …, DATA → QUIT
port 465:   TLS  → EHLO → AUTH → …
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable

from mailcourse.internet.network import Host
from mailcourse.message.headers import traced

from .account import PORTS, Account, Dial, LoginRefused, NotSent, unreachable
from .compose import Letter


class _DiallingSmtp(smtplib.SMTP):
    """smtplib's client, on a socket of the lab."""

    def __init__(self, account: Account, dial: Dial, own_name: str) -> None:
        self._account, self._dial_to = account, dial
        super().__init__(account.server, PORTS[account.sends_by][0], local_hostname=own_name)

    def _get_socket(self, host: str, port: int, timeout: float | None) -> socket.socket:
        return self._account.dialled(self._dial_to, 0, self._account.sends_by)


def send(host: Host, account: Account, dial: Callable[[str], Dial], letter: Letter) -> tuple[str, list[str]]:
    """Record that a letter was written on `host`, and submit it; return its name in the trace, and who was refused.

    `dial` is given that name, and returns how to connect.
    """
    message = host.internet.trace.new_message()
    facts = {"recipients": list(letter.recipients), "subject": letter.subject, "header": traced(letter.raw)}
    host.record("mua", "composed", message, sender=account.person, **facts)
    return message, [*submit(account, dial(message), host.name, letter)]


def submit(account: Account, dial: Dial, own_name: str, letter: Letter) -> dict[str, tuple[int, bytes]]:
    """Submit a message; return the recipients that were refused, with the replies.

    Raises `LoginRefused`, or `NotSent` when the server took the message for nobody.
    """
    try:
        with _DiallingSmtp(account, dial, own_name) as client:
            if account.sends_by == "starttls":
                client.starttls(context=account.trust)
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
    except ssl.SSLCertVerificationError as error:
        raise NotSent(unreachable(account.server, error)) from None
    except (smtplib.SMTPException, OSError) as error:
        raise NotSent(
            f"{account.server} could not be used: {error}. Is the host up? lab.hosts tells. Then send again."
        ) from None


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said
