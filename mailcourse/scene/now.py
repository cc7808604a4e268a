"""How everything is at this moment: a look at an open lab, as values; and as marks for the drawing.

state(lab) → HostNode, HostNode, …    what stands where, and how it is now
troubles(lab) → {link: "slow"}        what is broken between two hosts
marks_of(ground, nodes, …)            the same as classes and words for the parts of the picture
text_of(nodes)                        the same as plain text
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailcourse.lab.lab import PlainLab

from .draw import PartMark, host_id
from .hosts import MAILBOX, role_of
from .places import Link, Places
from .roles import ROLES

#: kind of fault → the state that the picture shows
STATES = {"down": "off", "slow": "slow", "reply": "refusing", "port": "refusing", "drop": "refusing"}
#: state → the word for it
STATE_WORDS = {"off": "off", "slow": "slow", "refusing": "refuses"}
#: what a person reads
WORDS = {
    "off": "OFF",
    "waiting": "{count} waiting",
    "up": "up",
    "link": "link {ends}: {kind}",
}


@dataclass(frozen=True)
class HostNode:
    """One host as it is now.  `waiting` are messages in its queue, `boxes` how many each person has."""

    name: str
    organisation: str
    role: str  # a key of ROLES
    is_up: bool = True
    waiting: int | None = None  # None: it has no queue
    boxes: tuple[tuple[str, int], ...] = ()  # address, messages
    faults: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """How it is, in a few words: "OFF", "3 waiting", "alice 2"."""
        said = [] if self.is_up else [WORDS["off"]]
        said += [WORDS["waiting"].format(count=self.waiting)] if self.waiting else []
        said += [f"{address.partition('@')[0]} {count}" for address, count in self.boxes]
        said += [kind for kind in self.faults if kind != "down"]
        return " · ".join(said)

    @property
    def mark(self) -> PartMark:
        """How the picture shows it."""
        states = [] if self.is_up else ["off"]
        states += ["waiting"] if self.waiting else []
        states += list(dict.fromkeys(STATES.get(kind, "trouble") for kind in self.faults if kind != "down"))
        said = [STATE_WORDS.get(state, "") for state in states if state in STATE_WORDS]
        said += [WORDS["waiting"].format(count=self.waiting)] if self.waiting else []
        said += [kind for kind in self.faults if kind not in STATES]
        return PartMark(tuple(states), " · ".join(said))


def state(lab: PlainLab) -> list[HostNode]:
    """Look at every host."""
    broken: dict[str, list[str]] = {}
    for fault in lab.faults:
        if "peer" not in fault.detail:
            broken.setdefault(fault.host, []).append(fault.kind)
    nodes = []
    for name, plan in lab.scenario.hosts.items():
        server = lab.mail_servers.get(name)
        boxes = tuple((person, len(lab.mailbox_of(person).scan())) for person in lab.residents_of(name))
        organisation = lab.scenario.organisations.get(plan.organisation, plan.organisation)
        nodes.append(
            HostNode(
                name,
                organisation,
                role_of(plan.services),
                lab.host(name).is_up,
                None if server is None else len(server.queue.entries()),
                boxes,
                tuple(broken.get(name, ())),
            )
        )
    return nodes


def troubles(lab: PlainLab) -> dict[frozenset[str], str]:
    """Return both ends of each link where something is broken, and what."""
    return {frozenset({f.host, f.detail["peer"]}): f.kind for f in lab.faults if f.detail.get("peer")}


def marks_of(
    ground: Places,
    nodes: Sequence[HostNode],
    links: Sequence[Link] = (),
    broken: Mapping[frozenset[str], str] | None = None,
    chosen: Sequence[str] = (),
) -> dict[str, PartMark]:
    """Return the marks of hosts, mailboxes and links; `links` are those that the picture shows."""
    marks: dict[str, PartMark] = {}
    for node in nodes:
        mark = node.mark
        classes = (*mark.classes, *(["chosen"] if tuple(chosen) == (node.name,) else []))
        marks[host_id(ground, node.name)] = PartMark(classes, mark.words)
        for address, count in node.boxes:
            marks[host_id(ground, MAILBOX + address)] = PartMark(("has",) if count else (), str(count))
    for number, link in enumerate(links):
        kind = (broken or {}).get(frozenset(link), "")
        classes = (*([kind] if kind else []), *(["chosen"] if tuple(chosen) == link else []))
        marks[f"e{number}"] = PartMark(classes)
    return {part: mark for part, mark in marks.items() if part and (mark.classes or mark.words)}


def text_of(nodes: Sequence[HostNode], broken: Mapping[frozenset[str], str] | None = None) -> str:
    """Write the map as plain text."""
    lines: list[str] = []
    for organisation in dict.fromkeys(node.organisation for node in nodes):
        lines.append(organisation)
        inside = [node for node in nodes if node.organisation == organisation]
        lines += [f"  {node.name:24} {ROLES[node.role][2]}: {node.words or WORDS['up']}" for node in inside]
    lines += [WORDS["link"].format(ends=" — ".join(sorted(ends)), kind=kind) for ends, kind in (broken or {}).items()]
    return "\n".join(lines)
