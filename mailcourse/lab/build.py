"""Building a host: from its plan in the scenario to the servers that run on it.

    services = ["smtp", "submission", "imap"]   ─►   Accounts, MailboxDelivery, Queue, MailServer, ports

Here the MTA and the MDA of a host are plugged together.  Who uses it: `lab.py`, once for each host.
"""

from __future__ import annotations

from functools import partial

from mailcourse.access.serve import Privacy, imap, pop3
from mailcourse.dns.resolver import Resolver
from mailcourse.dns.server import AuthoritativeServer
from mailcourse.dns.zone import parse
from mailcourse.internet.network import Host
from mailcourse.mailbox.accounts import Accounts
from mailcourse.mda.aliases import AddressBook
from mailcourse.mda.deliver import MailboxDelivery
from mailcourse.message.address import parse as parse_address
from mailcourse.mta.queue import Queue
from mailcourse.mta.server import MailServer
from mailcourse.mua.webmail.serve import Webmail

from .dial import dial
from .scenario import HostPlan
from .world import LabWorld

MTA_SERVICES = ("smtp", "submission", "lmtp")
#: real seconds that a webmail waits for a mail server: it must answer before its browser has lost patience
PATIENCE = 10.0


async def build(world: LabWorld, host: Host, plan: HostPlan) -> None:
    """Start the services of one host."""
    if "dns" in plan.services:
        server = world.dns_servers[host.name] = AuthoritativeServer(host)
        for origin in plan.zones:
            server.put(parse(origin, world.scenario.zones[origin]))
        await server.start()
    if "resolver" in plan.services:
        roots = [world.internet.host(name).addresses[0] for name in world.scenario.roots]
        world.resolvers[host.name] = Resolver(host, roots)
        await world.resolvers[host.name].start()
    if {*MTA_SERVICES, "pop3", "imap"} & set(plan.services):
        await _build_mail(world, host, plan)
    if "webmail" in plan.services:
        reach = partial(dial, host, world.stub(host.name), plan.mail_server, timeout=PATIENCE)
        await Webmail(host, plan.mail_server, reach, world.certificates, in_clear=plan.in_clear).start()


async def _build_mail(world: LabWorld, host: Host, plan: HostPlan) -> None:
    folder = world.path / "hosts" / host.name
    disk = world.disks[host.name] = world.new_disk()
    accounts = world.accounts[host.name] = Accounts(folder / "mail", disk)
    accounts.over_quota = plan.settings.quota
    for address, person in world.scenario.people.items():
        if parse_address(address).domain in plan.settings.local_domains:
            accounts.add(address, person.password, host.random.randbytes(16), person.quota)
            accounts.mailbox(address).sweep(host.name)
    if set(MTA_SERVICES) & set(plan.services):
        delivery = world.deliveries[host.name] = MailboxDelivery(host, accounts, address_book(world, plan))
        server = world.mail_servers[host.name] = MailServer(
            host,
            plan.settings,
            Queue(folder / "queue", disk),
            delivery,
            accounts,
            world.stub(host.name),
            world.certificates,
        )
        delivery.resend = server.resend
        delivery.authserv_id = lambda: server.home if server.settings.authenticate != "off" else ""
        await server.start([service for service in MTA_SERVICES if service in plan.services])
    privacy = Privacy(plan.settings.offers_tls, plan.login_needs_tls)
    for service, serve, ports in (("pop3", pop3, (110, 995)), ("imap", imap, (143, 993))):
        if service in plan.services:
            for port in ports:
                await host.listen(port, serve(accounts, host, world.certificates, privacy))


def address_book(world: LabWorld, plan: HostPlan) -> AddressBook:
    """Return the addresses that a host answers for: to deliver to them, or to relay for them."""
    domains = frozenset({*plan.settings.local_domains, *plan.settings.relay_domains})
    scenario = world.scenario

    def ours(address: str) -> bool:
        return address.rpartition("@")[2] in domains

    return AddressBook(
        domains,
        frozenset(filter(ours, scenario.people)),
        {alias: targets for alias, targets in scenario.aliases.items() if ours(alias)},
        {address: members for address, members in scenario.lists.items() if ours(address)},
    )
