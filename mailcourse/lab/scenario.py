"""A scenario: the description of a world, read from TOML and checked before anything is built.

    hosts          name -> organisation, addresses, services, and what its mail server is told
    zones          origin -> zone text
    people         address -> name, password, device
    domains        domain -> the host with its mailboxes
    aliases        address -> addresses; "@domain" is the catch-all
    lists          address -> members, owner, perhaps a footer
    faults         what is broken from the beginning, and for how long
    extends        the scenario that this one changes

Who uses it: `lab.py`, which builds the world.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from mailcourse.internet.errors import LabError, unknown
from mailcourse.mda.aliases import MailingList
from mailcourse.message.address import key_of, parse
from mailcourse.mta.settings import Settings

from .mail_settings import SETTINGS, USUAL, read_settings

SERVICES = ("smtp", "submission", "lmtp", "pop3", "imap", "dns", "resolver", "webmail")

#: Only these are lab addresses (RFC 5737, RFC 2544, RFC 3849): nothing real can be meant by them.
LAB_NETWORKS = tuple(
    ipaddress.ip_network(text)
    for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "2001:db8::/32")
)


@dataclass(frozen=True)
class HostPlan:
    """What a host is and does; `settings` are those of its mail server."""

    organisation: str
    addresses: list[str]
    services: list[str] = field(default_factory=list)
    zones: list[str] = field(default_factory=list)
    settings: Settings = USUAL
    login_needs_tls: bool = False  # POP3 and IMAP take passwords only inside TLS
    mail_server: str = ""  # whose mailboxes a webmail shows, and who takes its letters
    in_clear: bool = False  # a webmail without TLS, to show what passes


@dataclass(frozen=True)
class PersonPlan:
    """Who somebody is, and from which machine they write."""

    name: str
    password: str
    device: str
    quota: int | None = None  # octets
    sends_by: str = "starttls"  # the ways of mua/account.py
    reads_by: str = "tls"


@dataclass(frozen=True)
class Scenario:
    """A whole world, not yet built."""

    name: str
    title: str
    start: datetime
    resolver: str
    roots: list[str]
    organisations: Mapping[str, str]
    hosts: Mapping[str, HostPlan]
    zones: Mapping[str, str]
    people: Mapping[str, PersonPlan]
    domains: Mapping[str, str]
    aliases: Mapping[str, list[str]]
    lists: Mapping[str, MailingList]
    faults: Sequence[Mapping[str, Any]]


def names() -> list[str]:
    """Return the names of the scenarios that come with the course."""
    folder = files("mailcourse.lab.scenarios")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load(name: str | Path, words: Mapping[str, str] | None = None) -> Scenario:
    """Read a scenario: one of the course's by name, or a TOML file by path; with other `words` in place of some."""
    path = Path(name)
    if path.suffix == ".toml":
        if not path.exists():
            raise LabError(f"There is no file {str(path)!r}. Give the path of a scenario in TOML.")
        return read(path.stem, path.read_text(encoding="utf-8"), words)
    return read(str(name), _text(str(name)), words)


def _text(name: str) -> str:
    if name not in names():
        raise unknown("scenario", name, names())
    return files("mailcourse.lab.scenarios").joinpath(f"{name}.toml").read_text(encoding="utf-8")


def _merge(base: dict[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `change` over `base`: tables are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in change.items():
        known = merged.get(key)
        merged[key] = _merge(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


def _reworded(text: str, words: Mapping[str, str] | None) -> str:
    if not words:
        return text
    pattern = "|".join(map(re.escape, words))
    return re.sub(rf"\b({pattern})\b", lambda found: words[found[1]], text)


def read(name: str, text: str, words: Mapping[str, str] | None = None) -> Scenario:
    """Read a scenario from TOML text and check that it holds together."""
    try:
        raw = tomllib.loads(_reworded(text, words))
        while "extends" in raw:
            raw = _merge(tomllib.loads(_reworded(_text(raw.pop("extends")), words)), raw)
        scenario = _build(name, raw)
    except tomllib.TOMLDecodeError as error:
        raise LabError(f"Scenario {name}: {error}. Fix that line and try again.") from None
    except KeyError as error:
        raise LabError(f"Scenario {name} lacks {error}. Look at two-offices.toml for an example.") from None
    except TypeError as error:
        raise LabError(f"Scenario {name}: {error}. Look at two-offices.toml for the words there are.") from None
    _check(scenario)
    return scenario


def _build(name: str, raw: Mapping[str, Any]) -> Scenario:
    return Scenario(
        name=name,
        title=raw["title"],
        start=raw["start"],
        resolver=raw["resolver"],
        roots=raw["roots"],
        organisations=raw.get("organisations", {}),
        hosts={host: _host(plan, raw["hosts"]) for host, plan in raw["hosts"].items()},
        zones=raw.get("zones", {}),
        people={key_of(address): PersonPlan(**plan) for address, plan in raw.get("people", {}).items()},
        domains={domain: plan["mailboxes"] for domain, plan in raw.get("domains", {}).items()},
        aliases={key_of(alias): targets for alias, targets in raw.get("aliases", {}).items()},
        lists={
            key_of(address): MailingList(tuple(plan["members"]), plan["owner"], plan.get("footer", ""))
            for address, plan in raw.get("lists", {}).items()
        },
        faults=raw.get("faults", []),
    )


def _host(plan: Mapping[str, Any], hosts: Collection[str]) -> HostPlan:
    settings = {name: value for name, value in plan.items() if name in SETTINGS}
    rest = {name: value for name, value in plan.items() if name not in SETTINGS}
    return HostPlan(**rest, settings=read_settings(settings, hosts))


def _check(scenario: Scenario) -> None:
    """Every host that is named exists, and every address is a documentation address."""
    named = [scenario.resolver, *scenario.roots, *scenario.domains.values()]
    named += [person.device for person in scenario.people.values()]
    named += [host.mail_server for host in scenario.hosts.values() if "webmail" in host.services]
    for name in named:
        if name not in scenario.hosts:
            raise unknown("host", name, scenario.hosts)
    for name, host in scenario.hosts.items():
        for service in host.services:
            if service not in SERVICES:
                raise unknown("service", service, SERVICES)
        for origin in host.zones:
            if origin not in scenario.zones:
                raise unknown("zone", origin, scenario.zones)
        for address in host.addresses:
            _check_address(name, address)
    written = [*(t for targets in scenario.aliases.values() for t in targets)]
    written += [address for found in scenario.lists.values() for address in (*found.members, found.owner)]
    for text in written:
        parse(text)  # says what is wrong with it
    for address in scenario.people:
        if address.rpartition("@")[2] not in scenario.domains:
            raise unknown("domain", address.rpartition("@")[2], scenario.domains)


def _check_address(name: str, address: str) -> None:
    try:
        number = ipaddress.ip_address(address)
    except ValueError:
        raise LabError(f"{name}: {address!r} is not an IP address.") from None
    if not any(number in network for network in LAB_NETWORKS):
        raise LabError(f"{name}: {address} is not a lab address. Use one of {', '.join(map(str, LAB_NETWORKS))}.")
