"""Octets from anybody on port 53: always a proper reply or silence.  `make fuzz` goes on for longer."""

from __future__ import annotations

from collections.abc import Iterator

import dns.flags
import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcourse import Lab
from mailcourse.dns.server import NameServer, wire
from mailcourse.internet.connection import Connection

CONNECTION = Connection(1, "outside", "203.0.113.254", "198.51.100.53", 53)
QUERIES = [
    dns.message.make_query("bakery.test", "MX").to_wire(),
    dns.message.make_query("imap.bakery.test", "A", use_edns=0, payload=4096).to_wire(),
    dns.message.make_query("25.2.0.192.in-addr.arpa", "PTR", use_edns=True, want_dnssec=True).to_wire(),
]


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Lab, list[NameServer]]]:
    with Lab("two-offices", name="dns-fuzz") as lab:
        yield lab, [lab.dns_servers["ns.bakery.test"], lab.resolvers["resolver.carrier.test"]]


def proper(servers: tuple[Lab, list[NameServer]], data: bytes) -> None:
    lab, all_of_them = servers
    for server in all_of_them:
        reply = lab.runtime.run(server.answered(data, CONNECTION), timeout=5)
        if reply is not None:
            assert reply.flags & dns.flags.QR
            assert reply.id == int.from_bytes(data[:2], "big")
            assert len(wire(reply, 1232)) <= 1232
    lab.settle()


@given(st.binary(max_size=600))
def test_any_octets_get_a_proper_reply_or_none(servers: tuple[Lab, list[NameServer]], data: bytes) -> None:
    proper(servers, data)


@given(st.sampled_from(QUERIES), st.lists(st.tuples(st.integers(0, 80), st.integers(0, 255)), max_size=4), st.data())
def test_a_query_with_changed_octets_gets_a_proper_reply_or_none(
    servers: tuple[Lab, list[NameServer]], query: bytes, changes: list[tuple[int, int]], more: st.DataObject
) -> None:
    octets = bytearray(query)
    for place, value in changes:
        octets[place % len(octets)] = value
    cut, behind = more.draw(st.integers(0, len(octets))), more.draw(st.binary(max_size=9))
    proper(servers, bytes(octets[:cut]) if more.draw(st.booleans()) else bytes(octets) + behind)
