"""The letter at each step: its envelope, and its header as the server that has it just now sees it.

    composed on laptop ─► accepted by mail ─► accepted by mx1 ─► delivered
    header as written     + Received          + Received         + Return-Path, Delivered-To

The trace has the header as it was written and as it was delivered, and what was said between.  From that, each server's
line is put together as RFC 5321 §4.4 wants it; where the message was delivered, the lines are the delivered ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from email.utils import format_datetime

from mailcourse.internet.trace import Event
from mailcourse.message.harmless import visible

from .steps import Step

QUEUE_ID = re.compile(r"\bid (\S+?);?(?:\s|$)")
COMMAND = re.compile(r"(MAIL FROM|RCPT TO):<([^>]*)>(.*)", re.IGNORECASE | re.DOTALL)
#: lines that a delivery puts on top
BY_DELIVERY = ("return-path", "delivered-to")
MAX_LINE = 400


@dataclass(frozen=True)
class LetterLine:
    """One field of the header, unfolded; `step` is the number of the step that wrote it, `is_new` at this step."""

    text: str
    step: int | None = None
    is_new: bool = False


@dataclass(frozen=True)
class LetterNow:
    """A message as it is at one step.  `sender` is None before anybody has named one; "" is that of a bounce."""

    sender: str | None = None
    recipients: tuple[str, ...] = ()
    lines: tuple[LetterLine, ...] = ()
    is_bounce: bool = False


@dataclass
class _Talk:
    """An SMTP session, as far as it was heard."""

    client: str
    address: str
    is_encrypted: bool
    claimed: str = ""
    greeting: str = "EHLO"
    is_known: bool = False  # somebody has logged in
    utf8: bool = False
    asks_tls: bool = False
    sender: str | None = None
    recipients: list[str] = field(default_factory=list)


@dataclass
class _Copy:
    """A message on one host: its envelope, and the lines added on its way there, the newest first."""

    sender: str
    recipients: tuple[str, ...]
    added: tuple[LetterLine, ...]


@dataclass
class _Past:
    """What is known at one moment."""

    written: dict[str | None, str] = field(default_factory=dict)  # header as composed
    delivered: dict[tuple[str | None, str], str] = field(default_factory=dict)  # header as delivered, per recipient
    talks: dict[int, _Talk] = field(default_factory=dict)
    copies: dict[tuple[str | None, str], _Copy] = field(default_factory=dict)
    bounces: set[str | None] = field(default_factory=set)
    writer: dict[str | None, int] = field(default_factory=dict)  # the step that composed it
    boxes: dict[str, str] = field(default_factory=dict)  # mailbox -> host


def letters(events: Sequence[Event], steps: Sequence[Step]) -> list[LetterNow]:
    """Return the letter at each step; steps are in the order of their events."""
    past, found, place = _Past(), [], 0
    finals = _finals(events)
    for number, step in enumerate(steps):
        while place < len(events) and events[place].seq <= step.seq:
            _hear(past, events[place], number, finals)
            place += 1
        found.append(_letter(past, step, number, finals))
        if found[-1].sender is None:  # somebody asks the DNS on its behalf: it is where it was
            earlier = (each for before, each in zip(steps, found, strict=False) if before.message == step.message)
            last = [each for each in earlier if each.sender is not None][-1:]
            found[-1] = _seen_again(last[0]) if last else found[-1]
    return found


def _seen_again(letter: LetterNow) -> LetterNow:
    return replace(letter, lines=tuple(replace(line, is_new=False) for line in letter.lines))


def _finals(events: Iterable[Event]) -> dict[str | None, list[str]]:
    """Return for each message the fields of its header where it was first delivered."""
    finals: dict[str | None, list[str]] = {}
    for event in events:
        if event.what == "delivered":
            finals.setdefault(event.message, fields(str(event.facts["header"])))
    return finals


def fields(header: str) -> list[str]:
    """Take a header apart into unfolded fields."""
    texts = re.split(r"\r?\n(?![ \t])", header.strip("\r\n")) if header.strip() else []
    return [" ".join(text.split()) for text in texts]


def _hear(past: _Past, event: Event, number: int, finals: dict[str | None, list[str]]) -> None:
    """Learn from one event."""
    facts = event.facts
    if event.what == "composed":
        past.written.setdefault(event.message, str(facts["header"]))
        past.writer.setdefault(event.message, number)
    elif event.what == "connected":
        is_encrypted = facts["service"] == "submissions" or facts["port"] == 465
        past.talks[facts["session"]] = _Talk(str(facts["peer"]), str(facts["address"]), is_encrypted)
    elif event.what == "logged-in" and facts["session"] in past.talks:
        past.talks[facts["session"]].is_known = True
    elif event.what == "said" and facts["session"] in past.talks and not facts["secret"]:
        _listen(past.talks[facts["session"]], facts["side"], facts["line"])
    elif event.what == "accepted":
        _take(past, event, number, finals)
    elif event.what == "reported":
        past.bounces.add(facts["report"])
        past.copies[facts["report"], event.host] = _Copy("", (str(facts["to"]),), ())
    elif event.what == "delivered":
        past.delivered[event.message, event.host] = str(facts["header"])
        past.boxes[str(facts["mailbox"])] = event.host


def _listen(talk: _Talk, side: str, line: str) -> None:
    """Learn from one line of a session."""
    verb = line[:4].upper()
    if side == "S":
        talk.is_encrypted |= talk.asks_tls and line.startswith("220")
        talk.asks_tls = False
        return
    talk.asks_tls = line.strip().upper() == "STARTTLS"
    if verb in ("EHLO", "HELO", "LHLO"):
        talk.claimed, talk.greeting = line[5:].strip(), verb
    command = COMMAND.match(line)
    if command is None:
        return
    if command[1].upper() == "MAIL FROM":
        talk.sender, talk.recipients, talk.utf8 = command[2], [], "SMTPUTF8" in command[3].upper()
    else:
        talk.recipients.append(command[2])


def _take(past: _Past, event: Event, number: int, finals: dict[str | None, list[str]]) -> None:
    """A server has taken a message: it puts its line on top of those that came with it."""
    facts = event.facts
    talk = past.talks.get(facts["session"] or -1)
    before = past.copies.get((event.message, talk.client)) if talk is not None else None
    added = before.added if before is not None else ()
    if talk is not None:
        final = _block(finals.get(event.message, ()), facts["queue_id"])
        lines = final or [_received(talk, event)]
        added = (*(LetterLine(text, number) for text in lines), *added)
    past.copies[event.message, event.host] = _Copy(facts["sender"], tuple(facts["recipients"]), added)
    if not facts["sender"]:
        past.bounces.add(event.message)


def _block(final: Sequence[str], queue_id: str) -> list[str]:
    """Return the lines that one server put on top of a message: its Received, and what is above up to the next."""
    found: list[str] = []
    for text in final:
        name = text.partition(":")[0].lower()
        if name in BY_DELIVERY:
            continue
        if name == "received":
            taken = QUEUE_ID.search(text)
            if taken is not None and taken[1] == queue_id:
                return [*found, text]
            found = []
        else:
            found.append(text)
    return []


def _received(talk: _Talk, event: Event) -> str:
    """Write a server's line, as it does itself."""
    family = "LMTP" if talk.greeting == "LHLO" else "SMTP"
    extended = f"UTF8{family}" if talk.utf8 else "LMTP" if family == "LMTP" else "ESMTP"
    protocol = "SMTP" if talk.greeting == "HELO" else extended
    protocol += "S" * talk.is_encrypted + "A" * talk.is_known  # RFC 3848
    names = event.facts["recipients"]
    only = f" for <{names[0]}>" if len(names) == 1 else ""
    tag = "IPv6:" if ":" in talk.address else ""  # RFC 5321 §4.1.3
    return (
        f"Received: from {talk.claimed} ({talk.client} [{tag}{talk.address}]) by {event.host} with {protocol} "
        f"id {event.facts['queue_id']}{only}; {format_datetime(event.time)}"
    )


def _letter(past: _Past, step: Step, number: int, finals: dict[str | None, list[str]]) -> LetterNow:
    """Put together what is true at a step."""
    host = past.boxes.get(step.host.removeprefix("mailbox of "), step.host)
    talk = past.talks.get(step.session or -1)
    copy = past.copies.get((step.message, host))
    if copy is None and step.link is not None:
        copy = past.copies.get((step.message, step.link[0]))
    sender, recipients = (copy.sender, copy.recipients) if copy is not None else (None, ())
    if talk is not None and talk.sender is not None:
        sender, recipients = talk.sender, tuple(talk.recipients)
    written = past.written.get(step.message)
    final = finals.get(step.message, [])
    below = fields(written) if written is not None else _below(final)
    lines = [
        *(copy.added if copy is not None else ()),
        *(LetterLine(text, past.writer.get(step.message)) for text in below),
    ]
    header = past.delivered.get((step.message, host), "") if step.kind == "mailbox" else ""
    on_top = [text for text in fields(header) if text.partition(":")[0].lower() in BY_DELIVERY]
    lines = [*(LetterLine(text, number) for text in on_top), *lines]
    shown = tuple(replace(line, text=visible(line.text[:MAX_LINE]), is_new=line.step == number) for line in lines)
    return LetterNow(sender, recipients, shown, sender == "" or step.message in past.bounces)


def _below(final: Sequence[str]) -> list[str]:
    """Return what a server's own report says below all lines of its way: it was composed by no person."""
    names = [text.partition(":")[0].lower() for text in final]
    last = max((place for place, name in enumerate(names) if name in (*BY_DELIVERY, "received")), default=-1)
    return list(final[last + 1 :])
