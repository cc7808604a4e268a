"""Speaking SMTP by hand, one line a cell, and reading what the server answers.

    talk = speak(lab, "mx1.bakery.test")      connect; shows the greeting
    talk.say("EHLO laptop.academy.test")      one line
    talk.say("Subject: x", "", "y", ".")      several; the answer to the last

Nothing is added and nothing is checked: what you say is what goes over the wire.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from mailcourse.internet.errors import LabError
from mailcourse.views import Lab

SECONDS = 20.0
#: what a person reads
WORDS = {
    "over": "The connection is over. Make a new one with speak(…), and begin with EHLO.",
    "unreachable": "{host} port {port} cannot be reached: {error}.",
}


@dataclass(frozen=True)
class Exchange:
    """What was said (C, the client) and answered (S, the server)."""

    said: tuple[str, ...]
    answered: tuple[str, ...]

    @property
    def code(self) -> int:
        """The three digits of the answer."""
        return int(self.answered[-1][:3])

    def __repr__(self) -> str:
        return "\n".join([*(f"C: {line}" for line in self.said), *(f"S: {line}" for line in self.answered)])


class Dialogue:
    """A connection to an SMTP server."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._file = connection.makefile("rb")
        self.greeting = Exchange((), self._answer())

    def say(self, *lines: str) -> Exchange:
        """Say lines, each with its end of line; return them with the server's answer."""
        try:
            self._socket.sendall("".join(f"{line}\r\n" for line in lines).encode())
            answer = self._answer()
        except OSError:
            answer = ()
        if not answer:
            raise LabError(WORDS["over"])
        return Exchange(lines, answer)

    def _answer(self) -> tuple[str, ...]:
        lines: list[str] = []
        for octets in self._file:
            lines.append(octets.decode("utf-8", "backslashreplace").rstrip("\r\n"))
            if lines[-1][3:4] != "-":  # RFC 5321 §4.2.1: a hyphen says that more lines follow
                break
        return tuple(lines)

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()

    def __repr__(self) -> str:
        return repr(self.greeting)


def speak(lab: Lab, host: str, port: int = 25, source: str = "") -> Dialogue:
    """Connect to a mail server of the lab, from `source` (else from the first person's machine)."""
    source = source or lab.person(lab.addresses[0]).machine
    target = lab.host(host).addresses[0]
    try:
        connection = lab.host(source).dial(target, port, SECONDS)
    except OSError as error:
        raise LabError(WORDS["unreachable"].format(host=host, port=port, error=error)) from None
    lab.when_closed(connection.close)
    return Dialogue(connection)
