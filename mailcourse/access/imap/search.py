"""SEARCH: which messages match (RFC 3501 §6.4.4; RFC 4731, RFC 5182).

SEARCH UNSEEN FROM bruno                       * SEARCH 2 84 882
SEARCH RETURN (MIN COUNT) UNSEEN               * ESEARCH (TAG "a1") MIN 2 COUNT 3
SEARCH RETURN (SAVE) UNSEEN                    from now on $ means these messages
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mailcourse.mailbox.listing import NoSuchMessage
from mailcourse.message.fields import charset

from .context import ImapContext
from .grammar import Command, text_of
from .responses import BadResponse, Completed, NoResponse
from .search_keys import KeyParser, Predicate, SearchContext
from .selected import SelectedFolder
from .strings import write_set

#: what is offered when a charset is not known; every charset of text that Python knows will do
CHARSETS = ("US-ASCII", "UTF-8", "ISO-8859-1", "ISO-8859-15", "KOI8-R", "GB18030", "SHIFT_JIS")
#: what RETURN can ask for, and how it is written; SAVE writes nothing
WRITERS: dict[str, Callable[[Sequence[int]], object]] = {"MIN": min, "MAX": max, "ALL": write_set, "COUNT": len}
RETURNS = (*WRITERS, "SAVE")


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A whole SEARCH: what is to be returned (None for the old form), and what a message must match."""

    returns: tuple[str, ...] | None
    predicate: Predicate


def do_SEARCH(context: ImapContext, selected: SelectedFolder, command: Command) -> Completed:
    """Tell which messages match."""
    takes_charset, is_gone = not context.enabled.utf8_accept, lambda: context.session.is_gone
    known = SearchContext(selected.view, selected.saved, selected.keywords, takes_charset, is_gone)
    try:
        request = parse_search(command.arguments, known)
    except NoResponse:
        if "SAVE" in str(command.arguments[1:2]).upper():
            selected.saved = set()  # RFC 5182 §2.1
        raise
    matches = list(_matches(selected, request.predicate))
    returns = request.returns
    if returns is not None and "SAVE" in returns:
        selected.saved = saved_uids(returns, [uid for _, uid in matches])
        if returns == ("SAVE",):
            return Completed(allow_expunge=False)
    numbers = [uid if command.by_uid else number for number, uid in matches]
    if returns is None and not context.enabled.rev2:
        line = " ".join(["* SEARCH", *map(str, numbers)])
    else:
        line = esearch_line(command.tag, returns or ("ALL",), numbers, by_uid=command.by_uid)
    return Completed([line.encode()], allow_expunge=False)


def _matches(selected: SelectedFolder, predicate: Predicate) -> Iterator[tuple[int, int]]:
    """Yield number and UID of each message that matches."""
    for number, uid in enumerate(selected.view, 1):
        try:
            if predicate(selected.message(number, uid)):
                yield number, uid
        except (NoSuchMessage, OSError):  # removed by another session, or not to be read
            continue


def parse_search(arguments: list[Any], context: SearchContext) -> SearchRequest:
    """Read the arguments of SEARCH."""
    words, returns, codec = list(arguments), None, "utf-8"
    if len(words) > 1 and _is(words[0], "RETURN"):
        returns = _parse_returns(words[1])
        words = words[2:]
    if len(words) > 1 and _is(words[0], "CHARSET"):
        if not context.takes_charset:
            raise BadResponse("no CHARSET after ENABLE UTF8=ACCEPT: everything is UTF-8")  # RFC 6855 §3
        codec = charset(text_of(words[1])) or ""
        if not codec:
            raise NoResponse(f"[BADCHARSET ({' '.join(CHARSETS)})] that charset is not known here")
        words = words[2:]
    return SearchRequest(returns, KeyParser(words, context, codec).parse_all())


def _parse_returns(argument: Any) -> tuple[str, ...]:
    if not isinstance(argument, list):
        raise BadResponse("RETURN needs a list, such as (MIN COUNT)")
    returns = tuple(text_of(word).upper() for word in argument)
    if not set(returns) <= set(RETURNS):
        raise BadResponse(f"SEARCH can return {', '.join(RETURNS)}")
    return returns or ("ALL",)  # RFC 4731 §3.1


def _is(word: Any, name: str) -> bool:
    return isinstance(word, str) and word.upper() == name


def esearch_line(tag: str, returns: Sequence[str], numbers: Sequence[int], *, by_uid: bool) -> str:
    """Write the untagged response ESEARCH (RFC 4731 §3.1)."""
    made = [f"{word} {WRITERS[word](numbers)}" for word in WRITERS if word in returns and (numbers or word == "COUNT")]
    return " ".join([f'* ESEARCH (TAG "{tag}")', *["UID"] * by_uid, *made])


def saved_uids(returns: Sequence[str], uids: Sequence[int]) -> set[int]:
    """Return which of the matching UIDs SAVE keeps: with MIN and MAX alone, only those (RFC 5182 §2.4)."""
    if not uids or {"ALL", "COUNT"} & set(returns) or not {"MIN", "MAX"} & set(returns):
        return set(uids)
    return {*(uids[:1] if "MIN" in returns else []), *(uids[-1:] if "MAX" in returns else [])}
