"""A message that was sent: where its copies are now, and the way they went.

    recipient               state       in words
    bruno@bakery.test       delivered   in the mailbox of bruno@bakery.test, on mail.bakery.test
    nobody@bakery.test      bounced     mx1.bakery.test said 550 5.1.1 there is no mailbox …

`status` is a function from events to states; it knows the trace and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mailcourse.internet.trace import Event, Trace
from mailcourse.message.address import MalformedAddress, key_of

from .table import Table, table

STATES = ("refused", "queued", "deferred", "delivered", "forwarded", "bounced", "deleted")
ONE_BY_ONE = ("accepted", "relayed", "deferred", "failed", "reported", "deleted")
#: what may still happen to a copy that is in one of these states
AFTER: dict[str, tuple[str, ...]] = {
    "delivered": (),
    "bounced": ("reported",),
    "deleted": (),
    "forwarded": ("failed", "delivered"),
}


@dataclass(frozen=True, slots=True)
class Status:
    """Where one recipient's copy is: one of `STATES`, and the same in words."""

    recipient: str
    state: str
    words: str


def status(events: Iterable[Event], recipients: Sequence[str], message: str) -> list[Status]:
    """Return each recipient's state after `events`."""
    found = {_key(r): Status(r, "refused", "no server has taken the message yet") for r in recipients}
    for event in events:
        if event.message != message:
            continue
        for name in map(_key, _concerned(event, found)):
            before = found.get(name)
            # On a live clock, the next host may be quicker than the one before can record it.
            if before is not None and event.what in AFTER.get(before.state, (event.what,)):
                state, words = _after(event, before)
                found[name] = Status(before.recipient, state, words)
        if event.what == "forwarded":  # from here on, its targets are followed too
            for target in event.facts["targets"]:
                found.setdefault(_key(target), Status(target, "queued", f"sent on by {event.host}"))
    return list(found.values())


def _key(recipient: str) -> str:
    try:
        return key_of(recipient)
    except MalformedAddress:  # from a trace that somebody saved and wrote into
        return recipient.lower()


def _concerned(event: Event, found: dict[str, Status]) -> list[str]:
    """Return the recipients whose state an event changes."""
    facts = event.facts
    if event.what == "refused":
        return [facts["recipient"]] if facts["recipient"] else list(found)
    if event.what in ("delivered", "forwarded"):
        return [facts["recipient"]]
    return list(facts["recipients"]) if event.what in ONE_BY_ONE else []


def _after(event: Event, before: Status) -> tuple[str, str]:
    facts: Any = event.facts
    match event.what:
        case "accepted":
            return "queued", f"waiting in the queue of {event.host}"
        case "relayed":
            return "queued", f"handed to {facts['peer']}"
        case "deferred":
            return "deferred", f"{facts['reason']}; {event.host} tries again at {facts['next_attempt']:%d %b %H:%M}"
        case "failed":
            return "bounced", f"{facts['reason']}; {event.host} gave up"
        case "reported" if before.state == "bounced":
            return "bounced", f"{before.words} and sent a bounce to the sender"
        case "reported":
            return before.state, before.words
        case "deleted":
            return "deleted", f"somebody deleted it from the queue of {event.host}"
        case "forwarded":
            return "forwarded", f"sent on to {', '.join(facts['targets'])} by {event.host}"
        case "delivered":
            box = "folder Junk" if facts["file"].startswith(".Junk/") else "mailbox"
            return "delivered", f"in the {box} of {facts['mailbox']}, on {event.host}"
        case _:
            return "refused", f"{event.host} said {facts['reply']}"


class PlainSent:
    """A message that was sent.  `message` is its identity in the trace, `raw` what was submitted."""

    def __init__(
        self, trace: Trace, message: str, recipients: Sequence[str], raw: bytes, look: Callable[[], None]
    ) -> None:
        self.trace, self.message, self.recipients, self.raw = trace, message, tuple(recipients), raw
        #: On a standing clock, looking waits until all that is due has been done.
        self.look = look

    @property
    def status(self) -> dict[str, Status]:
        """Where each recipient's copy is now."""
        self.look()
        found = status(self.trace.journey(self.message), self.recipients, self.message)
        return {one.recipient: one for one in found}

    @property
    def events(self) -> list[Event]:
        """Everything that happened to this message, and to the bounces it caused."""
        self.look()
        return self.trace.journey(self.message)

    def said(self, start: str = "") -> Table:
        """What was said by SMTP on every hop, without passwords; `start` selects lines, ignoring case."""
        facts = [(event.host, event.facts) for event in self.events if event.what == "said"]
        return table(
            ("at server", "said by", "line"),
            [
                (host, {"C": "client", "S": "server"}[said["side"]], said["line"])
                for host, said in facts
                if said["line"].upper().startswith(start.upper()) and not said["secret"]
            ],
        )

    def asked(self) -> Table:
        """What the hosts on the way asked the DNS for this message."""
        events = [event for event in self.events if event.what == "asked"]
        return table(
            ("who asks", "type", "name", "whom"),
            [(event.host, event.facts["type"], event.facts["name"], event.facts["server"]) for event in events],
        )

    def _table(self) -> Table:
        return table(
            ("recipient", "state", "in words"), [(s.recipient, s.state, s.words) for s in self.status.values()]
        )

    def __repr__(self) -> str:
        return repr(self._table())

    def _repr_html_(self) -> str:
        return self._table()._repr_html_()
