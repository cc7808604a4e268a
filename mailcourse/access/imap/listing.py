"""LIST, LSUB and NAMESPACE: which folders there are (RFC 3501 §6.3.8, §6.3.9; RFC 2342, RFC 5819)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from mailcourse.internet.errors import LabError

from .context import ImapContext
from .folder_tree import FolderTree, list_rows, lsub_rows
from .grammar import Command
from .list_request import ListRequest, parse_list
from .responses import Completed, NoResponse
from .status import parse_status, status_line
from .strings import in_utf7


def list_line(verb: str, wire_name: bytes, attributes: Sequence[str] = (), extra: str = "") -> bytes:
    """Write the untagged response LIST or LSUB of one folder."""
    return f'* {verb} ({" ".join(attributes)}) "/" '.encode() + wire_name + extra.encode()


def do_LIST(context: ImapContext, command: Command) -> Completed:
    """List the folders that match a pattern: * matches all, % all on one level."""
    request = parse_list(command)
    if request.asks_for_separator:  # §6.3.8
        return Completed([list_line("LIST", b'""', ["\\Noselect"])])
    if request.status:
        parse_status(request.status)  # a word that is wrong is refused before anything is listed
    return Completed(_list(context, request))


def _list(context: ImapContext, request: ListRequest) -> Iterator[bytes]:
    tree = _tree(context)
    for name, attributes, extra in list_rows(request, tree, is_new=context.enabled.rev2):
        yield list_line("LIST", context.wire_name(name), attributes, extra)
        if request.status and name in tree.there:
            with suppress(NoResponse, LabError, OSError):  # deleted a moment ago, or damaged
                yield status_line(context.wire_name(name), context.open_folder(name), request.status)


def do_LSUB(context: ImapContext, command: Command) -> Completed:
    """List the subscriptions that match a pattern."""
    request = parse_list(command)
    if request.asks_for_separator:
        return Completed([list_line("LSUB", b'""', ["\\Noselect"])])
    rows = lsub_rows(request, _tree(context))
    return Completed([list_line("LSUB", context.wire_name(name), attributes) for name, attributes in rows])


def _tree(context: ImapContext) -> FolderTree:
    inbox = context.inbox()
    uses = {name: use for use, name in inbox.uses().items()}
    wire_name = str if context.enabled.utf8_names else in_utf7
    return FolderTree(["INBOX", *inbox.folders()], inbox.subscriptions(), uses, wire_name)


def do_NAMESPACE(context: ImapContext, command: Command) -> Completed:
    """Tell where folders are: all are one's own (RFC 2342)."""
    return Completed([b'* NAMESPACE (("" "/")) NIL NIL'])
