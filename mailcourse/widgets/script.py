"""A script for a class: steps that can be shown by a button, in this order or any other.

Each step says what to tell the class, does it in the lab, and brings the part of the room to the front
where it can be seen.  They are made from the lab's own people and DNS, so that every scenario has them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mailcourse.internet.errors import LabError
from mailcourse.lab.lab import PlainLab
from mailcourse.lab.sent import PlainSent


class Stage(Protocol):
    """What a step may do with the room."""

    lab: PlainLab

    def show_journey(self, sent: PlainSent) -> None:
        """Play the journey of a message."""

    def show(self, tab: str) -> None:
        """Bring a part of the room to the front."""

    def walk(self, name: str, kind: str) -> None:
        """Look a name up from the root downwards."""


@dataclass(frozen=True)
class ScriptStep:
    """`say` is for the class; `act` does it."""

    title: str
    say: str
    act: Callable[[Stage], None]


def pair(lab: PlainLab) -> tuple[str, str]:
    """Return the addresses of two people of different domains: who writes, and to whom."""
    people = lab.addresses
    if not people:
        raise LabError("Nobody lives in this lab, so nobody can write. Choose another scenario.")
    own = people[0].rpartition("@")[2]
    return people[0], next((address for address in people if not address.endswith(f"@{own}")), people[-1])


def first_mail_server(lab: PlainLab) -> str:
    """Return the host that the MX records of the reader's domain prefer."""
    domain = pair(lab)[1].rpartition("@")[2]
    records = sorted((int(value.split()[0]), value.split()[1]) for value in lab.dns.lookup(domain, "MX").values)
    if not records:
        raise LabError(f"The DNS names no mail server of {domain} just now. Press Reset.")
    return records[0][1].rstrip(".")


def home(lab: PlainLab) -> str:
    """Return the host with the reader's mailbox."""
    return lab.home_of(pair(lab)[1])


def _send(stage: Stage, subject: str, to: str = "") -> None:
    writer, reader = pair(stage.lab)
    stage.show_journey(stage.lab.person(writer).send(to or reader, subject, "Is there bread today?"))


def _fails_over(stage: Stage) -> None:
    stage.lab.host(first_mail_server(stage.lab)).down()
    _send(stage, "the second server takes it")


def _comes_back(stage: Stage) -> None:
    stage.lab.host(first_mail_server(stage.lab)).up()
    stage.show("Queue and clock")
    stage.lab.clock.advance(hours=1)


def _waits(stage: Stage) -> None:
    stage.lab.host(home(stage.lab)).down()
    writer, reader = pair(stage.lab)
    stage.lab.person(writer).send(reader, "please wait", "There is time.")
    stage.lab.settle()
    stage.show("Queue and clock")


def _works_again(stage: Stage) -> None:
    stage.lab.mend()
    for host in stage.lab.scenario.hosts:
        if not stage.lab.host(host).is_up:
            stage.lab.host(host).up()
    stage.show("Queue and clock")
    stage.lab.clock.advance(hours=2)


def _looks_up(stage: Stage) -> None:
    stage.walk(pair(stage.lab)[1].rpartition("@")[2], "MX")


SCRIPT = (
    ScriptStep(
        "A message travels",
        "Four programs work for one message: who writes, the server that sends, the server that receives, "
        "and the mailbox. At each 250 the responsibility goes on to the next.",
        lambda stage: _send(stage, "good morning"),
    ),
    ScriptStep(
        "How did it know where to go?",
        "The domain after the @ is looked up in the DNS, from the root downwards: which servers take mail for it?",
        _looks_up,
    ),
    ScriptStep(
        "The first mail server is off",
        "Before you press: is the message lost, is it refused, or does it arrive? "
        "The MX record with the lowest number comes first; the others are there for now.",
        _fails_over,
    ),
    ScriptStep(
        "It comes back",
        "The second server kept the mail and tries again after a while. An hour passes now.",
        _comes_back,
    ),
    ScriptStep(
        "Nobody by that name",
        "The address does not exist. The server that is responsible for the message has to tell the sender: a bounce.",
        lambda stage: _send(stage, "is anybody there?", f"nobody@{pair(stage.lab)[1].rpartition('@')[2]}"),
    ),
    ScriptStep(
        "The mailbox cannot be reached",
        "Where is the message now, and for how long? It waits in a queue; read the reason and the next attempt.",
        _waits,
    ),
    ScriptStep("All works again", "Everything is switched on, and two hours pass. Nothing was lost.", _works_again),
    ScriptStep(
        "By hand",
        "SMTP is text that a person can type. Press the lines one by one, and read what the server says.",
        lambda stage: stage.show("Terminal"),
    ),
)
