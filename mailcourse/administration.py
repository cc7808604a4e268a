"""What an administrator does to a running lab: settings of a mail server, aliases.

    lab.settings("mail.academy.test")                                      what it was told
    lab.configure("mail.academy.test", smart_host="relay.carrier.test")    tell it something else
    lab.aliases("bakery.test")                                             the alias table of a domain
    lab.alias("sales@bakery.test", "bea@bakery.test")                      a line of it; without targets: take it away

Postfix reads main.cf and /etc/aliases for this; the table in `mta/settings.py` says which line is which.
"""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .internet.errors import LabError, unknown
from .mda.deliver import MailboxDelivery
from .message.address import parse
from .mta.server import MailServer
from .mta.settings import SmartHost
from .table import Table, table

if TYPE_CHECKING:
    from .lab import Lab

#: what `configure` changes, with how each is written
CHANGES = {
    "local_domains": 'a list of domains, such as ["bakery.test"]',
    "relay_domains": 'a list of domains, such as ["bakery.test"]',
    "inside": 'a table, such as {"bakery.test": "mail.bakery.test"}',
    "networks": 'a list of networks, such as ["192.0.2.0/24"]; [] for none',
    "smart_host": 'a host, such as "relay.carrier.test", or None for no smart host',
}


class Administration:
    """The part of a lab's public face that is for administrators."""

    @property
    def _lab(self) -> Lab:
        return self  # type: ignore[return-value]

    def settings(self, host: str) -> Table:
        """Show what a mail server is told about itself."""
        return table(("setting", "value"), list(settings_of(self._lab, host).items()))

    def configure(self, host: str, **changes: Any) -> Table:
        """Change settings of a mail server, by the names that `settings` shows; what waits is decided anew."""
        server = _server(self._lab, host)
        values = {name: _value(self._lab, name, value) for name, value in changes.items()}
        with self._lab.turn():
            self._lab.runtime.call(lambda: setattr(server, "settings", replace(server.settings, **values)))
        return self.settings(host)

    def aliases(self, domain: str) -> dict[str, list[str]]:
        """Return the alias table of a domain: address → targets."""
        (delivery, *_) = _deliveries(self._lab, domain)
        known = delivery.book.aliases.items()
        ours = {name: list(targets) for name, targets in known if name.rpartition("@")[2] == domain}
        return dict(sorted(ours.items()))

    def alias(self, address: str, *targets: str) -> dict[str, list[str]]:
        """Let an address of a domain stand for `targets`; without targets, take the alias away.

        An address such as "@bakery.test" is the catch-all.  Returns the domain's table.
        """
        name, domain = address.lower(), address.lower().rpartition("@")[2]
        if not name.startswith("@"):
            parse(name)
        wanted = [str(parse(target)) for target in targets]
        deliveries = _deliveries(self._lab, domain)

        def change() -> None:
            for delivery in deliveries:
                kept = {known: to for known, to in delivery.book.aliases.items() if known != name}
                aliases = {**kept, name: wanted} if wanted else kept
                delivery.book = replace(delivery.book, aliases=aliases)

        with self._lab.turn():
            self._lab.runtime.call(change)
        return self.aliases(domain)


def _server(lab: Lab, host: str) -> MailServer:
    lab._check_open()
    if host not in lab.mail_servers:
        raise unknown("mail server", host, lab.mail_servers)
    lab.look()
    return lab.mail_servers[host]


def _deliveries(lab: Lab, domain: str) -> list[MailboxDelivery]:
    """Return what delivers on each host that answers for the addresses of a domain."""
    lab._check_open()
    found = [delivery for delivery in lab.deliveries.values() if domain in delivery.book.domains]
    if not found:
        raise unknown("mail domain", domain, lab.scenario.domains)
    return found


def written(value: object) -> Any:
    """Write a setting as `configure` reads it."""
    if isinstance(value, SmartHost):
        return value.host
    if isinstance(value, (frozenset, tuple)):
        return sorted(value)
    return dict(value) if isinstance(value, dict) else value


def _value(lab: Lab, name: str, value: Any) -> Any:
    """Read a setting as it is kept in `Settings`; a wrong one says how it is written."""
    if name not in CHANGES:
        raise unknown("setting", name, CHANGES)
    kinds = {"inside": (dict,), "smart_host": (str, type(None))}
    if type(value) not in kinds.get(name, (list, tuple, set, frozenset)):
        raise LabError(f"{name} must be {CHANGES[name]}; this is {value!r}.")
    if name == "smart_host":
        return None if not value else SmartHost(lab.host(value).name)
    if name == "networks":
        return tuple(_network(text) for text in value)
    if name == "inside":
        return {str(domain).lower(): lab.host(host).name for domain, host in value.items()}
    return frozenset(str(domain).lower() for domain in value)


def _network(text: object) -> str:
    try:
        return str(ipaddress.ip_network(str(text)))
    except ValueError:
        raise LabError(f"{text!r} is no network. Write one such as 192.0.2.0/24.") from None


def settings_of(lab: Lab, host: str) -> dict[str, Any]:
    """Return a server's settings as `configure` takes them."""
    told = _server(lab, host).settings
    return {name: written(getattr(told, name)) for name in CHANGES}
