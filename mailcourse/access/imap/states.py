"""The states of an IMAP session (RFC 3501 §3), and how a command says no."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """Where a session is."""

    NOT_AUTHENTICATED = "log in first: LOGIN name password"
    AUTHENTICATED = "select a folder first: SELECT INBOX"
    SELECTED = "you are logged in already"


NOT_AUTHENTICATED, AUTHENTICATED, SELECTED = State
ANY = tuple(State)


class Wrong(ValueError):
    """The arguments of a command are wrong; the text goes behind BAD."""


class No(Exception):
    """The command was understood, and cannot be done; the text goes behind NO."""
