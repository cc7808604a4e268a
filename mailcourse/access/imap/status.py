"""STATUS: count the messages of a folder without selecting it (RFC 3501 §6.3.10; RFC 8438, RFC 7889)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mailcourse.mailbox.maildir import Maildir
from mailcourse.mailbox.names import MessageFile

from .context import ImapContext
from .grammar import Command, text_of
from .reader import MAX_MESSAGE
from .responses import BadResponse, Completed

#: what can be asked for, and how it is counted
COUNTS: dict[str, Callable[[Maildir, Sequence[MessageFile]], int]] = {
    "MESSAGES": lambda folder, entries: len(entries),
    "RECENT": lambda folder, entries: len(folder.listing.recent(entries)),
    "UIDNEXT": lambda folder, entries: folder.uidnext,
    "UIDVALIDITY": lambda folder, entries: folder.uidvalidity,
    "UNSEEN": lambda folder, entries: sum("S" not in entry.flags for entry in entries),
    "DELETED": lambda folder, entries: sum("T" in entry.flags for entry in entries),
    "SIZE": lambda folder, entries: folder.octets(),
    "APPENDLIMIT": lambda folder, entries: MAX_MESSAGE,
}


def do_STATUS(context: ImapContext, command: Command) -> Completed:
    """Count the messages of a folder."""
    name = context.name_of(command.arguments[0])
    return Completed([status_line(context.wire_name(name), context.open_folder(name), command.arguments[1])])


def status_line(wire_name: bytes, folder: Maildir, asked: Any) -> bytes:
    """Write the untagged response STATUS of one folder."""
    words, entries = parse_status(asked), folder.scan()
    counted = " ".join(f"{word} {COUNTS[word](folder, entries)}" for word in words)
    return b"* STATUS " + wire_name + f" ({counted})".encode()


def parse_status(asked: Any) -> list[str]:
    """Read what is asked for."""
    words = [text_of(word).upper() for word in asked] if isinstance(asked, list) else []
    if not words or not set(words) <= set(COUNTS):
        raise BadResponse(f"STATUS needs a list of {', '.join(COUNTS)}")
    return words
