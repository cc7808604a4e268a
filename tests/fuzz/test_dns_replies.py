"""A server that says anything at all to the resolver: the client gets a proper reply, and soon."""

from __future__ import annotations

from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcourse import Lab
from mailcourse.dns.resolver import Resolver
from mailcourse.dns.server import wire
from mailcourse.internet.connection import Connection

CONNECTION = Connection(1, "laptop.academy.test", "192.0.2.10", "203.0.113.8", 53)
LIAR = "198.18.0.99"
NAMES = ["test.", "bakery.test.", "www.bakery.test.", "ns.bakery.test.", ".", "academy.test."]
VALUES = [
    "A 198.18.0.99",
    "CNAME www.bakery.test.",
    "CNAME bakery.test.",
    "MX 10 bakery.test.",
    "NS ns.bakery.test.",
    "NS ns.academy.test.",
    "SOA ns.test. h.test. 1 2 3 4 5",
    "TXT x",
]
RECORDS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from([0, 60, 2**31 - 1]), st.sampled_from(VALUES)))
Replies = list[tuple[int, list[list[tuple[str, int, str]]], list[tuple[int, int]]]]


class Liar:
    """The root server, and everybody else: gives the prepared replies in turn, some octets changed."""

    def __init__(self) -> None:
        self.replies: Replies = []
        self.asked = 0

    async def answer(self, data: bytes, connection: Connection) -> bytes | None:
        query = dns.message.from_wire(data)
        reply = dns.message.make_response(query)
        flags, sections, changes = self.replies[self.asked % len(self.replies)]
        self.asked += 1
        reply.flags |= flags & (dns.flags.AA | 0xF)
        for section, records in zip((reply.answer, reply.authority, reply.additional), sections, strict=True):
            for name, ttl, value in records:
                section.append(dns.rrset.from_text(name, ttl, "IN", *value.split(" ", 1)))
        octets = bytearray(reply.to_wire())
        for place, value in changes:
            octets[12 + place % (len(octets) - 12)] = value
        return bytes(octets)


@pytest.fixture(scope="module")
def liar() -> Iterator[tuple[Lab, Liar]]:
    with Lab("two-offices", name="dns-liar") as lab:
        liar, host = Liar(), lab.internet.add_host("liar.test", [LIAR])
        lab.runtime.run(host.listen_datagrams(53, liar.answer))
        yield lab, liar


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, dns.flags.AA, dns.flags.AA | 3, 3, 5]),
            st.lists(RECORDS, min_size=3, max_size=3),
            st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=2),
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(["A", "MX", "ANY", "CNAME", "NS", "TXT"]),
)
def test_whatever_a_server_says_the_resolver_answers(liar: tuple[Lab, Liar], replies: Replies, kind: str) -> None:
    lab, server = liar
    server.replies, server.asked = replies, 0
    resolver = Resolver(lab.host("resolver.carrier.test"), [LIAR])
    query = dns.message.make_query("www.bakery.test", kind)
    warnings = sum(event.what == "warning" for event in lab.trace)
    for _ in range(2):
        reply = lab.runtime.run(resolver.answered(query.to_wire(), CONNECTION), timeout=5)
        assert reply is not None
        assert query.is_response(reply)
        assert len(wire(reply, 1232)) <= 1232
    assert server.asked <= 120
    assert sum(event.what == "warning" for event in lab.trace) == warnings
