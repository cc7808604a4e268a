"""The selected folder: what the client knows of it, and how it learns more (RFC 3501 §5.2, §7.3, §7.4.1).

    view       12  15  16  20     the UIDs, in the order of the message numbers
    number      1   2   3   4

The view changes only when the client is told: EXISTS when messages came, EXPUNGE when messages went.
Yields lines without their line ends.  Does not know sessions or other folders.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress

from mailcourse.mailbox.listing import NoSuchMessage
from mailcourse.mailbox.maildir import Maildir
from mailcourse.mailbox.names import FlagChange, MessageFile

from .flags import SYSTEM_FLAGS, write_flags
from .grammar import Command, text_of
from .items import MessageView
from .responses import BadResponse, NoResponse
from .states import Enabled
from .strings import ends_of, in_set

#: One in so many looks reads the folder even if its times have not changed.
FULL_LOOK_EVERY = 20


class CacheView(ChainMap[int, MessageFile]):
    """What the client knows of each message: own changes, before the list that all sessions share."""

    def __getitem__(self, uid: int) -> MessageFile:
        own, listed = self.maps
        return own[uid] if uid in own else listed[uid]


class SelectedFolder:
    """One folder, opened by SELECT or EXAMINE."""

    def __init__(self, folder: Maildir, name: str, enabled: Enabled, *, is_read_only: bool) -> None:
        self.folder, self.name, self.is_read_only = folder, name, is_read_only
        self._enabled = enabled
        listed = folder.scan()
        self.recent = folder.listing.recent(listed, claim=not is_read_only)
        if self._see(listed):
            folder.scan()
        self.cache = CacheView({}, folder.listing.by_uid())
        self.view = list(folder.listing.by_uid())
        self.saved: set[int] = set()  # the UIDs behind "$" (RFC 5182)
        self.keywords = folder.keywords.words()  # as the client was told
        self._reported: Sequence[MessageFile] | None = None  # the list of the folder that the client knows
        self._marks, self._looks = (0, 0), 0

    # ---- messages ------------------------------------------------------------------------------------

    def chosen(self, command: Command) -> dict[int, int]:
        """Return number → UID of the messages in a set; numbers must exist, UIDs need not (§6.4.8)."""
        text = text_of(command.arguments[0], "a set of messages")
        if text == "$" or command.by_uid:
            wanted = self.saved if text == "$" else in_set(text, self.view)
            return {n: uid for n, uid in enumerate(self.view, 1) if uid in wanted}
        count = len(self.view)
        if max(high for _, high in ends_of(text, count)) > count or not count:  # RFC 9051 §9, seq-number
            raise BadResponse(f"no such message: {text[:40]}")
        return {n: self.view[n - 1] for n in sorted(in_set(text, range(1, count + 1)))}

    def message(self, number: int, uid: int) -> MessageView:
        """Return a message for reading."""
        return MessageView(
            self.folder, self.cache[uid], recent=self.is_recent(uid), keywords=self.keywords, number=number
        )

    def is_recent(self, uid: int) -> bool:
        r"""True when the client is told that the message is \Recent; IMAP4rev2 has no such flag."""
        return uid in self.recent and not self._enabled.rev2

    def must_be_writable(self) -> None:
        """Refuse to change a folder that was opened with EXAMINE."""
        if self.is_read_only:
            raise NoResponse("[READ-ONLY] the folder was opened with EXAMINE")

    def change_flags(self, uid: int, change: FlagChange) -> tuple[MessageFile, MessageFile]:
        """Change the flags that a message has now, even if another session set them; return it before and after."""
        before = self.cache[uid]
        after = self.cache[uid] = self.folder.change_flags(before, change)
        return before, after

    def expunge(self, uids: Collection[int] | None = None) -> Iterator[MessageFile]:
        r"""Remove the messages flagged \Deleted, perhaps only those among `uids`; yield each."""
        chosen = set(self.view) if uids is None else uids
        for entry in self.folder.scan():
            if "T" in entry.flags and entry.uid in chosen:
                self.folder.remove(entry)
                yield entry

    def _see(self, entries: Sequence[MessageFile]) -> bool:
        """Move messages from new/ to cur/: a reader knows of them now.  True when there were any."""
        fresh = [] if self.is_read_only else [entry for entry in entries if entry.is_recent]
        for entry in fresh:
            with suppress(NoSuchMessage, OSError):
                self.folder.see(entry)
        return bool(fresh)

    # ---- what the client is told -----------------------------------------------------------------------

    def flag_words(self) -> str:
        """Return all flags that the folder has."""
        return " ".join([SYSTEM_FLAGS, *self.keywords])

    def flags_line(self) -> bytes:
        """Write the untagged response FLAGS."""
        return f"* FLAGS ({self.flag_words()})".encode()

    def exists_lines(self) -> list[bytes]:
        """Write EXISTS, and RECENT for older clients."""
        lines = [b"* %d EXISTS" % len(self.view)]
        return lines if self._enabled.rev2 else [*lines, b"* %d RECENT" % len(self.recent)]

    def may_have_changed(self) -> bool:
        """True when a name in the folder has changed, or may have: the times of some file systems are coarse."""
        before, self._marks = self._marks, self.folder.listing.marks()
        self._looks += 1
        return before != self._marks or self._looks % FULL_LOOK_EVERY == 0

    def updates(self, *, allow_expunge: bool = True) -> list[bytes]:
        """Compare the view with the folder and write the difference: EXPUNGE, FLAGS, FETCH, EXISTS.

        Without `allow_expunge`, removed messages are reported later (§7.4.1).
        """
        listed = self.folder.scan()
        if listed is self._reported:
            return []
        known = set(self.view)
        fresh = [entry for entry in listed if entry.uid not in known]
        self.recent |= self.folder.listing.recent(fresh, claim=not self.is_read_only)
        if self._see(fresh):
            listed = self.folder.scan()
        now = self.folder.listing.by_uid()
        gone = known - now.keys()
        kept = {} if allow_expunge else {uid: self.cache[uid] for uid in gone}
        lines = self._expunged(gone) if allow_expunge else []
        lines += [*self.new_keywords(), *self._changed_flags(now)]
        self.cache = CacheView(kept, now)
        came = [entry.uid for entry in fresh if entry.uid in now]
        self.view += came
        lines += self.exists_lines() if came else []
        self._reported = listed if len(self.view) == len(now) else None  # else there is more to report, next time
        return lines

    def _expunged(self, gone: set[int]) -> list[bytes]:
        numbers = [n for n, uid in enumerate(self.view, 1) if uid in gone][::-1]
        for number in numbers:
            del self.view[number - 1]
        self.recent -= gone
        return [b"* %d EXPUNGE" % number for number in numbers]

    def _changed_flags(self, now: Mapping[int, MessageFile]) -> Iterator[bytes]:
        own, before = self.cache.maps
        for number, uid in enumerate(self.view, 1):
            if uid not in now or (uid not in own and before.get(uid) is now[uid]):
                continue
            if self.cache[uid].flags != now[uid].flags:
                flags = write_flags(now[uid].flags, self.keywords, recent=self.is_recent(uid))
                yield b"* %d FETCH (FLAGS %b)" % (number, flags)

    def new_keywords(self) -> list[bytes]:
        """Report keywords that the client has not heard of."""
        before, self.keywords = self.keywords, self.folder.keywords.words()
        return [self.flags_line()] if self.keywords != before else []
