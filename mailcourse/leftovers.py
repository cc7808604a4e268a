"""Temporary folders that do not outlive their process: whoever makes one removes what killed processes have left.

    TMPDIR/mailcourse-k3x9/          a lab's folder           lock: held while its process lives
    TMPDIR/mailcourse-room-p0f2/     a submission's room      lock
    /dev/shm/mailcourse-judge-…/     the judge's              lock

Only folders of this user, whose lock nobody holds, are removed; links are not followed.  Knows folders and locks.
Who uses it: lab/folder.py, checks/ and marking/.
"""

from __future__ import annotations

import itertools
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import filelock

PREFIX = "mailcourse-"
#: Seconds that a process has between making its folder and locking it, and how many folders are looked at in one go.
SWEEP_AFTER, MAX_SWEPT = 10, 200


class HeldFolder:
    """A folder of its own for this process, until `close`; `beside` says where, else it is where TMPDIR says."""

    def __init__(self, kind: str = "", beside: str | None = None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX + kind, dir=beside))
        self._lock = filelock.FileLock(self.path / "lock", timeout=0, thread_local=False, mode=0o600)
        self._lock.acquire()
        sweep(self.path)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Remove it, whatever is in it."""
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)


def sweep(fresh: Path) -> None:
    """Remove the folders of killed processes beside a fresh one: locked once, and by nobody any more."""
    for lock in itertools.islice(fresh.parent.glob(f"{PREFIX}*/lock"), MAX_SWEPT):
        with suppress(filelock.Timeout, OSError):
            is_old = lock.lstat().st_mtime < fresh.stat().st_mtime - SWEEP_AFTER
            if is_old and _is_ours(lock.parent, stat.S_IFDIR) and _is_ours(lock, stat.S_IFREG):
                with filelock.FileLock(lock, timeout=0):
                    shutil.rmtree(lock.parent)


def _is_ours(path: Path, kind: int) -> bool:
    """Say whether this user made it: somebody else may put a link there, to have files removed that are not his."""
    about = path.lstat()
    return stat.S_IFMT(about.st_mode) == kind and (not hasattr(os, "getuid") or about.st_uid == os.getuid())
