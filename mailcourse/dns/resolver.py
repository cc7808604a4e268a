"""The resolver: finds out, on behalf of others, and remembers for as long as it is allowed to.

    asked for MX of bakery.test, with an empty cache:
      root         "the servers of test. are …"          referral
      test.        "the servers of bakery.test. are …"   referral
      bakery.test. "10 mx1, 20 mx2"                      answer, kept for its TTL of lab time

Knows one thing when it starts: the addresses of the root servers.  RFC 1034 §5.3.3; "no" is
remembered too, for the time its SOA says (RFC 2308).  A server is believed only about names below
the zone it was asked for, and a referral only when it leads down: nobody else's names can be put
into this cache.  What nobody could answer (SERVFAIL) is not remembered.
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

from .server import MOST_CNAMES, MOST_UDP_SIZE, NameServer, record, unfit
from .stub import NoAnswer, ask, question

#: Referrals followed for one name, questions asked for one client, and answers kept at a time.
MOST_STEPS, MOST_QUESTIONS, MOST_CACHED = 20, 60, 10_000


@dataclass(frozen=True, slots=True)
class Known:
    """What the resolver remembers of one question: the records, or the kind of no, until `until`."""

    until: datetime
    rcode: dns.rcode.Rcode
    records: dns.rrset.RRset | None
    authority: dns.rrset.RRset | None


Key = tuple[dns.name.Name, dns.rdatatype.RdataType]


@dataclass
class Search:
    """One client's question: the message it is for, and how often somebody was asked because of it."""

    message: str | None
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Cut:
    """A zone, and the addresses of servers that are said to know it."""

    zone: dns.name.Name
    servers: tuple[str, ...]


class Resolver(NameServer):
    """The resolver of a host.  `cache` may be read by views; `forget` empties it."""

    def __init__(self, host: Host, roots: Sequence[str]) -> None:
        super().__init__(host)
        self._roots = Cut(dns.name.root, tuple(roots))
        self.cache: dict[Key, Known] = {}

    def forget(self) -> None:
        """Empty the cache."""
        self.cache = {}

    async def reply(self, query: dns.message.Message, connection: Connection) -> dns.message.Message:
        """Find out, or say what went wrong."""
        reply = dns.message.make_response(query, recursion_available=True, our_payload=MOST_UDP_SIZE)
        wrong = unfit(query)
        if wrong is not None:
            reply.set_rcode(wrong)
            record(self.host, reply, connection)
            return reply
        asked = query.question[0]
        cached = self._fresh(asked.name, asked.rdtype) is not None
        try:
            if not cached and not query.flags & dns.flags.RD:
                raise NoAnswer("no recursion was asked for, and the answer is not known here")
            await self._fill(reply, asked.name, asked.rdtype, Search(connection.message))
        except NoAnswer:
            reply.set_rcode(dns.rcode.SERVFAIL)
        record(self.host, reply, connection, cached=cached)
        return reply

    async def _fill(
        self, reply: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType, search: Search
    ) -> None:
        """Put into `reply` what is found for `name`, following aliases."""
        for _ in range(MOST_CNAMES):
            known = await self.find(name, kind, search)
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

    async def find(self, name: dns.name.Name, kind: dns.rdatatype.RdataType, search: Search) -> Known:
        """Return what is known of (name, kind), asking from the nearest known server downwards."""
        known = self._fresh(name, kind)
        if known is not None:
            return known
        cut = self._nearest_cut(name)
        for _ in range(MOST_STEPS):
            reply = await self._ask_any(cut, name, kind, search)
            known = self._remember(reply, cut.zone, name, kind)
            if known is not None:
                return known
            cut = await self._referred(reply, cut.zone, name, search)
        raise NoAnswer(f"{name}: too many referrals")

    async def _ask_any(
        self, cut: Cut, name: dns.name.Name, kind: dns.rdatatype.RdataType, search: Search
    ) -> dns.message.Message:
        for server in cut.servers:
            search.asked += 1
            if search.asked > MOST_QUESTIONS:
                raise NoAnswer(f"{name}: {MOST_QUESTIONS} questions did not find it")
            try:
                query = question(self.host, str(name), dns.rdatatype.to_text(kind), recurse=False)
                reply = await ask(self.host, server, query, search.message)
            except NoAnswer:
                continue  # the next server of the zone may know
            if reply.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN) and _is_useful(reply, cut.zone, name):
                return reply
        raise NoAnswer(f"no server could tell {dns.rdatatype.to_text(kind)} of {name}")

    def _nearest_cut(self, name: dns.name.Name) -> Cut:
        """Return the closest zone above `name` whose servers the cache knows."""
        while name != dns.name.root:
            known = self._fresh(name, dns.rdatatype.NS)
            if known is not None and known.records is not None:
                found = [a for server in known.records for a in self._cached_addresses(server.target)]
                if found:
                    return Cut(name, tuple(found))
            name = name.parent()
        return self._roots

    async def _referred(
        self, reply: dns.message.Message, zone: dns.name.Name, name: dns.name.Name, search: Search
    ) -> Cut:
        """Return the zone below, and the addresses of its servers, that a referral names."""
        below = _referral(reply, zone, name)
        if below is None:
            raise NoAnswer("a server gave neither an answer nor a referral that leads down")
        found = [a for record in below for a in self._cached_addresses(record.target)]
        if not found:  # no glue: the server's own address has to be found first
            known = await self.find(below[0].target, dns.rdatatype.A, search)
            found = [str(r.address) for r in known.records or ()]
        return Cut(below.name, tuple(found))

    def _cached_addresses(self, name: dns.name.Name) -> list[str]:
        known = self._fresh(name, dns.rdatatype.A)
        return [str(r.address) for r in known.records] if known and known.records else []

    def _remember(
        self, reply: dns.message.Message, zone: dns.name.Name, name: dns.name.Name, kind: dns.rdatatype.RdataType
    ) -> Known | None:
        """Keep what the server of `zone` may tell; return what it says of the question itself, if anything."""
        now = self.host.internet.clock.now()
        for rrset in [*reply.answer, *reply.additional, *reply.authority]:
            if rrset.rdtype != dns.rdatatype.SOA and rrset.name.is_subdomain(zone):
                until = now + timedelta(seconds=rrset.ttl)
                self._keep((rrset.name, rrset.rdtype), Known(until, dns.rcode.NOERROR, rrset, None))
        direct = next((r for r in reply.answer if r.name == name and r.rdtype == kind), None)
        if direct is not None:  # also with a TTL of 0, which the cache does not keep
            return Known(now + timedelta(seconds=direct.ttl), dns.rcode.NOERROR, direct, None)
        alias = next((r for r in reply.answer if r.name == name and r.rdtype == dns.rdatatype.CNAME), None)
        soa = next((r for r in reply.authority if r.rdtype == dns.rdatatype.SOA and r.name.is_subdomain(zone)), None)
        if alias is not None:
            known = Known(now + timedelta(seconds=alias.ttl), dns.rcode.NOERROR, None, None)
        elif soa is not None and not reply.answer:
            ttl = min(soa.ttl, soa[0].minimum)  # RFC 2308 §5
            known = Known(now + timedelta(seconds=ttl), reply.rcode(), None, soa)
        else:
            return None
        self._keep((name, kind), known)
        return known

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


def _referral(reply: dns.message.Message, zone: dns.name.Name, name: dns.name.Name) -> dns.rrset.RRset | None:
    """Return the NS records of a referral, if they are of a zone below `zone` that holds `name`."""
    for rrset in reply.authority:
        leads_down = rrset.name != zone and rrset.name.is_subdomain(zone) and name.is_subdomain(rrset.name)
        if rrset.rdtype == dns.rdatatype.NS and leads_down:
            return rrset
    return None


def _is_useful(reply: dns.message.Message, zone: dns.name.Name, name: dns.name.Name) -> bool:
    """Tell an answer, a no and a referral from a lame server, which has none of them."""
    has_soa = any(rrset.rdtype == dns.rdatatype.SOA for rrset in reply.authority)
    return bool(reply.answer) or has_soa or _referral(reply, zone, name) is not None
