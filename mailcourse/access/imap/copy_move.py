"""COPY, MOVE and EXPUNGE: messages go to another folder, or away (RFC 3501 §6.4.3, §6.4.7; RFC 6851, RFC 4315)."""

from __future__ import annotations

from collections.abc import Sequence

from mailcourse.mailbox.listing import NoSuchMessage
from mailcourse.mailbox.maildir import Maildir, Written

from .context import ImapContext
from .grammar import Command
from .responses import Completed, NoResponse
from .selected import SelectedFolder
from .strings import write_set


def do_COPY(context: ImapContext, selected: SelectedFolder, command: Command) -> Completed:
    """Copy messages to another folder, all or none."""
    uids = list(selected.chosen(command).values())
    target = context.target(command.arguments[1])
    try:
        context.check_room(sum(selected.folder.octets_of(selected.cache[uid]) for uid in uids))
        copies = _copy(context, selected, uids, target)
    except NoSuchMessage:
        raise NoResponse("[EXPUNGEISSUED] a message was removed by another session") from None
    return Completed(text=f"{_copied(target, uids, copies)} COPY done".strip())


def _copy(context: ImapContext, selected: SelectedFolder, uids: list[int], target: Maildir) -> list[int]:
    def link(uid: int) -> Written:
        flags = target.flags_from(selected.folder, selected.cache[uid])
        name = context.unique_name(context.session.trace.now())
        return target.link(selected.folder, selected.cache[uid], name), flags

    return target.accept_all(map(link, uids))  # §6.4.7: all or none


def do_MOVE(context: ImapContext, selected: SelectedFolder, command: Command) -> Completed:
    """Move messages to another folder: each in one rename, so that none is ever in both or in none."""
    chosen = selected.chosen(command)
    selected.must_be_writable()
    target = context.target(command.arguments[1])
    moved = selected.folder.move([selected.cache[uid] for uid in chosen.values()], target)
    code = _copied(target, list(moved), list(moved.values()))
    # RFC 6851 §4.3: COPYUID comes first, then what is gone from here
    return Completed([f"* OK {code} moved".encode()] if code else [])


def do_EXPUNGE(context: ImapContext, selected: SelectedFolder, command: Command) -> Completed:
    r"""Remove what is flagged as \Deleted; with UIDs, only of these (RFC 4315 §2.1)."""
    selected.must_be_writable()
    for entry in selected.expunge({*selected.chosen(command).values()} if command.by_uid else None):
        context.session.changed("removed", entry)
    return Completed()


def _copied(target: Maildir, old: Sequence[int], new: Sequence[int]) -> str:
    """Write the response code that tells which UIDs the copies have (RFC 4315 §3); empty without copies."""
    return f"[COPYUID {target.uidvalidity} {write_set(old)} {write_set(new)}]" if old else ""
