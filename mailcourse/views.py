"""What a lab shows: each view is loaded only when somebody looks, and nothing in a server knows of it.

lab.panel()  lab.map()  lab.journey("m1")  lab.devices("bruno@bakery.test")  lab.queues()  lab.telnet(host, 25)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .internet.errors import LabError, unknown
from .internet.saved import load, save
from .internet.trace import journey

if TYPE_CHECKING:
    from .lab import Lab
    from .widgets.devices import DevicesView
    from .widgets.dig import DigView
    from .widgets.journey import JourneyView
    from .widgets.map import MapView
    from .widgets.panel import SendPanel
    from .widgets.queues import QueuesView
    from .widgets.room import RoomView
    from .widgets.terminal import TerminalView
    from .widgets.wiretap import WiretapView


class SavedTrace:
    """A trace from a file, without a lab: `SavedTrace("monday.jsonl").journey("m1")`.

    `lab.save_trace("monday.jsonl")` wrote it.  `events` are all its events, `messages` the names of its messages.
    """

    def __init__(self, path: Path | str) -> None:
        try:
            self.events = load(Path(path))
        except (OSError, UnicodeDecodeError) as error:
            raise LabError(f"{path} cannot be read as a trace: {error}") from None
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


class Views:
    """The part of a lab's public face that is looked at."""

    @property
    def lab(self) -> Lab:
        """The lab that is looked at: this one."""
        return self  # type: ignore[return-value]

    def panel(self) -> SendPanel:
        """Show a form that sends a message, and the journey of what it sent."""
        from .widgets.panel import SendPanel

        self.lab._check_open()
        return SendPanel(self.lab)

    def map(self) -> MapView:
        """Show the lab from above: hosts, people, queues, and the way that a message takes."""
        from .widgets.map import MapView

        self.lab._check_open()
        return MapView(self.lab)

    def devices(self, person: str, *names: str) -> DevicesView:
        """Show devices of a person side by side ("laptop" and "phone"), each with POP3 or IMAP."""
        from .widgets.devices import DevicesView

        self.lab._check_open()
        return DevicesView(self.lab, person, names or ("laptop", "phone"))

    def queues(self) -> QueuesView:
        """Show every queue and the clock: what waits, why, until when."""
        from .widgets.queues import QueuesView

        self.lab._check_open()
        return QueuesView(self.lab)

    def journey(self, message: str) -> JourneyView:
        """Show the way of a message, by its identity in the trace ("m1")."""
        from .widgets.journey import JourneyView

        lab = self.lab
        lab.look()
        events = lab.trace.journey(message)
        if not events:
            raise unknown("message", message, sorted({e.message for e in lab.trace if e.message}))
        view = JourneyView()
        view.follow(lab.trace, message)
        return view

    def save_trace(self, path: Path | str) -> Path:
        """Write everything that happened into a file, without passwords; `SavedTrace(path)` reads it."""
        self.lab.look()
        save(self.lab.trace.events(), Path(path))
        return Path(path)

    def dig(self, name: str = "", kind: str = "") -> DigView:
        """Ask the DNS from a form: any server, the walk from the root, the resolver's memory, a zone to edit."""
        from .widgets.dig import DigView

        self.lab.look()
        return DigView(self.lab, name, kind)

    def wiretap(self, a: str | None = None, b: str | None = None) -> WiretapView:
        """Listen on the link between two hosts, as an eavesdropper does; without names, everywhere."""
        from .widgets.wiretap import WiretapView

        for name in (a, b):
            if name is not None:
                self.lab.host(name)
        self.lab.look()
        return WiretapView(self.lab, a, b)

    def room(self) -> RoomView:
        """Show the control room: map, script, compose, journey, queue, DNS and terminal on one screen."""
        from .widgets.room import RoomView

        self.lab._check_open()
        return RoomView(self.lab)

    def telnet(self, host: str, port: int, source: str | None = None) -> TerminalView:
        """Type SMTP, POP3 or IMAP by hand, on a real connection from one of the lab's machines (`source`)."""
        from .widgets.terminal import TerminalView

        lab = self.lab
        lab.look()
        if port not in lab.host(host).ports:
            known = ", ".join(map(str, sorted({*lab.host(host).ports}))) or "none"
            raise LabError(f"{host} does not listen on port {port}. Its ports: {known}.")
        return TerminalView(lab, host, port, source or next(iter(lab.scenario.people.values())).device)
