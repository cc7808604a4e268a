"""The trace: everything that can be seen, in one ordered record.

    seq  lab time  host  role  what  message  facts
    17   08:00:00  mx1…  mta   said  m1       {"side": "C", "line": "MAIL FROM:<alice@academy.test>", …}

`EVENTS` below is the whole vocabulary.  Widgets, checks, lessons and tests read these names.
A message keeps one identity ("m1") on all hops: the dialling side marks its connection with it,
as a dye marks water, and the listening side reads the mark (`network.Connection.message`).
Who uses it: every server writes; only views and checks read.  No server reads the trace.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

#: what happened -> its facts, and the sentence that a view shows
_TABLE = {
    "host-down": ("", "{host} is switched off"),
    "host-up": ("", "{host} is switched on"),
    "port-closed": ("port", "port {port} of {host} is closed"),
    "port-opened": ("port", "port {port} of {host} is open"),
    "link-slowed": ("peer seconds", "what passes between {host} and {peer} takes {seconds} s longer, each way"),
    "clock-moved": ("to", "the lab clock moves to {to}"),
    "composed": ("sender recipients subject header", "{sender} writes “{subject}”"),
    "connected": ("session peer address port service", "{peer} connects to {host} port {port}"),
    "unreachable": ("peer address port reason", "{host} cannot reach {peer} port {port}: {reason}"),
    "said": ("session side line secret", "{side}: {line}"),
    "asked": ("name type server transport", "{host} asks {server}: {type} of {name}?"),
    "answered": ("name type rcode answers authoritative cached", "{host} answers {type} of {name}: {rcode} {answers}"),
    "zone-changed": ("zone serial", "zone {zone} now has serial {serial}"),
    "accepted": ("session queue_id sender recipients size", "{host} takes responsibility: 250, queued as {queue_id}"),
    "authenticated": ("session results checks disposition reason", "{host} finds {results}: {reason}"),
    "refused": ("session recipient reply", "{host} refuses {recipient}: {reply}"),
    "routed": ("recipient decision next_hops", "{host} decides for {recipient}: {decision} {next_hops}"),
    "relayed": ("recipients peer reply", "{host} handed the message to {peer}"),
    "deferred": ("recipients reason next_attempt", "{host} will try again: {reason}"),
    "failed": ("recipients reason", "{host} gives up: {reason}"),
    "deleted": ("recipients", "somebody deletes the message from the queue of {host}"),
    "reported": ("recipients to report kind", "{host} sends {kind} to {to}"),
    "delivered": ("recipient mailbox file header", "{host} writes the message into the mailbox of {mailbox}"),
    "forwarded": ("recipient targets sender", "{host} sends the copy for {recipient} on to {targets}"),
    "logged-in": ("session person service", "{person} logs in to {service} on {host}"),
    "login-failed": ("session person service", "{host} refuses the login of {person}"),
    "fetched": ("session mailbox uid service", "{mailbox} fetches message {uid} by {service}"),
    "flagged": ("mailbox uid flags", "message {uid} of {mailbox} now has the flags {flags}"),
    "removed": ("mailbox uid", "message {uid} of {mailbox} is removed"),
    "fault": ("kind detail", "trouble made on purpose at {host}: {kind} {detail}"),
    "mended": ("kind detail", "fixed at {host}: {kind} {detail}"),
    "warning": ("text", "{host}: {text}"),
}
EVENTS = {what: (tuple(facts.split()), sentence) for what, (facts, sentence) in _TABLE.items()}

#: Older events are dropped past this number, so that a lab left running for a week stays small.
MAX_EVENTS = 100_000


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.  `facts` has exactly the keys that `EVENTS[what]` lists."""

    seq: int
    time: datetime
    host: str
    role: str
    what: str
    message: str | None
    facts: Mapping[str, Any]

    def sentence(self) -> str:
        """Say in one line what happened; secrets are hidden."""
        shown = {name: _shown(value) for name, value in self.facts.items()}
        if self.facts.get("secret"):
            shown["line"] = "(secret, not shown)"
        return EVENTS[self.what][1].format(host=self.host, **shown).rstrip()


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    return "" if value is None else str(value)


def journey(events: Iterable[Event], message: str) -> list[Event]:
    """Return the events of one message, and of the reports it caused."""
    followed = {message}
    found = []
    for event in events:
        if event.message in followed:
            found.append(event)
            if event.what == "reported":
                followed.add(event.facts["report"])
    return found


class HasNow(Protocol):
    """Whatever tells lab time; the clock, or a test's own."""

    def now(self) -> datetime:
        """Lab time."""


class Trace:
    """The record of one lab.  Thread-safe; events keep the order of `add`."""

    def __init__(self, clock: HasNow, run: int = 1) -> None:
        self._clock = clock
        self._events: deque[Event] = deque(maxlen=MAX_EVENTS)
        self._lock = threading.Lock()
        self._seq = itertools.count(1)
        self._messages = itertools.count(1)
        # A reopened lab must not give an old message's identity to a new one.
        self._prefix = "m" if run == 1 else f"r{run}m"
        self._listeners: list[Callable[[Event], None]] = []

    def now(self) -> datetime:
        """Return lab time."""
        return self._clock.now()

    def new_message(self) -> str:
        """Return a fresh message identity: m1, m2, …"""
        with self._lock:
            return f"{self._prefix}{next(self._messages)}"

    def add(self, host: str, role: str, what: str, message: str | None = None, **facts: Any) -> Event:
        """Record that `what` happened on `host`; the facts must be those of the table."""
        if set(facts) != set(EVENTS[what][0]):
            raise TypeError(f"event {what!r} has the facts {EVENTS[what][0]}, not {tuple(facts)}")
        with self._lock:
            event = Event(next(self._seq), self._clock.now(), host, role, what, message, facts)
            self._events.append(event)
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(event)
        return event

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call `listener` with each new event, on the thread where it happens; return the way to stop."""
        with self._lock:
            self._listeners.append(listener)

        def stop() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return stop

    def events(self) -> list[Event]:
        """Return all recorded events, oldest first."""
        with self._lock:
            return list(self._events)

    def journey(self, message: str) -> list[Event]:
        """Return the events of one message, and of the reports it caused, in the order they happened."""
        return journey(self.events(), message)

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events())

    def __len__(self) -> int:
        return len(self._events)

    def __repr__(self) -> str:
        lines = [f"{e.seq:>4}  {e.time:%H:%M:%S}  {e.message or '':4}  {e.sentence()}" for e in self.events()[-30:]]
        return "\n".join(lines) or "nothing has happened yet"
