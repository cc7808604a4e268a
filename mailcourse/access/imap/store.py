"""STORE: change flags (RFC 3501 §6.4.6).

STORE 1:3 +FLAGS (\\Seen)          adds; -FLAGS takes away, FLAGS replaces
STORE 1:3 +FLAGS.SILENT (\\Seen)   the new flags are not sent back
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from mailcourse.mailbox.listing import NoSuchMessage
from mailcourse.mailbox.names import FlagChange

from .context import ImapContext
from .fetch import fetch_line, flag_message
from .flags import read_flags
from .grammar import Command, text_of
from .items import parse_items
from .responses import BadResponse, Completed
from .selected import SelectedFolder


def do_STORE(context: ImapContext, selected: SelectedFolder, command: Command) -> Completed:
    """Change flags."""
    kind, (first, *more) = text_of(command.arguments[1]).upper(), command.arguments[2:]
    is_list = isinstance(first, list)
    if kind.removesuffix(".SILENT") not in ("FLAGS", "+FLAGS", "-FLAGS") or (is_list and more):
        raise BadResponse("STORE needs FLAGS, +FLAGS or -FLAGS, and a list of flags")
    chosen = selected.chosen(command)
    selected.must_be_writable()
    given = read_flags(first if is_list else [first, *more], selected.folder, add=kind[0] != "-")

    def change(now: frozenset[str]) -> frozenset[str]:
        return now | given if kind[0] == "+" else now - given if kind[0] == "-" else given | (now & {"P"})

    reported = "" if kind.endswith(".SILENT") else "UID FLAGS" if command.by_uid else "FLAGS"
    return Completed(_store(context, selected, chosen, change, reported), allow_expunge=False)


def _store(
    context: ImapContext, selected: SelectedFolder, chosen: dict[int, int], change: FlagChange, reported: str
) -> Iterator[bytes]:
    yield from selected.new_keywords()
    items = parse_items(reported.split()) if reported else []
    for number, uid in chosen.items():
        with suppress(NoSuchMessage):
            flag_message(context, selected, uid, change)
            if items:
                yield fetch_line(selected.message(number, uid), items)
