"""SMTP: whole conversations with sessions that need no socket, and with servers of a lab over real ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from player import CHUNKS, OnSession, OnTcp, play

from mailcourse import Lab
from mailcourse.internet.connection import Connection
from mailcourse.mta import replies
from mailcourse.mta.commands import COMMANDS
from mailcourse.mta.server import MailServer
from mailcourse.mta.session import CheckPassword, SmtpSession, StoreMessage

HERE = Path(__file__).parent
#: how the name of a file begins -> which port is talked to
SERVERS = {
    "smtp-relay": ("mx1.bakery.test", 25),
    "smtp-home": ("mail.academy.test", 25),
    "smtp-submission": ("mail.academy.test", 587),
}
FILES = [(file, server) for start, server in SERVERS.items() for file in sorted(HERE.glob(f"{start}-*.txt"))]


@pytest.fixture(scope="module")
def shared() -> Iterator[Lab]:
    with Lab("two-offices", name="smtp-dialogues") as lab:
        yield lab


def test_every_dialogue_has_a_server() -> None:
    assert {file for file, _ in FILES} == set(HERE.glob("smtp-*.txt"))
    assert {server for _, server in FILES} == set(SERVERS.values())


class Alone:
    """A session without a connection: what it asks for is done at once."""

    def __init__(self, server: MailServer, port: int) -> None:
        self._server = server
        service = {25: "smtp", 587: "submission"}[port]
        connection = Connection(1, "laptop.academy.test", "192.0.2.10", server.host.addresses[0], port)
        self._session = SmtpSession(server, connection, service, COMMANDS)
        self.greeting, self.end, self.begin_tls = self._session.greeting, self._session.end, self._session.tls_begun

    @property
    def closed(self) -> bool:
        return self._session.closed

    def receive(self, data: bytes) -> bytes:
        said = self._session.receive(data)
        while True:
            match self._session.request:
                case CheckPassword(name, password):
                    said += self._session.password_checked(self._server.passwords.check(name, password))
                case StoreMessage(incoming):
                    said += self._session.message_stored(replies.queued(incoming.queue_id))
                    incoming.abandon()
                case _:  # nothing, or TLS, which begins with the next octets
                    return said


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize(("file", "server"), FILES, ids=[file.stem for file, _ in FILES])
def test_the_dialogue_goes_as_written_without_a_connection(
    shared: Lab, file: Path, server: tuple[str, int], chunk: str
) -> None:
    host, port = server
    play(file, lambda: OnSession(Alone(shared.mail_servers[host], port)), chunk)


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize(("file", "server"), FILES, ids=[file.stem for file, _ in FILES])
def test_the_dialogue_goes_as_written(shared: Lab, file: Path, server: tuple[str, int], chunk: str) -> None:
    host, port = server
    tls = shared.certificates.client
    play(file, lambda: OnTcp(shared.endpoint(host, port), host, tls), chunk)
    shared.settle()


@pytest.mark.parametrize("chunk", CHUNKS)
def test_dots_are_doubled_on_the_wire_only(lab: Lab, chunk: str) -> None:
    play(HERE / "smtp-relay-dots.txt", lambda: OnTcp(lab.endpoint("mx1.bakery.test", 25), "mx1.bakery.test"), chunk)
    mails = lab.person("bruno@bakery.test").fetch()
    bodies = [mail.raw.partition(b"\r\n\r\n")[2] for mail in mails]
    assert bodies == [b".\r\n..\r\n.a line\r\nthe last\r\n", b""]
