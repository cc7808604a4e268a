"""Accounts and certificates, as an administrator makes them in a running lab.

    lab.administration.add_account("carla@bakery.test", "flour-17")       she can write and read at once
    lab.administration.set_quota("carla@bakery.test", 1_000_000)          octets
    lab.administration.issue_certificate("mail.bakery.test", days=90)     until then programs believe the server

They last as long as the lab is open; the files of mailboxes stay with the folder of the lab.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from mailcourse.internet.errors import LabError, unknown
from mailcourse.mailbox.accounts import Accounts
from mailcourse.message.address import key_of

from .interrupt import uninterrupted
from .scenario import PersonPlan
from .table import Table, table
from .world import LabWorld

MAX_DAYS = 36_500
#: what can be typed into every program to log in: IMAP's LOGIN and AUTH PLAIN take ASCII from everybody
ACCOUNT = re.compile(r"[\w.!#$%&'*/=?^`{|}~+-]{1,64}@[\w.-]{1,250}", re.ASCII)
PASSWORD = re.compile(r"[!-~]([ -~]{0,98}[!-~])?")
HOST_NAME = re.compile(r"(?=.{1,253}$)(\*\.)?[a-zA-Z0-9-]{1,63}(\.[a-zA-Z0-9-]{1,63})*")
#: TLS compares with the machine's time and not with the lab's: what has expired in the lab was over long ago.
LONG_AGO = datetime(2020, 1, 1)


class Administration:
    """Accounts and certificates of a lab: who may log in, how much they may keep, how a server proves who it is."""

    def __init__(self, world: LabWorld) -> None:
        self._world = world

    # ---- accounts --------------------------------------------------------------------------------------

    @property
    def accounts(self) -> Table:
        """All accounts: the host with the mailbox, octets used, octets allowed."""
        self._world.look()
        rows = []
        for address in self._world.addresses:
            accounts = self._world.accounts_of(address)
            quota = accounts.quota(address)
            rows.append((address, self._world.home_of(address), accounts.used(address), "" if quota is None else quota))
        return table(("account", "mailbox on", "octets", "quota"), rows)

    @uninterrupted
    def add_account(
        self, address: str, password: str = "", *, name: str = "", quota: int | None = None, machine: str = ""
    ) -> Table:
        """Make an account in a domain of the lab, and a mailbox; return the table of accounts.

        Without a password one is made.  `machine` is the host that the person writes from: without it, that of
        the others there.  A mailbox that an account of that name left on the disk is found again.
        """
        world = self._world
        world.check_open()
        if not isinstance(address, str) or not ACCOUNT.fullmatch(address):
            raise LabError(
                f"{str(address)[:60]!r} cannot be an account. Write one such as carla@bakery.test, in ASCII."
            )
        new = key_of(address)
        domain = new.rpartition("@")[2]
        if domain not in world.scenario.domains:
            raise unknown("mail domain", domain, world.scenario.domains)
        if new in world.scenario.people:
            raise LabError(f"There is an account {new} already. Choose another name, or remove it first.")
        _check_quota(quota)
        _check_password(password or "made here")
        machine = machine or self._usual_machine(domain)
        if machine not in world.scenario.hosts:
            raise unknown("host", machine, world.scenario.hosts)
        host = world.host(world.scenario.domains[domain])
        with world.turn():
            secret = password or host.random.randbytes(6).hex()
            plan = PersonPlan(name or new.partition("@")[0].capitalize(), secret, machine, quota)
            accounts = world.accounts[host.name]
            world.runtime.call(lambda: accounts.add(new, secret, host.random.randbytes(16), quota))
            self._set_people({**world.scenario.people, new: plan})
        return self.accounts

    @uninterrupted
    def remove_account(self, address: str) -> Table:
        """Take an account away: nobody logs in, and mail is refused; the files of the mailbox stay on the disk."""
        known = self._known(address)
        with self._world.turn():
            self._world.runtime.call(lambda: self._world.accounts_of(known).remove(known))
            self._set_people({who: plan for who, plan in self._world.scenario.people.items() if who != known})
        return self.accounts

    @uninterrupted
    def set_password(self, address: str, password: str) -> None:
        """Give an account another password; programs that know the old one are refused."""
        _check_password(password)
        host = self._world.host(self._world.home_of(self._known(address)))
        salt = host.random.randbytes(16)
        self._change(address, lambda accounts, who: accounts.set_password(who, password, salt), password=password)

    @uninterrupted
    def set_quota(self, address: str, octets: int | None) -> None:
        """Let a mailbox have so many octets, or with None as many as come."""
        _check_quota(octets)
        self._change(address, lambda accounts, who: accounts.limit(who, octets), quota=octets)

    def _change(self, address: str, act: Callable[[Accounts, str], None], **plan: Any) -> None:
        known, world = self._known(address), self._world
        with world.turn():
            world.runtime.call(lambda: act(world.accounts_of(known), known))
            self._set_people({**world.scenario.people, known: replace(world.scenario.people[known], **plan)})

    def _known(self, address: str) -> str:
        self._world.check_open()
        known = key_of(address) if isinstance(address, str) and ACCOUNT.fullmatch(address) else ""
        if known not in self._world.scenario.people:
            raise unknown("account", address, self._world.scenario.people)
        return known

    def _usual_machine(self, domain: str) -> str:
        people = self._world.scenario.people.items()
        near = [plan.device for address, plan in people if address.rpartition("@")[2] == domain]
        return (near or [plan.device for _, plan in people] or [self._world.scenario.domains[domain]])[0]

    def _set_people(self, people: Mapping[str, PersonPlan]) -> None:
        """The plan of the lab names its people; servers that answer for an address learn of it too."""
        before, world = frozenset(self._world.scenario.people), self._world
        world.scenario = replace(world.scenario, people=dict(people))
        after = frozenset(people)

        def learn() -> None:
            for delivery in world.deliveries.values():
                new = {who for who in after - before if who.rpartition("@")[2] in delivery.book.domains}
                delivery.book = replace(delivery.book, people=(delivery.book.people - (before - after)) | new)

        world.runtime.call(learn)

    # ---- certificates ----------------------------------------------------------------------------------

    @uninterrupted
    def issue_certificate(self, host: str, *names: str, days: float = 90) -> datetime:
        """Have the lab's CA sign a new certificate for a server; return the lab time at which it expires.

        `names` are those that it is valid for, without any the host's own.  A program that looks at the names and
        the time refuses a certificate that is for others, or has expired.
        """
        world = self._world
        world.host(host)
        if not isinstance(days, (int, float)) or not 0 <= days <= MAX_DAYS:
            raise LabError(f"A certificate is valid for 0 to {MAX_DAYS} days; this is {days}.")
        valid = names or (host,)
        for name in valid:
            if not HOST_NAME.fullmatch(name):
                raise LabError(f"{name[:60]!r} cannot be the name of a host. Write one such as imap.bakery.test.")
        ends = world.clock.now() + timedelta(days=days)

        async def expire() -> None:
            if world.certificate_ends.get(host) == ends:  # no other was issued meanwhile
                world.certificates.issue(host, valid, LONG_AGO)

        with world.turn():
            world.certificate_ends[host] = ends
            world.certificates.issue(host, valid, None if days else LONG_AGO)
            world.runtime.call(lambda: world.clock.after(days * 86_400, expire) if days else None)
        return ends


def _check_quota(octets: int | None) -> None:
    if octets is not None and (type(octets) is not int or octets < 1):
        raise LabError(f"A quota is a number of octets, such as 1_000_000, or None; this is {octets!r}.")


def _check_password(password: str) -> None:
    if not isinstance(password, str) or not PASSWORD.fullmatch(password):
        raise LabError("A password has 1 to 100 signs of ASCII, no space at its ends, and cannot be empty.")
