r"""APPEND: put messages into a folder (RFC 3501 §6.3.11; RFC 3502 several at once, RFC 6855 with UTF-8).

APPEND Sent (\Seen) "07-Sep-2026 08:00:00 +0000" {310}     flags and time may be left out
APPEND Sent (\Seen) {310} … (\Draft) {200} …               all of them or none
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mailcourse.mailbox.maildir import Maildir, Written

from .context import ImapContext
from .flags import read_flags
from .grammar import Command, Quoted, text_of
from .reader import OnDisk
from .responses import BadResponse, Completed, NoResponse
from .strings import read_time, write_set


@dataclass(frozen=True, slots=True)
class AppendMessage:
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
        return self.content.spool.pieces() if isinstance(self.content, OnDisk) else [self.content]


def parse_append(arguments: list[Any]) -> list[AppendMessage]:
    """Read what follows the name of the folder: [flags] [time] message, once or more."""
    messages: list[AppendMessage] = []
    rest = list(arguments)
    while rest:
        flags = rest.pop(0) if isinstance(rest[0], list) else []
        when = read_time(text_of(rest.pop(0))) if rest and isinstance(rest[0], Quoted) else None
        content = rest.pop(0) if rest else None
        if isinstance(content, str) and content.upper() == "UTF8" and rest and isinstance(rest[0], list):
            inside = rest.pop(0)
            content = inside[0] if len(inside) == 1 else None
        if not isinstance(content, bytes | OnDisk) or isinstance(content, Quoted):
            raise BadResponse("APPEND needs a folder, optional flags and time, and the message as a literal")
        messages.append(AppendMessage(flags, when, content))
    return messages


def do_APPEND(context: ImapContext, command: Command) -> Completed:
    """Put messages into a folder, all or none."""
    messages = parse_append(command.arguments[1:])
    if not messages:
        raise BadResponse("APPEND needs a message after the folder name")
    folder = context.target(text_of(command.arguments[0]))
    if not all(message.size for message in messages):  # RFC 3502: this is how a client cancels
        raise NoResponse("[CANNOT] an empty message: nothing was appended")
    context.check_room(sum(message.size for message in messages))
    uids = _append(context, folder, messages)
    return Completed(text=f"[APPENDUID {folder.uidvalidity} {write_set(uids)}] APPEND done")  # RFC 4315 §3


def _append(context: ImapContext, folder: Maildir, messages: list[AppendMessage]) -> list[int]:
    def write(message: AppendMessage) -> Written:
        when, flags = message.when or context.session.trace.now(), read_flags(message.flags, folder)
        return folder.write(message.pieces(), context.unique_name(when), when), flags

    return folder.accept_all(map(write, messages))
