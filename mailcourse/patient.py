"""A patient of the clinic: a lab where one thing is broken, somewhere on the path of a message.

    PLACES                      where to look, in this order
    BrokenLab(lab, complaint)   the lab, what people say, and a device that fetches mail where there is one
    fetch_and_delete(person)    a cause that the lesson and the exercise share

Two clinics open patients.  That of lesson 08 (`lessons/clinic.py`) breaks with the switches of `lab.fault`, which
`lab.mend` turns off; that of exercise 08 (`checks/clinic.py`) in what an administrator sets, where no switch helps.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from .lab.lab import PlainLab
from .lab.person import Device, PlainPerson

AnyLab = TypeVar("AnyLab", bound=PlainLab)

#: where to look, in this order: each place is only reached when the one before it works
PLACES = ("DNS", "port", "dialogue", "queue", "mailbox", "client")


class BrokenLab(Generic[AnyLab]):
    """A lab with something broken in it.  `device` is a machine of Bruno's that fetches mail by itself."""

    def __init__(self, lab: AnyLab, complaint: str, device: Device | None = None) -> None:
        self.lab, self.complaint, self.device = lab, complaint, device

    def __repr__(self) -> str:
        return self.complaint


def fetch_and_delete(person: PlainPerson) -> Device:
    """Let an old computer take a person's mail off the server by POP3; return that computer."""
    device = person.device("old-computer", "pop3", keep=False)
    device.sync()
    return device
