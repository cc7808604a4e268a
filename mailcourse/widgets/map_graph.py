"""What stands on the map, and how it is drawn: functions from values to values, without a widget.

state(lab) → HostNode, HostNode, …    what stands where, and how it is now
troubles(lab) → {link: "slow"}        what is broken between two hosts
dot(nodes, links)                     the picture, drawn once; hosts are n0, n1, …, links e0, e1, …
painted(svg, nodes, links, …)         the same picture with what is true at this moment
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

import graphviz

from mailcourse.lab.lab import PlainLab

from .role_colours import ROLES

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
    nodes = []
    for name, plan in lab.scenario.hosts.items():
        dns, web = {"dns", "resolver"} & {*plan.services}, "webmail" in plan.services
        role = "dns" if dns else "web" if web else "mail" if plan.services else "person"
        server = lab.mail_servers.get(name)
        boxes = tuple(
            (person.partition("@")[0], len(lab.mailbox_of(person).scan())) for person in lab.residents_of(name)
        )
        organisation = lab.scenario.organisations.get(plan.organisation, plan.organisation)
        nodes.append(
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
    return nodes


def troubles(lab: PlainLab) -> dict[frozenset[str], str]:
    """Return both ends of each link where something is broken, and what."""
    return {frozenset({f.host, f.detail["peer"]}): f.kind for f in lab.faults if f.detail.get("peer")}


def mail_links(lab: PlainLab) -> list[Link]:
    """Return the links that mail is meant to take: from a person's machine to their server, and on inside."""
    scenario, links = lab.scenario, []
    for address, person in scenario.people.items():
        links.append((person.device, lab.home_of(address)))
    links += [(name, plan.mail_server) for name, plan in scenario.hosts.items() if plan.mail_server]
    for name, plan in scenario.hosts.items():
        links += [(name, other) for other in plan.settings.named_hosts()]
    return list(dict.fromkeys(links))


def dot(nodes: Sequence[HostNode], links: Collection[Link]) -> str:
    """Write the map; hosts are n0, n1, …, links e0, e1, …, and each host has a line @n0@ for how it is."""
    graph = graphviz.Digraph(graph_attr={"rankdir": "LR", "bgcolor": "white", "pad": "0.1", "nodesep": "0.25"})
    graph.attr("node", fontname="Helvetica,Arial,sans-serif", fontsize="12", style="filled", color="#333333")
    graph.attr("edge", color="#333333", penwidth="1.4")
    numbers = {node.name: number for number, node in enumerate(nodes)}
    for organisation in dict.fromkeys(node.organisation for node in nodes):
        with graph.subgraph(name=f"cluster_{organisation}") as cluster:
            cluster.attr(
                label=graphviz.escape(organisation), color="#999999", style="rounded", fontname="Helvetica,Arial"
            )
            for node in nodes:
                if node.organisation == organisation:
                    shape, colour, word = ROLES[node.role]
                    first, _, rest = node.name.partition(".")
                    part = f"n{numbers[node.name]}"
                    mark = "." if node.role == "dns" else r"\n"
                    label = rf"{graphviz.escape(first)}{mark}{graphviz.escape(rest)}\n@{part}@"
                    size = {"width": f"{_width(node):.1f}"} if node.role != "dns" else SMALL
                    tip = f"{node.name}: {word}"
                    cluster.node(part, label, id=part, shape=shape, fillcolor=colour, tooltip=tip, **size)
    used = {name for link in links for name in link}
    alone = [node.name for node in nodes if node.name not in used]
    for name in alone if used else ():  # they stand beside what they serve, and not in a column below
        graph.edge(f"n{numbers[next(iter(links))[0]]}", f"n{numbers[name]}", style="invis")
    for source, target in _shape(nodes):  # the picture keeps its shape when mail takes a new way
        graph.edge(f"n{numbers[source]}", f"n{numbers[target]}", style="invis")
    for number, (source, target) in enumerate(links):
        graph.edge(f"n{numbers[source]}", f"n{numbers[target]}", id=f"e{number}", tooltip=f"{source} → {target}")
    return str(graph.source)


def _shape(nodes: Sequence[HostNode]) -> list[Link]:
    """Return pairs of hosts to draw from left to right: offices in one row, in another those who serve them all."""
    inside: dict[str, list[HostNode]] = {}
    for node in nodes:
        inside.setdefault(node.organisation, []).append(node)
    offices = [group for group in inside.values() if any(node.boxes for node in group)]
    others = [group for group in inside.values() if group not in offices]
    pairs = []
    for left, right in pairwise(offices):
        home = next(node for node in left if node.boxes)
        gates = [node for node in right if node.role == "mail" and not node.boxes] or right[:1]
        pairs += [(home.name, gate.name) for gate in gates]
    for left, right in pairwise(others):
        pairs += [(left[0].name, node.name) for node in right]
    return pairs


def _width(node: HostNode) -> float:
    """Room for the line that says how it is, in inches."""
    room = sum(len(person) + 6 for person, _ in node.boxes) + 6 * bool(node.boxes)
    return max(1.2, 0.085 * room)


def painted(
    picture: str,
    nodes: Sequence[HostNode],
    links: Sequence[Link],
    now: Link | None = None,
    broken: Mapping[frozenset[str], str] | None = None,
    chosen: Sequence[str] = (),
) -> str:
    """Write how each host and link is into the picture; `now` is the link where something passes at this moment."""
    marks: dict[str, list[str]] = {}
    broken = broken or {}
    for number, node in enumerate(nodes):
        mark = ["off"] if not node.is_up else ["trouble"] if node.faults else []
        marks[f"n{number}"] = (
            mark + ["now"] * (now is not None and node.name in now) + ["chosen"] * (chosen == (node.name,))
        )
        picture = re.sub(rf"@n{number}@\s*", escape(node.words), picture)
    for number, link in enumerate(links):
        mark = {"cut": ["off"], "slow": ["trouble"]}.get(broken.get(frozenset(link), ""), [])
        marks[f"e{number}"] = mark + ["now"] * (link == now) + ["chosen"] * (link == tuple(chosen))
    picture = re.sub(
        r'<g id="([ne]\d+)" class="(\w+)">',
        lambda match: f'<g id="{match[1]}" class="{" ".join([match[2], *marks[match[1]]])}">',
        picture,
    )
    words = escape(text_of(nodes, broken), quote=True)
    return picture.replace("<svg ", f'<svg role="img" aria-label="{words}" ', 1)


def text_of(nodes: Sequence[HostNode], broken: Mapping[frozenset[str], str] | None = None) -> str:
    """Write the map as plain text."""
    lines: list[str] = []
    for organisation in dict.fromkeys(node.organisation for node in nodes):
        lines.append(organisation)
        inside = [node for node in nodes if node.organisation == organisation]
        lines += [f"  {node.name:24} {ROLES[node.role][2]}: {node.words or 'up'}" for node in inside]
    lines += [f"link {' — '.join(sorted(ends))}: {kind}" for ends, kind in (broken or {}).items()]
    return "\n".join(lines)
