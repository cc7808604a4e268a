"""The lab: the public face of a world of mail, for a cell, a script or a test.

    lab.hosts  lab.people  lab.person(…)      who is there
    lab.dns    lab.zone(…)                    names
    lab.queue(…)  lab.fault(…)                what waits, what is broken
    lab.settings(…)  lab.alias(…)             what an administrator does
    lab.endpoint(…)  lab.online(…)            the way in for real programs

Everything public here is blocking and thread-safe.  What is looked at (`lab.map()`, …) is in `views.py`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dns.exception
import dns.name

from mailcourse.dns.stub import NoAnswer
from mailcourse.internet.errors import LabError, unknown
from mailcourse.internet.network import Host
from mailcourse.internet.online import online
from mailcourse.internet.tap import Tap
from mailcourse.message.address import parse as parse_address
from mailcourse.mta.route import route

from .accounts import Administration
from .administration import aliases_of, configure, set_alias, settings_of, sign_mail, write_reports
from .build import build
from .dns import LabDns, LabZone
from .faults import Fault, Faults
from .folder import usable
from .person import PlainPerson
from .ports import SERVICES
from .queue import LabQueue, queue_of
from .scenario import PersonPlan
from .table import Table, table
from .world import LabWorld

if TYPE_CHECKING:
    from mailcourse.internet.capture import Capture


class PlainLab(LabWorld):
    """A lab without pictures; `Lab` in `views.py` adds them, and says what the arguments mean."""

    def begin(self) -> None:
        """Build all hosts and start their servers."""
        self.faults = Faults(self)
        self.runtime.run(self._build())

    async def _build(self) -> None:
        for name, plan in self.scenario.hosts.items():
            self.internet.add_host(name, plan.addresses)
        for name, plan in self.scenario.hosts.items():
            await build(self, self.internet.hosts[name], plan)
        self.faults.begin(self.scenario.faults)
        for server in self.mail_servers.values():
            server.recover()

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

    def person(self, address: str) -> PlainPerson:
        """Return the person with this address."""
        return PlainPerson(self, *self.plan_of(address))

    def plan_of(self, address: str) -> tuple[str, PersonPlan, str]:
        """Return a person's address, plan and mail server; raise with a hint when nobody has that address."""
        self.check_open()
        plan = self.scenario.people.get(address.lower())
        if plan is None:
            raise unknown("person", address, self.scenario.people)
        return address.lower(), plan, self.home_of(address)

    @property
    def dns(self) -> LabDns:
        """Ask the DNS: lab.dns.lookup("bakery.test", "MX")."""
        self.check_open()
        return LabDns(self)

    def zone(self, origin: str) -> LabZone:
        """Return a zone, to read and to edit."""
        self.check_open()
        with suppress(dns.exception.DNSException, UnicodeError):  # what is no name is no zone either
            name = dns.name.from_text(origin)
            for server in self.dns_servers.values():
                if name in server.zones:
                    return LabZone(self, origin, server)
        raise unknown("zone", origin, self.scenario.zones)

    def queue(self, host: str) -> LabQueue:
        """Return the queue of a mail server: a table, with hold, release, flush and delete."""
        return queue_of(self, host)

    def decide(self, host: str, *recipients: str) -> Table:
        """Ask a mail server where it would send a message for each recipient: the decision that it takes itself."""
        settings = self.mail_server(host).settings
        routes = [(text, route(parse_address(text), settings)) for text in recipients]
        return table(
            ("recipient", "decision", "target"), [(text, way.decision.value, way.target) for text, way in routes]
        )

    def fault(self, host: str, kind: str, **detail: Any) -> Fault:
        """Break something on purpose: `lab.fault("mx1.bakery.test", "reply", at="RCPT", say="450 4.2.1 busy")`.

        The kinds are down, port, slow, drop, reply, disk, mailbox, clock and dns; `mailcourse.lab.faults` tells
        what each needs.  The fault lasts until `.mend()`, or until the end of a `with` block.
        """
        self.check_open()
        return self.faults.make(host, kind, **detail)

    def mend(self) -> None:
        """Fix everything that `fault` broke."""
        self.check_open()
        self.faults.mend_all()

    # ---- what an administrator does ------------------------------------------------------------------

    def settings(self, host: str) -> Table:
        """Show what a mail server is told about itself."""
        return table(("setting", "value"), list(settings_of(self, host).items()))

    def configure(self, host: str, **changes: Any) -> Table:
        """Change settings of a mail server, by the names that `settings` shows; what waits is decided again."""
        configure(self, host, changes)
        return self.settings(host)

    def sign(self, host: str, domain: str, selector: str = "lab", *, kind: str = "rsa") -> str:
        """Make a key and let a mail server sign with it what its people send (DKIM); return the record to publish.

        `lab.zone("academy.test").add(lab.sign("mail.academy.test", "academy.test"))`.  `kind` is "rsa" or "ed25519".
        """
        return sign_mail(self, host, domain, selector, kind)

    def dmarc_reports(self, host: str, folder: str | Path = ".") -> list[Path]:
        """Write what a mail server found out about senders, as it would report it to the owners of their domains."""
        return write_reports(self, host, folder)

    def aliases(self, domain: str) -> dict[str, list[str]]:
        """Return the alias table of a domain: address → targets."""
        return aliases_of(self, domain)

    def alias(self, address: str, *targets: str) -> dict[str, list[str]]:
        """Let an address of a domain stand for `targets`; without targets, take the alias away.

        An address such as "@bakery.test" is the catch-all.  Returns the domain's table.
        """
        return set_alias(self, address, targets)

    @property
    def administration(self) -> Administration:
        """Accounts and certificates: `lab.administration.add_account("carla@bakery.test")`."""
        self.check_open()
        return Administration(self)

    # ---- from outside, and as somebody inside --------------------------------------------------------

    def endpoint(self, host: str, port: int, *, any_user: bool = False) -> tuple[str, int]:
        """Open a door to a service and return its real (address, port), for any client of yours on this machine.

        On Linux only programs of your own user may come in, unless `any_user`.  It stays open until the lab closes.
        """
        target = self.host(host)
        if port not in target.ports:
            known = ", ".join(f"{p} ({SERVICES.get(p, '?')})" for p in sorted(target.ports)) or "none"
            raise LabError(f"{host} does not listen on port {port}. Its open ports: {known}.")
        return self.runtime.run(self.internet.open_door(target, port, any_user=any_user))

    def endpoints(self, *, any_user: bool = False) -> dict[str, Any]:
        """Open all doors; return endpoints, passwords and the CA file, as `mailcourse up --endpoints` writes them."""
        hosts = {
            name: {str(port): list(self.endpoint(name, port, any_user=any_user)) for port in sorted(set(host.ports))}
            for name, host in self.internet.hosts.items()
            if host.ports
        }
        return {
            "dns": list(self.endpoint(self.scenario.resolver, 53, any_user=any_user)),
            "hosts": hosts,
            "people": {address: person.password for address, person in self.scenario.people.items()},
            "ca": str(self.ca),
        }

    @property
    def ca(self) -> Path:
        """The file with the certificate of the lab's CA."""
        self.check_open()
        return self.certificates.ca_file()

    def tap(self, a: str | None = None, b: str | None = None) -> Tap:
        """Listen to all that passes between two hosts, as an eavesdropper does; without names, to everything."""
        self.check_open()
        return Tap(self.internet.taps, *(self.internet.known(name) for name in (a, b) if name is not None))

    def capture(self, path: str | Path) -> Capture:
        """Write what passes into a file for Wireshark, until `.stop()` or the end of a `with` block."""
        from mailcourse.internet.capture import Capture

        self.check_open()
        with usable(path):
            capture = Capture(self.internet.taps, path)
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
