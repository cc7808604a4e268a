"""tmp/: how is a message written before anybody can see it?

    create tmp/<unique> ─► write ─► sync          then `maildir.py` renames it into new/ or cur/

No program reads tmp/, so a crash on the way leaves a file that nobody sees; `sweep` removes it at the next start.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import TypeVar

from mailcourse.internet.disk import Disk

T = TypeVar("T")
MAX_PIECE = 64 * 1024  # octets read at once


class Spool:
    """A file in tmp/ that keeps what is too long for memory."""

    def __init__(self, path: Path, file: FileIO, disk: Disk) -> None:
        self._path, self._file, self._disk = path, file, disk

    def write(self, piece: bytes) -> None:
        """Write on."""
        self._disk.write(self._file, [piece])

    def close(self) -> None:
        """Everything is written."""
        self._file.close()

    def pieces(self) -> Iterator[bytes]:
        """Read it back, piece by piece."""
        with self._path.open("rb") as file:
            while piece := file.read(MAX_PIECE):
                yield piece

    def remove(self) -> None:
        """Remove the file; idempotent."""
        self._file.close()
        self._disk.unlink(self._path)


class TemporaryFolder:
    """The tmp/ of one Maildir."""

    def __init__(self, maildir: Path, disk: Disk) -> None:
        self.path, self._new, self._disk = maildir / "tmp", maildir / "new", disk

    def sweep(self, host: str) -> None:
        """Remove what programs of `host` left when they were killed; nobody is writing now."""
        for left in self.path.glob("*"):
            if re.search(rf"\.{re.escape(host)}(\.\d+)?$", left.name):
                with suppress(OSError):  # a folder that another program made
                    self._disk.unlink(left)

    def write(self, parts: Iterable[bytes], unique: str, when: datetime) -> Path:
        """Write a message, synced and dated; return its path.

        It gets the full second, as in its name; half a second more if a line ends without CR (`MessageFile.octets`).
        """
        is_crlf = True

        def watched() -> Iterator[bytes]:
            nonlocal is_crlf
            for part in parts:
                is_crlf = is_crlf and part.count(b"\n") == part.count(b"\r\n")
                yield part

        path, file = self.create(unique)
        try:
            with file:
                self._disk.write(file, watched())
                time = int(when.timestamp() // 1) * 1_000_000_000 + (0 if is_crlf else 500_000_000)
                self._disk.sync(file, time)
        except BaseException:  # a full disk, a broken source: nothing half written stays
            self._disk.unlink(path)
            raise
        return path

    def create(self, unique: str) -> tuple[Path, FileIO]:
        """Make tmp/<unique>, or a name that is still free, for writing."""
        return self.take_name(unique, self._disk.create)

    def spool(self, unique: str) -> Spool:
        """Make a file for octets that come in pieces, and are read back and removed soon."""
        return Spool(*self.create(unique), self._disk)

    def discard(self, paths: Iterable[Path]) -> None:
        """Remove files that were written and are not wanted after all."""
        for path in paths:
            self._disk.unlink(path)

    def take_name(self, unique: str, take: Callable[[Path], T]) -> tuple[Path, T]:
        """Try names in tmp/ until `take` does not find one taken.

        Whoever holds a name in tmp/ is alone with it: nobody else can put that name into new/.
        """
        for name in itertools.chain([unique], (f"{unique}.{number}" for number in itertools.count(1))):
            path = self.path / name
            try:
                taken = take(path)
            except FileExistsError:
                continue
            if not (self._new / name).exists():
                return path, taken
            if isinstance(taken, FileIO):
                taken.close()
            self._disk.unlink(path)
        raise AssertionError("itertools.count has no end")
