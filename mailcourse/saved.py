"""A trace in a file, one event a line (JSON): to hand in, to look at later, to show without the lab.

Secrets are not saved: a login's line says that something was not shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from mailcourse.internet.errors import LabError
from mailcourse.internet.trace import EVENTS, Event

HIDDEN = "(a secret, not saved)"


def save(events: Iterable[Event], path: Path) -> None:
    """Write events, oldest first."""
    with path.open("w", encoding="utf-8") as file:
        for event in events:
            facts = {**event.facts, "line": HIDDEN} if event.facts.get("secret") else dict(event.facts)
            row = {
                "seq": event.seq,
                "time": event.time.isoformat(),
                "host": event.host,
                "role": event.role,
                "what": event.what,
                "message": event.message,
                "facts": {name: _plain(value) for name, value in facts.items()},
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def load(path: Path) -> list[Event]:
    """Read events; a line that is none is told with its number."""
    events = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            events.append(_event(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            raise LabError(f"Line {number} of {path.name} is no event of a trace: {error}. Save it again.") from None
    return events


def _event(row: dict[str, Any]) -> Event:
    facts = {name: _read(value) for name, value in row["facts"].items()}
    if set(facts) != set(EVENTS[row["what"]][0]):
        raise ValueError(f"{row['what']!r} has other facts here; it was saved by another version")
    time = datetime.fromisoformat(row["time"])
    return Event(int(row["seq"]), time, row["host"], row["role"], row["what"], row["message"], facts)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    return list(value) if isinstance(value, (tuple, set, frozenset)) else value


def _read(value: Any) -> Any:
    return datetime.fromisoformat(value["time"]) if isinstance(value, dict) else value
