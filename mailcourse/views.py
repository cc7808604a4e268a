"""What a lab shows: its pictures, added above the widgets; nothing in a server or in `lab/` knows of them.

    lab.panel()  lab.map()  lab.journey("m1")  lab.devices("bruno@bakery.test")  lab.queues()  lab.telnet(host, 25)
    lab.proof(sent)  alice.compose()  bruno.mail()  sent.journey()  mail.authentication()
    bruno.browser("https://webmail.bakery.test/")  bruno.web()

Each widget is imported when somebody looks: a script that shows nothing loads none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec

from .host_log import HostLog, log_lines, log_to_files
from .internet.errors import LabError, unknown
from .internet.trace import journey
from .lab.folder import usable
from .lab.lab import PlainLab
from .lab.person import Mail, Messages, PlainPerson
from .lab.scenario import PersonPlan
from .lab.sent import PlainSent
from .message.headers import traced
from .saved import load, save
from .scene.places import Places, ground_of

if TYPE_CHECKING:
    from .widgets.browser import BrowserView
    from .widgets.compose import ComposeView
    from .widgets.devices import DevicesView
    from .widgets.dig import DigView
    from .widgets.journey import JourneyView
    from .widgets.map import MapView
    from .widgets.panel import SendPanel
    from .widgets.proof import ProofView
    from .widgets.queues import QueuesView
    from .widgets.reader import ReaderView
    from .widgets.room import RoomView
    from .widgets.terminal import TerminalView
    from .widgets.web import Browser
    from .widgets.wiretap import WiretapView

Given = ParamSpec("Given")


class SavedTrace:
    """A trace from a file, without a lab: `SavedTrace("monday.jsonl").journey("m1")`.

    `lab.save_trace("monday.jsonl")` wrote it.  `events` are all its events, `messages` the names of its messages.
    """

    def __init__(self, path: Path | str) -> None:
        with usable(path):
            self.events = load(Path(path))
        self.messages = list(dict.fromkeys(event.message for event in self.events if event.message))

    def journey(self, message: str) -> JourneyView:
        """Show the way of a message."""
        from .widgets.journey import JourneyView

        events = journey(self.events, message)
        if not events:
            raise unknown("message", message, self.messages)
        return JourneyView(events)

    def __repr__(self) -> str:
        return f"<SavedTrace: {len(self.events)} events of {len(self.messages)} messages>"


@dataclass(frozen=True, slots=True, repr=False)
class ReceivedMail(Mail):
    """A message that somebody reads, with the picture of what its server found out about it."""

    lab: PlainLab | None = field(default=None, compare=False)

    def authentication(self) -> ProofView:
        """Show what SPF, DKIM and DMARC said when this message came, step by step."""
        assert self.lab is not None
        return _proof(self.lab, self)


def _proof(lab: PlainLab, message: str | PlainSent | Mail) -> ProofView:
    """Find what the last server that asked wrote into the trace about a message."""
    from .widgets.proof import ProofView

    lab.look()
    if isinstance(message, Mail):
        name, wanted = f"the message {message.subject[:60]!r}", _identities(lab, message)
    else:
        name = message.message if isinstance(message, PlainSent) else str(message)[:60]
        wanted = {name}
    asked = [event for event in lab.trace if event.what == "authenticated" and event.message in wanted]
    if not asked:
        raise LabError(
            f"No server asked who sent {name}. Open Lab('signed-offices'), or tell a server to: "
            'lab.configure("mx1.bakery.test", authenticate="note").'
        )
    facts = asked[-1].facts
    return ProofView(facts["checks"], facts["disposition"], facts["reason"])


def _identities(lab: PlainLab, mail: Mail) -> set[str | None]:
    """Return the names in the trace of a message: those whose delivery wrote the header that it has."""
    written = traced(mail.raw)
    headers = ((event.message, str(event.facts["header"])) for event in lab.trace if event.what == "delivered")
    return {message for message, header in headers if header and written.startswith(header)}


class Sent(PlainSent):
    """A message that was sent, with the picture of its way."""

    #: where everything stands in the pictures of its lab
    ground: Places

    def journey(self) -> JourneyView:
        """Show the way of this message, step by step."""
        from .widgets.journey import JourneyView

        view = JourneyView(ground=self.ground)
        self.look()
        view.follow(self.trace, self.message)
        return view


def _showing(
    method: Callable[Concatenate[Person, Given], PlainSent],
) -> Callable[Concatenate[Person, Given], Sent]:
    """Return a method that sends as `method` does, and whose message has a picture."""

    @wraps(method)
    def act(self: Person, /, *arguments: Given.args, **named: Given.kwargs) -> Sent:
        sent = method(self, *arguments, **named)
        shown = Sent(sent.trace, sent.message, sent.recipients, sent.raw, sent.look)
        shown.ground = ground_of(self._lab.scenario)
        return shown

    return act


def _seen(
    method: Callable[Concatenate[Person, Given], Messages],
) -> Callable[Concatenate[Person, Given], Messages]:
    """Return a method that lists as `method` does, and whose messages have a picture."""

    @wraps(method)
    def act(self: Person, /, *arguments: Given.args, **named: Given.kwargs) -> Messages:
        found = method(self, *arguments, **named)
        found[:] = [self._received(mail) for mail in found]
        return found

    return act


class Person(PlainPerson):
    """Somebody who writes and reads mail, also on forms and pages."""

    def __init__(self, lab: PlainLab, address: str, plan: PersonPlan, server: str) -> None:
        super().__init__(lab, address, plan, server)
        self._lab = lab

    send = _showing(PlainPerson.send)
    submit = _showing(PlainPerson.submit)
    inbox, folder = _seen(PlainPerson.inbox), _seen(PlainPerson.folder)
    fetch, search = _seen(PlainPerson.fetch), _seen(PlainPerson.search)

    def read(self, uid: str | int, folder: str = "INBOX") -> ReceivedMail:
        r"""Fetch one whole message; the server marks it as seen (\Seen)."""
        return self._received(super().read(uid, folder))

    def _received(self, mail: Mail) -> ReceivedMail:
        return ReceivedMail(mail.uid, mail.flags, mail.raw, mail.when, self._lab)

    def compose(self) -> ComposeView:
        """Show a form to write a message, with its envelope; nothing is sent before Send is pressed."""
        from .widgets.compose import ComposeView

        return ComposeView(self._lab, self)

    def web(self) -> Browser:
        """Return a browser on this person's machine, without a screen: `bruno.web().open("https://…").text`."""
        from .widgets.web import Browser

        return Browser(self.reach, self._lab.tls_context, self.alone)

    def browser(self, address: str) -> BrowserView:
        """Show a browser's window on this person's machine: `bruno.browser("https://webmail.bakery.test/")`."""
        from .widgets.browser import BrowserView

        return BrowserView(self._lab, self, address)

    def mail(self) -> ReaderView:
        """Show this person's mail as a web page of a mail provider does: folders, a list, a message, buttons."""
        from .widgets.reader import ReaderView

        return ReaderView(self._lab, self)


class Lab(PlainLab):
    """A small Internet of mail, running inside this process.

    `scenario` is a name ("two-offices"), the path of a TOML file, or a `Scenario` that was read.
    `path` keeps queues and mailboxes in that folder; without it they live in a temporary one.
    `clock` is "still" (lab time moves when you move it) or "live" (it follows wall time, `speed`
    times as fast).  Opening a lab under a `name` that is open closes the old one first.
    """

    def person(self, address: str) -> Person:
        """Return the person with this address."""
        return Person(self, *self.plan_of(address))

    def panel(self) -> SendPanel:
        """Show a form that sends a message, and the journey of what it sent."""
        from .widgets.panel import SendPanel

        self.check_open()
        return SendPanel(self)

    def map(self) -> MapView:
        """Show the lab from above: hosts, people, queues, and the way that a message takes."""
        from .widgets.map import MapView

        self.check_open()
        return MapView(self)

    def devices(self, person: str, *names: str) -> DevicesView:
        """Show devices of a person side by side ("laptop" and "phone"), each with POP3 or IMAP."""
        from .widgets.devices import DevicesView

        self.check_open()
        return DevicesView(self, person, names or ("laptop", "phone"))

    def queues(self) -> QueuesView:
        """Show every queue and the clock: what waits, why, until when."""
        from .widgets.queues import QueuesView

        self.check_open()
        return QueuesView(self)

    def journey(self, message: str) -> JourneyView:
        """Show the way of a message, by its identity in the trace ("m1")."""
        from .widgets.journey import JourneyView

        lab = self
        lab.look()
        events = lab.trace.journey(message)
        if not events:
            raise unknown("message", message, sorted({e.message for e in lab.trace if e.message}))
        view = JourneyView(ground=ground_of(lab.scenario))
        view.follow(lab.trace, message)
        return view

    def proof(self, message: str | PlainSent | Mail) -> ProofView:
        """Show what SPF, DKIM and DMARC said of a message ("m1", what `send` returned, or a mail), step by step."""
        return _proof(self, message)

    def save_trace(self, path: Path | str) -> Path:
        """Write everything that happened into a file, without passwords; `SavedTrace(path)` reads it."""
        self.look()
        with usable(path):
            save(self.trace.events(), Path(path))
        return Path(path)

    def log(self, host: str) -> HostLog:
        """Return what the programs of a mail host wrote into its log, as Postfix and Dovecot write it."""
        if host not in self.accounts:
            raise unknown("host with a mail server", host, self.accounts)
        self.look()
        return log_lines(self.trace.events(), host, self._addresses_by_host)

    def log_to(self, folder: Path | str) -> None:
        """Write the log of each mail host into a file of its own in `folder`, from now on, until the lab is closed."""
        self.check_open()
        with usable(folder):
            write = log_to_files(Path(folder), self._addresses_by_host, self.accounts)
        self.when_closed(self.trace.subscribe(write))

    @property
    def _addresses_by_host(self) -> dict[str, str]:
        return {name: machine.addresses[0] for name, machine in self.internet.hosts.items()}

    def dig(self, name: str = "", kind: str = "") -> DigView:
        """Ask the DNS from a form: any server, the walk from the root, the resolver's memory, a zone to edit."""
        from .widgets.dig import DigView

        self.look()
        return DigView(self, name, kind)

    def wiretap(self, a: str | None = None, b: str | None = None) -> WiretapView:
        """Listen on the link between two hosts, as an eavesdropper does; without names, everywhere."""
        from .widgets.wiretap import WiretapView

        for name in (a, b):
            if name is not None:
                self.host(name)
        self.look()
        return WiretapView(self, a, b)

    def room(self) -> RoomView:
        """Show the control room: map, script, compose, journey, queue, DNS and terminal on one screen."""
        from .widgets.room import RoomView

        self.check_open()
        return RoomView(self)

    def telnet(self, host: str, port: int, source: str | None = None) -> TerminalView:
        """Type SMTP, POP3 or IMAP by hand, on a real connection from one of the lab's machines (`source`)."""
        from .widgets.terminal import TerminalView

        lab = self
        lab.look()
        if port not in lab.host(host).ports:
            known = ", ".join(map(str, sorted({*lab.host(host).ports}))) or "none"
            raise LabError(f"{host} does not listen on port {port}. Its ports: {known}.")
        return TerminalView(lab, host, port, source or lab.person(lab.addresses[0]).machine)
