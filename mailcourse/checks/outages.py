"""Servers that are off for a while: what the student is told, and where a letter is meanwhile.

    outages(world)     moment → what is off, for how many hours, and when somebody looks
    place_of(outage)   at which of the `places` a letter is then, tried in a lab
    schedule(world)    one outage, and the pauses between attempts

Who uses it: tasks/a05_relays.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from mailcourse.views import Lab

from .task import Shown
from .world import World

#: the hosts of an outage in the two offices, where every world is the same but for names and preferences
BEST, SECOND, HOME = "mx1.bakery.test", "mx2.bakery.test", "mail.bakery.test"


@dataclass(frozen=True)
class Outage:
    """What is off, for how many hours, and how many hours after sending somebody looks."""

    off: tuple[str, ...]
    lasts: float
    looked: float


def outages(world: World) -> dict[str, Outage]:
    """Moment → outage."""
    best, second, home = world.best, world.second, world.home
    hours = world.number("hours", 2, 3)
    moments = {
        f"{best} is off; one minute later": Outage((BEST,), 900, 1 / 60),
        f"{best} is off for one hour; {hours} hours later": Outage((BEST,), 1, hours),
        f"{best} and {second} are off; one hour later": Outage((BEST, SECOND), 900, 1),
        f"{best} and {second} are off; six days later": Outage((BEST, SECOND), 900, 144),
        f"{home} is off; one minute later": Outage((HOME,), 900, 1 / 60),
    }
    return {name: moments[name] for name in world.mixed("moments", list(moments))}


def places(world: World) -> tuple[str, ...]:
    """Return where a letter can be, in the words of the exercise."""
    queues = (world.school_server, world.best, world.second, world.home)
    return ("in Bruno's mailbox", *(f"in the queue of {host}" for host in queues), "back with Alice")


def whereabouts(world: World) -> Shown:
    """What the student sees."""
    lines = [f"  {world.best} has the lower preference, {world.second} the higher", "", "moments:"]
    moments = (f"  {number}  {name}" for number, name in enumerate(outages(world), 1))
    listed = (f"  {place}" for place in places(world))
    return Shown("\n".join([*lines, *moments, "", "places:", *listed]))


@cache
def place_of(outage: Outage) -> int:
    """Return which of the `places` a letter is at, tried once: names and preferences change nothing in it.

    Six days with an attempt in each hour are most of the work of marking this exercise.
    """
    with Lab("two-offices", name=f"judged {outage}") as lab:
        for host in outage.off:
            lab.fault(host, "down", for_minutes=outage.lasts * 60)
        sent = lab.person("alice@academy.test").send("bruno@bakery.test", "Where?")
        lab.clock.advance(hours=outage.looked)
        state = sent.status["bruno@bakery.test"].state
        if state in ("bounced", "delivered"):
            return 5 if state == "bounced" else 0
        queues = ("mail.academy.test", BEST, SECOND, HOME)
        return 1 + next(number for number, host in enumerate(queues) if len(lab.queue(host)))


def began_and_lasted(world: World) -> tuple[datetime, int]:
    """When the letter was sent, and after how many minutes the other server is back."""
    return datetime(2026, 9, 7, 8, 0), world.number("outage", 20, 280)


def schedule(world: World) -> Shown:
    """The story of one outage."""
    began, minutes = began_and_lasted(world)
    back = began + timedelta(minutes=minutes)
    return Shown(
        f"{began:%H:%M}  {world.best} takes a letter for Bruno; {world.home} does not answer\n"
        f"{back:%H:%M}  {world.home} is back; nobody tells {world.best}\n\n"
        "pauses between attempts: 5, 10, 20, 40, 60, 60, 60, … minutes"
    )
