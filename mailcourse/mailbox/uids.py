"""UIDs: a number for each message of a folder, which never means another one (RFC 3501 §2.3.1.1).

    .uidvalidity      "3 7": UIDVALIDITY 3, last UID 7

A UID is given under a lock, and only after the new last UID is on disk: a crash can skip a UID, and
never gives one twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from mailcourse.internet.disk import Disk
from mailcourse.internet.errors import LabError


class Uids:
    """The counter of one folder.  `highest` looks at the names, in case that the file was lost."""

    def __init__(self, path: Path, uidvalidity: int, disk: Disk, highest: Callable[[], int]) -> None:
        self._path, self._uidvalidity, self._disk, self._highest = path, uidvalidity, disk, highest
        self._guard = threading.RLock()  # among the threads of this process
        self._depth = 0

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be alone with the counter, among all programs that keep to `.lock`."""
        with self._guard:
            lock = filelock.FileLock(self._path / ".lock", thread_local=False, poll_interval=0.005, mode=0o600)
            if self._depth == 0:
                lock.acquire()
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    lock.release()

    def read(self) -> tuple[int, int]:
        """Return UIDVALIDITY and the last UID that was given."""
        try:
            validity, last = (self._path / ".uidvalidity").read_text().split()
            return int(validity), int(last)
        except FileNotFoundError:
            return self._uidvalidity, self._highest()
        except ValueError:
            raise LabError(f"{self._path / '.uidvalidity'} cannot be read. Remove it, or restore it.") from None

    def take(self, count: int) -> range:
        """Return the next `count` UIDs.  Under the lock."""
        validity, last = self.read()
        self.write(validity, last + count)
        return range(last + 1, last + count + 1)

    def write(self, validity: int, last: int) -> None:
        """Write the counter down."""
        replace(self._path / ".uidvalidity", f"{validity} {last}", self._path / "tmp", self._disk)


def replace(path: Path, text: str, aside: Path, disk: Disk) -> None:
    """Write a small file whole: made in `aside`, put in place by one rename."""
    fresh = aside / f".{path.name.lstrip('.')}"
    disk.unlink(fresh)
    with disk.create(fresh) as file:
        disk.write(file, [text.encode()])
        disk.sync(file)
    disk.rename(fresh, path)
    disk.sync_folder(path.parent)
