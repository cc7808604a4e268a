"""The queue: one directory a server, one message a file; a crash loses nothing that was answered with 250.

    incoming/ID   being written: first line the envelope (JSON), then the message
    active/ID     the same file, synced, after the rename that makes it ours
    progress/ID   who is still waiting, how often it was tried, when it is due again (JSON)

    incoming  active  progress   meaning                                       after a crash
       +        -        -       still arriving, 250 was not said              deleted
       -        +        -       accepted, nobody tried yet                    tried
       -        +        +       accepted, some recipients still wait          tried when due
       -        -        +       finished, this is left over                   deleted

The rename incoming → active is the moment of responsibility (RFC 5321 §6.1).  `progress` is
replaced whole, by rename.  A crash between a delivery and the progress that records it repeats the
delivery: a message may come twice, never not at all.
Knows files.  Does not know SMTP, routes or mailboxes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from mailcourse.internet.disk import sync_folder
from mailcourse.message.address import Address, parse
from mailcourse.message.envelope import Envelope

CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One message in the queue.  `message` is its identity in the trace."""

    queue_id: str
    envelope: Envelope
    message: str
    arrived: datetime
    file: Path
    offset: int  # octets of the first line, before the message

    @property
    def size(self) -> int:
        """Octets of the message."""
        return self.file.stat().st_size - self.offset

    def content(self) -> Iterator[bytes]:
        """Yield the message in pieces, with CRLF line ends."""
        with self.file.open("rb") as file:
            file.seek(self.offset)
            while piece := file.read(CHUNK):
                yield piece

    def head(self, most: int = 64 * 1024) -> bytes:
        """Return the header section, at most `most` octets of it."""
        with self.file.open("rb") as file:
            file.seek(self.offset)
            return file.read(most).split(b"\r\n\r\n", 1)[0] + b"\r\n"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the delivery of one message has come."""

    waiting: tuple[Address, ...]
    attempts: int = 0
    next_attempt: datetime | None = None
    reason: str = ""


class Incoming:
    """A message on its way in: write, then `commit` or `abandon`."""

    def __init__(self, queue: Queue, queue_id: str, first_line: bytes) -> None:
        self._queue, self.queue_id = queue, queue_id
        self._path = queue.incoming / queue_id
        self._file: BinaryIO = self._path.open("xb")
        self._file.write(first_line)

    def write(self, data: bytes) -> None:
        """Add octets of the message."""
        self._file.write(data)

    def commit(self) -> Entry:
        """Take the responsibility: sync and rename; only then may 250 be said.  Blocking.  Harmless if repeated."""
        active = self._queue.active / self.queue_id
        if not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._path.rename(active)
            sync_folder(self._queue.active)
        return _read(active)

    def abandon(self) -> None:
        """Forget what was written."""
        self._file.close()
        self._path.unlink(missing_ok=True)


class Queue:
    """The queue of one server.  One process at a time: the lab holds a lock on the whole folder."""

    def __init__(self, folder: Path) -> None:
        self.incoming, self.active, self.progress = (folder / n for n in ("incoming", "active", "progress"))
        for each in (self.incoming, self.active, self.progress):
            each.mkdir(parents=True, exist_ok=True)

    def begin(self, queue_id: str, envelope: Envelope, message: str, arrived: datetime) -> Incoming:
        """Start to take in a message."""
        first = {
            "sender": envelope.reverse_path,
            "recipients": [str(recipient) for recipient in envelope.recipients],
            "eight_bit": envelope.eight_bit,
            "utf8": envelope.utf8,
            "message": message,
            "arrived": arrived.isoformat(),
        }
        return Incoming(self, queue_id, json.dumps(first).encode() + b"\n")

    def recover(self) -> list[Entry]:
        """After a start: delete what was never ours or is finished; return what must still be delivered."""
        for left in self.incoming.iterdir():
            left.unlink()
        entries = self.entries()
        alive = {entry.queue_id for entry in entries}
        for left in self.progress.iterdir():
            if left.name not in alive:
                left.unlink()
        return entries

    def entries(self) -> list[Entry]:
        """Return the messages in the queue, oldest first."""
        found = []
        for path in self.active.iterdir():
            try:
                found.append(_read(path))
            except FileNotFoundError:  # finished in the meantime
                continue
        return sorted(found, key=lambda entry: (entry.arrived, entry.queue_id))

    def progress_of(self, entry: Entry) -> Progress:
        """Return how far `entry` has come."""
        try:
            stored = json.loads((self.progress / entry.queue_id).read_bytes())
        except FileNotFoundError:
            return Progress(waiting=entry.envelope.recipients)
        due = stored["next_attempt"]
        return Progress(
            waiting=tuple(parse(text) for text in stored["waiting"]),
            attempts=stored["attempts"],
            next_attempt=datetime.fromisoformat(due) if due else None,
            reason=stored["reason"],
        )

    def keep(self, entry: Entry, progress: Progress) -> None:
        """Record who is still waiting.  Blocking."""
        due = progress.next_attempt
        stored = {
            "waiting": [str(recipient) for recipient in progress.waiting],
            "attempts": progress.attempts,
            "next_attempt": due.isoformat() if due else None,
            "reason": progress.reason,
        }
        fresh = self.incoming / f"{entry.queue_id}.progress"
        with fresh.open("wb") as file:
            file.write(json.dumps(stored).encode())
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self.progress / entry.queue_id)
        sync_folder(self.progress)

    def finish(self, entry: Entry) -> None:
        """Everybody is served: forget the message."""
        entry.file.unlink(missing_ok=True)
        (self.progress / entry.queue_id).unlink(missing_ok=True)


def _read(path: Path) -> Entry:
    with path.open("rb") as file:
        line = file.readline()
    first = json.loads(line)
    envelope = Envelope(
        parse(first["sender"]) if first["sender"] else None,
        tuple(parse(text) for text in first["recipients"]),
        first["eight_bit"],
        first["utf8"],
    )
    arrived = datetime.fromisoformat(first["arrived"])
    return Entry(path.name, envelope, first["message"], arrived, path, len(line))
