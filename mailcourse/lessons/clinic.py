"""The clinic: broken worlds to practise on.  Six complaints; each has its cause at another of the `PLACES`.

    patient = clinic(1)          a lab where something is wrong; shows the complaint
    patient.lab                  look for the cause, in the order of PLACES
    patient.is_well()            after the repair: does a new message arrive?

What is broken is in `CASES`: look there when you have given up, not before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mailcourse.internet.errors import LabError, unknown
from mailcourse.lab.person import Device
from mailcourse.patient import PLACES as PLACES
from mailcourse.patient import BrokenLab, fetch_and_delete
from mailcourse.views import Lab, Sent

WRITER, READER = "alice@academy.test", "bruno@bakery.test"
LETTER, ANOTHER = ("Forty rolls", "For Monday, please."), "A new letter"
CASE = "case of the clinic"
OUTER = ("mx1.bakery.test", "mx2.bakery.test")


def _write(lab: Lab) -> None:
    lab.person(WRITER).send(READER, *LETTER)
    lab.settle()


def _wrong_mx(lab: Lab) -> None:
    lab.zone("bakery.test").remove("@", "MX").add("@ MX 10 mx1.bakery.test")  # the dot is missing
    _write(lab)


def _closed_port(lab: Lab) -> None:
    for host in OUTER:
        lab.fault(host, "port", port=25)
    _write(lab)


def _refusal(lab: Lab) -> None:
    for host in OUTER:
        lab.fault(host, "reply", at="RCPT", say="550 5.7.1 your network is on our list")
    _write(lab)


def _cut_inside(lab: Lab) -> None:
    lab.fault("mx1.bakery.test", "cut", peer="mail.bakery.test")
    _write(lab)


def _full(lab: Lab) -> None:
    lab.configure("mail.bakery.test", quota="try-later")
    lab.fault("mail.bakery.test", "mailbox", person=READER)
    _write(lab)


def _taken_by_pop3(lab: Lab) -> Device:
    _write(lab)
    return fetch_and_delete(lab.person(READER))


@dataclass(frozen=True)
class ClinicCase:
    """What people say, what is really wrong, and at which of the `PLACES`."""

    complaint: str
    place: str
    cause: str
    break_it: Callable[[Lab], Device | None]


CASES = (
    ClinicCase(
        "Alice says: “My letter to Bruno is not there, and nobody tells me why.”",
        "DNS",
        "The MX record names mx1.bakery.test without a dot at the end, so it became mx1.bakery.test.bakery.test.",
        _wrong_mx,
    ),
    ClinicCase(
        "Bruno says: “Since this morning no letter has come from anywhere.”",
        "port",
        "Nothing listens on port 25 of mx1 and mx2: the program was not started.",
        _closed_port,
    ),
    ClinicCase(
        "Alice says: “All my letters to the Bakery come back at once.”",
        "dialogue",
        "The Bakery's servers answer RCPT with 550: the Academy's network is on a list.",
        _refusal,
    ),
    ClinicCase(
        "Bruno says: “Alice has proof that our server took her letter. I have nothing.”",
        "queue",
        "The link between mx1 and mail.bakery.test is cut: the letter waits in the queue of mx1.",
        _cut_inside,
    ),
    ClinicCase(
        "Alice says: “Bea gets my letters, and Bruno does not.”",
        "mailbox",
        "Bruno's mailbox is full: 452, so the letter waits.",
        _full,
    ),
    ClinicCase(
        "Bruno says: “Alice's letter was in my inbox for a moment, I think. Now it is gone.”",
        "client",
        "An old computer fetches by POP3 and deletes what it has fetched.",
        _taken_by_pop3,
    ),
)


class Patient(BrokenLab[Lab]):
    """One broken lab, with its complaint; it knows the cause and tells whether it is cured."""

    def __init__(self, case: ClinicCase, lab: Lab) -> None:
        super().__init__(lab, case.complaint, case.break_it(lab))
        self._case = case

    @property
    def place(self) -> str:
        """Where the cause is: one of `PLACES`."""
        return self._case.place

    @property
    def cause(self) -> str:
        """What is wrong."""
        return self._case.cause

    @property
    def sent(self) -> Sent:
        """The letter that the complaint is about."""
        first = next(event.message for event in self.lab.trace if event.what == "composed" and event.message)
        return Sent(self.lab.trace, first, [READER], b"", self.lab.look)

    def is_well(self) -> bool:
        """Send a new letter, let an hour pass, and look whether Bruno finds it."""
        before = {mail.uid for mail in self.lab.person(READER).inbox()}
        self.lab.person(WRITER).send(READER, ANOTHER)
        self.lab.clock.advance(hours=1)
        if self.device is not None:
            self.device.sync()
        inbox = self.lab.person(READER).inbox()
        return any(mail.uid not in before and mail.subject == ANOTHER for mail in inbox)


def clinic(number: int) -> Patient:
    """Open a lab of its own and break it, as case `number` says, from 1."""
    if number not in range(1, len(CASES) + 1):
        raise unknown(CASE, str(number), [str(n) for n in range(1, len(CASES) + 1)])
    lab = Lab("two-offices", name=f"clinic {number}")
    try:
        return Patient(CASES[number - 1], lab)
    except LabError:
        lab.close()
        raise
