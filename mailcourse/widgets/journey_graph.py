"""The graph of a journey: from steps to a picture.

steps → journey_graph(steps)       hosts and links, in the order in which they were used: a graph
      → render_step(graph, n)      the picture at step n: this hop bright, what is to come pale
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import graphviz

from .picture import svg
from .role_colours import ROLES
from .steps import Step


@dataclass(frozen=True)
class JourneyGraph:
    """The hosts and links of a journey, with the number of the step that first used each."""

    nodes: dict[str, tuple[str, int]]  # name -> (role, first step)
    links: dict[tuple[str, str], tuple[str, int]]
    broken: frozenset[tuple[str, str]]  # links that never worked


def journey_graph(steps: Sequence[Step]) -> JourneyGraph:
    """Collect hosts and links in the order of use."""
    nodes: dict[str, tuple[str, int]] = {}
    links: dict[tuple[str, str], tuple[str, int]] = {}
    for number, step in enumerate(steps):
        for name in [*(step.link or ()), step.host]:
            role = step.kind if name == step.host else "mail"
            nodes.setdefault(name, (role, number))
        if step.link is not None:
            links.setdefault(step.link, (step.kind, number))
    worked = {step.link for step in steps if step.works}
    return JourneyGraph(nodes, links, frozenset(link for link in links if link not in worked))


def dot(journey: JourneyGraph) -> str:
    """Write the graph of a journey; nodes are n0, n1, … and links e0, e1, …"""
    graph = graphviz.Digraph(
        graph_attr={"rankdir": "LR", "bgcolor": "white", "pad": "0.1", "nodesep": "0.35", "ranksep": "0.55"}
    )
    graph.attr("node", fontname="Helvetica,Arial,sans-serif", fontsize="13", style="filled", color="#333333")
    graph.attr("edge", fontname="Helvetica,Arial,sans-serif", fontsize="11", color="#333333", penwidth="1.4")
    ids = {name: f"n{number}" for number, name in enumerate(journey.nodes)}
    for name, (role, _) in journey.nodes.items():
        shape, colour, word = ROLES[role]
        graph.node(ids[name], _label(name), id=ids[name], shape=shape, fillcolor=colour, tooltip=f"{name}: {word}")
    for number, ((source, target), (kind, _)) in enumerate(journey.links.items()):
        extra = {"style": "dashed", "constraint": "false", "dir": "both"} if kind == "dns" else {}
        if (source, target) in journey.broken:
            extra = {"style": "dotted", "arrowhead": "tee", "color": "#D55E00"}
        graph.edge(ids[source], ids[target], id=f"e{number}", tooltip=f"{source} → {target}", **extra)
    return str(graph.source)


def _label(name: str) -> str:
    """Two short lines; Graphviz reads backslashes, so they are doubled."""
    if name.startswith("mailbox of "):
        first, second = "mailbox of", name.removeprefix("mailbox of ")
    else:
        first, _, second = name.partition(".")
    return rf"{graphviz.escape(first)}\n{graphviz.escape(second)}"


def render_step(journey: JourneyGraph, steps: Sequence[Step], number: int) -> str:
    """Return the picture at step `number`: what acts now is marked, what comes later is pale."""
    step = steps[number]
    marks: dict[str, str] = {}
    for index, (name, (_, first)) in enumerate(journey.nodes.items()):
        active = name == step.host or name in (step.link or ())
        marks[f"n{index}"] = "now" if active else "later" if first > number else ""
    for index, (link, (_, first)) in enumerate(journey.links.items()):
        marks[f"e{index}"] = "now" if link == step.link else "later" if first > number else ""
    picture = re.sub(
        r'<g id="([ne]\d+)" class="(\w+)">',
        lambda m: f'<g id="{m[1]}" class="{m[2]} {marks[m[1]]}">',
        svg(dot(journey)),
    )
    title = escape(f"Step {number + 1} of {len(steps)}: {step.title}", quote=True)
    return picture.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
