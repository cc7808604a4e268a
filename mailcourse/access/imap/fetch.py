"""FETCH: send pieces of messages (RFC 3501 §6.4.5).  What a piece is, `items.py` knows.

FETCH 1:3 (FLAGS BODY[])       * 1 FETCH (FLAGS (\\Seen) BODY[] {310} …
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

from mailcourse.mailbox.listing import NoSuchMessage
from mailcourse.mailbox.names import FlagChange, MessageFile

from .context import ImapContext
from .flags import write_flags
from .grammar import Command
from .items import Item, MessageView, parse_items
from .responses import Completed, NoResponse
from .selected import SelectedFolder

#: What needs no file to be opened, if it is as we wrote it; mail programs ask for it of all messages.
WITHOUT_READING = {b"UID", b"FLAGS", b"RFC822.SIZE"}


def do_FETCH(context: ImapContext, selected: SelectedFolder, command: Command) -> Completed:
    """Send pieces of messages."""
    chosen = selected.chosen(command)
    items = parse_items(command.arguments[1])
    if command.by_uid and not any(item.name == b"UID" for item in items):
        items = parse_items("UID") + items
    if WITHOUT_READING.issuperset(item.name for item in items):
        return Completed(_from_names(selected, chosen, items), allow_expunge=False)
    return Completed(_from_messages(context, selected, chosen, items), allow_expunge=False)


def _from_messages(
    context: ImapContext, selected: SelectedFolder, chosen: dict[int, int], items: list[Item]
) -> Iterator[bytes]:
    marks_seen = any(item.marks_seen for item in items) and not selected.is_read_only
    has_flags = any(item.name == b"FLAGS" for item in items)
    is_content = any(item.is_content for item in items)
    failed = 0
    for number, uid in chosen.items():
        wanted = items
        try:
            if marks_seen and "S" not in selected.cache[uid].flags:
                flag_message(context, selected, uid, lambda flags: flags | {"S"})
                wanted = items if has_flags else items + parse_items("FLAGS")
            yield fetch_line(selected.message(number, uid), wanted)
        except NoSuchMessage:
            continue  # removed by another session; the next NOOP reports it
        except OSError:  # one that cannot be read hides no other; untagged, NO is a warning (§7.1.2)
            failed += 1
            yield b"* NO [UNAVAILABLE] message %d cannot be read" % number
            continue
        if is_content:
            context.session.fetched(selected.cache[uid])
    if 0 < failed == len(chosen):
        raise NoResponse("[UNAVAILABLE] the message cannot be read")


def _from_names(selected: SelectedFolder, chosen: dict[int, int], items: list[Item]) -> Iterator[bytes]:
    """Write lines of UID, FLAGS and RFC822.SIZE alone: fast, for fifty thousand messages."""
    own, listed = selected.cache.maps

    @cache
    def flags(letters: frozenset[str], recent: bool) -> bytes:
        return b"FLAGS " + write_flags(letters, selected.keywords, recent=recent)

    writers: dict[bytes, Callable[[MessageFile], bytes]] = {
        b"UID": lambda entry: b"UID %d" % entry.uid,
        b"FLAGS": lambda entry: flags(entry.flags, selected.is_recent(entry.uid)),
        b"RFC822.SIZE": lambda entry: b"RFC822.SIZE %d" % selected.folder.octets_of(entry),
    }
    asked = [writers[item.name] for item in items]
    for number, uid in chosen.items():
        entry = own.get(uid) or listed[uid]
        try:
            yield b"* %d FETCH (%b)" % (number, b" ".join([write(entry) for write in asked]))
        except (NoSuchMessage, OSError):
            continue


def fetch_line(message: MessageView, items: list[Item]) -> bytes:
    """Write the untagged response FETCH of one message."""
    return b"* %d FETCH (%b)" % (message.number, b" ".join([item.name + b" " + item.write(message) for item in items]))


def flag_message(context: ImapContext, selected: SelectedFolder, uid: int, change: FlagChange) -> None:
    """Change the flags of a message, and record it if that changed anything."""
    before, after = selected.change_flags(uid, change)
    if after.flags != before.flags:
        context.session.changed("flagged", after, flags=write_flags(after.flags, selected.keywords).decode())
