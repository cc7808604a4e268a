"""The clinic of exercise 08: sixteen faults, each at another place of the way, and how it shows that one is cured.

    FAULTS["the mailbox is full"]    place, complaint, how the world is broken, which letters must arrive afterwards
    open_patient(world, fault)       a lab with that fault, and what belongs to it

Faults are in what an administrator can set: zones, settings, aliases, hosts, mailboxes, programs.  No switch fixes
them all at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from mailcourse.internet.errors import LabError
from mailcourse.lab.person import Device
from mailcourse.patient import PLACES as PLACES
from mailcourse.patient import BrokenLab, fetch_and_delete
from mailcourse.views import Lab

from .state import fill
from .world import World

RELAY = "relay.carrier.test"
ROOM = 12_000


class ExercisePatient(BrokenLab[Lab]):
    """A lab with one of the `FAULTS`.  `password` is what Bruno's program says, where that is the fault."""

    def __init__(self, lab: Lab, complaint: str, device: Device | None = None, password: str | None = None) -> None:
        super().__init__(lab, complaint, device)
        self.password = password

    def log_in(self) -> str:
        """Try what Bruno's program does when it starts, and tell what his server said."""
        bruno = next(who for who in self.lab.addresses if who.startswith("bruno@"))
        person = self.lab.person(bruno)
        person.password = self.password or person.password
        try:
            return f"the inbox of {bruno} is open; letters in it: {len(person.inbox())}"
        except LabError as error:
            return re.sub(r"b'(.*?)'", r"\1", str(error).split(". The right password")[0])


@dataclass(frozen=True)
class ClinicFault:
    """One fault: at which place, what people say, and how the lab is broken."""

    place: str
    complaint: str
    breaks: Callable[[Lab, World], ExercisePatient | None]
    base: str = "two-offices"
    quota: bool = False  # Bruno's mailbox has a limit


def _mx(lab: Lab, world: World, *lines: str) -> None:
    zone = lab.zone(world.shop).remove("@", "MX")
    for line in lines:
        zone = zone.add(line)


def _address(lab: Lab, world: World) -> None:
    _mx(lab, world, f"@ MX {world.preferences[0]} 198.51.100.21")


def _alias_mx(lab: Lab, world: World) -> None:
    _mx(lab, world, f"@ MX {world.preferences[0]} post", "post CNAME old-server")


def _no_address(lab: Lab, world: World) -> None:
    lab.zone(world.shop).remove(world.best.partition(".")[0], "A").remove(world.second.partition(".")[0], "A")


def _swapped(lab: Lab, world: World) -> None:
    first, last = world.preferences
    _mx(lab, world, f"@ MX {last} {world.best}.", f"@ MX {first} {world.second}.")


def _remembered(lab: Lab, world: World) -> None:
    right = lab.zone(world.shop).text
    _mx(lab, world, "@ MX 10 gone")
    lab.dns.lookup(world.shop, "MX")
    lab.zone(world.shop).edit(right)


def _closed(lab: Lab, world: World) -> None:
    for host in (world.best, world.second):
        lab.host(host).close_port(25)


def _off(lab: Lab, world: World) -> None:
    for host in (world.best, world.second):
        lab.host(host).down()


def _not_mine(lab: Lab, world: World) -> None:
    for host in (world.best, world.second):
        lab.configure(host, relay_domains=[world.shop.replace(".test", ".example")], inside={})


def _open_relay(lab: Lab, world: World) -> None:
    lab.configure(RELAY, networks=["0.0.0.0/0"])


def _smart_host(lab: Lab, world: World) -> None:
    lab.configure(world.school_server, smart_host=f"ns.{world.school}")


def _inside(lab: Lab, world: World) -> None:
    lab.configure(world.best, inside={world.shop: f"ns.{world.shop}"})


def _alias_loop(lab: Lab, world: World) -> None:
    lab.alias(f"info@{world.shop}", f"office@{world.shop}")
    lab.alias(f"office@{world.shop}", f"info@{world.shop}")


def _circle(lab: Lab, world: World) -> None:
    lab.person(world.person("bruno")).forward(world.person("amir"))
    lab.person(world.person("amir")).forward(world.person("bruno"))


def _full(lab: Lab, world: World) -> None:
    fill(lab, world.person("bruno"))


def _fetched(lab: Lab, world: World) -> ExercisePatient:
    lab.person(world.person("alice")).send(world.person("bruno"), "Forty rolls")
    lab.settle()
    return ExercisePatient(lab, "", fetch_and_delete(lab.person(world.person("bruno"))))


def _password(lab: Lab, world: World) -> ExercisePatient:
    return ExercisePatient(lab, "", password=f"old-{lab.person(world.person('bruno')).password}")


NOBODY = "Alice says: “My letters to the shop do not arrive.”"
FAULTS: dict[str, ClinicFault] = {
    "the MX record holds an address": ClinicFault("DNS", NOBODY, _address),
    "the MX record leads to an alias": ClinicFault("DNS", NOBODY, _alias_mx),
    "the hosts of the MX records have no address": ClinicFault("DNS", NOBODY, _no_address),
    "the preferences are swapped": ClinicFault(
        "DNS", "Bruno says: “The server that should only help out gets all our mail, and nothing comes.”", _swapped
    ),
    "an old answer is still remembered": ClinicFault(
        "DNS",
        "Bruno says: “We had a mistake in the zone. It is corrected, and letters still do not come.”",
        _remembered,
    ),
    "nothing listens on port 25": ClinicFault("port", NOBODY, _closed),
    "the hosts are switched off": ClinicFault("port", NOBODY, _off),
    "the server does not know that the domain is its own": ClinicFault(
        "dialogue", "Alice says: “Letters to the shop come back at once: relaying denied.”", _not_mine
    ),
    "the relay carries mail for everybody": ClinicFault(
        "dialogue", "The carrier was told: “Your relay sends us mail of strangers.”", _open_relay, "smart-host"
    ),
    "the smart host is the wrong one": ClinicFault(
        "queue",
        "Alice says: “Letters to the shop stay on their way for days. We give all our mail to the Carrier's relay.”",
        _smart_host,
        "smart-host",
    ),
    "the host inside is the wrong one": ClinicFault(
        "queue", "Bruno says: “Alice has proof that our server took her letter. I have nothing.”", _inside
    ),
    "two aliases lead to each other": ClinicFault(
        "mailbox", "Alice says: “Bruno gets my letters. What I send to info@ and office@ comes back.”", _alias_loop
    ),
    "two people forward to each other": ClinicFault(
        "mailbox", "Alice says: “Bruno's mail comes back to me, Bea's does not.”", _circle
    ),
    "the mailbox is full": ClinicFault(
        "mailbox", "Alice says: “Bea gets my letters, and Bruno does not.”", _full, quota=True
    ),
    "a computer fetches by POP3 and deletes": ClinicFault(
        "client", "Bruno says: “Alice's letter was in my inbox for a moment. Now it is gone.”", _fetched
    ),
    "a program has the wrong password": ClinicFault(
        "client", "Bruno says: “My program shows no mail since I changed my password.”", _password
    ),
}
#: four patients for each student: one of each group
GROUPS = (
    ("DNS",),
    ("port", "dialogue"),
    ("queue", "mailbox"),
    ("mailbox", "client"),
)


def fault_of(world: World, number: int) -> str:
    """Return the fault of patient `number`, from 1, in this world; no two are the same."""
    chosen: list[str] = []
    for places in GROUPS[:number]:
        known = [name for name, fault in FAULTS.items() if fault.place in places and name not in chosen]
        chosen.append(world.pick(f"patient {len(chosen) + 1}", known))
    return chosen[-1]


def healthy(world: World, fault: str, name: str) -> Lab:
    """Open the lab of a fault before anything is broken."""
    return world.open(FAULTS[fault].base, name, quotas={"bruno": ROOM} if FAULTS[fault].quota else {})


def open_patient(world: World, fault: str, name: str) -> ExercisePatient:
    """Open a lab with a fault."""
    about = FAULTS[fault]
    lab = healthy(world, fault, name)
    patient = about.breaks(lab, world) or ExercisePatient(lab, "")
    patient.complaint = about.complaint
    return patient
