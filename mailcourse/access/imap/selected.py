"""Commands inside a selected folder: look, flag, copy, delete (RFC 3501 §6.3.1, §6.4)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress

from mailcourse.mailbox.maildir import Maildir, NoSuchMessage, Stored

from .fetch import FLAG_WORDS, Message, flag_words, items
from .folders import FolderCommands, letters
from .grammar import Command, in_set, text_of
from .search import CHARSETS, Candidate, Keys
from .states import AUTHENTICATED, SELECTED, No, Wrong

#: One in so many looks reads the folder even if its times have not changed.
LOOKS = 20
ALL_FLAGS = " ".join(FLAG_WORDS.values())


class SelectedCommands(FolderCommands):
    """The part of a session that looks into one folder."""

    folder: Maildir
    is_read_only = False
    view: list[int]  # the UIDs, in the order of the numbers that the client knows
    stored: dict[int, Stored]  # what is known of each
    recent: set[int]
    _marks = (0, 0)
    _looks = 0

    # ---- opening and closing -----------------------------------------------------------------------

    def do_SELECT(self, command: Command) -> bytes:
        """Open a folder."""
        name = text_of(command.arguments[0])
        self.state = AUTHENTICATED  # §6.3.1: even when it fails, the old one is closed
        self.folder = self.open_folder(name)
        self.is_read_only = command.name == "EXAMINE"
        found = self.folder.scan()
        self.recent = {one.uid for one in found if one.is_recent}
        if not self.is_read_only:
            found = self._seen(found)
        self.stored = {one.uid: one for one in found}
        self.view = list(self.stored)
        self.state = SELECTED
        return self._opened() + self.ok(command, f"[READ-{'ONLY' if self.is_read_only else 'WRITE'}] {name[:60]}")

    do_EXAMINE = do_SELECT

    def _seen(self, found: list[Stored]) -> list[Stored]:
        """Move messages from new/ to cur/; return those that are still there."""
        kept = []
        for one in found:
            with suppress(NoSuchMessage):
                kept.append(self.folder.see(one))
        return kept

    def _opened(self) -> bytes:
        unseen = [n for n, uid in enumerate(self.view, 1) if "S" not in self.stored[uid].flags]
        changeable = "" if self.is_read_only else ALL_FLAGS
        lines = [
            f"* FLAGS ({ALL_FLAGS})",
            f"* {len(self.view)} EXISTS",
            f"* {len(self.recent)} RECENT",
            *([f"* OK [UNSEEN {unseen[0]}] the first unseen message"] if unseen else []),
            f"* OK [PERMANENTFLAGS ({changeable})] flags that are kept",
            f"* OK [UIDVALIDITY {self.folder.uidvalidity}] UIDs are valid",
            f"* OK [UIDNEXT {self.folder.uidnext}] the next UID",
        ]
        return b"".join(self.line(line.encode()) for line in lines)

    def do_CLOSE(self, command: Command) -> bytes:
        """Remove what is flagged as deleted, silently, and leave the folder (§6.4.2)."""
        if not self.is_read_only:
            self._expunge()
        self.state = AUTHENTICATED
        return self.ok(command)

    def do_UNSELECT(self, command: Command) -> bytes:
        """Leave the folder as it is (RFC 3691)."""
        self.state = AUTHENTICATED
        return self.ok(command)

    def do_CHECK(self, command: Command) -> bytes:
        """Nothing waits to be written: everything is on disk already."""
        return self.news() + self.ok(command)

    # ---- what is new ---------------------------------------------------------------------------------

    def folder_changed(self) -> bool:
        """True when a name in the selected folder has changed, or may have: some disks tell time coarsely."""
        if self.state is not SELECTED:
            return False
        before, self._marks = self._marks, self.folder.marks()
        self._looks += 1
        return before != self._marks or self._looks % LOOKS == 0

    def news(self) -> bytes:
        """Compare the view with the folder and tell the difference: EXPUNGE, EXISTS, FLAGS."""
        if self.state is not SELECTED:
            return b""
        now = {one.uid: one for one in self.folder.scan()}
        told = bytearray()
        for number in range(len(self.view), 0, -1):
            if self.view[number - 1] not in now:
                told += self.line(b"* %d EXPUNGE" % number)
                gone = self.view.pop(number - 1)
                self.stored.pop(gone)
                self.recent.discard(gone)
        told += self._flags_changed(now)
        fresh = [uid for uid in now if uid not in self.stored]
        if fresh:
            self.recent.update(uid for uid in fresh if now[uid].is_recent)
            found = [now[uid] for uid in fresh]
            self.stored |= {one.uid: one for one in (found if self.is_read_only else self._seen(found))}
            self.view += [uid for uid in fresh if uid in self.stored]
            told += self.line(b"* %d EXISTS" % len(self.view)) + self.line(b"* %d RECENT" % len(self.recent))
        return bytes(told)

    def _flags_changed(self, now: dict[int, Stored]) -> bytes:
        told = bytearray()
        for number, uid in enumerate(self.view, 1):
            if self.stored[uid].flags != now[uid].flags:
                flags = flag_words(now[uid].flags, recent=uid in self.recent)
                told += self.line(b"* %d FETCH (FLAGS " % number + flags + b")")
            self.stored[uid] = now[uid]
        return bytes(told)

    # ---- messages --------------------------------------------------------------------------------------

    def do_UID(self, command: Command) -> bytes:
        """Do FETCH, STORE, COPY, MOVE, SEARCH or EXPUNGE with UIDs in place of numbers (§6.4.8)."""
        name = text_of(command.arguments[0]).upper()
        if name not in ("FETCH", "STORE", "COPY", "MOVE", "SEARCH", "EXPUNGE"):
            raise Wrong("UID goes with FETCH, STORE, COPY, MOVE, SEARCH or EXPUNGE")
        inner = Command(command.tag, name, command.arguments[1:])
        methods: dict[str, Callable[..., bytes]] = {
            "FETCH": self._fetch,
            "STORE": self._store,
            "COPY": self._copy,
            "MOVE": self._move,
            "SEARCH": self._search,
            "EXPUNGE": self._uid_expunge,
        }
        return methods[name](inner, by_uid=True)

    def do_FETCH(self, command: Command) -> bytes:
        """Send pieces of messages."""
        return self._fetch(command, by_uid=False)

    def do_STORE(self, command: Command) -> bytes:
        """Change flags."""
        return self._store(command, by_uid=False)

    def do_COPY(self, command: Command) -> bytes:
        """Copy messages to another folder."""
        return self._copy(command, by_uid=False)

    def do_SEARCH(self, command: Command) -> bytes:
        """Tell which messages fit."""
        return self._search(command, by_uid=False)

    def _chosen(self, argument: object, *, by_uid: bool) -> list[tuple[int, int]]:
        """Return (number, UID) of the messages in a set; numbers must exist, UIDs need not (§6.4.8)."""
        text = text_of(argument)
        if by_uid:
            wanted = in_set(text, self.view)
            return [(n, uid) for n, uid in enumerate(self.view, 1) if uid in wanted]
        numbers = list(range(1, len(self.view) + 1))
        chosen = in_set(text, numbers)
        if not chosen and "*" not in text:  # 1:* of an empty folder is nothing, not a mistake
            raise Wrong(f"there are {len(numbers)} messages, none of them in {text[:40]}")
        return [(n, self.view[n - 1]) for n in sorted(chosen)]

    def _message(self, uid: int) -> Message:
        return Message(self.stored[uid], lambda: self.folder.read(self.stored[uid]), recent=uid in self.recent)

    def _fetch(self, command: Command, *, by_uid: bool) -> bytes:
        chosen = self._chosen(command.arguments[0], by_uid=by_uid)
        wanted = items(command.arguments[1])
        if by_uid and not any(item.name == b"UID" for item in wanted):
            wanted = items("UID") + wanted
        sees = any(item.marks_seen for item in wanted) and not self.is_read_only
        told = bytearray()
        for number, uid in chosen:
            try:
                told += self._fetched(number, uid, [(item.name, item.write) for item in wanted], sees=sees)
            except NoSuchMessage:
                continue  # removed by another session; the next NOOP tells
            if any(item.is_content for item in wanted):
                self.fetched(self.stored[uid])
        return bytes(told) + self.ok(command)

    def _fetched(
        self, number: int, uid: int, wanted: list[tuple[bytes, Callable[[Message], bytes]]], *, sees: bool
    ) -> bytes:
        if sees and "S" not in self.stored[uid].flags:
            self._flag(uid, lambda now: now | {"S"})
            if not any(name == b"FLAGS" for name, _ in wanted):
                wanted = [*wanted, (b"FLAGS", lambda m: flag_words(m.stored.flags, recent=m.recent))]
        message = self._message(uid)
        written = [name + b" " + write(message) for name, write in wanted]
        return self.line(b"* %d FETCH (" % number + b" ".join(written) + b")")

    def _flag(self, uid: int, change: Callable[[frozenset[str]], frozenset[str]]) -> None:
        """Change the flags that a message has now, also when another session set them."""
        before = self.stored[uid]
        self.stored[uid] = self.folder.change_flags(before, change)
        if self.stored[uid].flags != before.flags:
            self.changed("flagged", self.stored[uid], flags=flag_words(self.stored[uid].flags).decode())

    def _store(self, command: Command, *, by_uid: bool) -> bytes:
        where, how, *flags = command.arguments
        kind = text_of(how).upper()
        if kind.removesuffix(".SILENT") not in ("FLAGS", "+FLAGS", "-FLAGS") or not flags:
            raise Wrong("STORE wants FLAGS, +FLAGS or -FLAGS, and a list of flags")
        if self.is_read_only:
            raise No("[READ-ONLY] the folder was opened with EXAMINE")
        words = flags[0] if isinstance(flags[0], list) else flags
        given = frozenset(letters(words))

        def change(now: frozenset[str]) -> frozenset[str]:
            return now | given if kind[0] == "+" else now - given if kind[0] == "-" else given | (now & {"P"})

        told = bytearray()
        for number, uid in self._chosen(where, by_uid=by_uid):
            try:
                self._flag(uid, change)
            except NoSuchMessage:
                continue
            if not kind.endswith(".SILENT"):
                wanted = items(["FLAGS", "UID"] if by_uid else "FLAGS")
                told += self._fetched(number, uid, [(i.name, i.write) for i in wanted], sees=False)
        return bytes(told) + self.ok(command)

    def _copy(self, command: Command, *, by_uid: bool) -> bytes:
        target = self._target(command)
        chosen = [uid for _, uid in self._chosen(command.arguments[0], by_uid=by_uid)]
        put: list[str] = []
        try:
            for uid in chosen:
                stored = self.stored[uid]
                content, flags = self.folder.read(stored), "".join(stored.flags)
                put.append(target.deliver([content], self.unique(stored.when), stored.when, flags))
        except NoSuchMessage:
            for uid in target.uids(put):  # §6.4.7: all or none
                target.remove(target.find(uid))
            raise No("[EXPUNGEISSUED] a message was removed by another session") from None
        return self.news() + self.ok(command, f"{_copied(target, chosen, put)} COPY done".strip())

    def _target(self, command: Command) -> Maildir:
        try:
            return self.open_folder(text_of(command.arguments[1]))
        except No:
            raise No("[TRYCREATE] there is no such folder; CREATE it first") from None

    def do_MOVE(self, command: Command) -> bytes:
        """Move messages to another folder: each in one rename, so that none is ever in both or in none."""
        return self._move(command, by_uid=False)

    def _move(self, command: Command, *, by_uid: bool) -> bytes:
        if self.is_read_only:
            raise No("[READ-ONLY] the folder was opened with EXAMINE")
        target = self._target(command)
        chosen, put = [], []
        for _, uid in self._chosen(command.arguments[0], by_uid=by_uid):
            with suppress(NoSuchMessage):
                put.append(self.folder.move(self.stored[uid], target))
                chosen.append(uid)
        code = _copied(target, chosen, put)
        # RFC 6851 §4.3: COPYUID comes first, then what is gone from here
        return (self.line(f"* OK {code} moved".encode()) if code else b"") + self.news() + self.ok(command)

    def _search(self, command: Command, *, by_uid: bool) -> bytes:
        words = list(command.arguments)
        if words and text_of(words[0] if not isinstance(words[0], list) else "").upper() == "CHARSET":
            if text_of(words[1]).upper() not in CHARSETS:
                raise No(f"[BADCHARSET ({' '.join(CHARSETS)})] that charset is not known here")
            words = words[2:]
        claim = Keys(words, list(range(1, len(self.view) + 1)), self.view).all()
        found = []
        for number, uid in enumerate(self.view, 1):
            try:
                if claim(Candidate(number, self._message(uid))):
                    found.append(uid if by_uid else number)
            except NoSuchMessage:
                continue
        return self.line(" ".join(["* SEARCH", *map(str, found)]).encode()) + self.ok(command)

    def do_EXPUNGE(self, command: Command) -> bytes:
        r"""Remove what is flagged as \Deleted."""
        if self.is_read_only:
            raise No("[READ-ONLY] the folder was opened with EXAMINE")
        self._expunge()
        return self.news() + self.ok(command)

    def _uid_expunge(self, command: Command, *, by_uid: bool) -> bytes:
        if self.is_read_only:
            raise No("[READ-ONLY] the folder was opened with EXAMINE")
        self._expunge({uid for _, uid in self._chosen(command.arguments[0], by_uid=by_uid)})
        return self.news() + self.ok(command)

    def _expunge(self, only: Collection[int] | None = None) -> None:
        chosen = self.stored if only is None else only
        for stored in self.folder.scan():
            if "T" in stored.flags and stored.uid in chosen:
                self.folder.remove(stored)
                self.changed("removed", stored)


def _copied(target: Maildir, uids: list[int], names: list[str]) -> str:
    """Write the response code that tells which UIDs the copies have (RFC 4315 §3); empty without copies."""
    fresh = target.uids(names)
    pairs = sorted((uid, new) for uid, new in zip(uids, fresh, strict=True) if new)
    if not pairs:
        return ""
    old, new = (",".join(str(pair[n]) for pair in pairs) for n in (0, 1))
    return f"[COPYUID {target.uidvalidity} {old} {new}]"
