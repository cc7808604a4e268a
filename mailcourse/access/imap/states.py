"""Where an IMAP session is (RFC 3501 §3), and what ENABLE switched on in it (RFC 5161)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ImapState(Enum):
    """A state, and what a command that is not allowed there waits for."""

    NOT_AUTHENTICATED = "log in first: LOGIN name password"
    AUTHENTICATED = "select a folder first: SELECT INBOX"
    SELECTED = ""


@dataclass(slots=True)
class Enabled:
    """What the client asked for with ENABLE."""

    rev2: bool = False  # IMAP4rev2, RFC 9051
    utf8_names: bool = False  # names of folders are in UTF-8: with either extension
    utf8_accept: bool = False  # UTF8=ACCEPT, RFC 6855
