"""Somebody with a socket who talks to servers of a lab, and what tests look at afterwards."""

from __future__ import annotations

import os
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from mailcourse import Lab

MX1, ACADEMY = ("mx1.bakery.test", 25), ("mail.academy.test", 587)
BEGIN = b"EHLO laptop.academy.test\r\nMAIL FROM:<alice@academy.test>\r\n"
TO_BRUNO = b"RCPT TO:<bruno@bakery.test>\r\n"
SMALL = b"Subject: small\r\n\r\nhello\r\n.\r\n"


class Client:
    """Somebody with a socket, who says what is to be said and reads replies of SMTP."""

    def __init__(self, sock: socket.socket) -> None:
        if sock.family == socket.AF_INET:  # it came in by a door
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = sock
        self.file = sock.makefile("rb")

    def reply(self) -> str:
        """The last line of the next reply; empty when the server has closed."""
        while True:
            line = self.file.readline().decode()
            if line[3:4] != "-":
                return line.strip()

    def ask(self, octets: bytes) -> str:
        """Say something; return the last reply of as many as there are lines."""
        self.socket.sendall(octets)
        return [self.reply() for _ in range(octets.count(b"\r\n"))][-1]

    def tell(self, message: bytes) -> str:
        """Say DATA and a whole message."""
        assert self.ask(b"DATA\r\n").startswith("354")
        self.socket.sendall(message)
        return self.reply()

    def secure(self, context: ssl.SSLContext, name: str) -> Client:
        return Client(context.wrap_socket(self.socket, server_hostname=name))

    def rest(self) -> bytes:
        """Say that nothing more comes; return everything that the server still says."""
        self.socket.shutdown(socket.SHUT_WR)
        return self.file.read()

    def vanish(self) -> None:
        """Break the connection at once, as when the cable is cut."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.file.close()
        self.socket.close()


Connect = Callable[..., Client]


def subjects(lab: Lab, person: str = "bruno@bakery.test") -> list[str]:
    return [mail.subject for mail in lab.person(person).inbox()]


def incoming(lab: Lab, host: str = "mx1.bakery.test") -> list[str]:
    return os.listdir(lab.mail_servers[host].queue.incoming)


def accepted(lab: Lab) -> list[str]:
    return [event.host for event in lab.trace if event.what == "accepted"]


@contextmanager
def settings(lab: Lab, host: str, **changed: int) -> Iterator[None]:
    server = lab.mail_servers[host]
    before = server.settings
    server.settings = replace(before, **changed)
    yield
    server.settings = before


def turn_the_loop(lab: Lab) -> None:
    """Let the loop see what the operating system has for it, and act on it."""
    for _ in range(10):
        lab.runtime.call(lambda: None)
