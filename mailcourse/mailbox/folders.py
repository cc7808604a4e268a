"""A mailbox: the inbox, and the other folders beside it (Maildir++).

    Maildir/{tmp,new,cur}          the inbox
    Maildir/.Work/                 the folder "Work"
    Maildir/.Work.2026/            the folder "Work/2026", below it; ".Work" need not be there
    Maildir/.v1%2e0/               the folder "v1.0": what a file system or Maildir++ reserves is written %xx
    Maildir/validities             the highest UIDVALIDITY that was ever given to a folder
    Maildir/subscriptions          the folders that mail programs should show, one per line
    Maildir/uses                   what folders are for, such as "\\Sent Sent"

Folders are named as people read them: levels with "/" between, any letters.  No name leads outside the
mailbox.  How a name is written on the wire is IMAP's business.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from mailcourse.internet.disk import Disk
from mailcourse.internet.errors import unknown

from .maildir import Maildir
from .refusal import MailboxRefusal
from .uids import replace

#: What must not be in a file's name on some system, and the dot, which parts levels here.
RESERVED = re.compile(r'[.%<>:"\\|?*~\x00-\x1f\x7f]|^ | $')
#: in tmp/: a folder that is being made, and one that is being removed
NEW, OLD = ".new-folder", ".old-folder"
MAX_OCTETS, MAX_LEVELS, MAX_FOLDERS = 200, 20, 2000


class Mailbox(Maildir):
    """The inbox of a person, and her other folders."""

    def __init__(self, path: Path, uidvalidity: int = 1, disk: Disk | None = None) -> None:
        super().__init__(path, uidvalidity, disk)
        self._folders: dict[str, Maildir] = {}

    def sweep(self, host: str) -> None:
        """Remove what programs of `host` left in any tmp/ when they were killed; nobody is writing now."""
        super().sweep(host)
        for aside in (NEW, OLD):
            self._remove_tree(self.path / "tmp" / aside)
        for name in self.folders():
            self.folder(name).sweep(host)

    # ---- looking -----------------------------------------------------------------------------------

    def folders(self) -> list[str]:
        """Return the names of the other folders: "Sent", "Work/2026"."""
        return sorted(self._places())

    def _places(self) -> dict[str, Path]:
        """Name → where the folder is; another program may have written the name in another way than we would."""
        places = [p for p in sorted(self.path.iterdir()) if p.name.startswith(".") and (p / "cur").is_dir()]
        return {_shown(place.name[1:]): place for place in places if place.name != "."}

    def folder(self, name: str) -> Maildir:
        """Return another folder of this mailbox."""
        path = self._path_of(name)
        if path is None or not (path / "cur").is_dir():
            path = self._places().get(name)
        if path is None:
            raise unknown("folder", name, self.folders())
        return self._folders.setdefault(path.name, Maildir(path, self._uidvalidity, self._disk))

    def _path_of(self, name: str) -> Path | None:
        """Where a folder of this name is, or would be; None when no folder can have it."""
        levels = unicodedata.normalize("NFC", name).split("/")
        if {"", ".", ".."} & {*levels} or len(levels) > MAX_LEVELS or not name.isprintable():
            return None  # dots would be safe here; on the client's disk they may not be
        written = ".".join(RESERVED.sub(lambda match: f"%{ord(match[0]):02x}", level) for level in levels)
        if written in ("uidvalidity", "lock"):  # files of ours are called so
            written = f"%{ord(written[0]):02x}{written[1:]}"
        return self.path / f".{written}" if len(written.encode("utf-8", "replace")) <= MAX_OCTETS else None

    # ---- making, removing, renaming ------------------------------------------------------------------

    def create_folder(self, name: str, use: str = "") -> Maildir:
        r"""Make another folder, perhaps for a `use` such as \Sent.  The name can lead nowhere outside the mailbox."""
        path = self._check_new(name)
        validity = self._new_validity()
        # Made aside and put in place by one rename: nobody ever sees it without its UIDVALIDITY.
        aside = self.path / "tmp" / NEW
        with self.uids.locked():
            self._remove_tree(aside)
            Maildir(aside, validity, self._disk).create().uids.write(validity, 0)
            self._disk.rename(aside, path)
            self._disk.sync_folder(self.path)
            if use:
                self._write_uses({**self.uses(), use: name})
        return self.folder(name)

    def _check_new(self, name: str) -> Path:
        path = self._path_of(name)
        if path is None:
            raise MailboxRefusal(
                f"{name[:60]!r} cannot be the name of a folder. Use up to {MAX_OCTETS} letters, digits and signs, "
                "and a single / between levels."
            )
        there = self.folders()
        if path.name.lower() in {p.name.lower() for p in self.path.iterdir() if p.is_dir()}:  # some disks see no case
            raise MailboxRefusal(f"There is a folder {name!r} already.")
        if len(there) >= MAX_FOLDERS:
            raise MailboxRefusal(f"There are {MAX_FOLDERS} folders already. Delete one first.")
        return path

    def _new_validity(self) -> int:
        """Draw a UIDVALIDITY that no folder ever had: a folder that is made again must not look like the one before."""
        file = self.path / "validities"
        with self.uids.locked():
            last = int(file.read_text()) if file.exists() else 0
            used = [self._uidvalidity, last, *(self.folder(other).uidvalidity for other in self.folders())]
            replace(file, str(max(used) + 1), self.path / "tmp", self._disk)
        return max(used) + 1

    def delete_folder(self, name: str) -> None:
        """Remove another folder with all its messages; the folders below it stay."""
        folder, aside = self.folder(name), self.path / "tmp" / OLD
        with self.uids.locked():
            self._remove_tree(aside)
            self._disk.rename(folder.path, aside)  # one step: nobody ever sees half of it, or UIDs given twice
            self._disk.sync_folder(self.path)
            self._folders.pop(folder.path.name, None)
            self._write_uses({use: place for use, place in self.uses().items() if place != name})
            self._remove_tree(aside)

    def _remove_tree(self, folder: Path) -> None:
        """Remove a folder with everything in it, if it is there."""
        for path in sorted(folder.rglob("*"), reverse=True):  # what is inside comes first
            self._disk.unlink(path)
        self._disk.unlink(folder)

    def rename_folder(self, old: str, new: str) -> None:
        """Give another name to a folder and to those below it."""
        below = [name for name in self.folders() if name == old or name.startswith(f"{old}/")]
        pairs = [(name, new + name[len(old) :]) for name in below]
        if not pairs:
            raise unknown("folder", old, self.folders())
        if new.startswith(f"{old}/"):
            raise MailboxRefusal("A folder cannot be moved below itself. Choose another name.")
        paths = {name: self._check_new(wanted) for name, wanted in pairs}
        for name, _ in pairs:
            self._disk.rename(self.folder(name).path, paths[name])
        self._disk.sync_folder(self.path)
        self._folders.clear()
        moved = dict(pairs)
        with self.uids.locked():
            self._write_uses({use: moved.get(place, place) for use, place in self.uses().items()})

    # ---- what mail programs note about folders ---------------------------------------------------------

    def subscriptions(self) -> list[str]:
        """Return the names that mail programs should show; such a folder need not exist (RFC 3501 §6.3.9)."""
        return self._lines("subscriptions")

    def subscribe(self, name: str, *, wanted: bool = True) -> None:
        """Put a name on the list of subscriptions, or take it off."""
        with self.uids.locked():
            names = {*self.subscriptions(), name} if wanted else {*self.subscriptions()} - {name}
            if len(names) > MAX_FOLDERS:
                raise MailboxRefusal(f"There are {MAX_FOLDERS} subscriptions already. Take one off first.")
            self._write_lines("subscriptions", sorted(names))

    def uses(self) -> dict[str, str]:
        r"""Return which folder is for what: {"\\Sent": "Sent"} (RFC 6154)."""
        return dict(line.split(" ", 1) for line in self._lines("uses") if " " in line)

    def _write_uses(self, uses: dict[str, str]) -> None:
        if uses != self.uses():
            self._write_lines("uses", [f"{use} {name}" for use, name in sorted(uses.items())])

    def _lines(self, file: str) -> list[str]:
        try:
            return (self.path / file).read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []

    def _write_lines(self, file: str, lines: list[str]) -> None:
        replace(self.path / file, "".join(f"{line}\n" for line in lines), self.path / "tmp", self._disk)


def _shown(written: str) -> str:
    """Return the name of a folder from how it is written on disk.

    >>> _shown("Work.v1%2e0")
    'Work/v1.0'
    """
    return re.sub(r"%([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), written.replace(".", "/"))
