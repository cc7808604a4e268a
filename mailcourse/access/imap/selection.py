"""SELECT and EXAMINE open a folder; CLOSE and UNSELECT leave it (RFC 3501 §6.3.1, §6.4.2; RFC 3691)."""

from __future__ import annotations

from collections.abc import Iterator

from .context import ImapContext
from .grammar import Command
from .listing import list_line
from .responses import Completed
from .selected import SelectedFolder


def do_SELECT(context: ImapContext, command: Command) -> Completed:
    """Open a folder."""
    return Completed(_select(context, command, is_read_only=False), "[READ-WRITE] SELECT done")


def do_EXAMINE(context: ImapContext, command: Command) -> Completed:
    """Open a folder in which nothing is to be changed."""
    return Completed(_select(context, command, is_read_only=True), "[READ-ONLY] EXAMINE done")


def _select(context: ImapContext, command: Command, *, is_read_only: bool) -> Iterator[bytes]:
    if context.selected is not None and context.enabled.rev2:
        yield b"* OK [CLOSED] the previous folder is closed"
    context.selected = None  # §6.3.1: the old one is closed even when the new one cannot be opened
    name = context.name_of(command.arguments[0])
    folder = context.open_folder(name)
    selected = context.selected = SelectedFolder(folder, name, context.enabled, is_read_only=is_read_only)
    yield selected.flags_line()
    yield from selected.exists_lines()
    if context.enabled.rev2:
        yield list_line("LIST", context.wire_name(name))  # RFC 9051 §6.3.2
    else:
        yield from _first_unseen(selected)
    permanent = "" if is_read_only else f"{selected.flag_words()} \\*"
    yield f"* OK [PERMANENTFLAGS ({permanent})] permanent flags".encode()
    yield f"* OK [UIDVALIDITY {folder.uidvalidity}] UIDs are valid".encode()
    yield f"* OK [UIDNEXT {folder.uidnext}] the next UID".encode()


def _first_unseen(selected: SelectedFolder) -> Iterator[bytes]:
    for number, uid in enumerate(selected.view, 1):
        if "S" not in selected.cache[uid].flags:
            yield b"* OK [UNSEEN %d] the first unseen message" % number
            return


def do_CLOSE(context: ImapContext, selected: SelectedFolder, command: Command) -> Completed:
    """Remove what is flagged as deleted, silently, and leave the folder (§6.4.2)."""
    context.selected = None  # first: a folder that cannot be used is left, too
    if not selected.is_read_only:
        for entry in selected.expunge():
            context.session.changed("removed", entry)
    return Completed()


def do_UNSELECT(context: ImapContext, selected: SelectedFolder, command: Command) -> Completed:
    """Leave the folder as it is (RFC 3691)."""
    context.selected = None
    return Completed()
