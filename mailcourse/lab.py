"""The lab: reads a scenario and builds its world; the only module that knows every role.

    scenario.py (TOML) ─► hosts, zones, people ─► internet, dns, mta, mda, access ─► tables, people, views

Everything public here is blocking and safe from any cell and any thread.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dns.name

from .administration import Administration
from .build import build
from .dns.resolver import Resolver
from .dns.server import AuthoritativeServer
from .dns.stub import NoAnswer, Stub
from .faults import Fault, Faults
from .folder import Folder
from .internet.certificates import Authority
from .internet.clock import Clock
from .internet.disk import Disk
from .internet.errors import LabClosed, LabError, unknown
from .internet.loopback import LoopbackInternet
from .internet.memory import MemoryInternet
from .internet.network import SERVICES, Host, Internet
from .internet.online import online
from .internet.runtime import runtime
from .internet.tap import Tap
from .internet.trace import Trace
from .mailbox.accounts import Accounts
from .mda.deliver import MailboxDelivery
from .message.address import parse as parse_address
from .mta.route import route
from .mta.server import MailServer
from .names import LabDns, LabZone
from .person import Person
from .queues import LabQueue, queue_of
from .scenario import Scenario, load, names
from .table import Table, table
from .views import Views

if TYPE_CHECKING:
    from .internet.capture import Capture

_open: dict[str, Lab] = {}
_opening = threading.RLock()


class Lab(Views, Administration):
    """A small Internet of mail, running inside this process.

    `scenario` is a name ("two-offices"), the path of a TOML file, or a `Scenario` that was read.
    `path` keeps queues and mailboxes in that folder; without it they live in a temporary one.
    `clock` is "still" (lab time moves when you move it) or "live" (it follows wall time, `speed`
    times as fast).  Opening a lab under a `name` that is open closes the old one first.
    """

    def __init__(
        self,
        scenario: str | Path | Scenario = "two-offices",
        *,
        path: str | Path | None = None,
        clock: str = "still",
        speed: float = 1.0,
        name: str | None = None,
        network: str = "loopback",
        seed: int = 1,
        new_disk: Callable[[], Disk] = Disk,
    ) -> None:
        if clock not in ("still", "live"):
            raise LabError(f'There is no clock {clock!r}. Use "still" or "live".')
        if network not in ("loopback", "memory"):
            raise LabError(f'There is no network {network!r}. Use "loopback" or "memory".')
        self.scenario = scenario if isinstance(scenario, Scenario) else load(scenario)
        self.name = name or self.scenario.name
        with _opening:
            if self.name in _open:
                _open[self.name].close()
            self.runtime = runtime()
            self._thread_turn = threading.RLock()
            self._acting = False
            self.is_open = True
            self._folder = Folder(path)
            run = self._folder.count_run()
            self.clock = Clock(self.scenario.start, self.runtime, live=clock == "live", speed=speed)
            self.trace = Trace(self.clock, run)
            self.clock.on_fault = self._fault
            self.clock.on_move = self._moved
            kind = LoopbackInternet if network == "loopback" else MemoryInternet
            self.internet: Internet = kind(self.clock, self.trace, self.runtime, f"{self.scenario.name}/{seed}/{run}")
            self.certificates = Authority(self.path / "ca.pem")
            self.dns_servers: dict[str, AuthoritativeServer] = {}
            self.resolvers: dict[str, Resolver] = {}
            self.mail_servers: dict[str, MailServer] = {}
            self.accounts: dict[str, Accounts] = {}
            self.deliveries: dict[str, MailboxDelivery] = {}
            self.new_disk = new_disk  # a seam: a test's disk may fail, or stop the process
            self.disks: dict[str, Disk] = {}
            self.faults = Faults(self)
            self._broken: list[BaseException] = []
            self._at_close: list[Callable[[], object]] = []
            try:
                self.runtime.run(self._build())
            except BaseException:
                self.close()
                raise
            _open[self.name] = self

    # ---- opening and closing ---------------------------------------------------------------------

    @property
    def path(self) -> Path:
        """The folder with the queues and mailboxes."""
        return self._folder.path

    async def _build(self) -> None:
        for name, plan in self.scenario.hosts.items():
            self.internet.add_host(name, plan.addresses)
        for name, plan in self.scenario.hosts.items():
            await build(self, self.internet.hosts[name], plan)
        self.faults.begin(self.scenario.faults)
        for server in self.mail_servers.values():
            server.recover()

    def close(self) -> None:
        """Stop every server and give back every socket, task and temporary folder.  Harmless if repeated."""
        with _opening:
            if not self.is_open:
                return
            self.is_open = False
            if _open.get(self.name) is self:
                del _open[self.name]
            for act in getattr(self, "_at_close", ()):
                act()
            if hasattr(self, "internet"):
                self.runtime.run(self._stop())
            self._folder.close()

    def when_closed(self, act: Callable[[], object]) -> None:
        """Call `act` when this lab is closed."""
        self._at_close.append(act)

    async def _stop(self) -> None:
        await self.clock.close()
        await self.internet.close()

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if not self.is_open:
            again = f"Open it again: lab = Lab({self.name!r})."
            made = "Open it again: run the cell that did, such as the one with world.lab(…)."  # not from a file
            raise LabClosed(f"This lab was closed. {again if self.name in names() else made}")

    def _fault(self, error: BaseException) -> None:
        self._broken.append(error)
        self.trace.add("lab", "lab", "warning", text=f"{type(error).__name__}: {error}")

    def _moved(self, now: object) -> None:
        self.trace.add("lab", "lab", "clock-moved", to=now)

    # ---- whose turn it is --------------------------------------------------------------------------

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Act alone: what is due has been done before, and what this starts happens after."""
        self._check_open()
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

    def settle(self, timeout: float = 60.0) -> Lab:
        """Wait until nothing is moving; `timeout` is in real seconds."""
        self._check_open()
        self.runtime.run(self.clock.quiet(timeout))
        if self._broken:
            bug = self._broken.pop(0)
            raise LabError(f"A server of the lab failed: {type(bug).__name__}: {bug}. This is a bug.") from bug
        return self

    def look(self) -> None:
        """Before somebody looks: on a standing clock, let all that is due happen."""
        if self.is_open and not self.clock.live:
            self.settle()

    # ---- what there is -----------------------------------------------------------------------------

    @property
    def hosts(self) -> Table:
        """All hosts: address, organisation, services, up or down."""
        rows = [
            (
                name,
                plan.addresses,
                self.scenario.organisations.get(plan.organisation, plan.organisation),
                plan.services,
                "up" if self.internet.hosts[name].is_up else "down",
            )
            for name, plan in self.scenario.hosts.items()
        ]
        return table(("host", "addresses", "organisation", "services", "state"), rows)

    @property
    def domains(self) -> Table:
        """The mail domains, and where their mailboxes are."""
        return table(("domain", "mailboxes on"), list(self.scenario.domains.items()))

    @property
    def people(self) -> Table:
        """The people: address, password, the machine they write from."""
        rows = [(plan.name, address, plan.password, plan.device) for address, plan in self.scenario.people.items()]
        return table(("name", "address", "password", "writes from"), rows)

    def host(self, name: str) -> Host:
        """Return a host; `.down()` and `.up()` switch it."""
        self._check_open()
        return self.internet.host(name)

    def person(self, address: str) -> Person:
        """Return the person with this address."""
        self._check_open()
        plan = self.scenario.people.get(address.lower())
        if plan is None:
            raise unknown("person", address, self.scenario.people)
        return Person(self, address.lower(), plan, self.scenario.domains[parse_address(address).domain])

    @property
    def dns(self) -> LabDns:
        """Ask the DNS: lab.dns.lookup("bakery.test", "MX")."""
        self._check_open()
        return LabDns(self)

    def zone(self, origin: str) -> LabZone:
        """Return a zone, to read and to edit."""
        self._check_open()
        name = dns.name.from_text(origin)
        for server in self.dns_servers.values():
            if name in server.zones:
                return LabZone(self, origin, server)
        raise unknown("zone", origin, self.scenario.zones)

    def stub(self, host: str) -> Stub:
        """Return the way into the DNS of one host."""
        resolver = self.internet.host(self.scenario.resolver).addresses[0]
        return Stub(self.internet.host(host), resolver)

    def queue(self, host: str) -> LabQueue:
        """Return the queue of a mail server: a table, with hold, release, flush and delete."""
        self._check_open()
        if host not in self.mail_servers:
            raise unknown("mail server", host, self.mail_servers)
        self.look()
        return queue_of(self, self.mail_servers[host])

    def decide(self, host: str, *recipients: str) -> Table:
        """Ask a mail server where it would send a message for each recipient: the decision that it takes itself."""
        self._check_open()
        if host not in self.mail_servers:
            raise unknown("mail server", host, self.mail_servers)
        found = [(text, route(parse_address(text), self.mail_servers[host].settings)) for text in recipients]
        return table(
            ("recipient", "decision", "target"), [(text, one.decision.value, one.target) for text, one in found]
        )

    def fault(self, host: str, kind: str, **detail: Any) -> Fault:
        """Break something on purpose: `lab.fault("mx1.bakery.test", "reply", at="RCPT", say="450 4.2.1 busy")`.

        The kinds are down, port, slow, drop, reply, disk, mailbox and dns; `mailcourse.faults` tells
        what each needs.  The fault lasts until `.mend()`, or until the end of a `with` block.
        """
        self._check_open()
        return self.faults.make(host, kind, **detail)

    def mend(self) -> None:
        """Mend everything that `fault` broke."""
        self._check_open()
        self.faults.mend_all()

    # ---- from outside, and as somebody inside --------------------------------------------------------

    def endpoint(self, host: str, port: int) -> tuple[str, int]:
        """Return the real (address, port) of a service, for any client on this machine."""
        target = self.host(host)
        if isinstance(self.internet, MemoryInternet):
            raise LabError('This lab is in memory and has no real ports. Open it with network="loopback".')
        found = self.internet.endpoint(target.addresses[0], port)
        if found is None:
            known = ", ".join(f"{p} ({SERVICES.get(p, '?')})" for p in sorted(target.ports)) or "none"
            raise LabError(f"{host} does not listen on port {port}. Its open ports: {known}.")
        return found

    def endpoints(self) -> dict[str, Any]:
        """Return every endpoint, password and the CA file, as `mailcourse up --endpoints` writes them."""
        hosts = {
            name: {str(port): list(self.endpoint(name, port)) for port in sorted(set(host.ports))}
            for name, host in self.internet.hosts.items()
            if host.ports
        }
        return {
            "dns": list(self.endpoint(self.scenario.resolver, 53)),
            "hosts": hosts,
            "people": {address: person.password for address, person in self.scenario.people.items()},
            "ca": str(self.ca),
        }

    @property
    def ca(self) -> Path:
        """The file with the certificate of the lab's CA."""
        self._check_open()
        return self.certificates.ca_file()

    def tap(self, a: str | None = None, b: str | None = None) -> Tap:
        """Listen to all that passes between two hosts, as an eavesdropper does; without names, to everything."""
        for name in (a, b):
            if name is not None:
                self.host(name)
        self._check_open()
        return Tap(self.internet, a, b)

    def capture(self, path: str | Path) -> Capture:
        """Write what passes into a file for Wireshark, until `.stop()` or the end of a `with` block."""
        from .internet.capture import Capture

        self._check_open()
        capture = Capture(self.internet, path)
        self.when_closed(capture.stop)
        return capture

    def online(self, host: str) -> AbstractContextManager[None]:
        """Put this process on a host of the lab: inside `with`, its sockets and look-ups go to the lab only."""
        machine = self.host(host)
        return online(machine, self._addresses_for(machine))

    def _addresses_for(self, machine: Host) -> Any:
        def lookup(name: str) -> list[str]:
            try:
                return self.runtime.run(self.stub(machine.name).addresses(name))
            except NoAnswer:
                return []

        return lookup

    def __repr__(self) -> str:
        state = "open" if self.is_open else "closed"
        return f"<Lab {self.name!r}: {self.scenario.title}, {len(self.scenario.hosts)} hosts, {state}>"


@atexit.register
def _close_all() -> None:
    """Leave no temporary folder behind."""
    for lab in list(_open.values()):
        lab.close()
