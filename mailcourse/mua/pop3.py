"""A mail program's side of POP3, with `poplib`: fetch copies, and perhaps have the originals deleted.

    UTF8 USER PASS UIDL  RETR 1  DELE 1 …  QUIT        nothing is deleted before QUIT

Who uses it: `device.py`, and `person.py`.
"""

from __future__ import annotations

import poplib
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from mailcourse.internet.errors import LabError

from .account import PORTS, Account, Dial, LoginRefused, unreachable
from .mail import Mail

#: octets of a line: a whole message may be one
MAX_LINE = 64 * 1024 * 1024


class _DiallingPop3(poplib.POP3):
    def __init__(self, account: Account, dial: Dial) -> None:
        self._account, self._dial = account, dial
        super().__init__(account.server, PORTS[account.reads_by][2])

    def _getline(self) -> tuple[bytes, int]:  # the library refuses lines over 2,048 octets
        line = self.file.readline(MAX_LINE)
        if not line.endswith(b"\r\n"):
            raise poplib.error_proto("the server went away, or its line has no end")
        return line[:-2], len(line)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return self._account.dialled(self._dial, 2, self._account.reads_by)


@contextmanager
def pop3(account: Account, dial: Dial) -> Iterator[Pop3]:
    """Log in; at the end say QUIT, or hang up when something went wrong: then nothing is deleted."""
    try:
        client = _DiallingPop3(account, dial)
        try:
            if account.reads_by == "starttls":
                client.stls(account.trust)
            with suppress(poplib.error_proto):  # a server that does not know it has headers in ASCII
                client.utf8()
            try:
                client.user(account.person)
                client.pass_(account.password)
            except poplib.error_proto as error:
                if "[SYS/" in str(error) or "[IN-USE]" in str(error):  # it is not the password (RFC 2449, RFC 3206)
                    raise
                raise LoginRefused(
                    f"{account.server} did not let {account.person} in: {error}. The right password is in lab.people."
                ) from None
            yield Pop3(client)
            client.quit()
        finally:
            with suppress(OSError):  # a connection that TLS could not begin on is closed already
                client.close()
    except poplib.error_proto as error:
        raise LabError(f"{account.server} says: {error}") from None
    except OSError as error:
        raise LabError(unreachable(account.server, error)) from None


class Pop3:
    """A connection that is logged in."""

    def __init__(self, client: poplib.POP3) -> None:
        self._client = client
        self._numbers: dict[str, int] = {}
        self.refused: dict[str, str] = {}  # what the server did not hand out → why

    def names(self) -> list[str]:
        """Return the names that the server gives its messages (UIDL)."""
        lines = [line.decode().split() for line in self._client.uidl()[1]]
        self._numbers = {name: int(number) for number, name in lines}
        return list(self._numbers)

    def fetch(self, names: Iterable[str]) -> Iterator[Mail]:
        """Fetch copies of the messages with these names, one after the other; those that are `refused` do not come."""
        wanted = list(names)
        for name in wanted:
            try:
                lines = self._client.retr(self._numbers[name])[1]
                yield Mail(name, (), b"".join(line + b"\r\n" for line in lines))
            except poplib.error_proto as error:
                self.refused[name] = str(error)
        if 0 < len(self.refused) == len(wanted):
            raise LabError(f"The server says: {self.refused[wanted[0]]}")

    def delete(self, names: Iterable[str]) -> None:
        """Mark messages, but none that was refused; they go at QUIT."""
        for name in names:
            if name not in self.refused:
                self._client.dele(self._numbers[name])
