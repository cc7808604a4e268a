"""The resolver: finds out, on behalf of others, and remembers for as long as it is allowed to.

    asked for MX of bakery.test, with an empty cache:
      root         "the servers of test. are …"          referral: a hint
      test.        "the servers of bakery.test. are …"   referral: a hint
      bakery.test. "10 mx1, 20 mx2"                      answer, kept for its TTL of lab time

Knows one thing when it starts: the addresses of the root servers.  RFC 1034 §5.3.3; "no" is
remembered too, for the time its SOA says (RFC 2308).  A server is believed only about names below
the zone it was asked for, an answer only when it has authority, and a referral only when it leads
down: nobody else's names can be put into this cache.  Hints show the way and are never told to
anybody as answers (RFC 2181 §5.4.1).  What nobody could answer (SERVFAIL) is not remembered.
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

from mailcourse.internet.connection import Connection
from mailcourse.internet.network import Host

from .server import MAX_CNAMES, MAX_UDP_SIZE, NameServer, record, unfit
from .stub import NoAnswer, address_kinds, ask, question

#: Referrals followed for one name, questions asked for one client, and answers kept at a time.
MAX_STEPS, MAX_QUESTIONS, MAX_CACHED = 20, 60, 10_000
#: What a server says when it has something to tell; and the questions whose answer may be an alias itself.
USABLE = (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
UNFOLLOWED = (dns.rdatatype.CNAME, dns.rdatatype.ANY)


@dataclass(frozen=True, slots=True)
class CacheEntry:
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
    max_questions: int = MAX_QUESTIONS


@dataclass(frozen=True, slots=True)
class Cut:
    """A zone, and the addresses of servers that are said to know it."""

    zone: dns.name.Name
    servers: tuple[str, ...]


class Resolver(NameServer):
    """The resolver of a host.  `cache` and `hints` may be read by views; `forget` empties them."""

    def __init__(self, host: Host, roots: Sequence[str]) -> None:
        super().__init__(host)
        self._roots = Cut(dns.name.root, tuple(roots))
        self.forget()

    def forget(self) -> None:
        """Empty the cache."""
        self.cache: dict[Key, CacheEntry] = {}
        self.hints: dict[Key, CacheEntry] = {}

    async def reply(self, query: dns.message.Message, connection: Connection) -> dns.message.Message:
        """Find out, or say what went wrong."""
        reply = dns.message.make_response(query, recursion_available=True, our_payload=MAX_UDP_SIZE)
        wrong = unfit(query)
        if wrong is not None:
            reply.set_rcode(wrong)
            record(self.host, reply, connection)
            return reply
        asked = query.question[0]
        recurse = bool(query.flags & dns.flags.RD)
        search = Search(connection.message, max_questions=MAX_QUESTIONS if recurse else 0)
        try:
            await self._fill(reply, asked.name, asked.rdtype, search)
        except NoAnswer:
            reply.answer = []
            reply.set_rcode(dns.rcode.SERVFAIL if recurse else dns.rcode.REFUSED)
        cached = search.asked == 0 and reply.rcode() in USABLE
        record(self.host, reply, connection, cached=cached)
        return reply

    async def _fill(
        self, reply: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType, search: Search
    ) -> None:
        """Put into `reply` what is found for `name`, following aliases."""
        for _ in range(MAX_CNAMES):
            entry = await self.find(name, kind, search)
            reply.set_rcode(entry.rcode)
            if entry.records is None:
                if entry.authority is not None:
                    reply.authority.append(self._aged(entry, entry.authority))
                return
            entries = self._all_of(name) if kind == dns.rdatatype.ANY else [entry]
            reply.answer += [self._aged(each, each.records) for each in entries or [entry] if each.records is not None]
            if entry.records.rdtype != dns.rdatatype.CNAME or kind in UNFOLLOWED:
                return
            name = entry.records[0].target
        raise NoAnswer(f"more than {MAX_CNAMES} aliases, one behind the other")

    async def find(self, name: dns.name.Name, kind: dns.rdatatype.RdataType, search: Search) -> CacheEntry:
        """Return what is known of (name, kind), asking from the nearest known server downwards."""
        entry = self._cached(name, kind)
        if entry is not None:
            return entry
        cut = self._nearest_cut(name)
        for _ in range(MAX_STEPS):
            answer = await self._ask_any(cut, name, kind, search)
            if isinstance(answer, CacheEntry):
                return answer
            cut = await self._referred(answer, search)
        raise NoAnswer(f"{name}: too many referrals")

    async def _ask_any(
        self, cut: Cut, name: dns.name.Name, kind: dns.rdatatype.RdataType, search: Search
    ) -> CacheEntry | dns.rrset.RRset:
        """Return the answer of the first server that has one, or the NS records it refers to."""
        for server in cut.servers:
            if search.asked >= search.max_questions:
                raise NoAnswer(f"{name}: {search.max_questions} questions did not find it")
            search.asked += 1
            try:
                query = question(self.host, str(name), dns.rdatatype.to_text(kind), recurse=False)
                reply = await ask(self.host, server, query, search.message)
            except NoAnswer:
                continue  # the next server of the zone may know
            if reply.rcode() not in USABLE:
                continue
            answer = self._answer(reply, cut.zone, name, kind) or self._referral(reply, cut.zone, name)
            if answer is not None:
                return answer  # a lame server has neither
        raise NoAnswer(f"no server could tell {dns.rdatatype.to_text(kind)} of {name}")

    def _nearest_cut(self, name: dns.name.Name) -> Cut:
        """Return the closest zone above `name` whose servers are known."""
        while name != dns.name.root:
            for memory in (self.cache, self.hints):
                entry = self._fresh(name, dns.rdatatype.NS, memory)
                if entry is not None and entry.records is not None:
                    addresses = [a for server in entry.records for a in self._known_addresses(server.target)]
                    if addresses:
                        return Cut(name, tuple(addresses))
            name = name.parent()
        return self._roots

    async def _referred(self, below: dns.rrset.RRset, search: Search) -> Cut:
        """Return the zone that NS records refer to, and the addresses of its servers."""
        addresses = [a for server in below for a in self._known_addresses(server.target)]
        for server in below:  # no glue: a server's own address has to be found first
            if addresses:
                break
            if not server.target.is_subdomain(below.name):  # below, only the server we look for could tell
                addresses = await self._addresses(server.target, search)
        if not addresses:
            raise NoAnswer(f"no server of {below.name} has an address that can be found")
        return Cut(below.name, tuple(addresses))

    async def _addresses(self, name: dns.name.Name, search: Search) -> list[str]:
        for kind in address_kinds(self.host):
            try:
                entry = await self.find(name, kind, search)
            except NoAnswer:
                continue
            if entry.records is not None and entry.records.rdtype == kind:
                return [str(record.address) for record in entry.records]
        return []

    def _known_addresses(self, name: dns.name.Name) -> list[str]:
        for memory in (self.cache, self.hints):
            entries = [self._fresh(name, kind, memory) for kind in address_kinds(self.host)]
            addresses = [str(record.address) for each in entries if each and each.records for record in each.records]
            if addresses:
                return addresses
        return []

    def _answer(
        self, reply: dns.message.Message, zone: dns.name.Name, name: dns.name.Name, kind: dns.rdatatype.RdataType
    ) -> CacheEntry | None:
        """Keep what a server with authority for `zone` tells; return what it says of the question itself."""
        if not reply.flags & dns.flags.AA:
            return None
        now, first = self.host.now(), None
        for rrset in reply.answer:
            if rrset.name.is_subdomain(zone):
                entry = CacheEntry(now + timedelta(seconds=rrset.ttl), dns.rcode.NOERROR, rrset, None)
                self._store(self.cache, (rrset.name, rrset.rdtype), entry)
                if rrset.name == name and (kind == dns.rdatatype.ANY or rrset.rdtype in (kind, dns.rdatatype.CNAME)):
                    first = first or entry
        return first or self._no(reply, zone, name, kind)

    def _no(
        self, reply: dns.message.Message, zone: dns.name.Name, name: dns.name.Name, kind: dns.rdatatype.RdataType
    ) -> CacheEntry | None:
        """Keep a "no such name" or "no such record", if it says for how long (RFC 2308 §5)."""
        for soa in reply.authority:
            if soa.rdtype == dns.rdatatype.SOA and name.is_subdomain(soa.name) and soa.name.is_subdomain(zone):
                until = self.host.now() + timedelta(seconds=min(soa.ttl, soa[0].minimum))
                entry = CacheEntry(until, reply.rcode(), None, soa)
                every = reply.rcode() == dns.rcode.NXDOMAIN  # the name itself is missing: so is every type
                self._store(self.cache, (name, dns.rdatatype.ANY if every else kind), entry)
                return entry
        return None

    def _referral(self, reply: dns.message.Message, zone: dns.name.Name, name: dns.name.Name) -> dns.rrset.RRset | None:
        """Return NS records that lead down from `zone` towards `name`, and keep them and their glue as hints."""
        for below in reply.authority:
            leads_down = below.name != zone and below.name.is_subdomain(zone) and name.is_subdomain(below.name)
            if below.rdtype == dns.rdatatype.NS and leads_down:
                for rrset in (below, *reply.additional):
                    if rrset.name.is_subdomain(zone):
                        # At least a second: the way must not be forgotten before it is gone.
                        until = self.host.now() + timedelta(seconds=max(rrset.ttl, 1))
                        self._store(
                            self.hints, (rrset.name, rrset.rdtype), CacheEntry(until, dns.rcode.NOERROR, rrset, None)
                        )
                return below
        return None

    def _store(self, memory: dict[Key, CacheEntry], key: Key, entry: CacheEntry) -> None:
        if len(memory) >= MAX_CACHED:
            memory.pop(next(iter(memory)))
        memory[key] = entry

    def _cached(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> CacheEntry | None:
        """Return what the cache has for the question: the records, an alias, or that the name is missing."""
        entry = self._fresh(name, kind, self.cache)
        if entry is not None or kind == dns.rdatatype.ANY:
            return entry
        alias = self._fresh(name, dns.rdatatype.CNAME, self.cache)
        if alias is not None and alias.records is not None:
            return alias
        missing = self._fresh(name, dns.rdatatype.ANY, self.cache)
        return missing if missing is not None and missing.rcode == dns.rcode.NXDOMAIN else None

    def _all_of(self, name: dns.name.Name) -> list[CacheEntry]:
        now = self.host.now()
        return [entry for (other, _), entry in self.cache.items() if other == name and entry.until > now]

    def _fresh(
        self, name: dns.name.Name, kind: dns.rdatatype.RdataType, memory: dict[Key, CacheEntry]
    ) -> CacheEntry | None:
        entry = memory.get((name, kind))
        if entry is not None and entry.until <= self.host.now():
            del memory[name, kind]
            return None
        return entry

    def _aged(self, entry: CacheEntry, rrset: dns.rrset.RRset) -> dns.rrset.RRset:
        """Return a copy whose TTL is what is left of it."""
        left = max(0, int((entry.until - self.host.now()).total_seconds()))
        return dns.rrset.from_rdata_list(rrset.name, left, list(rrset))
