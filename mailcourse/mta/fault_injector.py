"""Faults made on purpose: what a server is told to do wrong at a stage of its dialogue.

    at      CONNECT EHLO STARTTLS AUTH MAIL RCPT DATA . QUIT        "." is the end of the message
    what    a reply, said instead of the true one; or None, and the connection breaks
    times   how often; None is always

Lessons and exercises use it, through `lab.fault`.  A server without faults looks no further than one
empty list.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailcourse.message.reply import Reply

STAGES = ("CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", ".", "QUIT")


@dataclass
class InjectedFault:
    """One fault; `times` counts down."""

    at: str
    reply: Reply | None
    times: int | None = None


class FaultInjector:
    """The faults of one server."""

    def __init__(self) -> None:
        self.faults: list[InjectedFault] = []

    def next(self, stage: str) -> InjectedFault | None:
        """Return what must go wrong at `stage` now, and count it; None when nothing must."""
        for fault in self.faults:
            if fault.at == stage and fault.times != 0:
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None
