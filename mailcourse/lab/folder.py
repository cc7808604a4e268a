"""The lab's own folder: temporary or kept, used by one lab at a time, and closed to other people of the machine.

path/
  lock                   held while a lab is open; the system gives it back when a process dies
  run                    how often a lab was opened here
  ca.pem                 the certificate of the lab's authority
  hosts/NAME/queue/      the queue of a mail server        (mta/queue.py)
  hosts/NAME/mail/       the mailboxes on a host           (mailbox/)
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from mailcourse.internet.disk import Disk, make_private
from mailcourse.internet.errors import LabError
from mailcourse.leftovers import PREFIX, sweep
from mailcourse.mailbox.uids import replace


@contextmanager
def usable(path: str | Path) -> Iterator[None]:
    """Say what to do when a file or folder that the caller named cannot be used."""
    try:
        yield
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        where = str(path)[:200]
        raise LabError(f"{where!r} cannot be used: {why}. Give a file or folder that you may read and write.") from None


class Folder:
    """A folder that is ours until `close`, which removes it when it is temporary."""

    def __init__(self, path: str | Path | None) -> None:
        self._temporary = path is None
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX)) if path is None else Path(path)
        if path is None:
            sweep(self.path)
        make_private(self.path)
        self._lock = filelock.FileLock(self.path / "lock", timeout=0, thread_local=False, mode=0o600)
        try:
            self._lock.acquire()
        except filelock.Timeout:
            raise LabError(
                f"Another lab is using the folder {str(self.path)!r}. Close it, or open this one elsewhere."
            ) from None

    def count_run(self) -> int:
        """Count the openings of this folder: identities of an earlier run are not given out again."""
        file = self.path / "run"
        run = int(file.read_text()) + 1 if file.exists() else 1
        replace(file, str(run), self.path, Disk())
        return run

    def close(self) -> None:
        """Give the folder back."""
        self._lock.release()
        if self._temporary:
            shutil.rmtree(self.path, ignore_errors=True)
