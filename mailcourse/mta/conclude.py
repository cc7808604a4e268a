"""After an attempt: who is done, who waits, and what the sender is told.

    some done, some not     progress: the done ones are not served again, whatever happens next
    somebody failed, …      a report is put into the queue                     (bounce.py)
    somebody waits          progress: attempt counted, next one on the agenda  (retry.py)
    nobody waits            the message is finished
    then                    the report is sent

The order is what makes a crash harmless: `queue.py` tells why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from mailcourse.message.address import Address
from mailcourse.message.envelope import Envelope
from mailcourse.message.reply import Delivered, GiveUp, Reply, TryLater

from .bounce import WORDS, Fate, report
from .carry import Outcomes
from .queue import Entry, Progress
from .retry import LIFETIME, WARNING, pause

if TYPE_CHECKING:
    from .server import MailServer as Server

T = TypeVar("T")


async def conclude(server: Server, entry: Entry, before: Progress, outcomes: Outcomes) -> None:
    """Record how an attempt ended, tell the sender what there is to tell, and plan the next attempt."""
    now = server.host.now()
    outcomes = {recipient: _expired(entry, ended, now - entry.arrived) for recipient, ended in outcomes.items()}
    waiting = {recipient: ended for recipient, ended in outcomes.items() if isinstance(ended, TryLater)}
    is_warned = before.is_warned or now - entry.arrived >= WARNING
    told = {
        "F": _failed(server, entry, outcomes),
        "D": _delayed(entry, waiting) if is_warned and not before.is_warned else [],
        "S": _succeeded(entry, outcomes),
    }
    undone = tuple(recipient for recipient, ended in outcomes.items() if not isinstance(ended, Delivered))
    if undone and len(undone) < len(outcomes) and not told["S"]:
        await _off_the_loop(lambda: server.queue.keep(entry, Progress(undone, before.attempts, None, before.reason)))
    attempts = before.attempts + 1
    reports = [
        await _report(server, entry, f"{entry.queue_id}-{attempts}{letter}", fates)
        for letter, fates in told.items()
        if fates and entry.envelope.sender is not None  # RFC 5321 §6.1: a report is never about a report
    ]
    if waiting:
        await _try_later(server, entry, attempts, waiting, is_warned=is_warned)
    else:
        await _off_the_loop(lambda: server.queue.finish(entry))  # a disk that is syncing makes us wait here too
    for made in reports:
        server.accepted(made, None)


def _expired(entry: Entry, ended: Delivered | GiveUp | TryLater, age: timedelta) -> Delivered | GiveUp | TryLater:
    match ended:
        case TryLater() if age >= LIFETIME:
            last = f"{ended.peer} said {ended.reply}" if ended.peer else str(ended.reply)
            return GiveUp(Reply(554, "5.4.7", f"not delivered in {LIFETIME.days} days; at last: {last}"))
        case _:
            return ended


def _failed(server: Server, entry: Entry, outcomes: Outcomes) -> list[Fate]:
    fates = []
    for recipient, ended in outcomes.items():
        if isinstance(ended, GiveUp):
            reason = f"{ended.peer} said {ended.reply}" if ended.peer else str(ended.reply)
            server.record("failed", entry.message, recipients=[str(recipient)], reason=reason)
            if entry.envelope.wish(recipient).wants("FAILURE"):
                fates.append(Fate(recipient, "failed", ended.reply, ended.peer))
    return fates


def _delayed(entry: Entry, waiting: dict[Address, TryLater]) -> list[Fate]:
    return [
        Fate(recipient, "delayed", ended.reply, ended.peer, entry.arrived + LIFETIME)
        for recipient, ended in waiting.items()
        if entry.envelope.wish(recipient).wants("DELAY")
    ]


def _succeeded(entry: Entry, outcomes: Outcomes) -> list[Fate]:
    return [
        Fate(recipient, ended.action, ended.reply, ended.peer)
        for recipient, ended in outcomes.items()
        if isinstance(ended, Delivered) and entry.envelope.wish(recipient).wants("SUCCESS") and not ended.reports
    ]


async def _report(server: Server, entry: Entry, queue_id: str, fates: list[Fate]) -> Entry:
    """Put a report into the queue, synced, and do not send it yet."""
    sender = entry.envelope.sender
    assert sender is not None
    now, name = server.host.now(), server.host.name
    content = report(entry, fates, name, f"<{queue_id.lower()}@{name}>", now)
    identity = server.host.internet.trace.new_message()
    envelope = Envelope(None, (sender,), eight_bit=not content.isascii(), utf8=entry.envelope.utf8)
    made = await _off_the_loop(lambda: server.queue.take(queue_id, envelope, identity, now, [content]))
    facts = {"to": str(sender), "report": identity, "kind": WORDS[fates[0].action].noun}
    server.record("reported", entry.message, recipients=[str(fate.recipient) for fate in fates], **facts)
    return made


async def _try_later(
    server: Server, entry: Entry, attempts: int, waiting: dict[Address, TryLater], *, is_warned: bool
) -> None:
    seconds = pause(attempts)
    due = server.host.now() + timedelta(seconds=seconds)
    reasons = {str(ended.reply): None for ended in waiting.values()}
    is_held = server.queue.progress_of(entry).is_held  # perhaps since this attempt began
    progress = Progress(tuple(waiting), attempts, due, "; ".join(reasons), is_warned, is_held)
    await _off_the_loop(lambda: server.queue.keep(entry, progress))
    names = [str(recipient) for recipient in waiting]
    server.record("deferred", entry.message, recipients=names, reason=progress.reason, next_attempt=due)
    server.schedule(entry, seconds)


async def _off_the_loop(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, work)
