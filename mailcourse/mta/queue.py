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

A report about attempt 3 of message ID is the message "ID-3F" (F failed, D delayed, S success).  It
is put into active/ before the progress of attempt 3 is, and sent after: so a report whose attempt
is not recorded has gone to nobody, and is deleted after a crash; the attempt makes it again.
Knows files.  Does not know SMTP, routes or mailboxes.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from io import FileIO
from pathlib import Path

from mailcourse.internet.disk import Disk, make_private
from mailcourse.message.address import Address, parse
from mailcourse.message.envelope import Envelope, LocalCopy, as_json, from_json
from mailcourse.message.reply import Reply

CHUNK = 64 * 1024
REPORT = re.compile(r"(?P<about>[^-]+)-(?P<attempt>\d+)[FDS]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One message in the queue.  `message` is its identity in the trace."""

    queue_id: str
    envelope: Envelope
    message: str
    arrived: datetime
    file: Path
    offset: int  # octets of the first line, before the message
    size: int  # octets of the message

    def content(self) -> Iterator[bytes]:
        """Yield the message in pieces, with CRLF line ends."""
        with self.file.open("rb", buffering=0) as file:
            file.seek(self.offset)
            while piece := file.read(CHUNK):
                yield piece

    def copy_for(self, recipient: Address) -> LocalCopy:
        """Return the copy for one recipient, as the MDA takes it."""
        return LocalCopy(recipient, self.envelope, self.content, self.size, self.message)

    def head(self, max_octets: int = 64 * 1024) -> bytes:
        """Return the header section, at most `max_octets` of it."""
        with self.file.open("rb") as file:
            file.seek(self.offset)
            return file.read(max_octets).split(b"\r\n\r\n", 1)[0] + b"\r\n"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the delivery of one message has come."""

    waiting: tuple[Address, ...]
    attempts: int = 0
    next_attempt: datetime | None = None
    reason: str = ""
    is_warned: bool = False  # the sender knows that it takes long
    is_held: bool = False  # somebody stopped it until it is released


class QueueWriteError(Exception):
    """The disk did not take it; `reply` says so to the client."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.reply = Reply(452, "4.3.1", f"the message cannot be stored: {error.strerror}; try again later")


class Incoming:
    """A message on its way in: write, then `commit` or `abandon`.

    A short message stays in memory until `commit`, so that its file is made, written and synced in
    one go by a worker; a long one goes to the disk as it comes.  A write that fails is noted, and
    `commit` raises `QueueWriteError`: the rest must still be read from the client.
    """

    def __init__(self, queue: Queue, queue_id: str, first_line: bytes, about: Callable[[Path, int], Entry]) -> None:
        self.queue, self.queue_id, self._about = queue, queue_id, about
        self._path, self._active = queue.incoming / queue_id, queue.active / queue_id
        self._file: FileIO | None = None
        self._first_line, self._unwritten, self._size = first_line, first_line, 0
        self._failure: OSError | None = None
        self._entry: Entry | None = None

    def write(self, data: bytes) -> None:
        """Add octets of the message."""
        self._unwritten += data
        self._size += len(data)
        if len(self._unwritten) > CHUNK:
            with contextlib.suppress(QueueWriteError):  # `commit` will say it
                self._spill()

    def _spill(self) -> FileIO:
        """Write to the disk what is still in memory."""
        try:
            if self._failure is not None:
                raise self._failure
            if self._file is None:
                self._file = self.queue.disk.create(self._path)
            self.queue.disk.write(self._file, [self._unwritten])
        except OSError as error:
            self._failure = error
        self._unwritten = b""
        if self._failure is not None or self._file is None:
            raise QueueWriteError(self._failure or OSError(errno.EIO, "no file"))
        return self._file

    def commit(self) -> Entry:
        """Take the responsibility: sync and rename; only then may 250 be said.  Blocking.  Raises `QueueWriteError`.

        Idempotent.
        """
        entry = self.rename()
        try:
            self.queue.disk.sync_folder(self.queue.active)
        except OSError as error:
            raise QueueWriteError(error) from error
        return entry

    def rename(self) -> Entry:
        """Sync the file and give it its place; the folder must be synced before 250.  Raises `QueueWriteError`."""
        if self._entry is None:
            try:
                self.queue.disk.sync(self._spill())
                self.queue.disk.rename(self._path, self._active)
            except (OSError, QueueWriteError) as error:
                self.abandon()
                raise (QueueWriteError(error) if isinstance(error, OSError) else error) from error
            self.queue.arrived(self.queue_id)
            self._entry = self._about(self._active, self._size)
        return self._entry

    def message(self) -> bytes:
        """Return what was written so far.  Blocking.  Raises `QueueWriteError`."""
        if self._file is None and self._failure is None:
            return self._unwritten[len(self._first_line) :]
        self._spill()
        return self._path.read_bytes()[len(self._first_line) :]

    def rewrite(self, pieces: Iterable[bytes]) -> None:
        """Begin again, with other octets; nothing was answered with 250 yet.  Blocking."""
        if self._file is not None:
            self._file.close()
            self.queue.disk.unlink(self._path)
        self._file, self._unwritten, self._size = None, self._first_line, 0
        for piece in pieces:
            self.write(piece)

    def spooled(self) -> Entry:
        """Return what was written, for a delivery at once, without responsibility.  Raises `QueueWriteError`."""
        self._spill().close()
        return self._about(self._path, self._size)

    def abandon(self) -> None:
        """Forget what was written."""
        if self._file is not None:
            self._file.close()
            self.queue.disk.unlink(self._path)
        self.queue.arriving.discard(self.queue_id)


class Queue:
    """The queue of one server.  One process at a time: the lab holds a lock on the whole folder."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        self.disk = disk or Disk()
        self.arriving: set[str] = set()  # identifiers of messages that are arriving
        self.incoming, self.active, self.progress = (folder / n for n in ("incoming", "active", "progress"))
        for each in (self.incoming, self.active, self.progress):
            make_private(each)
        self._accepted = set(os.listdir(self.active))  # identifiers: the file system need not be asked each time

    def begin(self, queue_id: str, envelope: Envelope, message: str, arrived: datetime) -> Incoming:
        """Start to take in a message."""
        if queue_id in self.arriving or queue_id in self._accepted:
            raise QueueWriteError(FileExistsError(errno.EEXIST, f"there is a message {queue_id} already"))
        self.arriving.add(queue_id)
        first = {"message": message, "arrived": arrived.isoformat(), **as_json(envelope)}
        line = json.dumps(first).encode() + b"\n"
        return Incoming(
            self, queue_id, line, lambda path, size: Entry(queue_id, envelope, message, arrived, path, len(line), size)
        )

    def arrived(self, queue_id: str) -> None:
        """Note that a message is in active/."""
        self._accepted.add(queue_id)
        self.arriving.discard(queue_id)

    def enqueue(
        self, queue_id: str, envelope: Envelope, message: str, arrived: datetime, pieces: Iterable[bytes]
    ) -> Entry:
        """Take in a message that this host made itself.  Blocking.  Raises `QueueWriteError`."""
        incoming = self.begin(queue_id, envelope, message, arrived)
        for piece in pieces:
            incoming.write(piece)
        return incoming.commit()

    def recover(self) -> list[Entry]:
        """After a start: delete what was never ours or is finished; return what must still be delivered."""
        for left in self.incoming.iterdir():
            self.disk.unlink(left)
        for path in list(self.active.iterdir()):
            if self._is_premature(path.name):
                self.disk.unlink(path)
        entries = self.entries()
        alive = self._accepted = {entry.queue_id for entry in entries}
        for left in self.progress.iterdir():
            if left.name not in alive:
                self.disk.unlink(left)
        return entries

    def _is_premature(self, queue_id: str) -> bool:
        """True for a report about an attempt that is not recorded."""
        report = REPORT.fullmatch(queue_id)
        if report is None or not (self.active / report["about"]).exists():
            return False
        return self.progress_of(_read(self.active / report["about"])).attempts < int(report["attempt"])

    def entries(self) -> list[Entry]:
        """Return the messages in the queue, oldest first."""
        entries = [entry for path in self.active.iterdir() if (entry := self.find(path.name)) is not None]
        return sorted(entries, key=lambda entry: (entry.arrived, entry.queue_id))

    def has(self, entry: Entry) -> bool:
        """True while `entry` is neither finished nor deleted."""
        return entry.queue_id in self._accepted

    def find(self, queue_id: str) -> Entry | None:
        """Return a message of the queue, or None when it is finished or was deleted."""
        try:
            return _read(self.active / queue_id)
        except FileNotFoundError:
            return None

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
            is_warned=stored.get("is_warned", False),
            is_held=stored.get("is_held", False),
        )

    def save_progress(self, entry: Entry, progress: Progress) -> None:
        """Record who is still waiting.  Blocking."""
        due = progress.next_attempt
        stored = {
            "waiting": [str(recipient) for recipient in progress.waiting],
            "attempts": progress.attempts,
            "next_attempt": due.isoformat() if due else None,
            "reason": progress.reason,
            "is_warned": progress.is_warned,
            "is_held": progress.is_held,
        }
        fresh = self.incoming / f"{entry.queue_id}.progress"
        self.disk.unlink(fresh)
        with self.disk.create(fresh) as file:
            self.disk.write(file, [json.dumps(stored).encode()])
            self.disk.sync(file)
        self.disk.rename(fresh, self.progress / entry.queue_id)
        self.disk.sync_folder(self.progress)

    def finish(self, entry: Entry) -> None:
        """Everybody is served: forget the message."""
        self.disk.unlink(entry.file)
        self._accepted.discard(entry.queue_id)
        self.disk.unlink(self.progress / entry.queue_id)


def _read(path: Path) -> Entry:
    with path.open("rb") as file:
        line = file.readline()
        size = os.fstat(file.fileno()).st_size - len(line)
    first = json.loads(line)
    arrived = datetime.fromisoformat(first["arrived"])
    return Entry(path.name, from_json(first), first["message"], arrived, path, len(line), size)
