"""The commands of IMAP: in which state each may be given, and the function that obeys it (RFC 3501 §6)."""

from __future__ import annotations

from dataclasses import replace

from . import append, copy_move, fetch, folders, listing, login, search, selection, status, store
from .context import CommandFunction, ImapContext, SelectedFunction
from .grammar import Command, text_of
from .responses import BadResponse, Completed
from .selected import SelectedFolder
from .states import ImapState

MANY = 10_000

#: the commands that UID goes before -> the min and max number of arguments, and the function
BY_UID: dict[str, tuple[int, int, SelectedFunction]] = {
    "COPY": (2, 2, copy_move.do_COPY),
    "EXPUNGE": (1, 1, copy_move.do_EXPUNGE),
    "FETCH": (2, 2, fetch.do_FETCH),
    "MOVE": (2, 2, copy_move.do_MOVE),
    "SEARCH": (1, MANY, search.do_SEARCH),
    "STORE": (3, MANY, store.do_STORE),
}


def do_UID(context: ImapContext, selected: SelectedFolder, command: Command) -> Completed:
    """Obey a command with UIDs in place of numbers (§6.4.8)."""
    name = text_of(command.arguments[0]).upper()
    if name not in BY_UID:
        raise BadResponse(f"UID goes with {', '.join(BY_UID)}")
    min_count, max_count, function = BY_UID[name]
    inner = Command(command.tag, name, command.arguments[1:], by_uid=True)
    if not min_count <= len(inner.arguments) <= max_count:
        raise BadResponse(f"wrong number of arguments for UID {name}")
    result = function(context, selected, inner)
    return replace(result, text=result.text or f"UID {name} done", allow_expunge=True)


def on_selected(function: SelectedFunction) -> CommandFunction:
    """Hand the selected folder to a function; the table lets it be called in that state only."""

    def obey(context: ImapContext, command: Command) -> Completed:
        assert context.selected is not None
        return function(context, context.selected, command)

    return obey


ANY = tuple(ImapState)
BEFORE = (ImapState.NOT_AUTHENTICATED,)
AFTER = (ImapState.AUTHENTICATED, ImapState.SELECTED)
SELECTED = (ImapState.SELECTED,)

#: command -> the states in which it may be given, the min and max number of arguments, and the function
COMMANDS: dict[str, tuple[tuple[ImapState, ...], int, int, CommandFunction]] = {
    "CAPABILITY": (ANY, 0, 0, login.do_CAPABILITY),
    "NOOP": (ANY, 0, 0, login.do_NOOP),
    "LOGOUT": (ANY, 0, 0, login.do_LOGOUT),
    "ID": (ANY, 1, 1, login.do_ID),
    "STARTTLS": (BEFORE, 0, 0, login.do_STARTTLS),
    "LOGIN": (BEFORE, 2, 2, login.do_LOGIN),
    "AUTHENTICATE": (BEFORE, 1, 2, login.do_AUTHENTICATE),
    "ENABLE": (AFTER, 1, MANY, login.do_ENABLE),
    "IDLE": (AFTER, 0, 0, login.do_IDLE),
    "NAMESPACE": (AFTER, 0, 0, listing.do_NAMESPACE),
    "SELECT": (AFTER, 1, 1, selection.do_SELECT),
    "EXAMINE": (AFTER, 1, 1, selection.do_EXAMINE),
    "LIST": (AFTER, 2, 5, listing.do_LIST),
    "LSUB": (AFTER, 2, 2, listing.do_LSUB),
    "SUBSCRIBE": (AFTER, 1, 1, folders.do_SUBSCRIBE),
    "UNSUBSCRIBE": (AFTER, 1, 1, folders.do_UNSUBSCRIBE),
    "CREATE": (AFTER, 1, 2, folders.do_CREATE),
    "DELETE": (AFTER, 1, 1, folders.do_DELETE),
    "RENAME": (AFTER, 2, 2, folders.do_RENAME),
    "STATUS": (AFTER, 2, 2, status.do_STATUS),
    "APPEND": (AFTER, 2, MANY, append.do_APPEND),
    "CHECK": (SELECTED, 0, 0, login.do_NOOP),
    "CLOSE": (SELECTED, 0, 0, on_selected(selection.do_CLOSE)),
    "UNSELECT": (SELECTED, 0, 0, on_selected(selection.do_UNSELECT)),
    "EXPUNGE": (SELECTED, 0, 0, on_selected(copy_move.do_EXPUNGE)),
    "SEARCH": (SELECTED, 1, MANY, on_selected(search.do_SEARCH)),
    "FETCH": (SELECTED, 2, 2, on_selected(fetch.do_FETCH)),
    "STORE": (SELECTED, 3, MANY, on_selected(store.do_STORE)),
    "COPY": (SELECTED, 2, 2, on_selected(copy_move.do_COPY)),
    "MOVE": (SELECTED, 2, 2, on_selected(copy_move.do_MOVE)),
    "UID": (SELECTED, 2, MANY, on_selected(do_UID)),
}
