"""How a command ends (RFC 3501 §7.1): each kind of answer is a type of its own.

    Completed        untagged responses, then   tag OK …
    Continuation     + …                        the client's next line belongs to the command
    NoResponse       raised: it was understood and is refused          tag NO …
    BadResponse      raised: the arguments break the rules             tag BAD …

An OSError, raised by a damaged folder or a full disk, is our own failure, and is answered with NO [UNAVAILABLE].
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Completed:
    """The untagged responses, then OK and `text`; the responses may be made while they are being sent.

    `allow_expunge`: messages that other sessions removed may be reported too, so that numbers change (§7.4.1).
    """

    untagged: Iterable[bytes] = ()
    text: str = ""
    allow_expunge: bool = True


@dataclass(frozen=True, slots=True)
class Continuation:
    """The command goes on: `finish` gets the client's next line.  `is_idle`: meanwhile the client wants updates."""

    prompt: bytes
    finish: Callable[[bytes], Completed]
    is_secret: bool = False
    is_idle: bool = False


class BadResponse(ValueError):
    """The arguments of a command are wrong; the text goes behind BAD."""


class NoResponse(Exception):
    """The command was understood and is refused; the text goes behind NO."""
