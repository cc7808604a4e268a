"""The disk of a host: every step by which a queue or a mailbox changes goes through here.

    create  write  sync  link  rename  sync_folder  remove

A 250 rests on the order of these steps, so they have one door.  Behind it a lesson makes the disk
full (`is_full`), and a test stops the process after each step (`done`).
Reading does not come by here: it changes nothing.  But whether a folder has changed is asked here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterable
from io import FileIO
from pathlib import Path

#: A disk may tell time this coarsely: in a folder that changed more recently, another change can hide.
COARSE_SECONDS = 2


class Disk:
    """The disk of one host.  Blocking; safe from any thread."""

    def __init__(self) -> None:
        self.is_full = False

    def done(self, step: str, path: Path | str) -> None:
        """Called after each step; here it does nothing."""

    def _needs_room(self, path: Path | str) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    def create(self, path: Path) -> FileIO:
        """Open a file that must not exist yet, for writing."""
        self._needs_room(path)
        file = path.open("xb", buffering=0)  # what is written goes to the system at once
        self.done("create", path)
        return file

    def write(self, file: FileIO, pieces: Iterable[bytes]) -> None:
        """Write `pieces`."""
        for piece in pieces:
            self._needs_room(file.name)
            left = memoryview(piece)
            while left:  # a disk may take less than it was given
                left = left[file.write(left) :]
        self.done("write", file.name)

    def sync(self, file: FileIO) -> None:
        """Put what was written onto the disk, and close the file."""
        self._needs_room(file.name)
        os.fsync(file.fileno())
        file.close()
        self.done("sync", file.name)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name; a file that has that name is replaced."""
        old.replace(new)
        self.done("rename", new)

    def link(self, old: Path, new: Path) -> None:
        """Give a file a second name; OSError on a disk that knows no such thing."""
        self._needs_room(new)
        os.link(old, new)
        self.done("link", new)

    def remove(self, path: Path) -> None:
        """Remove a file; FileNotFoundError when it is not there."""
        path.unlink()
        self.done("remove", path)

    def unlink(self, path: Path) -> None:
        """Remove a file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self.remove(path)

    def sync_folder(self, folder: Path) -> None:
        """Put the names in `folder` onto the disk.  Windows cannot open a folder, and needs no such step."""
        if os.name != "nt":
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        self.done("sync_folder", folder)

    def settled(self, folders: Iterable[Path]) -> tuple[int, ...] | None:
        """Return when the names in each folder last changed; None when that is too recent to be told apart.

        The same answer twice means: no name was added, removed or changed between.
        """
        times = tuple(os.stat(folder).st_mtime_ns for folder in folders)
        return times if max(times) < time.time_ns() - COARSE_SECONDS * 1_000_000_000 else None
