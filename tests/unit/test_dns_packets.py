"""What comes to port 53 and is no plain question: the reply keeps the number, and says what was wrong."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import pytest

from mailcourse import Lab
from mailcourse.internet.connection import Connection

CONNECTION = Connection(1, "laptop.academy.test", "192.0.2.10", "203.0.113.8", 53)
PLAIN = dns.message.make_query("bakery.test", "MX", id=0x1234).to_wire()
WITH_OPT = dns.message.make_query("bakery.test", "MX", id=0x1234, use_edns=0).to_wire()
OPT = WITH_OPT[len(PLAIN) :]
QUESTION = PLAIN[12:]


def counted(questions: int, additional: int = 0) -> bytes:
    return bytes.fromhex("12340100") + bytes([0, questions, 0, 0, 0, 0, 0, additional])


@pytest.fixture(params=["ns.bakery.test", "resolver.carrier.test"])
def server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def reply_to(lab: Lab, server: str, data: bytes) -> dns.message.Message | None:
    port = lab.dns_servers.get(server) or lab.resolvers[server]
    return lab.runtime.run(port.answered(data, CONNECTION))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(counted(1, 2) + QUESTION + OPT + OPT, id="two OPT records"),
        pytest.param(PLAIN + b"x", id="octets behind the end"),
        pytest.param(counted(0), id="no question"),
        pytest.param(counted(2) + QUESTION + QUESTION, id="two questions"),
        pytest.param(PLAIN[:-1], id="cut off"),
        pytest.param(counted(1) + b"\xc0\x0c" + b"\0\1\0\1", id="a name that points at itself"),
        pytest.param(counted(1) + b"\x40a\0" + b"\0\1\0\1", id="a label of no known kind"),
    ],
)
def test_what_cannot_be_read_is_formerr(lab: Lab, server: str, data: bytes) -> None:
    reply = reply_to(lab, server, data)
    assert reply is not None
    assert (reply.id, reply.rcode()) == (0x1234, dns.rcode.FORMERR)
    assert reply.flags & dns.flags.QR
    assert reply.flags & dns.flags.RD


@pytest.mark.parametrize("opcode", [n for n in range(1, 16) if n != dns.opcode.UPDATE])
def test_other_operations_are_not_implemented(lab: Lab, server: str, opcode: int) -> None:
    reply = reply_to(lab, server, PLAIN[:2] + bytes([opcode << 3]) + PLAIN[3:])
    assert reply is not None
    assert (reply.id, reply.opcode(), reply.rcode()) == (0x1234, opcode, dns.rcode.NOTIMP)


def test_a_reply_is_never_answered(lab: Lab, server: str) -> None:
    assert reply_to(lab, server, PLAIN[:2] + bytes([PLAIN[2] | 0x80]) + PLAIN[3:]) is None
    assert reply_to(lab, server, PLAIN[:2] + bytes([0x80]) + b"rubbish rubbish") is None


@pytest.mark.parametrize("say", ["SERVFAIL", "REFUSED"])
def test_a_fault_answers_everything_and_silence_nothing(lab: Lab, server: str, say: str) -> None:
    with lab.fault(server, "dns", say=say):
        reply = reply_to(lab, server, WITH_OPT)
        assert reply is not None
        assert (dns.rcode.to_text(reply.rcode()), reply.edns) == (say, 0)
    with lab.fault(server, "dns", say="silent"):
        assert reply_to(lab, server, PLAIN) is None
    reply = reply_to(lab, server, PLAIN)
    assert reply is not None
    assert len(reply.answer[0]) == 2
