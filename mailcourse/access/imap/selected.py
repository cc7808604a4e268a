"""Commands inside a selected folder: fetch, flag, search, copy, move, delete (RFC 3501 §6.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path

from mailcourse.mailbox.maildir import Maildir, NoSuchMessage
from mailcourse.mailbox.names import MessageFile

from . import search
from .fetch import Item, Message, items
from .flags import letters, words
from .grammar import Command, text_of
from .states import BY_UID, Done, No, Wrong
from .strings import ends_of, in_set, write_set
from .view import ViewCommands

#: What is told without opening a file, if it is as we wrote it; mail programs ask for it of all messages.
OUTSIDE = {b"UID", b"FLAGS", b"RFC822.SIZE"}
MAX_AT_ONCE = 1000  # lines of an answer


class SelectedCommands(ViewCommands):
    """The part of a session that works on the messages of one folder."""

    # ---- which messages ------------------------------------------------------------------------------

    def do_UID(self, command: Command) -> Done:
        """Do a command with UIDs in place of numbers (§6.4.8)."""
        name = text_of(command.arguments[0]).upper()
        if name not in BY_UID:
            raise Wrong(f"UID goes with {', '.join(BY_UID)}")
        least, most = BY_UID[name]
        inner = Command(command.tag, name, command.arguments[1:], by_uid=True)
        if not least <= len(inner.arguments) <= most:
            raise Wrong(f"UID {name} has another number of arguments")
        method: Callable[[Command], Done] = getattr(self, f"do_{name}")
        done = method(inner)
        return replace(done, said=done.said or f"UID {name} done", moves_numbers=True)

    def _chosen(self, command: Command) -> dict[int, int]:
        """Return number → UID of the messages in a set; numbers must exist, UIDs need not (§6.4.8)."""
        text = text_of(command.arguments[0], "a set of messages")
        if text == "$" or command.by_uid:  # RFC 5182
            wanted = self.saved if text == "$" else in_set(text, self.view)
            return {n: uid for n, uid in enumerate(self.view, 1) if uid in wanted}
        count = len(self.view)
        if max(high for _, high in ends_of(text, count)) > count or not count:  # RFC 9051 §9, seq-number
            raise Wrong(f"there are {count} messages here, and {text[:40]} asks for others")
        return {n: self.view[n - 1] for n in sorted(in_set(text, range(1, count + 1)))}

    def _message(self, number: int, entry: MessageFile) -> Message:
        recent = self._is_recent(entry.uid)
        return Message(self.folder, entry, recent=recent, keywords=self.keywords, number=number)

    def _must_write(self) -> None:
        if self.is_read_only:
            raise No("[READ-ONLY] the folder was opened with EXAMINE")

    # ---- FETCH, STORE, SEARCH ------------------------------------------------------------------------

    def do_FETCH(self, command: Command) -> Done:
        """Send pieces of messages."""
        chosen = self._chosen(command)
        wanted = items(command.arguments[1])
        if command.by_uid and not any(item.name == b"UID" for item in wanted):
            wanted = items("UID") + wanted
        return Done(self._fetched_all(chosen, wanted), moves_numbers=False)

    def _fetched_all(self, chosen: dict[int, int], wanted: list[Item]) -> Iterator[bytes]:
        sees = any(item.marks_seen for item in wanted) and not self.is_read_only
        is_content = any(item.is_content for item in wanted)
        if OUTSIDE.issuperset(item.name for item in wanted):
            lines = self._told_from_outside(chosen, wanted)
            while some := list(islice(lines, MAX_AT_ONCE)):
                yield self.lines(some)
            return
        for number, uid in chosen.items():
            try:
                yield self._fetched(number, uid, wanted, sees=sees)
            except NoSuchMessage:
                continue  # removed by another session; the next NOOP tells
            if is_content:
                self.fetched(self.entry[uid])

    def _told_from_outside(self, chosen: dict[int, int], wanted: list[Item]) -> Iterator[bytes]:
        """Write lines of UID, FLAGS and RFC822.SIZE alone."""
        own, listed = self.entry.maps
        recent = set() if self.is_rev2 else self.recent

        @cache
        def flags(letters: frozenset[str], recent: bool) -> bytes:
            return b"FLAGS " + words(letters, self.keywords, recent=recent)

        writers: dict[bytes, Callable[[MessageFile], bytes]] = {
            b"UID": lambda entry: b"UID %d" % entry.uid,
            b"FLAGS": lambda entry: flags(entry.flags, entry.uid in recent),
            b"RFC822.SIZE": lambda entry: b"RFC822.SIZE %d" % self.folder.octets_of(entry),
        }
        asked = [writers[item.name] for item in wanted]
        for number, uid in chosen.items():
            entry = own.get(uid) or listed[uid]
            try:
                yield b"* %d FETCH (%b)" % (number, b" ".join([write(entry) for write in asked]))
            except NoSuchMessage:
                continue

    def _fetched(self, number: int, uid: int, wanted: list[Item], *, sees: bool = False) -> bytes:
        entry = self.entry[uid]
        if sees and "S" not in entry.flags:
            entry = self._flag(uid, lambda now: now | {"S"})
            if not any(item.name == b"FLAGS" for item in wanted):
                wanted = wanted + items("FLAGS")
        message = self._message(number, entry)
        written = b" ".join([item.name + b" " + item.write(message) for item in wanted])
        return self.line(b"* %d FETCH (%b)" % (number, written))

    def _flag(self, uid: int, change: Callable[[frozenset[str]], frozenset[str]]) -> MessageFile:
        """Change the flags that a message has now, also when another session set them; return it as it is then."""
        before = self.entry[uid]
        now = self.entry[uid] = self.folder.change_flags(before, change)
        if now.flags != before.flags:
            self.changed("flagged", now, flags=words(now.flags, self.keywords).decode())
        return now

    def do_STORE(self, command: Command) -> Done:
        """Change flags."""
        kind = text_of(command.arguments[1]).upper()
        flags = command.arguments[2:]
        is_list = isinstance(flags[0], list)
        if kind.removesuffix(".SILENT") not in ("FLAGS", "+FLAGS", "-FLAGS") or (
            isinstance(flags[0], list) and flags[1:]
        ):
            raise Wrong("STORE wants FLAGS, +FLAGS or -FLAGS, and a list of flags")
        chosen = self._chosen(command)
        self._must_write()
        given = letters(flags[0] if is_list else flags, self.folder, add=kind[0] != "-")

        def change(now: frozenset[str]) -> frozenset[str]:
            return now | given if kind[0] == "+" else now - given if kind[0] == "-" else given | (now & {"P"})

        return Done(self._stored_all(command, chosen, change), moves_numbers=False)

    def _stored_all(
        self, command: Command, chosen: dict[int, int], change: Callable[[frozenset[str]], frozenset[str]]
    ) -> Iterator[bytes]:
        is_silent = text_of(command.arguments[1]).upper().endswith(".SILENT")
        wanted = items(["UID", "FLAGS"] if command.by_uid else "FLAGS")
        yield self._new_keywords()
        for number, uid in chosen.items():
            with suppress(NoSuchMessage):
                self._flag(uid, change)
                if not is_silent:
                    yield self._fetched(number, uid, wanted)

    def do_SEARCH(self, command: Command) -> Done:
        """Tell which messages fit."""
        try:
            asked = search.question(command.arguments, self._known())
        except No:
            if "SAVE" in str(command.arguments[1:2]).upper():
                self.saved = set()  # RFC 5182 §2.1
            raise
        found: list[tuple[int, int]] = []
        for number, uid in enumerate(self.view, 1):
            try:
                if asked.claim(self._message(number, self.entry[uid])):
                    found.append((number, uid))
            except NoSuchMessage:
                continue
        wanted = asked.wanted
        if wanted is not None and "SAVE" in wanted:
            self.saved = search.kept(wanted, [uid for _, uid in found])
            if wanted == ("SAVE",):
                return Done(moves_numbers=False)
        numbers = [uid if command.by_uid else number for number, uid in found]
        if wanted is None and not self.is_rev2:
            text = " ".join(["* SEARCH", *map(str, numbers)])
        else:
            text = search.extended(command.tag, wanted or ("ALL",), numbers, by_uid=command.by_uid)
        return Done([self.line(text.encode())], moves_numbers=False)

    def _known(self) -> search.Known:
        return search.Known(self.view, self.saved, self.keywords, takes_charset=not self.has_one_charset)

    # ---- COPY, MOVE, EXPUNGE -------------------------------------------------------------------------

    def do_COPY(self, command: Command) -> Done:
        """Copy messages to another folder, all or none."""
        chosen = list(self._chosen(command).values())
        target = self.target(command.arguments[1])
        written: list[tuple[Path, frozenset[str]]] = []
        try:
            self.check_room(sum(self.folder.octets_of(self.entry[uid]) for uid in chosen))
            for uid in chosen:
                entry = self.entry[uid]
                flags = target.flags_from(self.folder, entry)
                written.append((target.link(self.folder, entry, self.unique(self.trace.now())), flags))
            fresh = target.accept(written)
        except BaseException as error:
            for path, _ in written:  # §6.4.7: all or none
                path.unlink(missing_ok=True)
            if isinstance(error, NoSuchMessage):
                raise No("[EXPUNGEISSUED] a message was removed by another session") from None
            raise
        return Done(said=f"{_copied(target, chosen, fresh)} COPY done".strip())

    def do_MOVE(self, command: Command) -> Done:
        """Move messages to another folder: each in one rename, so that none is ever in both or in none."""
        chosen = self._chosen(command)
        self._must_write()
        target = self.target(command.arguments[1])
        moved = self.folder.move([self.entry[uid] for uid in chosen.values()], target)
        code = _copied(target, list(moved), list(moved.values()))
        # RFC 6851 §4.3: COPYUID comes first, then what is gone from here
        return Done([self.line(f"* OK {code} moved".encode())] if code else [])

    def do_EXPUNGE(self, command: Command) -> Done:
        r"""Remove what is flagged as \Deleted; with UIDs, only of these (RFC 4315 §2.1)."""
        self._must_write()
        self._expunge({*self._chosen(command).values()} if command.by_uid else None)
        return Done()


def _copied(target: Maildir, old: Sequence[int], new: Sequence[int]) -> str:
    """Write the response code that tells which UIDs the copies have (RFC 4315 §3); empty without copies."""
    return f"[COPYUID {target.uidvalidity} {write_set(old)} {write_set(new)}]" if old else ""
