"""What somebody has made of a lab, as data; so that the same can be built again where nobody can cheat.

    kernel: describe(lab) ──► zones, aliases, settings, hosts, ports, faults, mailboxes ──► judge: restore(fresh lab)

A lab whose methods were replaced describes what it likes: then that is what is built and tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mailcourse.internet.errors import LabError
from mailcourse.lab.administration import settings_of
from mailcourse.views import Lab

from .begin import lab_of, task_of
from .task import Case, Stopped, a

#: what a line of a fault's detail may be, so that a strange one is not carried
PLAIN = (str, int, float)
#: octets that may be left in a full mailbox; a letter needs more
ROOM = 100


@dataclass(frozen=True)
class State:
    """How a lab is set up.  `used` are octets in each mailbox, `forwards` where mail goes instead."""

    zones: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    down: list[str] = field(default_factory=list)
    ports: Mapping[str, list[int]] = field(default_factory=dict)
    faults: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)
    used: Mapping[str, int] = field(default_factory=dict)
    forwards: Mapping[str, list[str]] = field(default_factory=dict)
    remembered: list[str] = field(default_factory=list)  # MX records in the resolver's memory
    device: Mapping[str, Any] | None = None
    password: str | None = None  # what a person's program knows
    task: str = ""  # for which the lab was opened


def describe(given: Any) -> dict[str, Any]:
    """Return the `State` of a lab, or of a patient of the clinic with its device, as a dictionary."""
    lab = lab_of(given)
    if not lab.is_open:
        raise Stopped("The lab was closed. Run the cell that opens it, repair it, and run this cell again.")
    lab.settle()
    hosts = {name: lab.host(name) for name in lab.scenario.hosts}
    accounts = {person: lab.accounts_of(person) for person in lab.addresses}
    device = getattr(given, "device", None)
    return asdict(
        State(
            {origin: lab.zone(origin).text for origin in lab.scenario.zones},
            {domain: lab.aliases(domain) for domain in lab.scenario.domains},
            {host: settings_of(lab, host) for host in lab.mail_servers},
            [name for name, host in hosts.items() if not host.is_up],
            {
                name: [port for port in sorted(host.ports) if port not in host.closed_ports]
                for name, host in hosts.items()
            },
            [
                (fault.host, fault.kind, {k: v for k, v in fault.detail.items() if isinstance(v, PLAIN)})
                for fault in lab.faults
            ],
            {person: where.used(person) for person, where in accounts.items()},
            {person: where.forwards(person) for person, where in accounts.items()},
            [str(row["answer"]) for row in lab.dns.cache if row["type"] == "MX"],
            None if device is None else {"protocol": device.protocol, "keep": bool(device.keep)},
            getattr(given, "password", None),
            task_of(lab),
        )
    )


def lab_in(case: Case) -> State:
    """Return the lab that was given as an answer; `Stopped` says what was given instead."""
    if not isinstance(case.answer, State):
        raise Stopped(f"The lab itself is asked for here, and this is {a(case.answer)}.")
    return case.answer


def restore(lab: Lab, state: State) -> Lab:
    """Set up a fresh lab of the same world as `state` says; `Stopped` says what cannot be."""
    try:
        _names(lab, state)
        _hosts(lab, state)
        for host, kind, detail in state.faults:
            lab.fault(host, kind, **detail)
    except LabError as error:
        raise Stopped(f"The lab cannot be built like that: {error}") from None
    return lab


def _names(lab: Lab, state: State) -> None:
    for origin, text in state.zones.items():
        if text != lab.zone(origin).text:
            lab.zone(origin).edit(text)
    for domain, table in state.aliases.items():
        for address in {*lab.aliases(domain)} - {*table}:
            lab.alias(address)
        for address, targets in table.items():
            lab.alias(address, *targets)
    for person, targets in state.forwards.items():
        lab.person(person).forward(*targets)


def _hosts(lab: Lab, state: State) -> None:
    for host, settings in state.settings.items():
        lab.configure(host, **settings)
    for name, ports in state.ports.items():
        for port in set(lab.host(name).ports) - set(ports):
            lab.host(name).close_port(port)
    for name in state.down:
        lab.host(name).down()
    _fill(lab, state)


def _fill(lab: Lab, state: State) -> None:
    for person, octets in state.used.items():
        quota = lab.scenario.people[person].quota
        if quota is not None and octets + 5 * ROOM > quota:
            fill(lab, person)


def fill(lab: Lab, person: str) -> None:
    """Let a person write to herself until her mailbox has no room for a letter."""
    quota = lab.scenario.people[person].quota or 0
    accounts = lab.accounts_of(person)

    def write(size: int) -> int:
        lines = ("y" * 70 + "\n") * (size // 72) + "z" * (size % 72)  # CRLF on the wire
        lab.person(person).send(person, "Pictures of the summer", lines)
        lab.settle()
        return accounts.used(person)

    head = write(72) - 72  # what a letter needs beside its text
    write(quota - accounts.used(person) - head - ROOM)
