"""Notes: what was worked out about messages once, such as ENVELOPE, and need not be worked out again.

They stay right, because a message never changes.  Only in memory, and forgotten when there are too many: nothing
rests on them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
#: Notes that a folder keeps, of some hundred octets each; a longer one is worked out again.
MAX_NOTES, MAX_NOTE = 150_000, 4096


class MessageNotes:
    """The notes of one folder."""

    def __init__(self) -> None:
        self._notes: defaultdict[str, dict[int, object]] = defaultdict(dict)  # what → UID → the note
        self._count = 0

    def get(self, uid: int, what: str, make: Callable[[], T]) -> T:
        """Return a note about a message, or make it."""
        note = self._notes[what].get(uid)
        if note is None:
            if self._count >= MAX_NOTES:
                self._notes.clear()
                self._count = 0
            note = make()
            if not isinstance(note, bytes) or len(note) <= MAX_NOTE:
                self._count += 1
                self._notes[what][uid] = note
        return note  # type: ignore[return-value]
