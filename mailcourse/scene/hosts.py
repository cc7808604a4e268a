"""Who stands in the picture: the hosts of a scenario, or those that a saved trace names.

scene_hosts(scenario)      what each host is for, who writes from it, whose mailboxes it has
hosts_in(events)           the same for a trace without its lab, as far as it can be told from there
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mailcourse.internet.trace import Event
from mailcourse.lab.scenario import Scenario

MAILBOX = "mailbox of "


@dataclass(frozen=True)
class SceneHost:
    """One host.  `boxes` are the addresses whose mailboxes it has, `users` the names of who writes from it."""

    name: str
    organisation: str
    role: str  # "person", "web", "mail" or "dns"
    boxes: tuple[str, ...] = ()
    users: tuple[str, ...] = ()


def scene_hosts(scenario: Scenario) -> list[SceneHost]:
    """Return the hosts of a scenario, in its order."""
    boxes: dict[str, list[str]] = {}
    users: dict[str, list[str]] = {}
    for address, person in scenario.people.items():
        boxes.setdefault(scenario.domains.get(address.rpartition("@")[2], ""), []).append(address)
        users.setdefault(person.device, []).append(person.name)
    found = []
    for name, plan in scenario.hosts.items():
        organisation = scenario.organisations.get(plan.organisation, plan.organisation)
        role = role_of(plan.services)
        found.append(SceneHost(name, organisation, role, tuple(boxes.get(name, ())), tuple(users.get(name, ()))))
    return found


def role_of(services: Iterable[str]) -> str:
    """Return what a host with these services is in the picture."""
    offered = {*services}
    if offered & {"dns", "resolver"}:
        return "dns"
    return "web" if "webmail" in offered else "mail" if offered else "person"


def hosts_in(events: Iterable[Event]) -> list[SceneHost]:
    """Return the hosts that events name; their domain stands for the organisation."""
    found: dict[str, SceneHost] = {}

    def meet(name: str, role: str) -> None:
        known = found.get(name)
        if known is None or (known.role == "person" and role != "person"):
            found[name] = SceneHost(name, name.partition(".")[2] or name, role)

    for event in events:
        meet(event.host, {"answered": "dns", "composed": "person"}.get(event.what, "person"))
        if event.what in ("connected", "unreachable"):
            meet(str(event.facts["peer"]), "mail" if event.what == "unreachable" else "person")
        if event.what in ("connected", "accepted", "routed", "delivered"):
            meet(event.host, "mail")
        if event.what == "asked":
            meet(str(event.facts["server"]), "dns")
        if event.what == "delivered":
            host, box = found[event.host], str(event.facts["mailbox"])
            if box not in host.boxes:
                found[event.host] = replace(host, boxes=(*host.boxes, box))
    return list(found.values())
