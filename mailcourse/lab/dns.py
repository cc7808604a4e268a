"""The DNS on the public face: ask, read zones, edit them.

An edited zone gets a new serial and is served at once; what resolvers remember stays until its TTL
is over, as on the real Internet.
"""

from __future__ import annotations

from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.reversename

from mailcourse.dns.mail_servers import mail_servers as find_mail_servers
from mailcourse.dns.resolver import Resolver, Search
from mailcourse.dns.server import AuthoritativeServer, shown
from mailcourse.dns.stub import NoAnswer, ask, question
from mailcourse.dns.zone import ZoneError, parse, serial, text_of, with_serial
from mailcourse.internet.errors import LabError, unknown
from mailcourse.internet.trace import Event
from mailcourse.message.reply import Diagnosis

from .interrupt import uninterrupted
from .table import Table, table
from .world import LabWorld


@dataclass(frozen=True)
class Lookup:
    """What a DNS server answered: `rcode` ("NOERROR", "NXDOMAIN", …) and the records as text.

    `records` are the answer section; `authority` and `additional` the other two, and `flags` the words of the
    header, such as "AA" (this server holds the zone) and "RA" (it would ask others for you), RFC 1035 §4.1.
    """

    name: str
    type: str
    server: str
    rcode: str
    records: tuple[str, ...]
    authority: tuple[str, ...] = ()
    additional: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def values(self) -> list[str]:
        """The right-hand sides alone: ["10 mx1.bakery.test.", "20 mx2.bakery.test."]."""
        return [record.split(" ", 3)[3] for record in self.records]

    def __repr__(self) -> str:
        lines = [f"{self.server} answers {self.type} of {self.name}: {self.rcode}", *self.records]
        return "\n".join(lines) if self.records else f"{lines[0]}, no records"


class LabDns:
    """Questions to the DNS of a lab."""

    def __init__(self, world: LabWorld) -> None:
        self._world = world

    @uninterrupted
    def lookup(self, name: str, kind: str = "A", server: str | None = None) -> Lookup:
        """Ask for records of `name`; the lab's resolver, or the DNS server of the host `server`."""
        _check_question(name, kind)
        resolver = self._world.scenario.resolver
        target = self._world.host(server or resolver)
        asker = next(iter(self._world.scenario.people.values())).device if self._world.scenario.people else resolver
        source = self._world.host(asker)
        with self._world.turn():
            query = question(source, name, kind.upper(), recurse=target.name == resolver)
            try:
                reply = self._world.runtime.run(ask(source, target.addresses[0], query))
            except NoAnswer as error:
                raise LabError(f"{target.name} gave no answer: {error}. Is it up? lab.hosts tells.") from None
        return Lookup(
            name,
            kind.upper(),
            target.name,
            dns.rcode.to_text(reply.rcode()),
            tuple(shown(reply.answer)),
            tuple(shown(reply.authority)),
            tuple(shown(reply.additional)),
            tuple(dns.flags.to_text(reply.flags).split()),
        )

    @uninterrupted
    def mail_servers(self, domain: str) -> Table:
        """Do what an MTA does before it sends: find the mail servers of `domain`, in the order to try them."""
        _check_question(domain, "MX")
        people = list(self._world.scenario.people.values())
        stub = self._world.stub(people[0].device if people else self._world.scenario.resolver)
        with self._world.turn():
            found, rows = self._world.runtime.run(find_mail_servers(stub, domain)), []
            for server in [] if isinstance(found, Diagnosis) else found:
                addresses = self._world.runtime.run(stub.addresses(server.name, of_mx=True))
                rows.append((server.name, server.preference, addresses or "no address"))
        if isinstance(found, Diagnosis):
            rows = [("nobody", None, str(found))]
        return table(("mail server", "preference", "addresses, or why not"), rows)

    def reverse(self, address: str) -> Lookup:
        """Ask which name an address has: the PTR record of 25.2.0.192.in-addr.arpa."""
        try:
            name = dns.reversename.from_address(address)
        except (dns.exception.DNSException, ValueError):
            raise LabError(f"{address!r} is not an IP address. Give one such as 192.0.2.25.") from None
        return self.lookup(str(name), "PTR")

    @uninterrupted
    def walk(self, name: str, kind: str = "A") -> Table:
        """Find `name` from the root downwards, with an empty memory, and return every step: dig +trace."""
        _check_question(name, kind)
        resolver = Resolver(
            self._resolver.host, [self._world.host(root).addresses[0] for root in self._world.scenario.roots]
        )
        steps: list[Event] = []
        with self._world.turn():
            stop = self._world.trace.subscribe(steps.append)
            try:
                wanted = (dns.name.from_text(name), dns.rdatatype.from_text(kind), Search(None))
                self._world.runtime.run(resolver.find(*wanted))
            except NoAnswer as error:
                raise LabError(f"The way to {name} ends: {error}. lab.hosts tells who is up.") from None
            finally:
                stop()
        answers = [event for event in steps if event.what == "answered"]
        rows = [(e.host, f"{e.facts['type']} {e.facts['name']}", e.facts["rcode"], e.facts["answers"]) for e in answers]
        return table(("server", "asked", "says", "records"), rows)

    @property
    def cache(self) -> Table:
        """What the resolver remembers now, and for how many seconds of lab time."""
        now = self._world.clock.now()
        rows = [
            (str(name), kind.name, int((known.until - now).total_seconds()), said, _answer(known.records))
            for said, memory in (("answer", self._resolver.cache), ("referral", self._resolver.hints))
            for (name, kind), known in memory.items()
            if known.until > now
        ]
        return table(("name", "type", "seconds left", "from", "answer"), sorted(rows))

    def forget(self) -> None:
        """Empty the resolver's cache."""
        self._resolver.forget()

    @property
    def _resolver(self) -> Resolver:
        return self._world.resolvers[self._world.scenario.resolver]


def _check_question(name: str, kind: str) -> None:
    if kind.upper() not in dns.rdatatype.RdataType.__members__:
        raise LabError(f"{kind!r} is no record type. Try A, AAAA, MX, NS, CNAME, PTR, SRV, TXT or SOA.")
    try:
        dns.name.from_text(name)
    except (dns.exception.DNSException, ValueError) as error:
        raise LabError(f"{name!r} is no name of the DNS: {error} Give one such as mail.academy.test.") from None


def _answer(records: object) -> str:
    return "no such record" if records is None else str(records).replace("\n", "; ")


class LabZone:
    """One zone of the world, and the server that holds it."""

    def __init__(self, world: LabWorld, origin: str, server: AuthoritativeServer) -> None:
        self._world, self.origin, self._server = world, origin, server
        self._name = dns.name.from_text(origin)

    @property
    def text(self) -> str:
        """The zone as text, ready to be edited."""
        return text_of(self._server.zones[self._name])

    @property
    def serial(self) -> int:
        """The serial number of the zone."""
        return serial(self._server.zones[self._name])

    @uninterrupted
    def edit(self, text: str) -> LabZone:
        """Serve `text` from now on; raise the serial if the text does not.  A wrong text changes nothing."""
        try:
            zone = parse(self.origin, text)
        except ZoneError as error:
            self._world.trace.add(self._server.host.name, "dns", "warning", text=f"zone not changed: {error}")
            raise
        if serial(zone) <= self.serial:
            zone = with_serial(zone, self.serial + 1)
        with self._world.turn():
            self._server.put(zone)
            self._world.trace.add(self._server.host.name, "dns", "zone-changed", zone=self.origin, serial=serial(zone))
        return self

    def add(self, line: str) -> LabZone:
        """Add one record, written as in a zone text: zone.add("www CNAME mail")."""
        return self.edit(f"{self.text.rstrip()}\n{line.strip()}\n")

    @uninterrupted
    def remove(self, name: str, kind: str) -> LabZone:
        """Remove the records of one type from a name of the zone; "@" is the zone's own."""
        _check_question(name, kind)
        zone = parse(self.origin, self.text)
        owner = dns.name.from_text(name, self._name) if name != "@" else self._name
        if zone.get_rdataset(owner, kind.upper()) is None:
            there = [f"{node} {dns.rdatatype.to_text(r.rdtype)}" for node, data in zone.nodes.items() for r in data]
            raise unknown(f"record of zone {self.origin}", f"{owner} {kind.upper()}", there)
        zone.delete_rdataset(owner, kind.upper())
        return self.edit(text_of(zone))

    def __repr__(self) -> str:
        return f"; zone {self.origin} on {self._server.host.name}\n{self.text}"
