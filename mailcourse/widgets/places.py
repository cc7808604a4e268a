"""What stands on the map, and how it is drawn: functions from values to values, without a widget.

state(lab) → HostNode, HostNode, …    what stands where, and how it is now
troubles(lab) → {link: "slow"}        what is broken between two hosts
dot(places, links)                    the picture, drawn once; hosts are n0, n1, …, links e0, e1, …
painted(svg, places, links, …)        the same picture with what is true at this moment
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

import graphviz

from mailcourse.lab.lab import PlainLab

from .roles import ROLES

Link = tuple[str, str]
SMALL = {"fontsize": "10", "height": "0.35", "margin": "0.02"}


@dataclass(frozen=True)
class HostNode:
    """One host as it is now.  `waiting` are messages in its queue, `boxes` how many each person has."""

    name: str
    organisation: str
    role: str  # a key of journey.ROLES
    is_up: bool = True
    waiting: int | None = None  # None: it has no queue
    boxes: tuple[tuple[str, int], ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """How it is, in a few words: "off", "3 waiting", "alice 2"."""
        said = [] if self.is_up else ["OFF"]
        said += [f"{self.waiting} waiting"] if self.waiting else []
        said += [f"{person} {count}" for person, count in self.boxes]
        said += [kind for kind in self.faults if kind != "down"]
        return " · ".join(said)


def state(lab: PlainLab) -> list[HostNode]:
    """Look at every host."""
    broken: dict[str, list[str]] = {}
    for fault in lab.faults:
        if "peer" not in fault.detail:
            broken.setdefault(fault.host, []).append(fault.kind)
    found = []
    for name, plan in lab.scenario.hosts.items():
        dns = {"dns", "resolver"} & {*plan.services}
        role = "dns" if dns else "mail" if plan.services else "person"
        server = lab.mail_servers.get(name)
        boxes = tuple(
            (person.partition("@")[0], len(lab.mailbox_of(person).scan())) for person in lab.residents_of(name)
        )
        organisation = lab.scenario.organisations.get(plan.organisation, plan.organisation)
        found.append(
            HostNode(
                name,
                organisation,
                role,
                lab.host(name).is_up,
                None if server is None else len(server.queue.entries()),
                boxes,
                tuple(broken.get(name, ())),
            )
        )
    return found


def troubles(lab: PlainLab) -> dict[frozenset[str], str]:
    """Return both ends of each link where something is broken, and what."""
    return {frozenset({f.host, f.detail["peer"]}): f.kind for f in lab.faults if f.detail.get("peer")}


def mail_links(lab: PlainLab) -> list[Link]:
    """Return the links that mail is meant to take: from a person's machine to her server, and on inside."""
    scenario, found = lab.scenario, []
    for address, person in scenario.people.items():
        found.append((person.device, lab.home_of(address)))
    for name, plan in scenario.hosts.items():
        found += [(name, other) for other in plan.settings.named_hosts()]
    return list(dict.fromkeys(found))


def dot(places: Sequence[HostNode], links: Collection[Link]) -> str:
    """Write the map; hosts are n0, n1, …, links e0, e1, …, and each host has a line @n0@ for how it is."""
    graph = graphviz.Digraph(graph_attr={"rankdir": "LR", "bgcolor": "white", "pad": "0.1", "nodesep": "0.25"})
    graph.attr("node", fontname="Helvetica,Arial,sans-serif", fontsize="12", style="filled", color="#333333")
    graph.attr("edge", color="#333333", penwidth="1.4")
    numbers = {place.name: number for number, place in enumerate(places)}
    for organisation in dict.fromkeys(place.organisation for place in places):
        with graph.subgraph(name=f"cluster_{organisation}") as cluster:
            cluster.attr(
                label=graphviz.escape(organisation), color="#999999", style="rounded", fontname="Helvetica,Arial"
            )
            for place in places:
                if place.organisation == organisation:
                    shape, colour, word = ROLES[place.role]
                    first, _, rest = place.name.partition(".")
                    node = f"n{numbers[place.name]}"
                    mark = "." if place.role == "dns" else r"\n"
                    label = rf"{graphviz.escape(first)}{mark}{graphviz.escape(rest)}\n@{node}@"
                    size = {"width": f"{_width(place):.1f}"} if place.role != "dns" else SMALL
                    tip = f"{place.name}: {word}"
                    cluster.node(node, label, id=node, shape=shape, fillcolor=colour, tooltip=tip, **size)
    used = {name for link in links for name in link}
    alone = [place.name for place in places if place.name not in used]
    for name in alone if used else ():  # they stand beside what they serve, and not in a column below
        graph.edge(f"n{numbers[next(iter(links))[0]]}", f"n{numbers[name]}", style="invis")
    for source, target in _shape(places):  # the picture keeps its shape when mail takes a new way
        graph.edge(f"n{numbers[source]}", f"n{numbers[target]}", style="invis")
    for number, (source, target) in enumerate(links):
        graph.edge(f"n{numbers[source]}", f"n{numbers[target]}", id=f"e{number}", tooltip=f"{source} → {target}")
    return str(graph.source)


def _shape(places: Sequence[HostNode]) -> list[Link]:
    """Return pairs of hosts to draw from left to right: offices in one row, in another those who serve them all."""
    inside: dict[str, list[HostNode]] = {}
    for place in places:
        inside.setdefault(place.organisation, []).append(place)
    offices = [group for group in inside.values() if any(place.boxes for place in group)]
    others = [group for group in inside.values() if group not in offices]
    found = []
    for left, right in pairwise(offices):
        home = next(place for place in left if place.boxes)
        gates = [place for place in right if place.role == "mail" and not place.boxes] or right[:1]
        found += [(home.name, gate.name) for gate in gates]
    for left, right in pairwise(others):
        found += [(left[0].name, place.name) for place in right]
    return found


def _width(place: HostNode) -> float:
    """Room for the line that says how it is, in inches."""
    room = sum(len(person) + 6 for person, _ in place.boxes) + 6 * bool(place.boxes)
    return max(1.2, 0.085 * room)


def painted(
    picture: str,
    places: Sequence[HostNode],
    links: Sequence[Link],
    now: Link | None = None,
    broken: Mapping[frozenset[str], str] | None = None,
    chosen: Sequence[str] = (),
) -> str:
    """Write how each host and link is into the picture; `now` is the link where something passes at this moment."""
    marks: dict[str, list[str]] = {}
    broken = broken or {}
    for number, place in enumerate(places):
        mark = ["off"] if not place.is_up else ["trouble"] if place.faults else []
        marks[f"n{number}"] = (
            mark + ["now"] * (now is not None and place.name in now) + ["chosen"] * (chosen == (place.name,))
        )
        picture = re.sub(rf"@n{number}@\s*", escape(place.words), picture)
    for number, link in enumerate(links):
        mark = {"cut": ["off"], "slow": ["trouble"]}.get(broken.get(frozenset(link), ""), [])
        marks[f"e{number}"] = mark + ["now"] * (link == now) + ["chosen"] * (link == tuple(chosen))
    picture = re.sub(
        r'<g id="([ne]\d+)" class="(\w+)">',
        lambda found: f'<g id="{found[1]}" class="{" ".join([found[2], *marks[found[1]]])}">',
        picture,
    )
    told = escape(text_of(places, broken), quote=True)
    return picture.replace("<svg ", f'<svg role="img" aria-label="{told}" ', 1)


def text_of(places: Sequence[HostNode], broken: Mapping[frozenset[str], str] | None = None) -> str:
    """Write the map as plain text."""
    lines: list[str] = []
    for organisation in dict.fromkeys(place.organisation for place in places):
        lines.append(organisation)
        inside = [place for place in places if place.organisation == organisation]
        lines += [f"  {place.name:24} {ROLES[place.role][2]}: {place.words or 'up'}" for place in inside]
    lines += [f"link {' — '.join(sorted(ends))}: {kind}" for ends, kind in (broken or {}).items()]
    return "\n".join(lines)
