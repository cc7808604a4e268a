"""Which servers take mail for this domain, and in which order?  (RFC 5321 §5.1)

MX records?              those hosts, lowest preference first, equal ones at random
one MX that says "."     the domain takes no mail (RFC 7505)
no MX, but an address    the domain itself: the implicit MX
no such domain           nobody, ever
no answer                nobody knows now; ask again later
"""

from __future__ import annotations

from dataclasses import dataclass

import dns.rcode
import dns.rdatatype

from mailcourse.message.reply import Reply

from .stub import NoAnswer, Stub


@dataclass(frozen=True, slots=True)
class MailServer:
    """One host that takes mail for a domain.  `preference` is None for the implicit MX."""

    name: str
    preference: int | None


@dataclass(frozen=True, slots=True)
class NoMailServers:
    """Why there is nobody to send to: a 4xx reply for later, a 5xx reply for never."""

    reply: Reply


async def mail_servers(stub: Stub, domain: str, message: str | None = None) -> list[MailServer] | NoMailServers:
    """Return the mail servers of `domain` in the order to try them, or why there are none."""
    try:
        reply = await stub.lookup(domain, "MX", message)
        if reply.rcode() == dns.rcode.NXDOMAIN:
            return NoMailServers(Reply(550, "5.1.2", f"the domain {domain} does not exist"))
        records = [r for rrset in reply.answer if rrset.rdtype == dns.rdatatype.MX for r in rrset]
        if records and all(str(r.exchange) == "." for r in records):
            return NoMailServers(Reply(556, "5.1.10", f"the domain {domain} takes no mail, it has a null MX"))
        records = [r for r in records if str(r.exchange) != "."]  # RFC 7505 §3: beside others it means nothing
        if records:
            found = [MailServer(str(r.exchange).rstrip("."), r.preference) for r in records]
            return in_order(found, stub)
        # The address record is looked at only now that there is no MX.
        if await stub.addresses(domain, message):
            return [MailServer(domain, None)]
        return NoMailServers(Reply(550, "5.1.2", f"the domain {domain} has neither MX nor address records"))
    except NoAnswer as error:
        return NoMailServers(Reply(451, "4.4.3", f"the DNS gave no answer for {domain}: {error}"))


def in_order(servers: list[MailServer], stub: Stub) -> list[MailServer]:
    """Sort by preference; chance decides among equals, so that they share the load."""
    mixed = sorted(servers, key=lambda server: server.name)
    stub.host.random.shuffle(mixed)
    return sorted(mixed, key=lambda server: server.preference or 0)


def without(servers: list[MailServer], own: str) -> list[MailServer]:
    """Drop oneself and every server that is not better: a backup must not send in circles."""
    mine = [server.preference for server in servers if server.name.lower() == own.lower()]
    if not mine:
        return servers
    return [server for server in servers if (server.preference or 0) < (mine[0] or 0)]
