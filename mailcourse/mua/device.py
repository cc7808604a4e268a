"""A device: a mail program with its own copy of the mail, which it makes equal to the server's when asked.

    POP3   server ──► device          copies come; the server keeps its own, or not
    IMAP   server ◄─► device          both sides are made equal, folder by folder

For IMAP the device remembers what both sides had in common after the last time (`synced.json`).  What is
different on one side since then was done there, and is done on the other:

    on the server, not remembered        is new there: fetch it
    here, not remembered                 is new here: put it there
    remembered, not on the server        was deleted there: remove it here
    remembered, not here                 was deleted here: remove it there
    other flags than remembered          were set there, or here: both get both changes

The copy is a Maildir in the lab's folder: what was fetched survives a killed kernel.  By POP3 a message is
on the device's disk before the server is told to delete its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from mailcourse.internet.disk import Disk
from mailcourse.internet.errors import LabError, unknown
from mailcourse.mailbox.folders import Mailbox
from mailcourse.mailbox.maildir import Maildir
from mailcourse.mailbox.names import FLAG_WORDS, Flags, MessageFile, origin_of
from mailcourse.mailbox.uids import replace

from .account import Account, Dial
from .imap import Imap, imap
from .mail import Mail, Messages
from .pop3 import pop3

#: a deletion is synchronised by removing the message, not as a flag
WORDS = {letter: word for letter, word in FLAG_WORDS.items() if letter != "T"}
LETTERS = {word: letter for letter, word in WORDS.items()}
PROTOCOLS = ("imap", "pop3")


@dataclass
class Synced:
    """What a synchronisation did."""

    fetched: int = 0
    sent: int = 0
    removed_here: int = 0
    removed_there: int = 0
    flagged_here: int = 0
    flagged_there: int = 0

    def __repr__(self) -> str:
        done = [f"{getattr(self, each.name)} {_words(each.name)}" for each in fields(self)]
        return ", ".join(text for text in done if not text.startswith("0 ")) or "nothing to do"


def _words(name: str) -> str:
    return name.replace("_here", " on the device").replace("_there", " on the server")


@dataclass(frozen=True)
class ServerAccess:
    """How a device reaches its server: `dial` connects to a port, `now` tells the lab's time."""

    account: Account
    dial: Dial
    now: Callable[[], datetime]
    alone: Callable[[Callable[[], Synced]], Synced]  # nothing else moves in the lab meanwhile


class Device:
    """A laptop or a phone.  `is_online` is a switch: without a network there is the local copy, and no more."""

    def __init__(
        self, name: str, server: ServerAccess, folder: Path, protocol: str = "imap", *, keep: bool = True
    ) -> None:
        if protocol not in PROTOCOLS:
            raise unknown("protocol", protocol, PROTOCOLS)
        self.name, self.protocol, self.keep, self.is_online = name, protocol, keep, True
        self._server, self._path, self._count = server, folder / protocol, 0  # what POP3 fetched is no copy for IMAP
        self._box = Mailbox(self._path / "Maildir")
        self._box.create()

    # ---- what the person does on the device; no network is needed ------------------------------------

    def folders(self) -> list[str]:
        """Return the names of the folders on this device."""
        return ["INBOX", *self._box.folders()]

    def messages(self, folder: str = "INBOX") -> Messages:
        """Return the messages on this device."""
        box = self._open(folder)
        return Messages(_mail(box, stored) for stored in box.scan())

    def read(self, uid: int | str, folder: str = "INBOX") -> Mail:
        """Open a message: it is marked as seen, here."""
        box = self._open(folder)
        return _mail(box, box.change_flags(box.find(int(uid)), lambda flags: flags | {"S"}))

    def flag(self, uid: int | str, folder: str = "INBOX", *, on: bool = True) -> None:
        """Put a flag on a message, or take it off."""
        box = self._open(folder)
        box.change_flags(box.find(int(uid)), lambda flags: flags | {"F"} if on else flags - {"F"})

    def delete(self, uid: int | str, folder: str = "INBOX") -> None:
        """Remove a message from this device."""
        box = self._open(folder)
        box.remove(box.find(int(uid)))

    def move(self, uid: int | str, target: str, folder: str = "INBOX") -> None:
        """Move a message to another folder, which is made if it is not there."""
        box = self._open(folder)
        there = self._made(target)
        stored = box.find(int(uid))
        written = there.write([box.read(stored)], self._unique("moved"), stored.when)
        there.accept([(written, there.flags_from(box, stored))])  # for the server a new message there,
        box.remove(stored)  # and one less here

    def _open(self, folder: str) -> Maildir:
        return self._box if folder == "INBOX" else self._box.folder(folder)

    def _made(self, folder: str) -> Maildir:
        return self._open(folder) if folder in self.folders() else self._box.create_folder(folder)

    def _unique(self, source: str) -> str:
        self._count += 1
        return f"{int(self._server.now().timestamp())}.{source}.{self._count}.{self.name}"

    # ---- synchronising -------------------------------------------------------------------------------

    def sync(self) -> Synced:
        """Make this device and the server equal, as far as the protocol can; return what was done."""
        if not self.is_online:
            raise LabError(f"{self.name} is offline. Say device.is_online = True, and sync again.")
        return self._server.alone(self._by_imap if self.protocol == "imap" else self._by_pop3)

    def _by_pop3(self) -> Synced:
        done = Synced()
        # What is here was fetched, also when a crash came before that was written down.
        known = {*self._remembered().get("names", []), *(_source(stored) for stored in self._box.scan())}
        with pop3(self._server.account, self._server.dial) as server:
            there = server.names()
            for mail in server.fetch(name for name in there if name not in known):
                self._put(self._box, mail, mail.uid)
                done.fetched += 1
            there = [name for name in there if name not in server.refused]
            self._remember({"names": there})
            if not self.keep:
                server.delete(there)
                done.removed_there = len(there)
        return done

    def _put(self, box: Maildir, mail: Mail, source: str) -> MessageFile:
        """Write a message down under a name that tells where it came from."""
        written = box.write([mail.raw], self._unique(source.replace(".", "-")), mail.when or self._server.now())
        flags = frozenset(LETTERS[flag] for flag in mail.flags if flag in LETTERS)
        return box.find(box.accept([(written, flags)])[0])

    def _by_imap(self) -> Synced:
        done, remembered = Synced(), self._remembered()
        with imap(self._server.account, self._server.dial) as server:
            there = server.folders()
            for folder in sorted({*there, *self.folders()}):
                if folder not in there:
                    if folder in remembered:  # deleted there
                        done.removed_here += len(self._open(folder).scan())
                        self._box.delete_folder(folder)
                        remembered.pop(folder)
                        continue
                    server.create(folder)
                remembered[folder] = self._sync_folder(server, folder, remembered.get(folder, {}), done)
                self._remember(remembered)
        return done

    def _sync_folder(self, server: Imap, folder: str, last: dict[str, Any], done: Synced) -> dict[str, Any]:
        """Make one folder equal; return what both sides have now: server's UID → [UID here, flags]."""
        box, validity = self._made(folder), server.open(folder)
        common: dict[int, tuple[int, frozenset[str]]] = {}
        if last.get("validity") == validity:
            common = {int(uid): (here, frozenset(flags)) for uid, (here, flags) in last["messages"].items()}
        elif last:  # the server's UIDs mean nothing any more: start again (RFC 3501 §2.3.1.1)
            for stored in box.scan():
                box.remove(stored)
        theirs = server.flags()
        ours = {stored.uid: stored for stored in box.scan()}
        for stored in ours.values():  # fetched just before a crash, and not written down
            prefix, _, name = _source(stored).partition(".")
            if prefix == str(validity) and int(name) in theirs:
                common.setdefault(int(name), (stored.uid, frozenset(_flags(stored))))
        removed_here = [uid for uid, (here, _) in common.items() if here not in ours and uid in theirs]
        if removed_here:
            server.remove(removed_here)
            done.removed_there += len(removed_here)
        now: dict[int, tuple[int, frozenset[str]]] = {}
        for uid, (here, flags) in common.items():
            if here in ours and uid in theirs:
                now[uid] = here, self._merge(server, box, (uid, ours[here]), flags, theirs[uid], done)
            elif here in ours:
                box.remove(ours[here])
                done.removed_here += 1
        known = {here for here, _ in common.values()}
        for stored in (stored for uid, stored in ours.items() if uid not in known):
            mail = _mail(box, stored)
            now[server.append(folder, mail.raw, mail.flags, stored.when)] = stored.uid, frozenset(mail.flags)
            done.sent += 1
        fresh = [uid for uid in theirs if uid not in common]
        for mail in server.messages(",".join(map(str, fresh)), whole=True) if fresh else ():
            now[int(mail.uid)] = (
                self._put(box, mail, f"{validity}.{mail.uid}").uid,
                frozenset(mail.flags) & LETTERS.keys(),
            )
            done.fetched += 1
        messages = {uid: [here, sorted(flags)] for uid, (here, flags) in now.items()}
        return {"validity": validity, "messages": messages}

    def _merge(
        self, server: Imap, box: Maildir, message: tuple[int, MessageFile], last: Flags, theirs: Flags, done: Synced
    ) -> Flags:
        """Give both sides the flags that were changed on either; return those that both have then."""
        uid, stored = message
        ours, theirs = frozenset(_flags(stored)), theirs & LETTERS.keys()
        added, removed = ours - last, last - ours
        wanted = (theirs | added) - removed
        for flags, on in ((wanted - theirs, True), (theirs - wanted, False)):
            if flags:
                server.flag([uid], sorted(flags), on=on)
        done.flagged_there += wanted != theirs
        if wanted != ours:
            letters = frozenset(LETTERS[flag] for flag in wanted)
            box.change_flags(stored, lambda flags: (flags - WORDS.keys()) | letters)
            done.flagged_here += 1
        return wanted

    def _remembered(self) -> dict[str, Any]:
        try:
            return json.loads((self._path / "synced.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]
        except FileNotFoundError:
            return {}

    def _remember(self, known: dict[str, Any]) -> None:
        replace(self._path / "synced.json", json.dumps(known, indent=1), self._box.path / "tmp", Disk())

    def __repr__(self) -> str:
        how = self.protocol.upper() + ("" if self.protocol == "imap" else ", keeps" if self.keep else ", deletes")
        return f"<Device {self.name}: {how}, {len(self.messages())} messages{'' if self.is_online else ', offline'}>"


def _source(stored: MessageFile) -> str:
    """The server's name of a message, which is in its file's name here; "moved" when it came from a folder here."""
    return origin_of(stored.name).replace("-", ".")


def _flags(stored: MessageFile) -> Iterable[str]:
    return (WORDS[letter] for letter in sorted(stored.flags) if letter in WORDS)


def _mail(box: Maildir, stored: MessageFile) -> Mail:
    return Mail(str(stored.uid), tuple(_flags(stored)), box.read(stored), stored.when)
