"""An account: what a person types once into a mail program; and how its server may say no."""

from __future__ import annotations

from dataclasses import dataclass

from mailcourse.internet.errors import LabError


@dataclass(frozen=True, slots=True)
class Account:
    """A server, and a name and password there."""

    server: str
    person: str
    password: str


class LoginRefused(LabError):
    """A server did not accept the name and password."""


class NotSent(LabError):
    """The submission server did not take the message."""
