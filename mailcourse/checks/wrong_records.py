"""MX records that are missing, empty or wrong: what the student is told, and what comes of a letter.

    wrong_records(world)          case → the lines of the zone in place of the MX records
    tried(case)                   which of the OUTCOMES it has, tried in a lab

Who uses it: tasks/a02_dns.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from mailcourse.views import Lab

from .probe import probe
from .world import World

OUTCOMES = ("arrives", "comes back at once", "waits")


def wrong_records(world: World) -> dict[str, Sequence[str]]:
    """A case → lines of the zone in place of the MX records."""
    shop = world.shop
    cases = {
        "no MX, and an A record of the domain that leads to the first mail server": ("@ A 198.51.100.21",),
        "no MX, and no address of the domain": (),
        "MX 0 .": ("@ MX 0 .",),
        "MX 10 to a host that has no address": (f"@ MX 10 lost.{shop}.",),
        "MX 10 to a host without address, MX 20 to the first mail server": (
            f"@ MX 10 lost.{shop}.",
            f"@ MX 20 {world.best}.",
        ),
    }
    return {name: cases[name] for name in world.mixed("questions", list(cases))}


def without_mx(lab: Lab, world: World, lines: Sequence[str]) -> Lab:
    """Take the MX records out of the shop's zone, and put lines in."""
    zone = lab.zone(world.shop).remove("@", "MX")
    for line in lines:
        zone = zone.add(line)
    return lab


def outcome(lab: Lab, world: World) -> str:
    """Send a letter, and say what came of it in one of the `OUTCOMES`."""
    result = probe(lab, world.person("alice"), world.person("bruno"))
    if result.arrived:
        return "arrives"
    state = result.sent.status[world.person("bruno")].state if result.sent else "bounced"
    return "waits" if state in ("deferred", "queued") else "comes back at once"


@cache
def tried(name: str) -> str:
    """Return what comes of a letter in one of the cases, tried once: the names of a world change nothing in it."""
    world = World("02-dns", "everybody")
    with world.open(name=f"judged {name}") as lab:
        return outcome(without_mx(lab, world, wrong_records(world)[name]), world)
