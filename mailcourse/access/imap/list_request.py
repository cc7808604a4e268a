"""The arguments of LIST and LSUB (RFC 3501 §6.3.8; RFC 5258, RFC 5819, RFC 6154).

LIST "" %
LIST (SUBSCRIBED) "" * RETURN (STATUS (UNSEEN))
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .grammar import Command, text_of
from .responses import BadResponse

SELECTIONS = {"SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE"}
RETURNS = {"SUBSCRIBED", "CHILDREN", "SPECIAL-USE"}
MAX_PATTERNS = 20


@dataclass
class ListRequest:
    """What a LIST asks for."""

    patterns: list[str]
    selections: set[str] = field(default_factory=set)
    returns: set[str] = field(default_factory=set)
    status: list[Any] = field(default_factory=list)
    is_extended: bool = False
    asks_for_separator: bool = False


def parse_list(command: Command) -> ListRequest:
    """Read the arguments of LIST or LSUB."""
    words = list(command.arguments)
    request = ListRequest([])
    if isinstance(words[0], list):
        request.is_extended = True
        request.selections = _options(words.pop(0), SELECTIONS)
        if len(words) < 2:
            raise BadResponse("LIST needs a reference and a pattern")
    reference, patterns = text_of(words.pop(0)), words.pop(0)
    request.is_extended |= isinstance(patterns, list) or bool(words)
    patterns = [text_of(pattern) for pattern in patterns] if isinstance(patterns, list) else [text_of(patterns)]
    if not patterns or len(patterns) > MAX_PATTERNS:
        raise BadResponse(f"LIST takes 1 to {MAX_PATTERNS} patterns")
    if words:
        if text_of(words.pop(0)).upper() != "RETURN" or len(words) != 1 or not isinstance(words[0], list):
            raise BadResponse("only RETURN and a list may follow the pattern")
        _read_returns(words[0], request)
    if request.selections & {"RECURSIVEMATCH"} and not request.selections & {"SUBSCRIBED", "SPECIAL-USE"}:
        raise BadResponse("RECURSIVEMATCH needs SUBSCRIBED or SPECIAL-USE")  # RFC 5258 §3.1
    request.asks_for_separator = patterns == [""] and not request.is_extended
    request.patterns = [_pattern(reference + pattern) for pattern in patterns]
    return request


def _options(given: Iterable[Any], known: set[str]) -> set[str]:
    options = {text_of(word).upper() for word in given}
    if options - known:
        raise BadResponse(f"LIST knows {', '.join(sorted(known))} there")
    return options


def _read_returns(given: list[Any], request: ListRequest) -> None:
    words = list(given)
    while words:
        if isinstance(words[0], str) and words[0].upper() == "STATUS":
            if len(words) < 2 or not (isinstance(words[1], list) and words[1]):
                raise BadResponse("STATUS needs a list, such as (MESSAGES UNSEEN)")
            request.status = words[1]
            words = words[2:]
        else:
            request.returns |= _options([words.pop(0)], RETURNS)


def _pattern(text: str) -> str:
    head, slash, rest = text.partition("/")
    text = "INBOX" + slash + rest if head.upper() == "INBOX" else text
    return re.sub(r"[*%]+", lambda run: "*" if "*" in run[0] else "%", text)
