r"""APPEND: put messages into a folder (RFC 3501 §6.3.11; RFC 3502 several at once, RFC 6855 with UTF-8).

APPEND Sent (\Seen) "07-Sep-2026 08:00:00 +0000" {310}     flags and time may be left out
APPEND Sent (\Seen) {310} … (\Draft) {200} …               all of them or none
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .flags import letters
from .folders import FolderCommands
from .grammar import Command, OnDisk, Quoted, text_of
from .states import Done, No, Wrong
from .strings import read_time, write_set


@dataclass(frozen=True, slots=True)
class Appended:
    """One message to put into a folder."""

    flags: list[Any]
    when: datetime | None
    content: bytes | OnDisk

    @property
    def size(self) -> int:
        """Octets."""
        return self.content.size if isinstance(self.content, OnDisk) else len(self.content)

    def pieces(self) -> Iterable[bytes]:
        """The octets, piece by piece."""
        return self.content.pieces() if isinstance(self.content, OnDisk) else [self.content]


def messages(words: list[Any]) -> list[Appended]:
    """Read what stands behind the name of the folder: [flags] [time] message, once or more."""
    found: list[Appended] = []
    rest = list(words)
    while rest:
        flags = rest.pop(0) if isinstance(rest[0], list) else []
        when = read_time(text_of(rest.pop(0))) if rest and isinstance(rest[0], Quoted) else None
        content = rest.pop(0) if rest else None
        if isinstance(content, str) and content.upper() == "UTF8" and rest and isinstance(rest[0], list):
            inside = rest.pop(0)
            content = inside[0] if len(inside) == 1 else None
        if not isinstance(content, bytes | OnDisk) or isinstance(content, Quoted):
            raise Wrong("APPEND wants a folder, perhaps flags and a time, and the message as a literal")
        found.append(Appended(flags, when, content))
    return found


class AppendCommands(FolderCommands):
    """The part of a session that adds messages."""

    def do_APPEND(self, command: Command) -> Done:
        """Put messages into a folder, all or none."""
        wanted = messages(command.arguments[1:])
        if not wanted:
            raise Wrong("APPEND wants a message behind the name of the folder")
        folder = self.target(text_of(command.arguments[0]))
        if not all(message.size for message in wanted):  # RFC 3502: so a client cancels
            raise No("[CANNOT] a message of no octets: nothing was appended")
        self.check_room(sum(message.size for message in wanted))
        written = []
        try:
            for message in wanted:
                when = message.when or self.trace.now()
                flags = letters(message.flags, folder)
                written.append((folder.write(message.pieces(), self.unique(when), when), flags))
            uids = folder.accept(written)
        except BaseException:
            for path, _ in written:
                path.unlink(missing_ok=True)
            raise
        return Done(said=f"[APPENDUID {folder.uidvalidity} {write_set(uids)}] APPEND done")  # RFC 4315 §3

    def check_room(self, octets: int) -> None:
        """Refuse what the quota does not allow (RFC 9208 §4.3.1)."""
        assert self.person is not None
        refusal = self.accounts.no_room(self.person, octets)
        if refusal is not None:
            raise No(f"[OVERQUOTA] {refusal.text}")
