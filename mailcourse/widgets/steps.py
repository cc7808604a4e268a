"""The story of a message: from events to steps.

events → steps(events)     a session, a look-up, a decision: one step each
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from mailcourse.internet.trace import Event

from .talk import SECRET

RCPT = re.compile(r"C: RCPT TO:<([^>]*)>", re.IGNORECASE)


@dataclass(frozen=True)
class Step:
    """One step: who acts, along which link, and what was said or done."""

    title: str
    kind: str  # a key of ROLES
    host: str
    link: tuple[str, str] | None = None
    lines: tuple[str, ...] = ()
    works: bool = True  # False when the link led to nobody
    about: frozenset[str] = frozenset()  # recipients in lower case; none: everybody's copy
    mark: str = ""  # by what a header line finds the step that wrote it; `header.py` knows
    time: datetime | None = None  # lab time
    seq: int = 0  # of the last event that is told
    message: str | None = None  # which message it is about: a bounce is one of its own
    session: int | None = None  # in which SMTP session
    what: str = ""  # the event that it tells; none for a session and a look-up
    is_taken: bool = False  # a session in which the server took the message
    opening: str = ""  # the title before anybody knows how it ends; none: it is the same


#: decisions, in the words of the server that takes them: no next hop, and one that the DNS must name first
HERE, BY_DNS = "the mailbox is here", "to the domain's mail servers"
#: what a server did, by the disposition
DONE = {"none": "taken", "quarantine": "taken, for the folder Junk", "reject": "refused"}
#: what a person reads
WORDS = {
    "talks": "{client} talks to {server}",
    "mine": "{server} tells {client}: 250, it is mine now",
    "asks the dns": "{host} asks the DNS for {type} of {name}",
    "question": "{type} of {name}",
    "asks": "{host} asks {server}: {question}?",
    "names who": "it does not know, but names who may",
    "answers": "it answers",
    "tells": "{host} tells {asker}: {says}: {values}",
    "opening": "{host} tells {asker}",
    "asked": "{host} → {server}: {question}?",
    "from cache": " (from its cache)",
    "no record": "no such record",
    "writes": "{sender} writes a message to {recipients}",
    "queued": "written: queue/active/{id} ({size} octets), synced to disk, then 250",
    "accepts": "{host} takes responsibility: it is in its queue",
    "decides": "{host} decides for {recipient}: {decision}",
    "next": "next: {hops}",
    "next dns": "next: ask the DNS for the MX of {hops}",
    "written": "written: {file}",
    "puts": "{host} puts it into the {box}",
    "fetches": "{name} fetches it by {protocol}",
    "calls": "{client} calls {server}",
    "for": "for {name}",
    "finds": "{host} finds {results}: {done}",
    "nothing": "nothing has happened yet",
}


# ---- events → steps ----------------------------------------------------------------------------------


@dataclass
class _Telling:
    """The story so far, while events are read in order."""

    steps: list[Step] = field(default_factory=list)
    asking: list[Event] = field(default_factory=list)  # a look-up that is not answered yet
    lines: list[str] = field(default_factory=list)  # what was said in the session that is open
    session: int | None = None
    ends: dict[int, tuple[str, str]] = field(default_factory=dict)  # session -> who connected to whom
    taken: set[int] = field(default_factory=set)  # the message of these sessions is in the server's queue
    time: datetime | None = None
    last: Event | None = None  # the last event read
    reports: dict[str | None, frozenset[str]] = field(default_factory=dict)  # a bounce -> whom it is about
    family: dict[str, str] = field(default_factory=dict)  # to whom it was forwarded -> for whom it came

    def add(self, step: Step, event: Event) -> None:
        """Add a step that an event tells."""
        about = self.reports.get(event.message) or self.names(event)
        session = event.facts.get("session")
        message = str(event.facts["report"]) if event.what == "reported" else event.message
        step = replace(step, about=about, time=event.time, seq=event.seq, message=message, session=session)
        step = replace(step, what=event.what)
        self.steps.append(step)

    def names(self, event: Event) -> frozenset[str]:
        """Return the recipients of an event, and those whose mail was forwarded to them."""
        given = event.facts.get("recipients") or event.facts.get("recipient") or ()
        names = {name.lower() for name in ([given] if isinstance(given, str) else given)}
        if event.what == "forwarded":
            self.family |= {target.lower(): event.facts["recipient"].lower() for target in event.facts["targets"]}
        for name in list(names):
            while name in self.family and self.family[name] not in names:
                name = self.family[name]
                names.add(name)
        return frozenset(names)

    def flush(self) -> None:
        """End the session's step."""
        if self.lines and self.session in self.ends:
            client, server = self.ends[self.session]
            is_taken = self.session in self.taken
            opening = WORDS["talks"].format(client=client, server=server)
            title = WORDS["mine"].format(server=server, client=client) if is_taken else opening
            matches = (RCPT.match(line) for line in self.lines)
            about = frozenset(match[1].lower() for match in matches if match)
            step = Step(title, "mail", server, (client, server), tuple(self.lines), True, about, "", self.time)
            seq, message = (self.last.seq, self.last.message) if self.last is not None else (0, None)
            step = replace(step, seq=seq, message=message, session=self.session, is_taken=is_taken)
            self.steps.append(replace(step, opening=opening))
        self.lines = []


def steps(events: Iterable[Event]) -> list[Step]:
    """Tell the events of one message as steps."""
    telling = _Telling()
    for event in events:
        if event.what in ("asked", "answered"):
            _look_up(telling, event)
        elif event.what == "said":
            _said(telling, event)
        else:
            _other(telling, event)
    telling.flush()
    return _attributed(telling.steps)


def _attributed(steps: list[Step]) -> list[Step]:
    """Say of steps that name nobody whose copy they are about: what their host did next tells."""
    for number in reversed(range(len(steps))):
        step = steps[number]
        if step.about or not step.link:
            continue
        asker = step.link[0]
        following = (s for s in steps[number + 1 :] if s.about and asker in (s.host, *(s.link or ())[:1]))
        steps[number] = replace(step, about=next((s.about for s in following), frozenset()))
    return steps


def recipients(steps: Sequence[Step]) -> list[str]:
    """Return the recipients that a message has, those of its bounces and forwarded copies left out."""
    return sorted(next((step.about for step in steps if step.about), frozenset()))


def branch(steps: Sequence[Step], recipient: str) -> list[Step]:
    """Return the steps that concern the copy of one recipient; "" means all."""
    return [step for step in steps if not recipient or not step.about or recipient in step.about]


def _said(telling: _Telling, event: Event) -> None:
    """Collect a line; sessions may overlap when the clock runs by itself."""
    if telling.session != event.facts["session"]:
        telling.flush()
        telling.session = event.facts["session"]
    if not telling.lines:
        telling.time = event.time
    telling.lines.append(_line(event))
    telling.last = event


def _line(event: Event) -> str:
    shown = SECRET if event.facts["secret"] else event.facts["line"]
    return f"{event.facts['side']}: {shown}"


def _look_up(telling: _Telling, event: Event) -> None:
    """Collect a look-up from the first question to the answer that the first asker gets."""
    if not telling.asking:
        telling.flush()
    telling.asking.append(event)
    first = telling.asking[0]
    over = event.what == "answered" and event.host == first.facts["server"]
    if not over:
        return
    query, reply = first.facts, event.facts
    answers = ", ".join(_value(text) for text in reply["answers"]) or reply["rcode"]
    lines = (_dns_line(each) for each in telling.asking)
    opening = WORDS["asks the dns"].format(host=first.host, type=query["type"], name=query["name"].rstrip("."))
    title = f"{opening}: {answers}"
    step = Step(title, "dns", event.host, (first.host, event.host), tuple(lines), time=first.time, opening=opening)
    telling.steps.append(replace(step, seq=event.seq, message=event.message))
    telling.asking = []


def question_steps(events: Iterable[Event]) -> list[Step]:
    """Tell a look-up question by question: who asks whom, and where each answer leads."""
    told: list[Step] = []
    asked: list[Event] = []
    for event in events:
        if event.what == "asked":
            is_first = not asked
            asked.append(event)
            if is_first:
                question = WORDS["question"].format(type=event.facts["type"], name=event.facts["name"].rstrip("."))
                title = WORDS["asks"].format(host=event.host, server=event.facts["server"], question=question)
                told.append(_question(title, event, event, str(event.facts["server"])))
        elif event.what == "answered" and asked:
            last = asked.pop()
            values = ", ".join(_value(text) for text in event.facts["answers"])
            says = WORDS["names who"] if event.facts["rcode"] == "REFERRAL" else WORDS["answers"]
            title = WORDS["tells"].format(
                host=event.host, asker=last.host, says=says, values=values or event.facts["rcode"]
            )
            opening = WORDS["opening"].format(host=event.host, asker=last.host)
            told.append(replace(_question(title, last, event, event.host), opening=opening))
    return told


def _question(title: str, asked: Event, last: Event, server: str) -> Step:
    lines = tuple(_dns_line(each) for each in ((asked, last) if asked is not last else (asked,)))
    return Step(title, "dns", server, (asked.host, server), lines, time=last.time, seq=last.seq)


def _value(record: str) -> str:
    return record.split(" ", 3)[-1].rstrip(".")


def _dns_line(event: Event) -> str:
    facts = event.facts
    question = WORDS["question"].format(type=facts["type"], name=facts["name"].rstrip("."))
    if event.what == "asked":
        return WORDS["asked"].format(host=event.host, server=facts["server"], question=question)
    memory = WORDS["from cache"] if facts["cached"] else ""
    answers = "; ".join(facts["answers"]) or WORDS["no record"]
    return f"{event.host}{memory}: {facts['rcode']} {answers}"


def _other(telling: _Telling, event: Event) -> None:
    if event.what == "refused":
        telling.lines.append(f"   {event.sentence()}")
        return
    if event.what == "connected":
        telling.flush()
        telling.session = event.facts["session"]
        telling.ends[event.facts["session"]] = event.facts["peer"], event.host
    if event.what == "reported":
        telling.reports[event.facts["report"]] = telling.reports.get(event.message) or telling.names(event)
    if event.what not in _TOLD:
        return
    telling.flush()
    if event.what == "accepted" and event.facts["session"] is not None:
        telling.taken.add(event.facts["session"])
    telling.add(_TOLD[event.what](event), event)


def _composed(event: Event) -> Step:
    title = WORDS["writes"].format(sender=event.facts["sender"], recipients=", ".join(event.facts["recipients"]))
    return Step(title, "person", event.host, None, (f"Subject: {event.facts['subject']}",), mark="composed")


def _accepted(event: Event) -> Step:
    facts = event.facts
    written = WORDS["queued"].format(id=facts["queue_id"], size=facts["size"])
    return Step(
        WORDS["accepts"].format(host=event.host),
        "mail",
        event.host,
        None,
        (written,),
        mark=facts["queue_id"],
    )


def _routed(event: Event) -> Step:
    facts = event.facts
    title = WORDS["decides"].format(host=event.host, recipient=facts["recipient"], decision=facts["decision"])
    words = WORDS["next dns" if facts["decision"] == BY_DNS else "next"].format(hops=", ".join(facts["next_hops"]))
    return Step(title, "mail", event.host, None, () if facts["decision"] == HERE else (words,))


def _delivered(event: Event) -> Step:
    box = f"mailbox of {event.facts['mailbox']}"
    written = WORDS["written"].format(file=event.facts["file"])
    title = WORDS["puts"].format(host=event.host, box=box)
    return Step(title, "mailbox", box, (event.host, box), (written,), mark=f"to {event.facts['recipient']}")


def _fetched(event: Event) -> Step:
    facts = event.facts
    title = WORDS["fetches"].format(name=facts["mailbox"], protocol=facts["service"].upper())
    return Step(title, "mailbox", f"mailbox of {facts['mailbox']}", None, (f"UID {facts['uid']}",))


def _unreachable(event: Event) -> Step:
    ends = event.host, str(event.facts["peer"])
    opening = WORDS["calls"].format(client=ends[0], server=ends[1])
    return Step(event.sentence(), "mail", event.host, ends, (), False, opening=opening)


def _in_words(event: Event) -> Step:
    names = event.facts.get("recipients") or event.facts["targets"]
    mark = f"to {event.facts['recipient']}" if event.what == "forwarded" else event.what
    lines = tuple(WORDS["for"].format(name=name) for name in names if name not in event.sentence())
    return Step(event.sentence(), "mail", event.host, None, lines, mark=mark)


def _authenticated(event: Event) -> Step:
    """Tell what was found out about the sender, a line for each check, and what was done about it."""
    facts = event.facts
    lines = [f"{check['check']}={check['result']}  {check['reason']}".rstrip() for check in facts["checks"]]
    title = WORDS["finds"].format(host=event.host, results=facts["results"], done=DONE[facts["disposition"]])
    return Step(title, "mail", event.host, None, tuple(lines))


_TOLD: dict[str, Callable[[Event], Step]] = {
    "composed": _composed,
    "accepted": _accepted,
    "authenticated": _authenticated,
    "routed": _routed,
    "delivered": _delivered,
    "fetched": _fetched,
    "unreachable": _unreachable,
    "deferred": _in_words,
    "failed": _in_words,
    "reported": _in_words,
    "deleted": _in_words,
    "forwarded": _in_words,
}


def text_of(steps: Sequence[Step]) -> str:
    """Write all steps as plain text: for saved notebooks, terminals and screen readers."""
    return "\n".join(f"{number:>2}  {step.title}" for number, step in enumerate(steps, 1)) or WORDS["nothing"]
