"""Building a host: from its plan in the scenario to the servers that run on it.

    services = ["smtp", "submission", "imap"]   ─►   Accounts, MailboxDelivery, Queue, MailServer, ports

Here the MTA and the MDA of a host are plugged together.  Who uses it: `lab.py`, once for each host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .access.serve import Privacy, imap, pop3
from .dns.resolver import Resolver
from .dns.server import AuthoritativeServer
from .dns.zone import parse
from .internet.network import Host
from .mailbox.accounts import Accounts
from .mda.aliases import AddressBook
from .mda.deliver import MailboxDelivery
from .message.address import parse as parse_address
from .mta.queue import Queue
from .mta.server import MailServer
from .mta.settings import Settings, SmartHost, Terms
from .scenario import HostPlan, Relay

if TYPE_CHECKING:
    from .lab import Lab

MTA_SERVICES = ("smtp", "submission", "lmtp")


async def build(lab: Lab, host: Host, plan: HostPlan) -> None:
    """Start the services of one host."""
    if "dns" in plan.services:
        server = lab.dns_servers[host.name] = AuthoritativeServer(host)
        for origin in plan.zones:
            server.put(parse(origin, lab.scenario.zones[origin]))
        await server.start()
    if "resolver" in plan.services:
        roots = [lab.internet.host(name).addresses[0] for name in lab.scenario.roots]
        lab.resolvers[host.name] = Resolver(host, roots)
        await lab.resolvers[host.name].start()
    if {*MTA_SERVICES, "pop3", "imap"} & set(plan.services):
        await _build_mail(lab, host, plan)


async def _build_mail(lab: Lab, host: Host, plan: HostPlan) -> None:
    folder = lab.path / "hosts" / host.name
    disk = lab.disks[host.name] = lab.new_disk()
    accounts = lab.accounts[host.name] = Accounts(folder / "mail", disk)
    for address, person in lab.scenario.people.items():
        if parse_address(address).domain in plan.local_domains:
            accounts.add(address, person.password, host.random.randbytes(16), person.quota)
            accounts.mailbox(address).sweep(host.name)
    if set(MTA_SERVICES) & set(plan.services):
        delivery = lab.deliveries[host.name] = MailboxDelivery(host, accounts, address_book(lab, plan))
        server = lab.mail_servers[host.name] = MailServer(
            host,
            settings(plan),
            Queue(folder / "queue", disk),
            delivery,
            accounts,
            lab.stub(host.name),
            lab.certificates,
        )
        delivery.resend = server.resend
        await server.start([service for service in MTA_SERVICES if service in plan.services])
    privacy = Privacy(plan.offers_tls, plan.login_needs_tls)
    for service, serve, ports in (("pop3", pop3, (110, 995)), ("imap", imap, (143, 993))):
        if service in plan.services:
            for port in ports:
                await host.listen(port, serve(accounts, host, lab.certificates, privacy))


def address_book(lab: Lab, plan: HostPlan) -> AddressBook:
    """Return the addresses that a host answers for: to deliver to them, or to relay for them."""
    domains = frozenset({*plan.local_domains, *plan.relay_domains})
    scenario = lab.scenario

    def ours(address: str) -> bool:
        return address.rpartition("@")[2] in domains

    return AddressBook(
        domains,
        frozenset(filter(ours, scenario.people)),
        {alias: targets for alias, targets in scenario.aliases.items() if ours(alias)},
        {address: members for address, members in scenario.lists.items() if ours(address)},
    )


def settings(plan: HostPlan) -> Settings:
    """Return what a host's mail server is told."""
    return Settings(
        local_domains=frozenset(plan.local_domains),
        relay_domains=frozenset(plan.relay_domains),
        inside=plan.inside,
        networks=tuple(plan.networks),
        smart_host=_smart_host(plan.smart_host, plan.tls),
        fallback=_smart_host(plan.fallback, plan.tls),
        offers_tls=plan.offers_tls,
        terms=Terms(plan.tls),
        tells_who_lives_here=plan.tells_who_lives_here,
        most_octets=plan.most_octets,
        most_recipients=plan.most_recipients,
    )


def _smart_host(relay: Relay | None, tls: str) -> SmartHost | None:
    if relay is None:
        return None
    login = (relay.person, relay.password) if relay.person else None
    return SmartHost(relay.host, Terms(tls, relay.port, login))
