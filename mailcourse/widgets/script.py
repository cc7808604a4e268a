"""A script for a class: moments that can be shown by a button, in this order or any other.

Each has a question to ask first, does something in the lab, and says what to tell the class while it plays on the
scene.  They are made from the lab's own people and DNS, so that every scenario has them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mailcourse.internet.errors import LabError
from mailcourse.lab.lab import PlainLab
from mailcourse.lab.sent import PlainSent

#: what a person reads
WORDS = {
    "nobody": "Nobody lives in this lab, so nobody can write. Choose another scenario.",
    "no server": "The DNS names no mail server of {domain} just now. Press Reset.",
    "text": "Is there bread today?",
    "morning": "good morning",
    "anybody": "is anybody there?",
    "second": "the second server takes it",
    "wait": "please wait",
}


class Actor(Protocol):
    """What a moment may do with the room."""

    lab: PlainLab

    def show_journey(self, sent: PlainSent) -> None:
        """Play the journey of a message."""

    def show_since(self, act: Callable[[], object]) -> None:
        """Act, and play what comes of it."""

    def show_questions(self, act: Callable[[], object]) -> None:
        """Act, and play the questions to the DNS, one by one."""

    def show_tool(self, name: str) -> None:
        """Open a tool beside the scene."""


@dataclass(frozen=True)
class ScriptStep:
    """`ask` and `say` are for the class, before and after; `act` does it."""

    title: str
    ask: str
    say: str
    act: Callable[[Actor], None]


def pair(lab: PlainLab) -> tuple[str, str]:
    """Return the addresses of two people of different domains: who writes, and to whom."""
    people = lab.addresses
    if not people:
        raise LabError(WORDS["nobody"])
    own = people[0].rpartition("@")[2]
    return people[0], next((address for address in people if not address.endswith(f"@{own}")), people[-1])


def first_mail_server(lab: PlainLab) -> str:
    """Return the host that the MX records of the reader's domain prefer."""
    domain = pair(lab)[1].rpartition("@")[2]
    records = sorted((int(value.split()[0]), value.split()[1]) for value in lab.dns.lookup(domain, "MX").values)
    if not records:
        raise LabError(WORDS["no server"].format(domain=domain))
    return records[0][1].rstrip(".")


def home(lab: PlainLab) -> str:
    """Return the host with the reader's mailbox."""
    return lab.home_of(pair(lab)[1])


def _send(actor: Actor, subject: str, to: str = "") -> None:
    writer, reader = pair(actor.lab)
    actor.show_journey(actor.lab.person(writer).send(to or reader, subject, WORDS["text"]))


def _fails_over(actor: Actor) -> None:
    actor.lab.host(first_mail_server(actor.lab)).down()
    _send(actor, WORDS["second"])


def _comes_back(actor: Actor) -> None:
    actor.lab.host(first_mail_server(actor.lab)).up()
    actor.show_since(lambda: actor.lab.clock.advance(hours=1))


def _waits(actor: Actor) -> None:
    actor.lab.host(home(actor.lab)).down()
    _send(actor, WORDS["wait"])


def _works_again(actor: Actor) -> None:
    actor.lab.mend()
    for host in actor.lab.scenario.hosts:
        if not actor.lab.host(host).is_up:
            actor.lab.host(host).up()
    actor.show_since(lambda: actor.lab.clock.advance(hours=2))


def _looks_up(actor: Actor) -> None:
    domain = pair(actor.lab)[1].rpartition("@")[2]
    actor.lab.dns.forget()
    actor.show_questions(lambda: actor.lab.dns.lookup(domain, "MX"))


SCRIPT = (
    ScriptStep(
        "A message travels",
        "Which computers touch a message between Send and the reader's mailbox?",
        "Four programs work for one message: who writes, the server that sends, the server that receives, "
        "and the mailbox. At each 250 the responsibility goes on to the next.",
        lambda actor: _send(actor, WORDS["morning"]),
    ),
    ScriptStep(
        "How did it know where to go?",
        "The address says only who and where. Who knows the name of the server?",
        "The domain after the @ is looked up in the DNS, from the root downwards: which servers take mail for it?",
        _looks_up,
    ),
    ScriptStep(
        "The first mail server is off",
        "Is the message lost, is it refused, or does it arrive?",
        "The MX record with the lowest number comes first. Nobody answers there, so the next one takes the message.",
        _fails_over,
    ),
    ScriptStep(
        "It comes back",
        "Must the writer do anything now?",
        "The second server kept the mail and tries again after a while. An hour passes now.",
        _comes_back,
    ),
    ScriptStep(
        "Nobody by that name",
        "The address does not exist. Who tells the writer?",
        "The server that is responsible for the message has to tell the sender: a bounce, in an envelope from nobody.",
        lambda actor: _send(actor, WORDS["anybody"], f"nobody@{pair(actor.lab)[1].rpartition('@')[2]}"),
    ),
    ScriptStep(
        "The mailbox cannot be reached",
        "Where is the message now, and for how long?",
        "It waits in a queue, in the tray of the server that took it. That server tries again, less and less often.",
        _waits,
    ),
    ScriptStep(
        "All works again",
        "What was lost?",
        "Everything is switched on, and two hours pass. Nothing was lost.",
        _works_again,
    ),
    ScriptStep(
        "By hand",
        "Could a person do what the programs did?",
        "SMTP is text that a person can type. Press the lines one by one, and read what the server says.",
        lambda actor: actor.show_tool("Terminal"),
    ),
)
