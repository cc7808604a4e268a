"""A mailbox: the inbox, and the other folders beside it (Maildir++).

    Maildir/{tmp,new,cur}          the inbox
    Maildir/.Work/                 another folder
    Maildir/.Work.2026/            a folder below it; ".Work" need not be there
    Maildir/.validities            the highest UIDVALIDITY that was ever given to a folder

Knows names on the disk.  How a folder is called on the wire is IMAP's business.
"""

from __future__ import annotations

import re
import shutil

from mailcourse.internet.errors import LabError, unknown

from .maildir import Maildir

FOLDER = re.compile(r"[^./\\\x00-\x1f:;][^/\\\x00-\x1f:;]{0,190}")


class Mailbox(Maildir):
    """The inbox of a person, and the way to her other folders."""

    def sweep(self, host: str) -> None:
        """Remove what programs of `host` left in any tmp/ when they were killed; nobody is writing now."""
        super().sweep(host)
        for name in self.folders():
            self.folder(name).sweep(host)

    def folders(self) -> list[str]:
        """Return the names of the other folders: "Sent", "Work.2026"."""
        return sorted(p.name[1:] for p in self.path.iterdir() if p.name.startswith(".") and (p / "cur").is_dir())

    def folder(self, name: str) -> Maildir:
        """Return another folder of this mailbox."""
        if name not in self.folders():
            raise unknown("folder", name, self.folders())
        return Maildir(self.path / f".{name}", self._uidvalidity, self._disk)

    def create_folder(self, name: str) -> Maildir:
        """Make another folder.  The name can lead nowhere outside the mailbox."""
        self._check_new(name)
        validity = self._new_validity()
        # Made aside and put in place by one rename: nobody ever sees it without its UIDVALIDITY.
        aside = self.path / "tmp" / ".new-folder"
        shutil.rmtree(aside, ignore_errors=True)
        Maildir(aside, validity, self._disk).create()._write_state(validity, 0)
        self._disk.rename(aside, self.path / f".{name}")
        self._disk.sync_folder(self.path)
        return self.folder(name)

    def _check_new(self, name: str) -> None:
        if not FOLDER.fullmatch(name) or ".." in name or name.endswith("."):
            raise LabError(f"{name[:60]!r} cannot be the name of a folder. Use letters, digits and single dots.")
        if name in self.folders():
            raise LabError(f"There is a folder {name!r} already.")

    def _new_validity(self) -> int:
        """Draw a UIDVALIDITY that no folder ever had: one that is made anew must not look like the one before."""
        file = self.path / ".validities"
        with self._locked():
            last = int(file.read_text()) if file.exists() else 0
            used = [self._uidvalidity, last, *(self.folder(other).uidvalidity for other in self.folders())]
            self._replace(file, str(max(used) + 1))
        return max(used) + 1

    def delete_folder(self, name: str) -> None:
        """Remove another folder with all its messages; the folders below it stay."""
        folder = self.folder(name)
        for stored in folder.scan():
            folder.remove(stored)
        shutil.rmtree(folder.path)
        self._disk.sync_folder(self.path)

    def rename_folder(self, old: str, new: str) -> None:
        """Give another name to a folder and to those below it."""
        below = [name for name in self.folders() if name == old or name.startswith(f"{old}.")]
        pairs = [(name, new + name[len(old) :]) for name in below]
        if not pairs:
            raise unknown("folder", old, self.folders())
        for name, wanted in pairs:
            self._check_new(wanted)
            if wanted.startswith(f"{old}."):
                raise LabError("A folder cannot be moved below itself. Choose another name.")
            self._disk.rename(self.path / f".{name}", self.path / f".{wanted}")
        self._disk.sync_folder(self.path)
