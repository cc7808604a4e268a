"""SMTP: whole conversations with servers of a lab, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from player import CHUNKS, OnTcp, play

from mailcourse import Lab

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


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize(("file", "server"), FILES, ids=[file.stem for file, _ in FILES])
def test_the_dialogue_goes_as_written(shared: Lab, file: Path, server: tuple[str, int], chunk: str) -> None:
    host, port = server
    tls = shared.certificates.client()
    play(file, lambda: OnTcp(shared.endpoint(host, port), host, tls), chunk)
    shared.settle()


@pytest.mark.parametrize("chunk", CHUNKS)
def test_dots_are_doubled_on_the_wire_only(lab: Lab, chunk: str) -> None:
    play(HERE / "smtp-relay-dots.txt", lambda: OnTcp(lab.endpoint("mx1.bakery.test", 25), "mx1.bakery.test"), chunk)
    mails = lab.person("bruno@bakery.test").fetch()
    bodies = [mail.raw.partition(b"\r\n\r\n")[2] for mail in mails]
    assert bodies == [b".\r\n..\r\n.a line\r\nthe last\r\n", b""]
