"""Trouble made on purpose: what a server is told to do wrong at a stage of its dialogue.

    at      CONNECT EHLO STARTTLS AUTH MAIL RCPT DATA . QUIT        "." is the end of the message
    what    a reply, said instead of the true one; or None, and the connection breaks
    times   how often; None is always

Lessons and exercises use it, through `lab.fault`.  A server without trouble never looks further than
one empty list.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailcourse.message.reply import Reply

STAGES = ("CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", ".", "QUIT")


@dataclass
class Planned:
    """One piece of trouble; `times` counts down."""

    at: str
    reply: Reply | None
    times: int | None = None


class Trouble:
    """All that is planned for one server."""

    def __init__(self) -> None:
        self.planned: list[Planned] = []

    def next(self, stage: str) -> Planned | None:
        """Return what shall go wrong at `stage` now, and count it; None when nothing shall."""
        for one in self.planned:
            if one.at == stage and one.times != 0:
                if one.times is not None:
                    one.times -= 1
                return one
        return None
