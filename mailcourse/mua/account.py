"""An account: what a person types once into a mail program; and how its server may say no.

How the connection is made private (RFC 8314), and to which port it then goes:

    tls        TLS from the first octet       465   993   995
    starttls   a command begins TLS           587   143   110
    clear      anybody on the way can read    587   143   110
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from mailcourse.internet.errors import LabError, unknown

#: way → ports for sending, IMAP, POP3
PORTS = {"tls": (465, 993, 995), "starttls": (587, 143, 110), "clear": (587, 143, 110)}
Dial = Callable[[int], socket.socket]


@dataclass(frozen=True, slots=True)
class Account:
    """A server, and a name and password there; `sends_by` and `reads_by` are ways of `PORTS`.

    `trust` says whose certificates are believed; it also checks that they name the server.
    """

    server: str
    person: str
    password: str = field(repr=False)
    trust: ssl.SSLContext = field(repr=False)
    sends_by: str = "starttls"
    reads_by: str = "tls"

    def __post_init__(self) -> None:
        """Refuse a way that there is not."""
        for way in (self.sends_by, self.reads_by):
            if way not in PORTS:
                raise unknown("way to a mail server", way, PORTS)

    def dialled(self, dial: Dial, service: int, way: str) -> socket.socket:
        """Connect for a service, a place in `PORTS`; with TLS at once where the way wants it."""
        connection = dial(PORTS[way][service])
        try:
            return self.trust.wrap_socket(connection, server_hostname=self.server) if way == "tls" else connection
        except OSError:
            connection.close()
            raise


def unreachable(server: str, error: OSError) -> str:
    """Say why a server could not be used, and what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"{server} did not prove who it is: {error.verify_message.rstrip('.')}. Nothing was said to it. "
            "Its administrator must install a certificate that is valid for this name."
        )
    return f"{server} cannot be reached: {error}. Is the host up? lab.hosts tells."


class LoginRefused(LabError):
    """A server did not accept the name and password."""


class ServerUnreachable(LabError):
    """A server is not there, went away, or is silent for too long."""

    def __init__(self, text: str, *, is_slow: bool = False) -> None:
        super().__init__(text)
        self.is_slow = is_slow


class NotSent(LabError):
    """The submission server did not take the message."""
