"""The DNS on the screen: ask any server, walk from the root, watch the memory run out, change a zone.

    answer │ the walk │ the resolver's memory │ a zone

Asking and walking go through the lab's public face; the memory is read as the clock moves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape

import graphviz
import ipywidgets as widgets

from mailcourse.internet.errors import LabError, unknown
from mailcourse.lab.dns import Lookup
from mailcourse.lab.lab import PlainLab
from mailcourse.lab.table import table
from mailcourse.scene.roles import ROLES

from .live import LiveView
from .parts import button
from .picture import svg

TYPES = ("MX", "A", "AAAA", "NS", "CNAME", "TXT", "PTR", "SRV", "SOA", "ANY")
RESOLVER = "the resolver"
FITS = "max-width:100%;height:auto"
#: what the words of a reply's header mean, RFC 1035 §4.1.1
FLAGS = {
    "AA": "this server holds the zone",
    "TC": "cut short, ask again by TCP",
    "RA": "it asks others for you",
}


def answer(lookup: Lookup) -> str:
    """Write an answer, section by section, as HTML."""
    flags = ", ".join(f"{flag} ({FLAGS[flag]})" for flag in lookup.flags if flag in FLAGS)
    head = f"{escape(lookup.server)} answers {lookup.type} of {escape(lookup.name)}: <b>{escape(lookup.rcode)}</b>"
    parts = [f"<p>{head}<br>{flags}</p>"]
    sections = {"Answer": lookup.records, "Authority": lookup.authority, "Additional": lookup.additional}
    for word, records in sections.items():
        rows = [record.split(" ", 3) for record in records]
        drawn = table(("name", "TTL", "type", "value"), rows)._repr_html_() if rows else "no records"
        parts.append(f'<section aria-label="{word}"><b>{word}</b> {drawn}</section>')
    return "".join(parts)


def walk(name: str, kind: str, rows: Iterable[Mapping[str, object]]) -> str:
    """Draw the way from the root to the answer: who is asked, and whom each server names next."""
    graph = graphviz.Digraph(
        graph_attr={"rankdir": "LR", "bgcolor": "white", "pad": "0.1", "ranksep": "2.2", "nodesep": "0.5"}
    )
    graph.attr("node", fontname="Helvetica,Arial,sans-serif", fontsize="13", style="filled", color="#333333")
    graph.attr("edge", fontname="Helvetica,Arial,sans-serif", fontsize="12", color="#333333")
    shape, colour, _ = ROLES["dns"]
    graph.node("asker", "who asks", shape="box", fillcolor=ROLES["person"][1])
    servers, words = graphviz.Digraph(graph_attr={"rank": "same"}), []
    for number, row in enumerate(rows, 1):
        server, node = str(row["server"]), f"s{number}"
        records = [str(record) for record in row["records"]] if isinstance(row["records"], (list, tuple)) else []
        replies = [" ".join(record.split(" ", 3)[2:]) for record in records] or ["no such record"]
        servers.node(node, rf"{number}. {graphviz.escape(server)}", shape=shape, fillcolor=colour)
        lines = [f"{number}. {kind} of {name}?", f"{row['says']}: {replies[0]}", *replies[1:3]]
        graph.edge("asker", node, label=r"\l".join(graphviz.escape(line[:60]) for line in lines) + r"\l", dir="both")
        if number > 1:
            servers.edge(f"s{number - 1}", node, style="dashed", label="ask there")
        words.append(f"{number}. {server} says {row['says']}: {', '.join(records) or 'nothing'}")
    graph.subgraph(servers)
    title = escape("; ".join(words), quote=True)
    picture = svg(str(graph.source)).replace("<svg ", f'<svg role="img" aria-label="{title}" style="{FITS}" ', 1)
    return f'<div style="background:#fff">{picture}</div>'


class DigView(LiveView):
    """Ask, walk, remember, change."""

    TICKS = True

    def __init__(self, lab: PlainLab, name: str = "", kind: str = "") -> None:
        domain = next(iter(lab.scenario.domains), "")
        servers = [RESOLVER, *lab.dns_servers]
        self.name = widgets.Text(value=name or domain, description="Name", layout={"width": "320px"})
        if kind and kind not in TYPES:
            raise unknown("type in this form", kind, TYPES)
        first = kind or TYPES[0]
        self.type = widgets.Dropdown(options=TYPES, value=first, description="Type", layout={"width": "180px"})
        self.server = widgets.Dropdown(options=servers, description="Ask", layout={"width": "300px"})
        self.ask = button("Ask")
        self.walk = button("Walk from the root")
        self.forget = button("Forget")
        self.save = button("Save the zone")
        self.zone = widgets.Dropdown(options=list(lab.scenario.zones), description="Zone", layout={"width": "320px"})
        self.text = widgets.Textarea(rows=14, layout={"width": "98%"})
        self.answer, self.steps, self.memory, self.status = (widgets.HTML() for _ in range(4))
        self.ask.on_click(lambda _: self.do(self._ask, self.ask))
        self.walk.on_click(lambda _: self.do(self.show_walk, self.walk))
        self.forget.on_click(lambda _: self.do(lab.dns.forget, self.forget))
        self.save.on_click(lambda _: self.do(self._save, self.save))
        self.zone.observe(lambda _: self._show_zone(), "value")
        memory = widgets.VBox([self.forget, self.memory], layout={"max_height": "300px", "overflow": "auto"})
        parts = [self.answer, self.steps, memory, widgets.VBox([self.zone, self.text, self.save, self.status])]
        self.tabs = widgets.Tab(children=parts, titles=["Answer", "Walk", "Memory", "Zone"])
        question = widgets.HBox(
            [self.name, self.type, self.server, self.ask, self.walk], layout={"flex_flow": "row wrap"}
        )
        super().__init__(lab, [question, self.tabs])
        self._show_zone()

    def _ask(self) -> None:
        server = None if self.server.value == RESOLVER else self.server.value
        lookup = self.lab.dns.lookup(self.name.value.strip(), self.type.value, server)
        self.answer.value, self.tabs.selected_index = answer(lookup), 0

    def show_walk(self) -> None:
        """Walk to the name from the root, and draw it."""
        name, kind = self.name.value.strip(), self.type.value
        self.steps.value = walk(name, kind, self.lab.dns.walk(name, kind))
        self.tabs.selected_index = 1

    def _show_zone(self) -> None:
        if self.zone.value is not None and self.lab.is_open:
            self.text.value = self.lab.zone(self.zone.value).text
            self.status.value = ""

    def _save(self) -> None:
        """Serve the text; a mistake is told with its line, and nothing is changed."""
        try:
            zone = self.lab.zone(self.zone.value).edit(self.text.value)
        except LabError as error:
            self.status.value = f'<p role="alert" style="color:#B00020"><b>Not saved.</b> {escape(str(error))}</p>'
            return
        self.text.value = zone.text
        self.status.value = f"<p>Saved with serial {zone.serial}. What the resolver remembers is as before.</p>"

    def look(self) -> None:
        """Show what the resolver remembers, and for how long."""
        entries = self.lab.dns.cache
        now = f"{self.lab.clock.now():%a %d %b %H:%M:%S}"
        self.memory.value = (
            f"<p>What the resolver remembers at {now}</p>{entries._repr_html_() if entries else 'Nothing.'}"
        )

    def __repr__(self) -> str:
        return f"A form to ask the DNS: name, type, server. Servers: {json.dumps(list(self.server.options))}"
