"""Which folders does a LIST show, and with which attributes?  (RFC 3501 §6.3.8, RFC 5258)

    LIST "" %                                  * LIST (\\HasChildren) "/" "Work"

A folder of which only folders below exist is \\NonExistent; old clients get \\Noselect.
Knows names.  Does not know folders on a disk: `listing.py` asks for those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from .list_request import ListRequest


@dataclass(frozen=True)
class FolderTree:
    """All folders of a person, by their names on the wire's levels: INBOX first."""

    there: list[str]
    subscribed: list[str]
    uses: dict[str, str]  # folder → use
    wire_name: Callable[[str], str]

    def names(self, *, with_subscribed: bool = False) -> list[str]:
        """Return all names: of folders that exist, of those above them, and perhaps of subscriptions."""
        known = [*self.there, *self.subscribed] if with_subscribed else self.there
        above = {name[:place] for name in known for place, sign in enumerate(name) if sign == "/"}
        return ["INBOX", *sorted({*known, *above} - {"INBOX"})]

    def has_children(self, name: str) -> bool:
        """True when a folder is below this one."""
        return _any_below(name, self.there)


def list_rows(request: ListRequest, tree: FolderTree, *, is_new: bool) -> Iterator[tuple[str, list[str], str]]:
    """Return (name, attributes, extra data) of each folder that is asked for.

    A folder that was not chosen is listed for the sake of chosen ones below it, if these do not match themselves
    (RFC 5258 §3.3); old clients get every level.  `is_new`: the client knows \\NonExistent.
    """
    names = tree.names(with_subscribed="SUBSCRIBED" in request.selections)
    names = [name for name in names if _is_wanted(name, request, tree)]
    subscribed, chosen = set(tree.subscribed), _chosen(request, tree)
    hidden = chosen.difference(names)
    is_new = is_new or request.is_extended
    is_plain = not request.selections & {"SUBSCRIBED", "SPECIAL-USE"}
    has_child_info = {"RECURSIVEMATCH", "SUBSCRIBED"} <= request.selections
    for name in names:
        is_parent = (is_plain or has_child_info) and _any_below(name, hidden)
        if name in chosen or is_parent or (is_plain and not is_new):
            extra = ' ("CHILDINFO" ("SUBSCRIBED"))' if has_child_info and _any_below(name, chosen) else ""  # §3.5
            yield name, _attributes(name, request, tree, subscribed, is_new=is_new), extra


def _chosen(request: ListRequest, tree: FolderTree) -> set[str]:
    names = set(tree.subscribed if "SUBSCRIBED" in request.selections else tree.there)
    return names & set(tree.uses) if "SPECIAL-USE" in request.selections else names


def _is_wanted(name: str, request: ListRequest, tree: FolderTree) -> bool:
    """Patterns are compared with what is on the wire: half of a letter in UTF-7 is one, too (RFC 3501 §5.1.3)."""
    if name == "INBOX":  # ignoring case, §5.1
        return any(matches(pattern.upper(), name) for pattern in request.patterns)
    return any(matches(pattern, tree.wire_name(name)) for pattern in request.patterns)


def _any_below(name: str, names: Iterable[str]) -> bool:
    return any(other.startswith(f"{name}/") for other in names)


def _attributes(name: str, request: ListRequest, tree: FolderTree, subscribed: set[str], *, is_new: bool) -> list[str]:
    attributes = [] if name in tree.there else ["\\NonExistent" if is_new else "\\Noselect"]
    attributes.append("\\HasChildren" if tree.has_children(name) else "\\HasNoChildren")
    if name in subscribed and "SUBSCRIBED" in request.returns | request.selections:
        attributes.append("\\Subscribed")
    if name in tree.uses:
        attributes.append(tree.uses[name])
    return attributes


def lsub_rows(request: ListRequest, tree: FolderTree) -> Iterator[tuple[str, list[str]]]:
    """Return the rows of LSUB: the subscriptions that match, and for % also the levels above them (§6.3.9)."""
    above = {name[:place] for name in tree.subscribed for place, sign in enumerate(name) if sign == "/"}
    for name in sorted({*tree.subscribed, *above}, key=lambda name: (name != "INBOX", name)):
        if _is_wanted(name, request, tree):
            if name in tree.subscribed:
                yield name, [] if name in tree.there else ["\\Noselect"]
            elif any("%" in pattern for pattern in request.patterns):
                yield name, ["\\Noselect"]


def matches(pattern: str, name: str) -> bool:
    """True when `name` matches: * stands for anything, % for anything on one level (§6.3.8).

    >>> matches("Work/%", "Work/2026"), matches("%", "Work/2026")
    (True, False)
    """
    every = (1 << len(name) + 1) - 1  # a bit for each place in `name`, and one for its end
    places = {sign: sum(1 << n for n, one in enumerate(name) if one == sign) for sign in {*name, "/"}}
    below = every >> 1 & ~places["/"]  # where % may go on by one
    reached = 1  # how much of `name` the pattern may have used up so far
    for sign in pattern:
        if sign == "*":
            reached = every & -(reached & -reached)  # from the first on, all
        elif sign == "%":
            reached |= (((reached & below) + below) ^ below) & every  # adding carries on to the end of the level
        else:
            reached = (reached & places.get(sign, 0)) << 1
        if not reached:
            return False
    return bool(reached >> len(name))
