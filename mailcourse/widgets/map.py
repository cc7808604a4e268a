"""The map: organisations, hosts, people and queues; a message lights up its way, hosts can be switched off.

    state(lab) → Place, Place, …     what stands where, and how it is now
    dot(places, links)               the picture, drawn once
    painted(svg, places, link)       the same picture with what is true at this moment

These are functions from values to values; `MapView` below is only switches around them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

import graphviz
import ipywidgets as widgets

from mailcourse.internet.trace import Event
from mailcourse.lab import Lab
from mailcourse.queues import COLUMNS, rows
from mailcourse.table import table

from .live import LiveView
from .picture import png, svg
from .roles import ROLES

Link = tuple[str, str]
MAIL_PORTS = (24, 25, 465, 587)
MOST_LOG = 60
SMALL = {"fontsize": "10", "height": "0.35", "margin": "0.02"}


@dataclass(frozen=True)
class Place:
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


def state(lab: Lab) -> list[Place]:
    """Look at every host."""
    broken: dict[str, list[str]] = {}
    for row in lab.faults.table():
        broken.setdefault(str(row["host"]), []).append(str(row["kind"]))
    found = []
    for name, plan in lab.scenario.hosts.items():
        dns = {"dns", "resolver"} & {*plan.services}
        role = "dns" if dns else "mail" if plan.services else "person"
        server = lab.mail_servers.get(name)
        boxes = tuple(
            (person.partition("@")[0], len(lab.accounts[name].mailbox(person).scan()))
            for person in (lab.scenario.people if name in lab.accounts else ())
            if lab.scenario.domains.get(person.partition("@")[2]) == name
        )
        organisation = lab.scenario.organisations.get(plan.organisation, plan.organisation)
        found.append(
            Place(
                name,
                organisation,
                role,
                lab.internet.hosts[name].is_up,
                None if server is None else len(server.queue.entries()),
                boxes,
                tuple(broken.get(name, ())),
            )
        )
    return found


def roads(lab: Lab) -> list[Link]:
    """Return the ways that mail is meant to go: from a person's machine to her server, and on inside."""
    scenario, found = lab.scenario, []
    for address, person in scenario.people.items():
        found.append((person.device, scenario.domains[address.partition("@")[2]]))
    for name, plan in scenario.hosts.items():
        found += [(name, inner) for inner in plan.inside.values()]
        found += [(name, relay.host) for relay in (plan.smart_host, plan.fallback) if relay is not None]
    return list(dict.fromkeys(found))


def dot(places: Sequence[Place], links: Collection[Link]) -> str:
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


def _shape(places: Sequence[Place]) -> list[Link]:
    """Return pairs of hosts to draw from left to right: offices in one row, in another those who serve them all."""
    inside: dict[str, list[Place]] = {}
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


def _width(place: Place) -> float:
    """Room for the line that says how it is, in inches."""
    room = sum(len(person) + 6 for person, _ in place.boxes) + 6 * bool(place.boxes)
    return max(1.2, 0.085 * room)


STYLE = (
    ".mailcourse-map .off{opacity:.35}.mailcourse-map .off polygon,.mailcourse-map .off ellipse"
    "{stroke-dasharray:6 4;stroke-width:3px}"
    ".mailcourse-map .trouble polygon,.mailcourse-map .trouble ellipse{stroke:#D55E00!important;stroke-width:3px}"
    ".mailcourse-map .now polygon,.mailcourse-map .now ellipse,.mailcourse-map .now path"
    "{stroke:#D55E00!important;stroke-width:5px!important}"
    ".mailcourse-map svg{max-width:100%;height:auto;background:#fff;border-radius:6px}"
)


def painted(picture: str, places: Sequence[Place], links: Sequence[Link], now: Link | None) -> str:
    """Write how each host is into the picture; `now` is the link where something passes at this moment."""
    marks: dict[str, str] = {}
    for number, place in enumerate(places):
        off = "off" if not place.is_up else "trouble" if place.faults else ""
        marks[f"n{number}"] = f"{off} now" if now is not None and place.name in now else off
        picture = re.sub(rf"@n{number}@\s*", escape(place.words), picture)
    for number, link in enumerate(links):
        marks[f"e{number}"] = "now" if link == now else ""
    picture = re.sub(
        r'<g id="([ne]\d+)" class="(\w+)">', lambda m: f'<g id="{m[1]}" class="{m[2]} {marks[m[1]]}">', picture
    )
    told = escape(text_of(places), quote=True)
    return picture.replace("<svg ", f'<svg role="img" aria-label="{told}" ', 1)


def text_of(places: Sequence[Place]) -> str:
    """Write the map as plain text."""
    lines: list[str] = []
    for organisation in dict.fromkeys(place.organisation for place in places):
        lines.append(organisation)
        inside = [place for place in places if place.organisation == organisation]
        lines += [f"  {place.name:24} {ROLES[place.role][2]}: {place.words or 'up'}" for place in inside]
    return "\n".join(lines)


class MapView(LiveView):
    """The map, and the switches for the host that is chosen."""

    def __init__(self, lab: Lab) -> None:
        self._links, self._drawn = roads(lab), ("", "")
        self._now: Link | None = None
        self.picture = widgets.HTML(layout={"overflow": "auto"})
        self.host = widgets.Dropdown(options=list(lab.scenario.hosts), description="Host", layout={"width": "320px"})
        self.switch = widgets.Button(description="Switch off", icon="power-off", tooltip="the host answers nobody")
        self.slow = widgets.Button(
            description="Slow down", icon="hourglass-half", tooltip="0.5 s each way, to everybody"
        )
        self.mend = widgets.Button(description="Mend all", icon="wrench", tooltip="whatever was broken on purpose")
        self.what = widgets.ToggleButtons(
            options=["log", "queue", "mail", "zones"],
            tooltips=["what happened there", "what waits", "files", "records"],
            style={"button_width": "72px"},
        )
        self.detail = widgets.HTML(layout={"max_height": "280px", "overflow": "auto"})
        self.switch.on_click(lambda _: self.do(self._switch, self.switch))
        self.slow.on_click(lambda _: self.do(self._slow, self.slow))
        self.mend.on_click(lambda _: self.do(lab.mend, self.mend))
        for chooser in (self.host, self.what):
            chooser.observe(lambda _: self.look(), "value")
        row = widgets.HBox([self.host, self.switch, self.slow, self.mend], layout={"flex_flow": "row wrap"})
        super().__init__(lab, [self.picture, row, self.what, self.detail])

    def heard(self, event: Event) -> None:
        """Remember where a message passes at this moment."""
        if event.what == "connected" and event.facts["port"] in MAIL_PORTS:
            self._now = (str(event.facts["peer"]), event.host)
            known = self.lab.scenario.hosts
            if self._now not in self._links and {*self._now} <= known.keys():
                self._links = [*self._links, self._now]
        elif event.what in ("delivered", "clock-moved"):
            self._now = None

    def look(self) -> None:
        """Paint the map as the lab is now."""
        places, links = state(self.lab), self._links
        source = dot(places, links)
        if self._drawn[0] != source:
            self._drawn = source, svg(source)
        with self.hold_sync():
            painting = painted(self._drawn[1], places, links, self._now)
            self.picture.value = f'<style>{STYLE}</style><div class="mailcourse-map">{painting}</div>'
            is_up = self.lab.internet.hosts[self.host.value].is_up
            self.switch.description = "Switch off" if is_up else "Switch on"
            self.detail.value = detail(self.lab, self.host.value, self.what.value)

    def _switch(self) -> None:
        host = self.lab.host(self.host.value)
        host.down() if host.is_up else host.up()

    def _slow(self) -> None:
        self.lab.fault(self.host.value, "slow", seconds=0.5)

    def still(self) -> bytes:
        """Return the map as PNG."""
        places = state(self.lab)
        source = dot(places, self._links)
        for number, place in enumerate(places):
            source = source.replace(f"@n{number}@", graphviz.escape(place.words))
        return png(source)

    def __repr__(self) -> str:
        return text_of(state(self.lab)) if self.lab.is_open else "a map of a lab that is closed"


def detail(lab: Lab, host: str, what: str) -> str:
    """Write what there is to know of a host, as HTML; nothing in it is ever markup."""
    if what == "queue":
        server = lab.mail_servers.get(host)
        return table(COLUMNS, rows(server))._repr_html_() if server else "<p>no queue here</p>"
    if what == "mail":
        return _mail(lab, host)
    if what == "zones":
        names = lab.dns_servers.get(host)
        texts = [str(zone.to_text()) for zone in names.zones.values()] if names else []
        return _pre("\n".join(texts) or "no zones here")
    last = [e for e in lab.trace if e.host == host][-MOST_LOG:]
    lines = [f"{e.time:%H:%M:%S} {e.message or '':4} {e.sentence()}" for e in last]
    return _pre("\n".join(lines) or "nothing has happened here yet")


def _mail(lab: Lab, host: str) -> str:
    if host not in lab.accounts:
        return "<p>no mailboxes here</p>"
    found: list[tuple[Any, ...]] = []
    for person in lab.scenario.people:
        if lab.scenario.domains.get(person.partition("@")[2]) == host:
            box = lab.accounts[host].mailbox(person)
            for folder in ("INBOX", *box.folders()):
                stored = (box if folder == "INBOX" else box.folder(folder)).scan()
                found += [(person, folder, one.uid, f"{one.path.parent.name}/{one.name}") for one in stored]
    return (
        table(("person", "folder", "UID", "file"), found)._repr_html_() if found else "<p>all mailboxes are empty</p>"
    )


def _pre(text: str) -> str:
    style = "font-family:monospace;background:#fff;color:#222;padding:6px;border-radius:6px;margin:0;line-height:1.35"
    return f'<pre tabindex="0" style="{style}">{escape(text)}</pre>'
