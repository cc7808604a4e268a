"""The resolver: finds out, on behalf of others, and remembers for as long as it is allowed to.

    asked for MX of bakery.test, with an empty cache:
      root         "the servers of test. are …"          referral
      test.        "the servers of bakery.test. are …"   referral
      bakery.test. "10 mx1, 20 mx2"                      answer, kept for its TTL of lab time

Knows one thing when it starts: the addresses of the root servers.  RFC 1034 §5.3.3; "no" is
remembered too, for the time its SOA says (RFC 2308).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset

from mailcourse.internet.network import Connection, Host

from .server import MOST_CNAMES, DnsPort, record
from .stub import NoAnswer, ask, question

#: Referrals followed for one name, and answers kept at a time.
MOST_STEPS, MOST_CACHED = 20, 10_000


@dataclass(frozen=True, slots=True)
class Known:
    """What the resolver remembers of one question: the records, or the kind of no, until `until`."""

    until: datetime
    rcode: dns.rcode.Rcode
    records: dns.rrset.RRset | None
    authority: dns.rrset.RRset | None


Key = tuple[dns.name.Name, dns.rdatatype.RdataType]


class Resolver:
    """The resolver of a host.  `cache` may be read by views; `forget` empties it."""

    def __init__(self, host: Host, roots: Sequence[str]) -> None:
        self.host, self._roots = host, list(roots)
        self.cache: dict[Key, Known] = {}
        self._port = DnsPort(host, self._reply)

    async def start(self) -> None:
        """Begin to serve on port 53."""
        await self._port.start()

    def forget(self) -> None:
        """Empty the cache."""
        self.cache = {}

    async def _reply(self, query: dns.message.Message, connection: Connection, transport: str) -> dns.message.Message:
        reply = dns.message.make_response(query, recursion_available=True)
        if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
            reply.set_rcode(dns.rcode.NOTIMP if query.opcode() != dns.opcode.QUERY else dns.rcode.FORMERR)
            return reply
        asked = query.question[0]
        cached = self._fresh(asked.name, asked.rdtype) is not None
        try:
            await self._fill(reply, asked.name, asked.rdtype, connection.message)
        except NoAnswer:
            reply.set_rcode(dns.rcode.SERVFAIL)
        record(self.host, reply, connection, cached=cached)
        return reply

    async def _fill(
        self, reply: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType, message: str | None
    ) -> None:
        """Put into `reply` what is found for `name`, following aliases."""
        for _ in range(MOST_CNAMES):
            known = await self.find(name, kind, message)
            if known.records is None and known.rcode == dns.rcode.NOERROR and kind != dns.rdatatype.CNAME:
                alias = self._fresh(name, dns.rdatatype.CNAME)
                if alias is not None and alias.records is not None:
                    reply.answer.append(self._aged(alias, alias.records))
                    name = alias.records[0].target
                    continue
            reply.set_rcode(known.rcode)
            if known.records is not None:
                reply.answer.append(self._aged(known, known.records))
            elif known.authority is not None:
                reply.authority.append(self._aged(known, known.authority))
            return
        raise NoAnswer(f"more than {MOST_CNAMES} aliases, one behind the other")

    async def find(self, name: dns.name.Name, kind: dns.rdatatype.RdataType, message: str | None) -> Known:
        """Return what is known of (name, kind), asking from the nearest known server downwards."""
        known = self._fresh(name, kind)
        if known is not None:
            return known
        servers = self._nearest_servers(name)
        for _ in range(MOST_STEPS):
            reply = await self._ask_any(servers, name, kind, message)
            self._remember(reply, name, kind)
            known = self._fresh(name, kind)
            if known is not None:
                return known
            servers = await self._referred(reply, message)
        raise NoAnswer(f"{name}: too many referrals")

    async def _ask_any(
        self, servers: list[str], name: dns.name.Name, kind: dns.rdatatype.RdataType, message: str | None
    ) -> dns.message.Message:
        for server in servers:
            try:
                query = question(self.host, str(name), dns.rdatatype.to_text(kind), recurse=False)
                reply = await ask(self.host, server, query, message)
            except NoAnswer:
                continue  # the next server of the zone may know
            if reply.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                return reply
        raise NoAnswer(f"no server could tell {dns.rdatatype.to_text(kind)} of {name}")

    def _nearest_servers(self, name: dns.name.Name) -> list[str]:
        """Return the addresses of the servers of the closest zone above `name` that the cache knows."""
        while name != dns.name.root:
            cut = self._fresh(name, dns.rdatatype.NS)
            if cut is not None and cut.records is not None:
                found = [a for server in cut.records for a in self._cached_addresses(server.target)]
                if found:
                    return found
            name = name.parent()
        return self._roots

    async def _referred(self, reply: dns.message.Message, message: str | None) -> list[str]:
        """Return the addresses of the servers that a referral names."""
        targets = [r.target for rrset in reply.authority if rrset.rdtype == dns.rdatatype.NS for r in rrset]
        if not targets:
            raise NoAnswer("a server gave neither an answer nor a referral")
        found = [a for target in targets for a in self._cached_addresses(target)]
        if not found:  # no glue: the server's own address has to be found first
            known = await self.find(targets[0], dns.rdatatype.A, message)
            found = [str(r.address) for r in known.records or ()]
        return found

    def _cached_addresses(self, name: dns.name.Name) -> list[str]:
        known = self._fresh(name, dns.rdatatype.A)
        return [str(r.address) for r in known.records] if known and known.records else []

    def _remember(self, reply: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> None:
        now = self.host.internet.clock.now()
        for rrset in [*reply.answer, *reply.additional, *reply.authority]:
            if rrset.rdtype != dns.rdatatype.SOA:
                until = now + timedelta(seconds=rrset.ttl)
                self._keep((rrset.name, rrset.rdtype), Known(until, dns.rcode.NOERROR, rrset, None))
        soa = next((rrset for rrset in reply.authority if rrset.rdtype == dns.rdatatype.SOA), None)
        aliased = any(r.rdtype == dns.rdatatype.CNAME and r.name == name for r in reply.answer)
        if (name, kind) not in self.cache and (soa is not None or aliased):
            ttl = soa.ttl if soa is not None else min(r.ttl for r in reply.answer)
            rcode = dns.rcode.NOERROR if aliased else reply.rcode()
            self._keep((name, kind), Known(now + timedelta(seconds=ttl), rcode, None, None if aliased else soa))

    def _keep(self, key: Key, known: Known) -> None:
        if len(self.cache) >= MOST_CACHED:
            self.cache.pop(next(iter(self.cache)))
        self.cache[key] = known

    def _fresh(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> Known | None:
        known = self.cache.get((name, kind))
        if known is not None and known.until <= self.host.internet.clock.now():
            del self.cache[name, kind]
            return None
        return known

    def _aged(self, known: Known, rrset: dns.rrset.RRset) -> dns.rrset.RRset:
        """Return a copy whose TTL is what is left of it."""
        left = max(0, int((known.until - self.host.internet.clock.now()).total_seconds()))
        return dns.rrset.from_rdata_list(rrset.name, left, list(rrset))
