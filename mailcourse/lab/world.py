"""The world of a lab, as it is built from a scenario: its hosts, servers, clock and folder, and whose turn it is.

    scenario.py (TOML) ─► build.py ─► hosts, zones, mailboxes, servers ─► one world, open until `close`

A lab is a world with a public face (`lab.py`).  What the face is made of (people, queues, faults, the DNS) is given
the world and knows nothing of the face.  Everything public is blocking and thread-safe.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Self
from weakref import WeakValueDictionary, finalize

from mailcourse.dns.resolver import Resolver
from mailcourse.dns.server import AuthoritativeServer
from mailcourse.dns.stub import Stub
from mailcourse.internet.certificates import Authority
from mailcourse.internet.clock import Clock
from mailcourse.internet.disk import Disk
from mailcourse.internet.errors import LabClosed, LabError, unknown
from mailcourse.internet.network import Host, Internet
from mailcourse.internet.runtime import Runtime, runtime
from mailcourse.internet.tap import Listener
from mailcourse.internet.trace import Trace
from mailcourse.mailbox.accounts import Accounts
from mailcourse.mailbox.folders import Mailbox
from mailcourse.mda.deliver import MailboxDelivery
from mailcourse.mta.server import MailServer

from .folder import Folder, usable
from .interrupt import aside, idle
from .scenario import Scenario, load, names

#: name -> the world that is open under it; held while one opens or closes
_open: WeakValueDictionary[str, LabWorld] = WeakValueDictionary()
opening = threading.RLock()
#: a day in less than a second
MAX_SPEED = 100_000


class LabWorld:
    """What runs: every server of a scenario, and the clock that moves them.  `Lab` says what the arguments mean.

    A view reads `name`, `scenario` (the plan, a value), `clock`, `trace`, `faults`, `mail_servers` and `dns_servers`,
    and otherwise asks the methods.
    """

    def __init__(
        self,
        scenario: str | Path | Scenario = "two-offices",
        *,
        path: str | Path | None = None,
        clock: str = "still",
        speed: float = 1.0,
        name: str | None = None,
        seed: int = 1,
        new_disk: Callable[[], Disk] = Disk,
    ) -> None:
        if clock not in ("still", "live"):
            raise LabError(f'There is no clock {clock!r}. Use "still" or "live".')
        if not 0 < speed <= MAX_SPEED:
            raise LabError(f"A clock cannot run {speed} times as fast. Give a speed above 0, such as 60.")
        self.scenario = scenario if isinstance(scenario, Scenario) else load(scenario)
        self.name = name or self.scenario.name
        with opening:
            if (before := _open.get(self.name)) is not None:
                before.shut()
            self.runtime, self.is_open = runtime(), True
            self._thread_turn, self._acting = threading.RLock(), False
            with usable(path or "the folder for temporary files"):
                self._folder = Folder(path)
                run = self._folder.count_run()
            self.clock = Clock(self.scenario.start, self.runtime, live=clock == "live", speed=speed)
            self.trace = Trace(self.clock, run)
            self._broken: list[BaseException] = []
            # Nothing that runs may hold the world: one that nobody has any more is given back.
            self.clock.on_fault = partial(_note_fault, self.trace, self._broken)
            self.clock.on_move = partial(self.trace.add, "lab", "lab", "clock-moved")
            self.internet = Internet(self.clock, self.trace, self.runtime, f"{self.scenario.name}/{seed}/{run}")
            self.certificates = Authority(self.path / "ca.pem")
            self.certificate_ends: dict[str, datetime] = {}  # of those that an administrator had issued
            self.dns_servers: dict[str, AuthoritativeServer] = {}
            self.resolvers: dict[str, Resolver] = {}
            self.mail_servers: dict[str, MailServer] = {}
            self.accounts: dict[str, Accounts] = {}
            self.deliveries: dict[str, MailboxDelivery] = {}
            self.new_disk = new_disk  # a seam: a test's disk may fail, or stop the process
            self.disks: dict[str, Disk] = {}
            self._at_close: list[Callable[[], object]] = []
            _open[self.name] = self
            self._dropped = finalize(self, _give_back, self.runtime, self.clock, self.internet, self._folder)
            self._dropped.atexit = False  # `_close_all` does it
            try:
                self.begin()
            except BaseException:
                self.shut()
                raise

    def begin(self) -> None:
        """Start what runs; for the class that knows how.  `opening` is held."""

    # ---- opening and closing ---------------------------------------------------------------------

    @property
    def path(self) -> Path:
        """The folder with the queues and mailboxes."""
        return self._folder.path

    def close(self) -> None:
        """Stop every server and give back every socket, task and temporary folder.  Idempotent.

        A cell that is interrupted waits no longer; the lab closes all the same.
        """
        aside(self.shut)

    def shut(self) -> None:
        """Close on this thread: where `opening` is held, and at the end of the program."""
        with opening:
            if not self.is_open:
                return
            self.is_open = False
            if _open.get(self.name) is self:
                del _open[self.name]
            for act in self._at_close:
                act()
            self._dropped.detach()
            self.runtime.run(_stop(self.clock, self.internet))
            self._folder.close()

    def when_closed(self, act: Callable[[], object]) -> None:
        """Call `act` when this lab is closed."""
        self._at_close.append(act)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def check_open(self) -> None:
        """Raise `LabClosed`, with what to do, when this world was closed."""
        if not self.is_open:
            again = f"Open it again: lab = Lab({self.name!r})."
            made = "Open it again: run the cell that did, such as the one with world.lab(…)."  # not from a file
            raise LabClosed(f"This lab was closed. {again if self.name in names() else made}")

    # ---- whose turn it is --------------------------------------------------------------------------

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Act alone: what is due has been done before, and what this starts happens after."""
        self.check_open()
        with self._thread_turn:
            if self._acting:  # an action within an action
                yield
                return
            self._acting = True
            try:
                self.runtime.run(self.clock.take_turn())
                yield
            finally:  # also when the cell was interrupted while it waited
                self._acting = False
                self.runtime.call(self.clock.give_turn)

    def settle(self, timeout: float = 60.0) -> Self:
        """Wait until nothing is moving; `timeout` is in real seconds."""
        self.check_open()
        self.runtime.run(self.clock.quiet(timeout))
        if self._broken:
            bug = self._broken.pop(0)
            raise LabError(f"A server of the lab failed: {type(bug).__name__}: {bug}. This is a bug.") from bug
        return self

    def look(self) -> None:
        """Before somebody looks: on a standing clock, let all that is due happen."""
        if self.is_open and not self.clock.live:
            self.settle()

    # ---- what the face is made of asks ---------------------------------------------------------------

    def host(self, name: str) -> Host:
        """Return a host; `.down()` and `.up()` switch it."""
        self.check_open()
        return self.internet.host(name)

    def stub(self, host: str) -> Stub:
        """Return the way into the DNS of one host."""
        resolver = self.internet.host(self.scenario.resolver).addresses[0]
        return Stub(self.internet.host(host), resolver)

    def on_packet(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each packet that passes anywhere, on the lab's thread; return the way to stop."""
        return self.internet.taps.add(listener)

    def mail_server(self, host: str) -> MailServer:
        """Return the mail server of a host, after all that is due has been done."""
        self.check_open()
        if host not in self.mail_servers:
            raise unknown("mail server", host, self.mail_servers)
        self.look()
        return self.mail_servers[host]

    def tls_context(self) -> ssl.SSLContext:
        """Return a client's TLS context, which trusts the lab's CA and no other."""
        return self.certificates.client

    # ---- who lives where -----------------------------------------------------------------------------

    @property
    def addresses(self) -> list[str]:
        """The addresses of all people, in the order of the scenario."""
        return list(self.scenario.people)

    def home_of(self, address: str) -> str:
        """Return the host with the mailbox of a person."""
        return self.scenario.domains[address.rpartition("@")[2].lower()]

    def residents_of(self, host: str) -> list[str]:
        """Return the addresses whose mailbox is on this host."""
        return [address for address in self.scenario.people if self.home_of(address) == host]

    def accounts_of(self, address: str) -> Accounts:
        """Return the accounts among which a person's is: passwords, quotas, forwards."""
        return self.accounts[self.home_of(address)]

    def mailbox_of(self, address: str) -> Mailbox:
        """Return the mailbox of a person."""
        return self.accounts_of(address).mailbox(address)


def _note_fault(trace: Trace, broken: list[BaseException], error: BaseException) -> None:
    broken.append(error)
    trace.add("lab", "lab", "warning", text=f"{type(error).__name__}: {error}")


async def _stop(clock: Clock, internet: Internet) -> None:
    await clock.close()
    await internet.close()


def _give_back(runtime: Runtime, clock: Clock, internet: Internet, folder: Folder) -> None:
    """Close what a lab had that was dropped without `close`.  On any thread, so that nothing may be waited for."""
    asyncio.run_coroutine_threadsafe(_stop(clock, internet), runtime.loop).add_done_callback(lambda _: folder.close())


_forked = threading.Event()


def _hold_still() -> None:
    """Before a fork: have the labs' thread wait where it holds no lock, which the copy would never see opened."""
    _forked.clear()
    for loop in {world.runtime.loop for world in _open.values() if not world.runtime.is_here()}:
        still = threading.Event()
        loop.call_soon_threadsafe(still.set)
        loop.call_soon_threadsafe(_forked.wait, 5)
        still.wait(5)


def _forget() -> None:
    """In a process that was forked: the labs, their threads and their folders are the other one's."""
    opening._at_fork_reinit()  # type: ignore[attr-defined]  # another thread may have held it
    for world in list(_open.values()):
        world.is_open = False
        world._dropped.detach()
    _open.clear()
    idle.clear()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_hold_still, after_in_parent=_forked.set, after_in_child=_forget)


@atexit.register
def _close_all() -> None:
    """Leave no temporary folder behind."""
    for world in list(_open.values()):
        world.shut()
