"""The stub: how any host asks.  It knows one thing, the address of its resolver (RFC 1034 §5.3.1).

UDP first; TCP when the reply says that there is more.
"""

from __future__ import annotations

import ipaddress
import struct

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from mailcourse.internet.connection import Unreachable
from mailcourse.internet.network import Host


class NoAnswer(Exception):
    """Nobody gave a usable answer; asking again later may help."""


async def ask(host: Host, server: str, query: dns.message.Message, message: str | None = None) -> dns.message.Message:
    """Send `query` from `host` to the DNS server at lab address `server`; return its reply or raise `NoAnswer`."""
    wire = query.to_wire()
    try:
        _record(host, server, query, "udp", message)
        reply = dns.message.from_wire(await host.exchange(server, 53, wire, message), raise_on_truncation=False)
        if reply.flags & dns.flags.TC:
            _record(host, server, query, "tcp", message)
            reply = dns.message.from_wire(await _by_stream(host, server, wire, message))
    except (Unreachable, dns.exception.DNSException, EOFError, ConnectionError) as error:
        raise NoAnswer(str(error)) from error
    if not query.is_response(reply):
        raise NoAnswer(f"{server} answered another question")
    return reply


async def _by_stream(host: Host, server: str, wire: bytes, message: str | None) -> bytes:
    reader, writer, _ = await host.connect(server, 53, message)
    try:
        writer.write(struct.pack("!H", len(wire)) + wire)
        return await reader.readexactly(struct.unpack("!H", await reader.readexactly(2))[0])
    finally:
        writer.close()


def _record(host: Host, server: str, query: dns.message.Message, transport: str, message: str | None) -> None:
    question = query.question[0]
    target = host.internet.by_address.get(server)
    host.record(
        "dns",
        "asked",
        message,
        name=str(question.name),
        type=dns.rdatatype.to_text(question.rdtype),
        server=target.name if target else server,
        transport=transport,
    )


def question(host: Host, name: str, kind: str, *, recurse: bool = True) -> dns.message.Message:
    """Make the query for `name`; its identifier comes from the host's own random numbers."""
    flags = dns.flags.RD if recurse else 0
    query = dns.message.make_query(name, kind, id=host.random.randrange(1, 2**16), flags=flags)
    query.use_edns(0, payload=1232)
    return query


def address_kinds(host: Host) -> list[dns.rdatatype.RdataType]:
    """Return the types of address that `host` can call: those that it has itself."""
    versions = {ipaddress.ip_address(address).version for address in host.addresses}
    return [kind for kind, version in ((dns.rdatatype.A, 4), (dns.rdatatype.AAAA, 6)) if version in versions]


class Stub:
    """One host's way into the DNS."""

    def __init__(self, host: Host, resolver: str) -> None:
        self.host, self.resolver = host, resolver

    async def lookup(self, name: str, kind: str, message: str | None = None) -> dns.message.Message:
        """Ask the resolver; raise `NoAnswer` when it is silent or could not find out."""
        reply = await ask(self.host, self.resolver, question(self.host, name, kind), message)
        if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise NoAnswer(f"the resolver says {dns.rcode.to_text(reply.rcode())} for {name}")
        return reply

    async def addresses(self, name: str, message: str | None = None, *, of_mx: bool = False) -> list[str]:
        """Return the addresses of `name` that this host can reach: IPv4 if it has IPv4 itself, then IPv6.

        `of_mx`: the name is in an MX record, where an alias does not belong (RFC 2181 §10.3); it
        is followed all the same, and the trace tells.
        """
        addresses: list[str] = []
        for kind in address_kinds(self.host):
            reply = await self.lookup(name, kind.name, message)
            addresses += [str(r.address) for rrset in reply.answer if rrset.rdtype == kind for r in rrset]
            if of_mx and any(rrset.rdtype == dns.rdatatype.CNAME for rrset in reply.answer):
                text = f"an MX record names {name}, which is an alias; RFC 2181 forbids that"
                self.host.record("dns", "warning", message, text=text)
        return addresses
