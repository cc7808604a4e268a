"""LIST and LSUB: which folders there are (RFC 3501 §6.3.8; RFC 5258, RFC 5819, RFC 6154).

    LIST "" %                                  * LIST (\\HasChildren) "/" "Work"
    LIST (SUBSCRIBED) "" * RETURN (STATUS (UNSEEN))

A folder of which only folders below exist is \\NonExistent; old clients are told \\Noselect.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .grammar import Command, text_of
from .states import Wrong

SELECTIONS = {"SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE"}
RETURNS = {"SUBSCRIBED", "CHILDREN", "SPECIAL-USE"}
MAX_PATTERNS = 20


@dataclass
class Wanted:
    """What a LIST asks for."""

    patterns: list[str]
    selections: set[str] = field(default_factory=set)
    returns: set[str] = field(default_factory=set)
    status: list[Any] = field(default_factory=list)
    is_extended: bool = False
    asks_for_separator: bool = False


@dataclass(frozen=True)
class Tree:
    """All folders of a person, by their names on the wire's levels: INBOX first."""

    there: list[str]
    subscribed: list[str]
    uses: dict[str, str]  # folder → use

    def names(self, *, with_subscribed: bool = False) -> list[str]:
        """Return all names: of folders that exist, of those above them, and perhaps of subscriptions."""
        known = [*self.there, *self.subscribed] if with_subscribed else self.there
        above = {name[:place] for name in known for place, sign in enumerate(name) if sign == "/"}
        return ["INBOX", *sorted({*known, *above} - {"INBOX"})]

    def has_children(self, name: str) -> bool:
        """True when a folder is below this one."""
        return _any_below(name, self.there)


def wanted(command: Command) -> Wanted:
    """Read the arguments of LIST."""
    words = list(command.arguments)
    found = Wanted([])
    if isinstance(words[0], list):
        found.is_extended = True
        found.selections = _options(words.pop(0), SELECTIONS)
        if len(words) < 2:
            raise Wrong("LIST wants a reference and a pattern")
    reference, patterns = text_of(words.pop(0)), words.pop(0)
    found.is_extended |= isinstance(patterns, list) or bool(words)
    patterns = [text_of(one) for one in patterns] if isinstance(patterns, list) else [text_of(patterns)]
    if not patterns or len(patterns) > MAX_PATTERNS:
        raise Wrong(f"LIST takes 1 to {MAX_PATTERNS} patterns")
    if words:
        if text_of(words.pop(0)).upper() != "RETURN" or len(words) != 1 or not isinstance(words[0], list):
            raise Wrong("behind the pattern only RETURN and a list may stand")
        _read_returns(words[0], found)
    if found.selections & {"RECURSIVEMATCH"} and not found.selections & {"SUBSCRIBED", "SPECIAL-USE"}:
        raise Wrong("RECURSIVEMATCH needs SUBSCRIBED or SPECIAL-USE")  # RFC 5258 §3.1
    found.asks_for_separator = patterns == [""] and not found.is_extended
    found.patterns = [_pattern(reference + pattern) for pattern in patterns]
    return found


def _options(given: Iterable[Any], known: set[str]) -> set[str]:
    options = {text_of(word).upper() for word in given}
    if options - known:
        raise Wrong(f"LIST knows {', '.join(sorted(known))} there")
    return options


def _read_returns(given: list[Any], found: Wanted) -> None:
    words = list(given)
    while words:
        if isinstance(words[0], str) and words[0].upper() == "STATUS":
            if len(words) < 2 or not (isinstance(words[1], list) and words[1]):
                raise Wrong("STATUS wants a list, such as (MESSAGES UNSEEN)")
            found.status = words[1]
            words = words[2:]
        else:
            found.returns |= _options([words.pop(0)], RETURNS)


def _pattern(text: str) -> str:
    text = text[:1000]
    head, slash, rest = text.partition("/")
    text = "INBOX" + slash + rest if head.upper() == "INBOX" else text
    return re.sub(r"\*[*%]*|%+", lambda m: m[0][0], text)


def listed(asked: Wanted, tree: Tree, *, is_new: bool) -> Iterator[tuple[str, list[str], str]]:
    """Return (name, attributes, extra data) of each folder that is asked for.

    A folder that was not chosen is told for the sake of those below it that are, if these do not fit
    (RFC 5258 §3.3); old clients are told every level.  `is_new`: the client knows \\NonExistent.
    """
    names = tree.names(with_subscribed="SUBSCRIBED" in asked.selections)
    names = [name for name in names if any(fits(pattern, name) for pattern in asked.patterns)]
    subscribed, chosen = set(tree.subscribed), _chosen(asked, tree)
    hidden = chosen.difference(names)
    is_new = is_new or asked.is_extended
    is_plain = not asked.selections & {"SUBSCRIBED", "SPECIAL-USE"}
    tells_below = {"RECURSIVEMATCH", "SUBSCRIBED"} <= asked.selections
    for name in names:
        is_parent = (is_plain or tells_below) and _any_below(name, hidden)
        if name in chosen or is_parent or (is_plain and not is_new):
            extra = ' ("CHILDINFO" ("SUBSCRIBED"))' if tells_below and _any_below(name, chosen) else ""  # §3.5
            yield name, _attributes(name, asked, tree, subscribed, is_new=is_new), extra


def _chosen(asked: Wanted, tree: Tree) -> set[str]:
    found = set(tree.subscribed if "SUBSCRIBED" in asked.selections else tree.there)
    return found & set(tree.uses) if "SPECIAL-USE" in asked.selections else found


def _any_below(name: str, names: Iterable[str]) -> bool:
    return any(other.startswith(f"{name}/") for other in names)


def _attributes(name: str, asked: Wanted, tree: Tree, subscribed: set[str], *, is_new: bool) -> list[str]:
    found = [] if name in tree.there else ["\\NonExistent" if is_new else "\\Noselect"]
    found.append("\\HasChildren" if tree.has_children(name) else "\\HasNoChildren")
    if name in subscribed and "SUBSCRIBED" in asked.returns | asked.selections:
        found.append("\\Subscribed")
    if name in tree.uses:
        found.append(tree.uses[name])
    return found


def subscribed(asked: Wanted, tree: Tree) -> Iterator[tuple[str, list[str]]]:
    """Return what LSUB tells: the subscriptions that fit, and for % also the levels above them (§6.3.9)."""
    above = {name[:place] for name in tree.subscribed for place, sign in enumerate(name) if sign == "/"}
    for name in sorted({*tree.subscribed, *above}, key=lambda name: (name != "INBOX", name)):
        if any(fits(pattern, name) for pattern in asked.patterns):
            if name in tree.subscribed:
                yield name, [] if name in tree.there else ["\\Noselect"]
            elif any("%" in pattern for pattern in asked.patterns):
                yield name, ["\\Noselect"]


def fits(pattern: str, name: str) -> bool:
    """True when `name` fits: * stands for anything, % for anything on one level (§6.3.8).

    >>> fits("Work/%", "Work/2026"), fits("%", "Work/2026")
    (True, False)
    """
    reached = {0}  # how much of `name` the pattern may have used up so far
    for sign in pattern:
        if sign in "*%":
            reached = {
                end
                for start in reached
                for end in range(start, len(name) + 1)
                if sign == "*" or "/" not in name[start:end]
            }
        else:
            reached = {start + 1 for start in reached if name[start : start + 1] == sign}
        if not reached:
            return False
    return len(name) in reached
