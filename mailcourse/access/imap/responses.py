"""The states of an IMAP session (RFC 3501 §3), the commands, and how a command ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """Where a session is, and what a command that is not allowed there waits for."""

    NOT_AUTHENTICATED = "log in first: LOGIN name password"
    AUTHENTICATED = "select a folder first: SELECT INBOX"
    SELECTED = ""


NOT_AUTHENTICATED, AUTHENTICATED, SELECTED = State
ANY = tuple(State)
INSIDE = (AUTHENTICATED, SELECTED)
MANY = 10_000

#: command -> the states in which it may be said (RFC 3501 §6), the least and the most arguments
COMMANDS: dict[str, tuple[tuple[State, ...], int, int]] = {
    "CAPABILITY": (ANY, 0, 0),
    "NOOP": (ANY, 0, 0),
    "LOGOUT": (ANY, 0, 0),
    "ID": (ANY, 1, 1),
    "STARTTLS": ((NOT_AUTHENTICATED,), 0, 0),
    "LOGIN": ((NOT_AUTHENTICATED,), 2, 2),
    "AUTHENTICATE": ((NOT_AUTHENTICATED,), 1, 2),
    "ENABLE": (INSIDE, 1, MANY),
    "IDLE": (INSIDE, 0, 0),
    "NAMESPACE": (INSIDE, 0, 0),
    "SELECT": (INSIDE, 1, 1),
    "EXAMINE": (INSIDE, 1, 1),
    "LIST": (INSIDE, 2, 5),
    "LSUB": (INSIDE, 2, 2),
    "SUBSCRIBE": (INSIDE, 1, 1),
    "UNSUBSCRIBE": (INSIDE, 1, 1),
    "CREATE": (INSIDE, 1, 2),
    "DELETE": (INSIDE, 1, 1),
    "RENAME": (INSIDE, 2, 2),
    "STATUS": (INSIDE, 2, 2),
    "APPEND": (INSIDE, 2, MANY),
    "CHECK": ((SELECTED,), 0, 0),
    "CLOSE": ((SELECTED,), 0, 0),
    "UNSELECT": ((SELECTED,), 0, 0),
    "EXPUNGE": ((SELECTED,), 0, 0),
    "SEARCH": ((SELECTED,), 1, MANY),
    "FETCH": ((SELECTED,), 2, 2),
    "STORE": ((SELECTED,), 3, MANY),
    "COPY": ((SELECTED,), 2, 2),
    "MOVE": ((SELECTED,), 2, 2),
    "UID": ((SELECTED,), 2, MANY),
}
#: the commands that UID goes before, with their arguments
BY_UID = {name: COMMANDS[name][1:] for name in ("COPY", "FETCH", "MOVE", "SEARCH", "STORE")} | {"EXPUNGE": (1, 1)}


@dataclass(frozen=True, slots=True)
class Done:
    """A command was obeyed: what is told, then OK and `said`.  `told` may be made while it is being sent.

    `moves_numbers`: what other sessions removed may be told too, so that numbers move (RFC 3501 §7.4.1).
    """

    told: Iterable[bytes] = ()
    said: str = ""
    moves_numbers: bool = True


class Wrong(ValueError):
    """The arguments of a command are wrong; the text goes behind BAD."""


class No(Exception):
    """The command was understood, and cannot be done; the text goes behind NO."""
