"""After an attempt: who is done, who waits, and what is to happen now.

    1. record     who failed
    2. partial    some are done, some not: they are not served again, whatever happens next
    3. reports    messages to the sender, into the queue and not sent yet    (bounce.py)
    4. progress   somebody waits: attempt counted, next one planned          (retry.py)
       finished   nobody waits: the message leaves the queue
    5. send       the reports

`finish_attempt` decides and does nothing; the server takes the steps.  Their order is what makes a
crash harmless: `queue.py` tells why.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from mailcourse.message.address import Address
from mailcourse.message.reply import Delivered, Diagnosis, GiveUp, Outcome, TryLater

from .attempt import Outcomes
from .bounce import Report, due_reports
from .queue import Entry, Progress
from .retry import LIFETIME, WARNING, retry_delay


@dataclass(frozen=True, slots=True)
class NextSteps:
    """What is to happen after an attempt, from top to bottom."""

    failures: tuple[tuple[Address, str], ...]  # recipient, reason
    partial: Progress | None
    reports: tuple[Report, ...]
    progress: Progress | None  # None when nobody waits


def finish_attempt(entry: Entry, before: Progress, outcomes: Outcomes, now: datetime) -> NextSteps:
    """Decide what follows from the outcomes of an attempt that ended at `now`."""
    age = now - entry.arrived
    outcomes = {recipient: _give_up_at_last(ended, age) for recipient, ended in outcomes.items()}
    undone = tuple(recipient for recipient, ended in outcomes.items() if not isinstance(ended, Delivered))
    waiting = {recipient: ended for recipient, ended in outcomes.items() if isinstance(ended, TryLater)}
    is_warned = before.is_warned or age >= WARNING
    attempts = before.attempts + 1
    reports = due_reports(entry, outcomes, attempts, is_late=is_warned and not before.is_warned)
    # A report of success must not be lost: then the recipients are done when it is in the queue.
    is_partial = undone and len(undone) < len(outcomes) and not any(r.queue_id.endswith("S") for r in reports)
    return NextSteps(
        failures=tuple((r, _reason(ended)) for r, ended in outcomes.items() if isinstance(ended, GiveUp)),
        partial=Progress(undone, before.attempts, None, before.reason) if is_partial else None,
        reports=tuple(reports),
        progress=_progress(waiting, attempts, now, is_warned=is_warned) if waiting else None,
    )


def _give_up_at_last(ended: Outcome, age: timedelta) -> Outcome:
    match ended:
        case TryLater() if age >= LIFETIME:
            return GiveUp(Diagnosis("5.4.7", f"not delivered in {LIFETIME.days} days; at last: {_reason(ended)}"))
        case _:
            return ended


def _reason(ended: TryLater | GiveUp) -> str:
    return f"{ended.peer} said {ended.reason}" if ended.peer else str(ended.reason)


def _progress(waiting: dict[Address, TryLater], attempts: int, now: datetime, *, is_warned: bool) -> Progress:
    reasons = dict.fromkeys(str(ended.reason) for ended in waiting.values())
    due = now + timedelta(seconds=retry_delay(attempts))
    return Progress(tuple(waiting), attempts, due, "; ".join(reasons), is_warned)
