"""An authoritative DNS server: answers from its own zones, and from nothing else.

The steps are those of RFC 1034 §4.3.2:

    nearest zone?      none → REFUSED
    a cut on the way?  referral: NS in the authority section, glue in the additional
    the name itself?   the records, or NODATA with SOA
    an alias?          the CNAME, then once more with its target, while it is in our zones
    a wildcard?        its records, with the name that was asked (RFC 4592)
    no such name       NXDOMAIN with SOA

`answer` is a function from question to reply; the class below only carries bytes.
# Not here: AXFR, DNSSEC, DNAME (RFC 6672).
"""

from __future__ import annotations

import asyncio
import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone

from mailcourse.internet.connection import Connection
from mailcourse.internet.network import Host

from .zone import origin_of

Zones = Mapping[dns.name.Name, dns.zone.Zone]

#: Aliases followed for one question.
MAX_CNAMES = 8
#: Octets of a UDP reply when the client says nothing else (RFC 1035 §4.2.1), and when it does.
UDP_SIZE, MAX_UDP_SIZE = 512, 1232


def answer(zones: Zones, query: dns.message.Message) -> dns.message.Message:
    """Return the authoritative reply to `query`."""
    reply = dns.message.make_response(query, our_payload=MAX_UDP_SIZE)
    wrong = unfit(query)
    if wrong is not None:
        return _with(reply, wrong)
    question = query.question[0]
    name = question.name
    for _ in range(MAX_CNAMES):
        zone = _nearest(zones, name)
        if zone is None:
            return reply if reply.answer else _with(reply, dns.rcode.REFUSED)
        if _refer(zone, name, reply):
            return reply
        reply.flags |= dns.flags.AA
        alias = _look(zone, name, question.rdtype, reply)
        if alias is None:
            return reply
        name = alias
    return _with(reply, dns.rcode.SERVFAIL)


def unfit(query: dns.message.Message) -> dns.rcode.Rcode | None:
    """Return why no server here answers such a query; None when one may."""
    if query.opcode() != dns.opcode.QUERY:
        return dns.rcode.NOTIMP
    if query.edns > 0:  # RFC 6891 §6.1.3
        return dns.rcode.BADVERS
    if len(query.question) != 1 or query.question[0].rdtype == dns.rdatatype.OPT:
        return dns.rcode.FORMERR
    asked = query.question[0]
    if asked.rdclass != dns.rdataclass.IN or asked.rdtype in (dns.rdatatype.AXFR, dns.rdatatype.IXFR):
        return dns.rcode.REFUSED
    return None


def _with(reply: dns.message.Message, rcode: dns.rcode.Rcode) -> dns.message.Message:
    reply.set_rcode(rcode)
    return reply


def _nearest(zones: Zones, name: dns.name.Name) -> dns.zone.Zone | None:
    """Return the zone with the longest origin that `name` is in."""
    inside = [origin for origin in zones if name.is_subdomain(origin)]
    return zones[max(inside, key=len)] if inside else None


def _refer(zone: dns.zone.Zone, name: dns.name.Name, reply: dns.message.Message) -> bool:
    """If `name` lies behind a zone cut, write the referral."""
    origin = origin_of(zone)
    for depth in range(len(origin) + 1, len(name) + 1):
        cut = name.split(depth)[1]
        servers = zone.get_rdataset(cut, dns.rdatatype.NS)
        if servers is None:
            continue
        reply.authority.append(dns.rrset.from_rdata_list(cut, servers.ttl, list(servers)))
        for server in servers:
            for kind in (dns.rdatatype.A, dns.rdatatype.AAAA):
                glue = zone.get_rdataset(server.target, kind)
                if glue is not None:
                    reply.additional.append(dns.rrset.from_rdata_list(server.target, glue.ttl, list(glue)))
        return True
    return False


def _look(
    zone: dns.zone.Zone, name: dns.name.Name, kind: dns.rdatatype.RdataType, reply: dns.message.Message
) -> dns.name.Name | None:
    """Write what the zone has for `name`; return the target when it is an alias."""
    owner = _owner(zone, name)
    node = zone.get_node(owner) if owner is not None else None
    matches = [each for each in node or () if kind in (each.rdtype, dns.rdatatype.ANY)]
    for rdataset in matches:
        reply.answer.append(dns.rrset.from_rdata_list(name, rdataset.ttl, list(rdataset)))
    if matches:
        return None
    alias = zone.get_rdataset(owner, dns.rdatatype.CNAME) if owner is not None else None
    if alias is not None:
        reply.answer.append(dns.rrset.from_rdata_list(name, alias.ttl, list(alias)))
        target: dns.name.Name = alias[0].target
        return target
    if owner is None:
        reply.set_rcode(dns.rcode.NXDOMAIN)  # RFC 8020: nothing at this name, nor below it
    soa = zone.find_rdataset(origin_of(zone), dns.rdatatype.SOA)
    ttl = min(soa.ttl, soa[0].minimum)  # RFC 2308 §5: how long "no" may be remembered
    reply.authority.append(dns.rrset.from_rdata_list(origin_of(zone), ttl, list(soa)))
    return None


def _owner(zone: dns.zone.Zone, name: dns.name.Name) -> dns.name.Name | None:
    """Return the name whose records answer for `name`: itself, or the wildcard of its closest encloser."""
    encloser = name
    while not any(other.is_subdomain(encloser) for other in zone.nodes):
        encloser = encloser.parent()
    if encloser == name:
        return name
    wildcard = dns.name.Name([b"*"]).concatenate(encloser)
    return wildcard if wildcard in zone.nodes else None


def shown(rrsets: list[dns.rrset.RRset]) -> list[str]:
    """Write records for the trace: 'bakery.test. 3600 MX 10 mx1.bakery.test.'."""
    return [
        f"{rrset.name} {rrset.ttl} {dns.rdatatype.to_text(rrset.rdtype)} {record.to_text()}"
        for rrset in rrsets
        for record in rrset
    ]


def wire(reply: dns.message.Message, room: int) -> bytes:
    """Write a reply of at most `room` octets, the records in the zone's order: the same each time."""
    return reply.to_wire(max_size=room, prefer_truncation=True, want_shuffle=False)


class NameServer(ABC):
    """Port 53 of a host, over UDP and TCP.

    `fault` is a switch: "SERVFAIL" or "REFUSED" is answered to everything, "silent" answers nothing.
    """

    def __init__(self, host: Host) -> None:
        self.host = host
        self.fault: str | None = None

    async def start(self) -> None:
        """Begin to serve."""
        await self.host.listen(53, self._stream)
        await self.host.listen_datagrams(53, self._datagram)

    @abstractmethod
    async def reply(self, query: dns.message.Message, connection: Connection) -> dns.message.Message:
        """Return the reply to a query."""

    def _stream(self, connection: Connection) -> asyncio.Protocol:
        reader = asyncio.StreamReader(limit=2**17)
        return asyncio.StreamReaderProtocol(reader, lambda r, w: self._serve(r, w, connection))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: Connection) -> None:
        """RFC 1035 §4.2.2: two octets of length, then the message; as many as the client likes."""
        try:
            while True:
                async with asyncio.timeout(30):
                    size = struct.unpack("!H", await reader.readexactly(2))[0]
                    reply = await self.answered(await reader.readexactly(size), connection)
                    if reply is None:
                        return
                    octets = wire(reply, 65535)
                    writer.write(struct.pack("!H", len(octets)) + octets)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            return
        finally:
            writer.close()

    async def _datagram(self, data: bytes, connection: Connection) -> bytes | None:
        reply = await self.answered(data, connection)
        if reply is None:
            return None
        # A reply that has no room is cut and says so: TC, ask again over TCP (RFC 2181 §9).
        room = max(UDP_SIZE, min(reply.request_payload or UDP_SIZE, MAX_UDP_SIZE))
        return wire(reply, room)

    async def answered(self, data: bytes, connection: Connection) -> dns.message.Message | None:
        """Return the reply to the octets of a query, or None when nothing is said."""
        if self.fault == "silent":
            return None
        try:
            query = dns.message.from_wire(data)
        except Exception as error:  # whatever dnspython finds wrong, or stumbles on, in octets from anybody
            self._warn(connection, f"a question that cannot be read, from {connection.source}: {type(error).__name__}")
            return _format_error(data)
        if query.flags & dns.flags.QR:
            return None  # a reply is never answered, or two servers could go on answering each other forever
        try:
            if self.fault is not None:
                reply = dns.message.make_response(query, our_payload=MAX_UDP_SIZE)
                record(self.host, _with(reply, dns.rcode.from_text(self.fault)), connection)
                return reply
            reply = await self.reply(query, connection)
            wire(reply, 65535)  # what cannot be written is found here
        except Exception as error:
            self._warn(connection, f"a question could not be answered: {type(error).__name__}: {error}")
            return _with(dns.message.make_response(query, our_payload=MAX_UDP_SIZE), dns.rcode.SERVFAIL)
        return reply

    def _warn(self, connection: Connection, text: str) -> None:
        self.host.record("dns", "warning", connection.message, text=text)


def _format_error(data: bytes) -> dns.message.Message | None:
    """Answer FORMERR when at least the identifier can be read and it is a query."""
    if len(data) < 12 or data[2] & 0x80:
        return None
    number, flags = struct.unpack("!HH", data[:4])
    reply = dns.message.Message(id=number)
    reply.flags = dns.flags.QR | flags & dns.flags.RD
    reply.set_opcode(dns.opcode.from_flags(flags))
    return _with(reply, dns.rcode.FORMERR)


class AuthoritativeServer(NameServer):
    """The name server of one host.  `zones` may be replaced at any time, from any thread."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.zones: dict[dns.name.Name, dns.zone.Zone] = {}

    def put(self, zone: dns.zone.Zone) -> None:
        """Serve `zone`, in place of the one with the same origin."""
        self.zones = {**self.zones, origin_of(zone): zone}

    async def reply(self, query: dns.message.Message, connection: Connection) -> dns.message.Message:
        """Answer from the zones."""
        reply = answer(self.zones, query)
        record(self.host, reply, connection)
        return reply


def record(host: Host, reply: dns.message.Message, connection: Connection, *, cached: bool = False) -> None:
    """Write into the trace what was answered."""
    referral = not reply.flags & (dns.flags.AA | dns.flags.RA) and bool(reply.authority)
    for question in reply.question[:1]:
        host.record(
            "dns",
            "answered",
            connection.message,
            name=str(question.name),
            type=dns.rdatatype.to_text(question.rdtype),
            rcode="REFERRAL" if referral else dns.rcode.to_text(reply.rcode()),
            answers=shown(reply.authority if referral else reply.answer),
            authoritative=bool(reply.flags & dns.flags.AA),
            cached=cached,
        )
