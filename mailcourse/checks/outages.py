"""Servers that are off for a while: what the student is told, and where a letter is meanwhile.

    outages(world)              moment → what is off, for how many hours, and when somebody looks
    place_of(lab, sent, world)  which of the `places` a letter is at
    schedule(world)             one outage, and the pauses between attempts

Who uses it: tasks/a05_relays.py.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from mailcourse.views import Lab, Sent

from .task import Shown
from .world import World


def outages(world: World) -> dict[str, tuple[tuple[str, ...], float, float]]:
    """Moment → what is off, for how many hours, and how many hours after sending somebody looks."""
    best, second, home = world.best, world.second, world.home
    hours = world.number("hours", 2, 3)
    moments: dict[str, tuple[tuple[str, ...], float, float]] = {
        f"{best} is off; one minute later": ((best,), 900, 1 / 60),
        f"{best} is off for one hour; {hours} hours later": ((best,), 1, hours),
        f"{best} and {second} are off; one hour later": ((best, second), 900, 1),
        f"{best} and {second} are off; six days later": ((best, second), 900, 144),
        f"{home} is off; one minute later": ((home,), 900, 1 / 60),
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


def place_of(lab: Lab, sent: Sent, world: World) -> str:
    """Return which of the `places` a letter is at."""
    state = sent.status[world.person("bruno")].state
    if state in ("bounced", "delivered"):
        return "back with Alice" if state == "bounced" else "in Bruno's mailbox"
    return f"in the queue of {next(host for host in lab.mail_servers if len(lab.queue(host)))}"


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
