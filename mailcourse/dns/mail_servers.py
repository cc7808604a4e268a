"""Which servers take mail for this domain, and in which order?  (RFC 5321 §5.1)

MX records?              those hosts, lowest preference first, equal ones at random
one MX that says "."     the domain takes no mail (RFC 7505)
no MX, but an address    the domain itself: the implicit MX
no such domain           nobody, ever
no answer                nobody knows now; ask again later
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

import dns.rcode
import dns.rdatatype

from mailcourse.message.reply import Diagnosis

from .stub import NoAnswer, Stub


@dataclass(frozen=True, slots=True)
class MxHost:
    """One host that takes mail for a domain.  `preference` is None for the implicit MX."""

    name: str
    preference: int | None


async def mail_servers(stub: Stub, domain: str, message: str | None = None) -> list[MxHost] | Diagnosis:
    """Return the mail servers of `domain` in the order to try them, or why there are none."""
    try:
        reply = await stub.lookup(domain, "MX", message)
        if reply.rcode() == dns.rcode.NXDOMAIN:
            return Diagnosis("5.1.2", f"the domain {domain} does not exist")
        records = [r for rrset in reply.answer if rrset.rdtype == dns.rdatatype.MX for r in rrset]
        if records and all(str(r.exchange) == "." for r in records):
            return Diagnosis("5.1.10", f"the domain {domain} takes no mail, it has a null MX")
        records = [r for r in records if str(r.exchange) != "."]  # RFC 7505 §3: beside others it means nothing
        if records:
            hosts = [MxHost(str(r.exchange).rstrip("."), r.preference) for r in records]
            return in_order(hosts, stub)
        # The address record is looked at only now that there is no MX.
        if await stub.addresses(domain, message):
            return [MxHost(domain, None)]
        return Diagnosis("5.1.2", f"the domain {domain} has neither MX nor address records")
    except NoAnswer as error:
        return Diagnosis("4.4.3", f"the DNS gave no answer for {domain}: {error}")


def in_order(servers: list[MxHost], stub: Stub) -> list[MxHost]:
    """Sort by preference; chance decides among equals, so that they share the load."""
    mixed = sorted(servers, key=lambda server: server.name)
    stub.host.random.shuffle(mixed)
    return sorted(mixed, key=lambda server: server.preference or 0)


def better_than_self(servers: list[MxHost], own: str) -> list[MxHost]:
    """Drop oneself and every server that is not better: a backup must not send to itself."""
    mine = [server.preference for server in servers if server.name.lower() == own.lower()]
    if not mine:
        return servers
    return [server for server in servers if (server.preference or 0) < (mine[0] or 0)]


def is_self(addresses: Iterable[str], own: Iterable[str]) -> bool:
    """True when an address is one of one's own, whatever name led to it; 127.0.0.1 is everybody's own."""
    mine = {ip_address(address) for address in own}
    return any(number.is_loopback or number in mine for number in map(ip_address, addresses))
