"""Who is told that a message failed, is late, or has arrived?  The bounce is the best known of these reports.

    F  failed      nobody will try again                    unless NOTIFY=NEVER
    D  delayed     it takes long, no need to act            unless NOTIFY=NEVER
    S  success     it has arrived, or left our sight        only if NOTIFY=SUCCESS asked for it (RFC 3461 §4.1)

The report about attempt 3 of message ID is itself a message, "ID-3F" (`queue.py`); `report.py` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mailcourse.message.address import Address
from mailcourse.message.reply import Delivered, GiveUp, Outcome, TryLater

from .queue import Entry
from .report import RecipientStatus
from .retry import LIFETIME


@dataclass(frozen=True, slots=True)
class Report:
    """A report that is due: its name in the queue, and what it says of each recipient."""

    queue_id: str
    statuses: tuple[RecipientStatus, ...]


def due_reports(entry: Entry, outcomes: Mapping[Address, Outcome], attempt: int, *, is_late: bool) -> list[Report]:
    """Return the reports that are due after an attempt; `is_late` when the sender should hear of a delay now."""
    if entry.envelope.sender is None:
        return []  # RFC 5321 §6.1: never a bounce about a bounce
    about = {
        "F": _failed(entry, outcomes),
        "D": _delayed(entry, outcomes) if is_late else [],
        "S": _succeeded(entry, outcomes),
    }
    return [Report(f"{entry.queue_id}-{attempt}{letter}", tuple(some)) for letter, some in about.items() if some]


def _failed(entry: Entry, outcomes: Mapping[Address, Outcome]) -> list[RecipientStatus]:
    return [
        RecipientStatus(recipient, "failed", ended.reason, ended.peer)
        for recipient, ended in outcomes.items()
        if isinstance(ended, GiveUp) and entry.envelope.dsn_options(recipient).wants("FAILURE")
    ]


def _delayed(entry: Entry, outcomes: Mapping[Address, Outcome]) -> list[RecipientStatus]:
    return [
        RecipientStatus(recipient, "delayed", ended.reason, ended.peer, entry.arrived + LIFETIME)
        for recipient, ended in outcomes.items()
        if isinstance(ended, TryLater) and entry.envelope.dsn_options(recipient).wants("DELAY")
    ]


def _succeeded(entry: Entry, outcomes: Mapping[Address, Outcome]) -> list[RecipientStatus]:
    return [
        RecipientStatus(recipient, ended.action, ended.reply, ended.peer)
        for recipient, ended in outcomes.items()
        if isinstance(ended, Delivered) and not ended.reports and entry.envelope.dsn_options(recipient).wants("SUCCESS")
    ]
