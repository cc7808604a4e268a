"""Commands that change which folders there are: CREATE, DELETE, RENAME, SUBSCRIBE (RFC 3501 §6.3)."""

from __future__ import annotations

from typing import Any

from mailcourse.mailbox.refusal import MailboxRefusal

from ..session import printable
from .context import ImapContext
from .grammar import Command, text_of
from .responses import BadResponse, Completed, NoResponse

#: what a folder can be for; \All and \Flagged would be searches (RFC 6154 §2)
USES = ("\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash")


def do_SUBSCRIBE(context: ImapContext, command: Command) -> Completed:
    """Put a folder on the list that mail programs show."""
    name = context.name_of(command.arguments[0])
    context.open_folder(name)
    context.inbox().subscribe(name)
    return Completed()


def do_UNSUBSCRIBE(context: ImapContext, command: Command) -> Completed:
    """Take a folder off that list; it need not exist any more."""
    context.inbox().subscribe(context.name_of(command.arguments[0]), wanted=False)
    return Completed()


def do_CREATE(context: ImapContext, command: Command) -> Completed:
    r"""Make a folder, perhaps for a use: CREATE Sent (USE (\Sent))."""
    name, *more = command.arguments
    name = context.name_of(name)
    use = _parse_use(context, more[0]) if more else ""
    _must_be_new(context, name)
    try:
        context.inbox().create_folder(name, use)
    except MailboxRefusal as error:
        raise NoResponse(f"[CANNOT] {error}") from None
    return Completed()


def _parse_use(context: ImapContext, argument: Any) -> str:
    word, uses = argument if isinstance(argument, list) and len(argument) == 2 else ("", [])
    if text_of(word).upper() != "USE" or not isinstance(uses, list):
        raise BadResponse("only (USE (\\Sent)) may follow the name")
    wanted = [text_of(use).lower() for use in uses]
    known = [use for use in USES if use.lower() in wanted]
    if len(wanted) != 1 or not known or known[0] in context.inbox().uses():
        raise NoResponse(f"[USEATTR] a folder is for one of {' '.join(USES)}, and one folder for each")
    return known[0]


def _must_be_new(context: ImapContext, name: str) -> None:
    if name == "INBOX" or name in context.inbox().folders():
        raise NoResponse(f"[ALREADYEXISTS] there is a folder {printable(name[:60])} already")


def do_DELETE(context: ImapContext, command: Command) -> Completed:
    """Remove a folder and its messages; folders below it stay (§6.3.4)."""
    name = context.name_of(command.arguments[0])
    if name == "INBOX":
        raise NoResponse("[CANNOT] INBOX cannot be deleted")
    context.open_folder(name)
    context.inbox().delete_folder(name)
    if context.selected is not None and context.selected.name == name:
        context.selected = None
    return Completed()


def do_RENAME(context: ImapContext, command: Command) -> Completed:
    """Give a folder another name, and those below it; of INBOX, the messages move (§6.3.5)."""
    old, new = (context.name_of(argument) for argument in command.arguments)
    _must_be_new(context, new)
    inbox = context.inbox()
    if not any(name == old or name.startswith(f"{old}/") for name in inbox.folders()):
        context.open_folder(old)
    try:
        if old == "INBOX":
            inbox.move(inbox.scan(), inbox.create_folder(new))
            return Completed()
        inbox.rename_folder(old, new)
    except MailboxRefusal as error:
        raise NoResponse(f"[CANNOT] {error}") from None
    selected = context.selected
    if selected is not None and f"{selected.name}/".startswith(f"{old}/"):  # it stays open
        selected.name = new + selected.name[len(old) :]
        selected.folder = context.open_folder(selected.name)
    return Completed()
