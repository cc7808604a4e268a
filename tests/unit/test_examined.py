"""What happens around an examination: a client that leaves, a disk that is full, a message that is refused."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest

from mailcourse import Lab, LabError

MX1 = "mx1.bakery.test"
SAID = (
    b"EHLO machine.stranger.test\r\nMAIL FROM:<eve@stranger.test>\r\nRCPT TO:<bruno@bakery.test>\r\nDATA\r\n"
    b"From: flora@florist.test\r\n\r\n"
)


@pytest.fixture
def offices(make_lab: Callable[..., Lab]) -> Lab:
    return make_lab("signed-offices")


def left(lab: Lab) -> list[str]:
    """Return what is on its way into the queue of mx1, in memory and on the disk."""
    queue = lab.mail_servers[MX1].queue
    return sorted(queue.arriving | {path.name for path in queue.incoming.iterdir()})


def dial(lab: Lab) -> socket.socket:
    return lab.host("machine.stranger.test").dial(lab.host(MX1).addresses[0], 25, timeout=10)


@pytest.mark.parametrize("size", [10, 200_000])
def test_a_client_that_leaves_while_it_is_examined_leaves_nothing(offices: Lab, size: int) -> None:
    offices.fault("resolver.carrier.test", "slow", seconds=0.2, peer=MX1)
    connection = dial(offices)
    connection.sendall(SAID + b"x\r\n" * (size // 3) + b".\r\n")
    end = time.monotonic() + 10
    while not any(event.what == "asked" and "_dmarc" in event.facts["name"] for event in offices.trace):
        assert time.monotonic() < end, "nobody asks for the policy"
        time.sleep(0.01)
    assert left(offices)
    connection.close()
    while left(offices):
        assert time.monotonic() < end, "the message is still there"
        time.sleep(0.01)
    offices.mend()
    offices.settle()
    assert len(offices.queue(MX1)) in (0, 1)


def reply_to(lab: Lab, body: bytes) -> bytes:
    """Send a message, and return the last reply before goodbye."""
    with dial(lab) as connection, connection.makefile("rb") as replies:
        connection.sendall(SAID + body + b".\r\nQUIT\r\n")
        return replies.read().split(b"\r\n")[-3]


@pytest.mark.parametrize("size", [10, 200_000])
def test_a_full_disk_is_told_and_leaves_nothing(offices: Lab, size: int) -> None:
    with offices.fault(MX1, "disk"):
        assert reply_to(offices, b"x\r\n" * (size // 3)).startswith(b"452 4.3.1 ")
        assert left(offices) == []
    assert reply_to(offices, b"x\r\n" * (size // 3)).startswith(b"250 ")


@pytest.mark.parametrize("size", [10, 200_000])
def test_a_refused_message_leaves_nothing(offices: Lab, size: int) -> None:
    zone = offices.zone("florist.test")
    zone.add('_dmarc TXT "v=DMARC1; p=reject"')
    assert reply_to(offices, b"x\r\n" * (size // 3)).startswith(b"550 5.7.26 ")
    assert left(offices) == []
    assert len(offices.queue(MX1)) == 0


def signer_of(lab: Lab) -> dict[str, object]:
    return dict(next(row["value"] for row in lab.settings("mail.academy.test") if row["setting"] == "sign"))  # type: ignore[call-overload]


def results_of(lab: Lab) -> str:
    (*_, last) = (event for event in lab.trace if event.what == "authenticated")
    return str(last.facts["results"])


def test_a_signature_expires_while_its_message_waits(offices: Lab) -> None:
    offices.configure("mail.academy.test", sign={**signer_of(offices), "lasts": 3600})
    assert signer_of(offices)["lasts"] == 3600
    for name in (MX1, "mx2.bakery.test"):
        offices.fault(name, "down")
    offices.person("alice@academy.test").send(to="bruno@bakery.test", subject="rolls").status  # noqa: B018
    offices.clock.advance(hours=2)
    offices.mend()
    offices.clock.advance(hours=3)
    assert results_of(offices) == "spf=pass dkim=fail dmarc=pass"


@pytest.mark.parametrize(
    ("more", "result"),
    [({"length": 0}, "policy"), ({"length": 5}, "pass"), ({"form": "simple/simple"}, "pass"), ({"lasts": 60}, "pass")],
)
def test_a_signature_is_made_as_the_settings_say(offices: Lab, more: dict[str, object], result: str) -> None:
    offices.configure("mail.academy.test", sign={**signer_of(offices), **more})
    assert more.items() <= signer_of(offices).items()
    offices.person("alice@academy.test").send(to="bruno@bakery.test", subject="rolls", text="Forty.").status  # noqa: B018
    assert results_of(offices) == f"spf=pass dkim={result} dmarc=pass"


@pytest.mark.parametrize("more", [{"form": "plain"}, {"lasts": -1}, {"length": "x"}, {"often": 2}, {"lasts": True}])
def test_a_signature_that_cannot_be_made_is_refused_where_it_is_written(offices: Lab, more: dict[str, object]) -> None:
    with pytest.raises(LabError):
        offices.configure("mail.academy.test", sign={**signer_of(offices), **more})
