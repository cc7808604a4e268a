"""Breaking things on purpose, and fixing them: the switches of lessons and exercises.

    kind      what happens                                              it needs
    down      the host is switched off
    port      nothing listens there any more                            port=25
    slow      every piece takes longer on the way, in real seconds      seconds=0.5, peer="…" (else: all)
    cut       nothing passes on the link to another host               peer="mx1.bakery.test"
    drop      the SMTP connection breaks at a stage                     at="DATA", times=1 (else: always)
    reply     the SMTP server says this instead of the truth            at="RCPT", say="450 4.2.1 busy", times=…
    disk      the disk is full
    mailbox   a mailbox is full                                         person="bruno@bakery.test"
    clock     the host's clock is ahead, or behind                      minutes=-90
    dns       the name server answers nonsense, or nothing              say="SERVFAIL", "REFUSED" or "silent"

Stages are those of `mta/fault_injector.py`: CONNECT EHLO STARTTLS AUTH MAIL RCPT DATA . QUIT.  Any fault may
begin `after_minutes` of lab time and last `for_minutes`.  In a scenario:

    [[faults]]
    host = "mx1.bakery.test"
    kind = "down"
    for_minutes = 360
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from mailcourse.internet.errors import LabError, unknown
from mailcourse.internet.network import Host
from mailcourse.message.reply import Reply
from mailcourse.mta.fault_injector import STAGES, InjectedFault
from mailcourse.mta.smtp_client import read_reply

from .interrupt import uninterrupted
from .table import Table, table
from .world import LabWorld

Undo = Callable[[], object]
REPLY = re.compile(r"([245]\d\d) (\S.*)")
DNS_FAULTS = ("SERVFAIL", "REFUSED", "silent")


@dataclass
class Fault:
    """One thing that is broken.  `with` fixes it at the end of the block."""

    host: str
    kind: str
    detail: Mapping[str, Any]
    _mend: Callable[[Fault], None] = field(repr=False)
    is_mended: bool = False

    def mend(self) -> None:
        """Fix it; idempotent."""
        self._mend(self)

    def __enter__(self) -> Fault:
        return self

    def __exit__(self, *exc: object) -> None:
        self.mend()


class Faults:
    """All that is broken in one lab."""

    def __init__(self, world: LabWorld) -> None:
        self._world = world
        self._undo: dict[int, tuple[Fault, Undo]] = {}

    def table(self) -> Table:
        """What is broken now."""
        rows = [(fault.host, fault.kind, _words(fault.detail)) for fault in self]
        return table(("host", "kind", "detail"), rows)

    def __iter__(self) -> Iterator[Fault]:
        return iter([fault for fault, _ in list(self._undo.values())])

    def find(self, host: str, kind: str, peer: str | None = None) -> Fault | None:
        """Return what is broken there, or on the link to `peer` seen from either end; None when it is whole."""
        ends = {host, peer}
        for fault in self:
            if fault.kind == kind and {fault.host, fault.detail.get("peer")} == ends:
                return fault
        return None

    def __repr__(self) -> str:
        return repr(self.table()) if self._undo else "nothing is broken"

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    @uninterrupted
    def make(
        self, host: str, kind: str, *, after_minutes: float = 0, for_minutes: float | None = None, **detail: Any
    ) -> Fault:
        """Break something; blocking, and with a turn of its own.  A wrong description changes nothing."""
        fault = self._described(host, kind, detail)
        with self._world.turn():
            self._world.runtime.call(lambda: self._plan(fault, after_minutes, for_minutes))
        return fault

    def begin(self, plans: Sequence[Mapping[str, Any]]) -> None:
        """Break what a scenario wants broken.  Loop thread only."""
        for plan in plans:
            rest = dict(plan)
            after, lasts = rest.pop("after_minutes", 0), rest.pop("for_minutes", None)
            self._plan(self._described(rest.pop("host"), rest.pop("kind"), rest), after, lasts)

    def mend_all(self) -> None:
        """Fix everything."""
        for fault in self:
            fault.mend()

    def _described(self, host: str, kind: str, detail: Mapping[str, Any]) -> Fault:
        if kind not in KINDS:
            raise unknown("kind of fault", kind, KINDS)
        words, _ = KINDS[kind]
        for word in detail:
            if word not in words:
                raise unknown(f"detail of the fault {kind!r}", word, words)
        self._world.internet.host(host)
        fault = Fault(host, kind, dict(detail), self._mend)
        if kind in _CHECKS:
            _CHECKS[kind](self._world, fault)
        return fault

    def _plan(self, fault: Fault, after_minutes: float, for_minutes: float | None) -> None:
        clock = self._world.clock

        async def begin() -> None:
            self._do(fault)

        async def end() -> None:
            self._end(fault)

        if after_minutes:
            clock.after(after_minutes * 60, begin)
        else:
            self._do(fault)
        if for_minutes is not None:
            clock.after((after_minutes + for_minutes) * 60, end)

    def _do(self, fault: Fault) -> None:
        self._record("fault", fault)
        self._undo[id(fault)] = (fault, KINDS[fault.kind][1](self._world, self._world.internet.host(fault.host), fault))

    @uninterrupted
    def _mend(self, fault: Fault) -> None:
        if self._world.is_open and not fault.is_mended:
            with self._world.turn():
                self._world.runtime.call(lambda: self._end(fault))

    def _end(self, fault: Fault) -> None:
        found = self._undo.pop(id(fault), None)
        if found is not None:
            found[1]()
            self._record("mended", fault)
        fault.is_mended = True

    def _record(self, what: str, fault: Fault) -> None:
        self._world.trace.add(fault.host, "lab", what, kind=fault.kind, detail=_words(fault.detail))


def _words(detail: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in detail.items())


# ---- the kinds: each breaks something and returns how to fix it -----------------------------------


def _down(world: LabWorld, host: Host, fault: Fault) -> Undo:
    host.down()
    return host.up


def _port(world: LabWorld, host: Host, fault: Fault) -> Undo:
    port = fault.detail["port"]
    host.close_port(port)
    return lambda: host.open_port(port)


def _slow(world: LabWorld, host: Host, fault: Fault) -> Undo:
    peer = fault.detail.get("peer")
    world.internet.delay(host.name, peer, fault.detail["seconds"])
    return lambda: world.internet.delay(host.name, peer, 0)


def _cut(world: LabWorld, host: Host, fault: Fault) -> Undo:
    peer = fault.detail["peer"]
    world.internet.cut(host.name, peer)
    return lambda: world.internet.links.cuts.discard(frozenset({host.name, peer}))


def _stage(world: LabWorld, host: Host, fault: Fault) -> Undo:
    detail = fault.detail
    reply = _reply(detail["say"]) if fault.kind == "reply" else None
    injected = InjectedFault(detail["at"].upper(), reply, detail.get("times"))
    faults = world.mail_servers[host.name].faults.faults
    faults.append(injected)
    return lambda: faults.remove(injected)


def _reply(said: str) -> Reply:
    found = REPLY.fullmatch(said)
    if found is None:
        raise LabError(f'{said!r} is no refusal of SMTP. Write one such as say="450 4.2.1 try again later".')
    return read_reply(found[1], [found[2]])


def _disk(world: LabWorld, host: Host, fault: Fault) -> Undo:
    disk = world.disks[host.name]
    disk.is_full = True
    return lambda: setattr(disk, "is_full", False)


def _mailbox(world: LabWorld, host: Host, fault: Fault) -> Undo:
    person, full = fault.detail["person"].lower(), world.accounts[host.name].full
    full.add(person)
    return lambda: full.discard(person)


def _clock(world: LabWorld, host: Host, fault: Fault) -> Undo:
    host.skew = timedelta(minutes=fault.detail["minutes"])
    return lambda: setattr(host, "skew", timedelta())


def _dns(world: LabWorld, host: Host, fault: Fault) -> Undo:
    server = world.dns_servers.get(host.name) or world.resolvers[host.name]
    server.fault = fault.detail.get("say", "SERVFAIL")
    return lambda: setattr(server, "fault", None)


#: kind -> (the words it understands, what it does)
KINDS: dict[str, tuple[tuple[str, ...], Callable[[LabWorld, Host, Fault], Undo]]] = {
    "down": ((), _down),
    "port": (("port",), _port),
    "slow": (("seconds", "peer"), _slow),
    "cut": (("peer",), _cut),
    "drop": (("at", "times"), _stage),
    "reply": (("at", "say", "times"), _stage),
    "disk": ((), _disk),
    "mailbox": (("person",), _mailbox),
    "clock": (("minutes",), _clock),
    "dns": (("say",), _dns),
}


# ---- what a description must have ----------------------------------------------------------------------


def _check_stage(world: LabWorld, fault: Fault) -> None:
    if fault.host not in world.mail_servers:
        raise unknown("mail server", fault.host, world.mail_servers)
    at = fault.detail.get("at", "")
    if at.upper() not in STAGES:
        raise unknown("stage of SMTP", at, STAGES)
    if fault.kind == "reply":
        _reply(fault.detail.get("say", ""))


def _check_mailbox(world: LabWorld, fault: Fault) -> None:
    scenario = world.scenario
    people = [who for who in scenario.people if scenario.domains[who.rpartition("@")[2]] == fault.host]
    person = fault.detail.get("person", "").lower()
    if person not in people:
        raise unknown(f"mailbox on {fault.host}", person, people)


def _check_dns(world: LabWorld, fault: Fault) -> None:
    servers = [*world.dns_servers, *world.resolvers]
    if fault.host not in servers:
        raise unknown("name server", fault.host, servers)
    if fault.detail.get("say", "SERVFAIL") not in DNS_FAULTS:
        raise unknown("answer of a broken name server", fault.detail["say"], DNS_FAULTS)


def _check_port(world: LabWorld, fault: Fault) -> None:
    ports = world.internet.host(fault.host).ports
    if fault.detail.get("port") not in ports:
        raise unknown(f"open port of {fault.host}", fault.detail.get("port"), map(str, ports))


def _check_disk(world: LabWorld, fault: Fault) -> None:
    if fault.host not in world.disks:
        raise unknown("host with a disk for mail", fault.host, world.disks)


def _check_slow(world: LabWorld, fault: Fault) -> None:
    if not isinstance(fault.detail.get("seconds"), (int, float)) or not 0 <= fault.detail["seconds"] <= 60:
        raise LabError("A slow link wants seconds=…, from 0 to 60, for each piece on its way.")
    if fault.detail.get("peer") is not None:
        world.internet.host(fault.detail["peer"])


def _check_clock(world: LabWorld, fault: Fault) -> None:
    minutes = fault.detail.get("minutes")
    if not isinstance(minutes, (int, float)) or not abs(minutes) <= 60 * 24 * 3650:
        raise LabError("A wrong clock wants minutes=…, such as -90: at most ten years ahead or behind.")


def _check_cut(world: LabWorld, fault: Fault) -> None:
    if fault.detail.get("peer") in (None, fault.host):
        raise LabError('A link has two ends: say to which other host, such as peer="mx1.bakery.test".')
    world.internet.host(fault.detail["peer"])


_CHECKS: dict[str, Callable[[LabWorld, Fault], None]] = {
    "drop": _check_stage,
    "reply": _check_stage,
    "mailbox": _check_mailbox,
    "dns": _check_dns,
    "port": _check_port,
    "disk": _check_disk,
    "slow": _check_slow,
    "cut": _check_cut,
    "clock": _check_clock,
}
