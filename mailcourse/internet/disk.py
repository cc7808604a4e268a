"""The disk of a host: every step by which a queue or a mailbox changes goes through here.

    create  write  sync  link  rename  sync_folder  remove  make_folder

A 250 rests on the order of these steps, so they have one door.  Behind it a lesson makes the disk
full (`is_full`), and a test stops the process after each step (`done`).
Reading does not come by here, and neither do lock files: they change nothing that is kept.  But whether a folder
has changed is asked here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path

#: A disk may tell time this coarsely: in a folder that changed more recently, another change can hide.
COARSE_SECONDS = 2


def make_private(folder: Path) -> None:
    """Make a folder and those above it, unless they are there; nobody else can look into them."""
    for each in [one for one in (*reversed(folder.parents), folder) if not one.is_dir()]:
        each.mkdir(0o700, exist_ok=True)


class Disk:
    """The disk of one host.  Blocking; thread-safe."""

    is_full = False

    def done(self, step: str, path: Path | str) -> None:
        """Called after each step; here it does nothing."""

    @contextlib.contextmanager
    def _step(self, step: str, path: Path | str, *, needs_room: bool = False) -> Iterator[None]:
        if needs_room and self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        yield
        self.done(step, path)

    def create(self, path: Path) -> FileIO:
        """Open a file that must not exist yet, for writing."""
        with self._step("create", path, needs_room=True):
            # What is written goes to the system at once, and nobody else can read it.
            return open(path, "xb", buffering=0, opener=lambda name, flags: os.open(name, flags, 0o600))

    def write(self, file: FileIO, pieces: Iterable[bytes]) -> None:
        """Write `pieces`."""
        for piece in pieces:
            with self._step("write", file.name, needs_room=True):
                while piece:  # a disk may take less than it was given
                    piece = piece[file.write(piece) :]

    def sync(self, file: FileIO, time_ns: int | None = None) -> None:
        """Put what was written onto the disk, perhaps dated, and close the file."""
        with self._step("sync", file.name, needs_room=True):
            if time_ns is not None:
                os.utime(file.name, ns=(time_ns, time_ns))
            os.fsync(file.fileno())
            file.close()

    def rename(self, old: Path, new: Path) -> None:
        """Give a file or a folder another name; a file that has that name is replaced."""
        with self._step("rename", new):
            old.replace(new)

    def link(self, old: Path, new: Path) -> None:
        """Give a file a second name; OSError on a disk that knows no such thing."""
        with self._step("link", new, needs_room=True):
            os.link(old, new)

    def remove(self, path: Path) -> None:
        """Remove a file or an empty folder; FileNotFoundError when it is not there."""
        with self._step("remove", path):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()

    def make_folder(self, path: Path) -> None:
        """Make a folder and those above it, unless they are there."""
        with self._step("make_folder", path):
            make_private(path)

    def unlink(self, path: Path) -> None:
        """Remove a file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self.remove(path)

    def sync_folder(self, folder: Path) -> None:
        """Put the names in `folder` onto the disk.  Windows cannot open a folder, and needs no such step."""
        with self._step("sync_folder", folder):
            if os.name != "nt":
                descriptor = os.open(folder, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)

    def settled(self, folders: Iterable[Path]) -> tuple[int, ...] | None:
        """Return when the names in each folder last changed; None when that is too recent to be told apart.

        The same answer twice means: no name was added, removed or changed between.
        """
        times = tuple(os.stat(folder).st_mtime_ns for folder in folders)
        return times if max(times) < time.time_ns() - COARSE_SECONDS * 1_000_000_000 else None
