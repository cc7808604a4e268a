"""What an administrator does to a running lab: settings of a mail server, keys, aliases.

    lab.settings("mail.academy.test")                                      what it was told
    lab.configure("mail.academy.test", smart_host="relay.carrier.test")    tell it something else
    lab.sign("mail.academy.test", "academy.test", "autumn")                a key for DKIM; the record to publish
    lab.aliases("bakery.test")                                             the alias table of a domain
    lab.alias("sales@bakery.test", "bea@bakery.test")                      a line of it; without targets: take it away

Postfix reads main.cf and /etc/aliases for this; the table in `mta/settings.py` says which line is which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mailcourse.internet.disk import make_private
from mailcourse.internet.errors import unknown
from mailcourse.mda.deliver import MailboxDelivery
from mailcourse.message.address import key_of, parse

from .folder import usable
from .interrupt import uninterrupted
from .mail_settings import read_settings, show_settings
from .world import LabWorld

KEYS = ("rsa", "ed25519")


def settings_of(world: LabWorld, host: str) -> dict[str, Any]:
    """Return a server's settings as `configure` takes them."""
    return show_settings(world.mail_server(host).settings)


@uninterrupted
def configure(world: LabWorld, host: str, changes: Mapping[str, Any]) -> None:
    """Change settings of a mail server; what waits is decided again."""
    server = world.mail_server(host)
    settings = read_settings(changes, world.internet.hosts, server.settings)

    def change() -> None:
        server.settings = settings
        world.accounts[host].over_quota = settings.quota

    with world.turn():
        world.runtime.call(change)


@uninterrupted
def sign_mail(world: LabWorld, host: str, domain: str, selector: str, kind: str) -> str:
    """Make a key, let a mail server sign with it, and return the line of the zone that publishes it."""
    from mailcourse.authentication.signing import make_key, zone_line

    server = world.mail_server(host)
    if kind not in KEYS:
        raise unknown("kind of key", kind, KEYS)
    with world.turn():
        key = make_key(kind, server.host.random)
    configure(world, host, {"sign": {"domain": domain, "selector": selector, "key": key}})
    assert server.settings.sign is not None
    return zone_line(server.settings.sign)


def write_reports(world: LabWorld, host: str, folder: str | Path) -> list[Path]:
    """Write DMARC's aggregate reports about what a mail server examined so far; return the files."""
    from mailcourse.authentication.aggregate import reports

    server, events = world.mail_server(host), [e for e in world.trace if e.what == "authenticated" and e.host == host]
    examined = [(event.facts["checks"], event.facts["disposition"]) for event in events]
    made = reports(server.home, examined, world.scenario.start, world.clock.now())
    with usable(folder):
        make_private(Path(folder))
        return [path for name, octets in made.items() if (path := Path(folder) / name).write_bytes(octets)]


def aliases_of(world: LabWorld, domain: str) -> dict[str, list[str]]:
    """Return the alias table of a domain: address → targets."""
    (delivery, *_) = _deliveries(world, domain)
    aliases = delivery.book.aliases.items()
    return {name: list(targets) for name, targets in sorted(aliases) if name.rpartition("@")[2] == domain}


@uninterrupted
def set_alias(world: LabWorld, address: str, targets: Sequence[str]) -> dict[str, list[str]]:
    """Let an address stand for `targets`, or with none for nothing; return the domain's table."""
    name = key_of(address)
    domain = name.rpartition("@")[2]
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
