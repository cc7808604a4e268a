"""What moves: from events to motions in a fixed order, with a time for each.

    composed            a letter appears on a machine
    asked, answered     a question goes to a name server, and its answer comes back
    connected … 354     a letter glides along the wire          refused            a red reply comes back
    unreachable         a letter sets out and turns back        accepted, with 250 a stamp; a green reply
    deferred            it lies in a tray                        reported           a second envelope, marked <>
    delivered           into the mailbox                         fetched            from there to its owner

`Teller` is told the events one by one, so that a live map and a finished journey show the same motions.  Times are for
one hop as a person can follow it; who plays them may go faster.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailcourse.internet.trace import Event

from .draw import bend, curve, cut, host_id, position
from .hosts import MAILBOX
from .places import Places, Spot

#: plays them in a browser; the stage runs it
PLAYER = Path(__file__).with_suffix(".js").read_text("utf-8")
#: Milliseconds: for what glides, for a word to or from the DNS, and for what only appears.
GLIDE, ASK, SHOW = 600, 400, 450
#: A letter that finds nobody turns back here.
TURN = 0.72
#: How far below its row a question to a name server in the same row goes.
DIP = 84
#: Letters of what is said beside something that moves.
MAX_SAID = 34
MAIL_SERVICES = ("smtp", "submission", "submissions", "lmtp")
#: what a person reads
WORDS = {
    "to": "to {names}",
    "question": "{type} of {name}?",
    "ask": "ask {name}",
    "another": "another",
    "for": "for {recipient}?",
    "new letter": "a new letter",
    "received": "Received",
    "mine": "250: it is mine now",
    "report": "{kind} to {name}",
    "waits": "waits here",
    "on to": "on to {names}",
}


@dataclass(frozen=True)
class Move:
    """One motion.  `names` are where it begins and ends (the same: it only appears); it takes `ms` milliseconds."""

    kind: str  # a key of icons.SPRITES
    names: tuple[str, str]
    said: str
    ms: int
    turns: bool = False  # sets out, and comes back

    def at(self, ground: Places, t: float) -> Spot:
        """Return where it is after the part `t` of its time."""
        there = t if not self.turns else TURN * (2 * t if t < 0.5 else 2 - 2 * t)
        return position(self.points(ground), there)

    def points(self, ground: Places) -> tuple[Spot, Spot, Spot, Spot]:
        """Return the curve it moves on."""
        start, end = (ground.spots[name] for name in self.names)
        if self.kind == "stamp":
            start = end = Spot(start.x, start.y - 10)
        if self.kind in ("question", "answer") and abs(start.y - end.y) < 1 and start != end:
            across = end.x - start.x  # below those who stand between them
            low = start.y + DIP
            return start, Spot(start.x + across * 0.2, low), Spot(end.x - across * 0.2, low), end
        return bend(start, end)

    def told(self, ground: Places) -> dict[str, Any]:
        """Return what a browser needs to play it."""
        points = self.points(ground)
        return {
            "kind": self.kind,
            "points": [[round(spot.x, 1), round(spot.y, 1)] for spot in points],
            "path": curve(points),
            "hosts": [host_id(ground, name) for name in dict.fromkeys(self.names)],
            "said": whole_words(self.said),
            "ms": self.ms,
            "turns": TURN if self.turns else 0,
        }


@dataclass
class _Caller:
    client: str
    server: str
    has_moved: bool = False
    recipient: str = ""  # of the last RCPT


@dataclass
class Teller:
    """Turns events into motions.  It remembers who talks to whom, and who asked whom."""

    sessions: dict[int, _Caller] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)  # questions without an answer: who, whom
    reports: set[str] = field(default_factory=set)  # messages that are bounces
    senders: dict[str, str] = field(default_factory=dict)

    def moves(self, event: Event) -> list[Move]:
        """Return the motions that an event tells."""
        tell = getattr(self, f"_{event.what.replace('-', '_')}", None)
        return tell(event) if tell is not None else []

    def _letter(self, event: Event) -> str:
        return "bounce" if event.message in self.reports else "letter"

    def _composed(self, event: Event) -> list[Move]:
        names = ", ".join(event.facts["recipients"])
        return [Move("letter", (event.host, event.host), WORDS["to"].format(names=names), SHOW)]

    def _asked(self, event: Event) -> list[Move]:
        server = str(event.facts["server"])
        self.asked = [*self.asked[-20:], (event.host, server)]
        said = WORDS["question"].format(type=event.facts["type"], name=event.facts["name"].rstrip("."))
        return [Move("question", (event.host, server), said, ASK)]

    def _answered(self, event: Event) -> list[Move]:
        pair = next((pair for pair in reversed(self.asked) if pair[1] == event.host), None)
        if pair is None:
            return []
        self.asked.remove(pair)
        values = [text.split(" ", 3)[-1].rstrip(".") for text in event.facts["answers"]]
        said = ", ".join(_first_label(value) for value in values) or event.facts["rcode"]
        if event.facts["rcode"] == "REFERRAL":
            said = WORDS["ask"].format(name=values[0] if values else WORDS["another"])
        return [Move("answer", (event.host, pair[0]), said, ASK)]

    def _connected(self, event: Event) -> list[Move]:
        if event.facts["service"] in MAIL_SERVICES:
            self.sessions[event.facts["session"]] = _Caller(str(event.facts["peer"]), event.host)
        return []

    def _unreachable(self, event: Event) -> list[Move]:
        if event.message is None:
            return []
        return [Move("fail", (event.host, str(event.facts["peer"])), str(event.facts["reason"]), 2 * GLIDE, turns=True)]

    def _said(self, event: Event) -> list[Move]:
        """A letter glides when the server says 354: only then is it sent."""
        session = self.sessions.get(event.facts["session"])
        line = "" if event.facts["secret"] else event.facts["line"]
        if session is None or event.message is None:
            return []
        if event.facts["side"] == "C":
            command = line[:9].upper()
            if command == "MAIL FROM":
                self.senders[event.message] = line[10:].partition(">")[0].strip("< ")
                if not self.senders[event.message]:
                    self.reports.add(event.message)
            if command.startswith("RCPT TO"):
                session.recipient = line[8:].partition(">")[0].strip("< ")
            return []
        if line.startswith("354") and not session.has_moved:
            session.has_moved = True
            return [Move(self._letter(event), (session.client, session.server), event.message, GLIDE)]
        if line[:1] in "45" and line[3:4] == " " and not line.startswith("503"):  # 503: only what came too early
            reply = Move("refusal" if line[0] == "5" else "later", (session.server, session.client), line, GLIDE)
            if session.has_moved or not session.recipient:
                return [reply]
            asked = WORDS["for"].format(recipient=session.recipient)
            return [Move(self._letter(event), (session.client, session.server), asked, GLIDE), reply]
        return []

    def _accepted(self, event: Event) -> list[Move]:
        session = self.sessions.get(event.facts["session"] or -1)
        if not event.facts["sender"] and event.message:
            self.reports.add(event.message)
        if session is None and event.message in self.reports:
            return []  # "reported" has told it
        if session is None:
            return [Move(self._letter(event), (event.host, event.host), WORDS["new letter"], SHOW)]
        stamp = Move("stamp", (event.host, event.host), WORDS["received"], SHOW)
        return [stamp, Move("reply", (session.server, session.client), WORDS["mine"], ASK)]

    def _reported(self, event: Event) -> list[Move]:
        self.reports.add(str(event.facts["report"]))
        said = WORDS["report"].format(kind=event.facts["kind"], name=event.facts["to"])
        return [Move("bounce", (event.host, event.host), said, SHOW)]

    def _deferred(self, event: Event) -> list[Move]:
        return [Move(self._letter(event), (event.host, event.host), WORDS["waits"], SHOW)]

    def _forwarded(self, event: Event) -> list[Move]:
        said = WORDS["on to"].format(names=", ".join(event.facts["targets"]))
        return [Move("letter", (event.host, event.host), said, SHOW)]

    def _delivered(self, event: Event) -> list[Move]:
        box = MAILBOX + str(event.facts["mailbox"])
        return [Move(self._letter(event), (event.host, box), event.message or "", GLIDE)]


def _first_label(value: str) -> str:
    """Shorten a record for a picture.

    >>> _first_label("10 mx1.bakery.test"), _first_label("192.0.2.25")
    ('10 mx1', '192.0.2.25')
    """
    if value.replace(".", "").isdecimal():
        return value
    return " ".join(word.partition(".")[0] for word in value.split(" ")[:3])


def whole_words(said: str) -> str:
    """Shorten what is said to what stands before a comma, or else to whole words; the code of a reply stays.

    >>> whole_words("550 5.1.1 there is no mailbox nobody@bakery.test"), whole_words("to bruno@bakery.test")
    ('550 5.1.1 there is no mailbox', 'to bruno@bakery.test')
    >>> whole_words("no answer from mx1.bakery.test, it is down"), whole_words("a@b" * 20)[-3:]
    ('no answer from mx1.bakery.test', '@b…')
    """
    if len(said) <= MAX_SAID:
        return said
    for end in (",", " "):
        start = said[: MAX_SAID + 1].rpartition(end)[0].rstrip(" ,:;")
        if len(start) > MAX_SAID // 2:
            return start
    return cut(said, MAX_SAID)


def moves_of(events: Iterable[Event], teller: Teller | None = None) -> list[Move]:
    """Return the motions of events in order."""
    teller = teller or Teller()
    return [move for event in events for move in teller.moves(event)]


def names_of(moves: Sequence[Move]) -> list[str]:
    """Return who takes part."""
    return list(dict.fromkeys(name for move in moves for name in move.names))
