"""The view of a selected folder: what the client believes, and how it is told more (RFC 3501 §5.2, §6.3.1, §7.3).

Message number 1 is the first of `view`, and so on.  The view changes only when the client was told:
EXISTS when messages came, EXPUNGE when messages went.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress

from mailcourse.mailbox.maildir import Maildir, NoSuchMessage
from mailcourse.mailbox.names import MessageFile

from .append import AppendCommands
from .flags import SYSTEM, words
from .grammar import Command
from .states import AUTHENTICATED, SELECTED, Done

#: One in so many looks reads the folder even if its times have not changed.
LOOKS = 20


class Known(ChainMap[int, MessageFile]):
    """What is known of each message: own changes, before the list that all sessions share."""

    def __getitem__(self, uid: int) -> MessageFile:
        own, listed = self.maps
        return own[uid] if uid in own else listed[uid]


class ViewCommands(AppendCommands):
    """The part of a session that opens one folder and keeps the view of it."""

    folder: Maildir
    folder_name = ""
    is_read_only = False
    view: list[int]  # the UIDs, in the order of the numbers that the client knows
    entry: Known
    recent: set[int]
    keywords: list[str]  # as the client was told
    saved: set[int]  # the UIDs behind "$"
    _told: list[MessageFile] | None = None  # the list of the folder that the client knows
    _marks = (0, 0)
    _looks = 0

    # ---- opening and closing -----------------------------------------------------------------------

    def do_SELECT(self, command: Command) -> Done:
        """Open a folder."""
        mode = "ONLY" if command.name == "EXAMINE" else "WRITE"
        return Done(self._select(command), f"[READ-{mode}] {command.name} done")

    do_EXAMINE = do_SELECT

    def _select(self, command: Command) -> Iterator[bytes]:
        if self._is_open() and self.is_rev2:
            yield self.line(b"* OK [CLOSED] the folder before is closed")
        self.state = AUTHENTICATED  # §6.3.1: even when it fails, the old one is closed
        name = self.name_of(command.arguments[0])
        self.folder, self.folder_name = self.open_folder(name), name
        self.is_read_only = command.name == "EXAMINE"
        found = self.folder.scan()
        self.recent = self.folder.recent(found, claim=not self.is_read_only)
        if not self.is_read_only and self._seen(found):
            self.folder.scan()
        self.entry = Known({}, self.folder.by_uid())
        self.view, self.saved = list(self.folder.by_uid()), set()
        self.keywords, self._told = self.folder.keywords.words(), None
        self.state = SELECTED
        yield from self._opened(name)

    def _is_open(self) -> bool:
        return self.state is SELECTED

    def _seen(self, found: list[MessageFile]) -> bool:
        """Move messages from new/ to cur/: a reader knows of them now.  True when there were any."""
        fresh = [one for one in found if one.is_recent]
        for one in fresh:
            with suppress(NoSuchMessage):
                self.folder.see(one)
        return bool(fresh)

    def _opened(self, name: str) -> Iterator[bytes]:
        unseen = next((n for n, one in enumerate(self.folder.by_uid().values(), 1) if "S" not in one.flags), None)
        yield self._flags_line()
        yield self.line(b"* %d EXISTS" % len(self.view))
        if self.is_rev2:
            yield self._listed("LIST", name, [])  # RFC 9051 §6.3.2
        else:
            yield self.line(b"* %d RECENT" % len(self.recent))
            if unseen:
                yield self.line(b"* OK [UNSEEN %d] the first unseen message" % unseen)
        kept = "" if self.is_read_only else f"{self._all_flags()} \\*"
        yield self.line(f"* OK [PERMANENTFLAGS ({kept})] flags that are kept".encode())
        yield self.line(f"* OK [UIDVALIDITY {self.folder.uidvalidity}] UIDs are valid".encode())
        yield self.line(f"* OK [UIDNEXT {self.folder.uidnext}] the next UID".encode())

    def _all_flags(self) -> str:
        return " ".join([SYSTEM, *self.keywords])

    def _flags_line(self) -> bytes:
        return self.line(f"* FLAGS ({self._all_flags()})".encode())

    def do_CLOSE(self, command: Command) -> Done:
        """Remove what is flagged as deleted, silently, and leave the folder (§6.4.2)."""
        done = self.do_UNSELECT(command)  # first: a folder that cannot be used is left, too
        if not self.is_read_only:
            self._expunge()
        return done

    def do_UNSELECT(self, command: Command) -> Done:
        """Leave the folder as it is (RFC 3691)."""
        self.state = AUTHENTICATED
        return Done()

    def do_DELETE(self, command: Command) -> Done:
        """Remove a folder; if it is the one that is open, it is closed by that."""
        done = super().do_DELETE(command)
        if self.state is SELECTED and self.folder_name == self.name_of(command.arguments[0]):
            self.state = AUTHENTICATED
        return done

    def do_RENAME(self, command: Command) -> Done:
        """Rename a folder; the one that is open stays open."""
        done = super().do_RENAME(command)
        old, new = (self.name_of(argument) for argument in command.arguments)
        if self.state is SELECTED and f"{self.folder_name}/".startswith(f"{old}/") and old != "INBOX":
            self.folder_name = new + self.folder_name[len(old) :]
            self.folder = self.open_folder(self.folder_name)
        return done

    def do_CHECK(self, command: Command) -> Done:
        """Nothing waits to be written: everything is on disk already."""
        return Done()

    # ---- what is new ---------------------------------------------------------------------------------

    def folder_changed(self) -> bool:
        """True when a name in the selected folder has changed, or may have: some disks tell time coarsely."""
        if self.state is not SELECTED:
            return False
        before, self._marks = self._marks, self.folder.marks()
        self._looks += 1
        return before != self._marks or self._looks % LOOKS == 0

    def news(self, *, moves_numbers: bool = True) -> bytes:
        """Compare the view with the folder and tell the difference: EXPUNGE, EXISTS, FLAGS.

        Without `moves_numbers` what was removed stays untold until later (§7.4.1).
        """
        if self.state is not SELECTED:
            return b""
        listed = self.folder.scan()
        if listed is self._told:
            return b""
        known = set(self.view)
        fresh = [one for one in listed if one.uid not in known]
        self.recent |= self.folder.recent(fresh, claim=not self.is_read_only)
        if not self.is_read_only and self._seen(fresh):
            listed = self.folder.scan()
        now = self.folder.by_uid()
        gone = known - now.keys()
        kept = {} if moves_numbers else {uid: self.entry[uid] for uid in gone}
        told = self._gone(gone) if moves_numbers else b""
        told += self._new_keywords() + self._flags_changed(now)
        self.entry = Known(kept, now)
        told += self._came([one.uid for one in fresh if one.uid in now])
        self._told = listed if len(self.view) == len(now) else None  # else there is more to tell, next time
        return told

    def _gone(self, gone: set[int]) -> bytes:
        told = bytearray()
        for number in [n for n, uid in enumerate(self.view, 1) if uid in gone][::-1]:
            told += self.line(b"* %d EXPUNGE" % number)
            del self.view[number - 1]
        self.recent -= gone
        return bytes(told)

    def _came(self, fresh: list[int]) -> bytes:
        if not fresh:
            return b""
        self.view += fresh
        told = self.line(b"* %d EXISTS" % len(self.view))
        return told if self.is_rev2 else told + self.line(b"* %d RECENT" % len(self.recent))

    def _flags_changed(self, now: Mapping[int, MessageFile]) -> bytes:
        told = bytearray()
        mine, before = self.entry.maps
        for number, uid in enumerate(self.view, 1):
            if uid not in now or (uid not in mine and before.get(uid) is now[uid]):
                continue
            if self.entry[uid].flags != now[uid].flags:
                flags = words(now[uid].flags, self.keywords, recent=self._is_recent(uid))
                told += self.line(b"* %d FETCH (FLAGS %b)" % (number, flags))
        return bytes(told)

    def _new_keywords(self) -> bytes:
        """Tell of keywords that the client has not heard of."""
        before, self.keywords = self.keywords, self.folder.keywords.words()
        return self._flags_line() if self.keywords != before else b""

    def _is_recent(self, uid: int) -> bool:
        return uid in self.recent and not self.is_rev2

    def _expunge(self, only: Collection[int] | None = None) -> None:
        chosen = set(self.view) if only is None else only
        for entry in self.folder.scan():
            if "T" in entry.flags and entry.uid in chosen:
                self.folder.remove(entry)
                self.changed("removed", entry)
