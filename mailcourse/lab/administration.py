"""What an administrator does to a running lab: settings of a mail server, aliases.

    lab.settings("mail.academy.test")                                      what it was told
    lab.configure("mail.academy.test", smart_host="relay.carrier.test")    tell it something else
    lab.aliases("bakery.test")                                             the alias table of a domain
    lab.alias("sales@bakery.test", "bea@bakery.test")                      a line of it; without targets: take it away

Postfix reads main.cf and /etc/aliases for this; the table in `mta/settings.py` says which line is which.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mailcourse.internet.errors import LabError, unknown
from mailcourse.mda.deliver import MailboxDelivery
from mailcourse.message.address import parse
from mailcourse.mta.settings import SmartHost

from .world import LabWorld

#: what `configure` changes, with how each is written
CHANGES = {
    "local_domains": 'a list of domains, such as ["bakery.test"]',
    "relay_domains": 'a list of domains, such as ["bakery.test"]',
    "inside": 'a table, such as {"bakery.test": "mail.bakery.test"}',
    "networks": 'a list of networks, such as ["192.0.2.0/24"]; [] for none',
    "smart_host": 'a host, such as "relay.carrier.test", or None for no smart host',
}
#: names that differ in `Settings`
FIELDS = {"inside": "internal_hosts"}


def settings_of(world: LabWorld, host: str) -> dict[str, Any]:
    """Return a server's settings as `configure` takes them."""
    settings = world.mail_server(host).settings
    return {name: written(getattr(settings, FIELDS.get(name, name))) for name in CHANGES}


def configure(world: LabWorld, host: str, changes: Mapping[str, Any]) -> None:
    """Change settings of a mail server; what waits is decided again."""
    server = world.mail_server(host)
    values = {FIELDS.get(name, name): _value(world, name, value) for name, value in changes.items()}
    with world.turn():
        world.runtime.call(lambda: setattr(server, "settings", replace(server.settings, **values)))


def aliases_of(world: LabWorld, domain: str) -> dict[str, list[str]]:
    """Return the alias table of a domain: address → targets."""
    (delivery, *_) = _deliveries(world, domain)
    aliases = delivery.book.aliases.items()
    return {name: list(targets) for name, targets in sorted(aliases) if name.rpartition("@")[2] == domain}


def set_alias(world: LabWorld, address: str, targets: Sequence[str]) -> dict[str, list[str]]:
    """Let an address stand for `targets`, or with none for nothing; return the domain's table."""
    name, domain = address.lower(), address.lower().rpartition("@")[2]
    if not name.startswith("@"):
        parse(name)
    wanted = [str(parse(target)) for target in targets]
    deliveries = _deliveries(world, domain)

    def change() -> None:
        for delivery in deliveries:
            others = {other: to for other, to in delivery.book.aliases.items() if other != name}
            aliases = {**others, name: wanted} if wanted else others
            delivery.book = replace(delivery.book, aliases=aliases)

    with world.turn():
        world.runtime.call(change)
    return aliases_of(world, domain)


def _deliveries(world: LabWorld, domain: str) -> list[MailboxDelivery]:
    """Return what delivers on each host that answers for the addresses of a domain."""
    world.check_open()
    found = [delivery for delivery in world.deliveries.values() if domain in delivery.book.domains]
    if not found:
        raise unknown("mail domain", domain, world.scenario.domains)
    return found


def written(value: object) -> Any:
    """Write a setting as `configure` reads it."""
    if isinstance(value, SmartHost):
        return value.host
    if isinstance(value, (frozenset, tuple)):
        return sorted(value)
    return dict(value) if isinstance(value, dict) else value


def _value(world: LabWorld, name: str, value: Any) -> Any:
    """Read a setting as it is kept in `Settings`; a wrong one says how it is written."""
    if name not in CHANGES:
        raise unknown("setting", name, CHANGES)
    kinds = {"inside": (dict,), "smart_host": (str, type(None))}
    if type(value) not in kinds.get(name, (list, tuple, set, frozenset)):
        raise LabError(f"{name} must be {CHANGES[name]}; this is {value!r}.")
    if name == "smart_host":
        return None if not value else SmartHost(world.host(value).name)
    if name == "networks":
        return tuple(_network(text) for text in value)
    if name == "inside":
        return {str(domain).lower(): world.host(host).name for domain, host in value.items()}
    return frozenset(str(domain).lower() for domain in value)


def _network(text: object) -> str:
    try:
        return str(ipaddress.ip_network(str(text)))
    except ValueError:
        raise LabError(f"{text!r} is no network. Write one such as 192.0.2.0/24.") from None
