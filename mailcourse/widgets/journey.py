"""The journey of a message: its events as steps, each step as a picture and what was said.

    events → steps(events)        a session, a look-up, a decision: one step each
           → way(steps)           hosts and links, in the order in which they were used: a graph
           → frame(way, n)        the picture at step n: this hop bright, what is to come pale

These are functions from values to values; `JourneyView` below is only buttons around them.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import graphviz
import ipywidgets as widgets

from mailcourse.internet.trace import Event

from .picture import png, svg

#: role -> (shape, colour, word): the same everywhere, and legible for the colour-blind
ROLES = {
    "person": ("box", "#E69F00", "MUA, a person's mail program"),
    "mail": ("box3d", "#56B4E9", "MTA, a mail server"),
    "dns": ("ellipse", "#CC79A7", "DNS server"),
    "mailbox": ("cylinder", "#009E73", "mailbox"),
}


@dataclass(frozen=True)
class Step:
    """One step: who acts, along which link, and what was said or done."""

    title: str
    kind: str  # a key of ROLES
    host: str
    link: tuple[str, str] | None = None
    lines: tuple[str, ...] = ()
    works: bool = True  # False when the link led to nobody


# ---- events → steps ----------------------------------------------------------------------------------


@dataclass
class _Telling:
    """The story so far, while events are read in order."""

    steps: list[Step] = field(default_factory=list)
    asking: list[Event] = field(default_factory=list)  # a look-up that is not answered yet
    lines: list[str] = field(default_factory=list)  # what was said in the session that is open
    session: tuple[str, str] | None = None  # who connected to whom
    taken: bool = False  # the message of this session is in the server's queue

    def flush(self) -> None:
        """End the session's step."""
        if self.lines and self.session is not None:
            client, server = self.session
            title = f"{server} tells {client}: 250, it is mine now" if self.taken else f"{client} talks to {server}"
            self.steps.append(Step(title, "mail", server, self.session, tuple(self.lines)))
        self.lines = []


def steps(events: Iterable[Event]) -> list[Step]:
    """Tell the events of one message as steps."""
    telling = _Telling()
    for event in events:
        if event.what in ("asked", "answered"):
            _look_up(telling, event)
        elif event.what == "said":
            telling.lines.append(_line(event))
        else:
            _other(telling, event)
    telling.flush()
    return telling.steps


def _line(event: Event) -> str:
    shown = "(a secret, not shown)" if event.facts["secret"] else event.facts["line"]
    return f"{event.facts['side']}: {shown}"


def _look_up(telling: _Telling, event: Event) -> None:
    """Collect a look-up from the first question to the answer that the first asker gets."""
    if not telling.asking:
        telling.flush()
    telling.asking.append(event)
    first = telling.asking[0]
    over = event.what == "answered" and event.host == first.facts["server"]
    if not over:
        return
    asked, told = first.facts, event.facts
    answers = ", ".join(_value(text) for text in told["answers"]) or told["rcode"]
    lines = (_dns_line(each) for each in telling.asking)
    title = f"{first.host} asks the DNS for {asked['type']} of {asked['name'].rstrip('.')}: {answers}"
    telling.steps.append(Step(title, "dns", event.host, (first.host, event.host), tuple(lines)))
    telling.asking = []


def _value(record: str) -> str:
    return record.split(" ", 3)[-1].rstrip(".")


def _dns_line(event: Event) -> str:
    facts = event.facts
    question = f"{facts['type']} of {facts['name'].rstrip('.')}"
    if event.what == "asked":
        return f"{event.host} → {facts['server']}: {question}?"
    memory = " (from its cache)" if facts["cached"] else ""
    answers = "; ".join(facts["answers"]) or "no such record"
    return f"{event.host}{memory}: {facts['rcode']} {answers}"


def _other(telling: _Telling, event: Event) -> None:
    if event.what == "refused":
        telling.lines.append(f"   {event.sentence()}")
        return
    if event.what == "connected":
        telling.flush()
        telling.session, telling.taken = (event.facts["peer"], event.host), False
    if event.what not in _TOLD:
        return
    telling.flush()
    telling.taken = event.what == "accepted"
    telling.steps.append(_TOLD[event.what](event))


def _composed(event: Event) -> Step:
    title = f"{event.facts['sender']} writes a message to {', '.join(event.facts['recipients'])}"
    return Step(title, "person", event.host, None, (f"Subject: {event.facts['subject']}",))


def _accepted(event: Event) -> Step:
    facts = event.facts
    written = f"written: queue/active/{facts['queue_id']} ({facts['size']} octets), synced to disk, then 250"
    return Step(f"{event.host} takes responsibility: it is in its queue", "mail", event.host, None, (written,))


def _routed(event: Event) -> Step:
    facts = event.facts
    title = f"{event.host} decides for {facts['recipient']}: {facts['decision']}"
    return Step(title, "mail", event.host, None, (f"next: {', '.join(facts['next_hops'])}",))


def _delivered(event: Event) -> Step:
    box = f"mailbox of {event.facts['mailbox']}"
    written = f"written: {event.facts['file']}"
    return Step(f"{event.host} puts it into the {box}", "mailbox", box, (event.host, box), (written,))


def _fetched(event: Event) -> Step:
    facts = event.facts
    title = f"{facts['mailbox']} fetches it by {facts['service'].upper()}"
    return Step(title, "mailbox", f"mailbox of {facts['mailbox']}", None, (f"UID {facts['uid']}",))


def _unreachable(event: Event) -> Step:
    return Step(
        event.sentence(), "mail", event.host, (event.host, event.facts["peer"]), (event.facts["reason"],), False
    )


def _in_words(event: Event) -> Step:
    return Step(event.sentence(), "mail", event.host, None, tuple(f"for {name}" for name in event.facts["recipients"]))


_TOLD: dict[str, Callable[[Event], Step]] = {
    "composed": _composed,
    "accepted": _accepted,
    "routed": _routed,
    "delivered": _delivered,
    "fetched": _fetched,
    "unreachable": _unreachable,
    "deferred": _in_words,
    "failed": _in_words,
    "reported": _in_words,
    "deleted": _in_words,
    "forwarded": _in_words,
}


# ---- steps → picture -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """The hosts and links of a journey, with the number of the step that first used each."""

    nodes: dict[str, tuple[str, int]]  # name -> (role, first step)
    links: dict[tuple[str, str], tuple[str, int]]
    broken: frozenset[tuple[str, str]]  # links that never worked


def way(told: Sequence[Step]) -> Way:
    """Collect hosts and links in the order of use."""
    nodes: dict[str, tuple[str, int]] = {}
    links: dict[tuple[str, str], tuple[str, int]] = {}
    for number, step in enumerate(told):
        for name in [*(step.link or ()), step.host]:
            role = step.kind if name == step.host else "mail"
            nodes.setdefault(name, (role, number))
        if step.link is not None:
            links.setdefault(step.link, (step.kind, number))
    worked = {step.link for step in told if step.works}
    return Way(nodes, links, frozenset(link for link in links if link not in worked))


def dot(road: Way) -> str:
    """Write the graph of a journey; nodes are n0, n1, … and links e0, e1, …"""
    graph = graphviz.Digraph(
        graph_attr={"rankdir": "LR", "bgcolor": "white", "pad": "0.1", "nodesep": "0.35", "ranksep": "0.55"}
    )
    graph.attr("node", fontname="Helvetica,Arial,sans-serif", fontsize="13", style="filled", color="#333333")
    graph.attr("edge", fontname="Helvetica,Arial,sans-serif", fontsize="11", color="#333333", penwidth="1.4")
    ids = {name: f"n{number}" for number, name in enumerate(road.nodes)}
    for name, (role, _) in road.nodes.items():
        shape, colour, word = ROLES[role]
        graph.node(ids[name], _label(name), id=ids[name], shape=shape, fillcolor=colour, tooltip=f"{name}: {word}")
    for number, ((source, target), (kind, _)) in enumerate(road.links.items()):
        extra = {"style": "dashed", "constraint": "false", "dir": "both"} if kind == "dns" else {}
        if (source, target) in road.broken:
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


STYLE = (
    ".mailcourse .later{opacity:.25}"
    ".mailcourse .now polygon,.mailcourse .now ellipse,.mailcourse .now path"
    "{stroke:#D55E00!important;stroke-width:4px!important}"
    ".mailcourse svg{max-width:100%;height:auto;background:#fff;border-radius:6px}"
)


def frame(road: Way, told: Sequence[Step], number: int) -> str:
    """Return the picture at step `number`: what acts now is marked, what comes later is pale."""
    step = told[number]
    marks: dict[str, str] = {}
    for index, (name, (_, first)) in enumerate(road.nodes.items()):
        active = name == step.host or name in (step.link or ())
        marks[f"n{index}"] = "now" if active else "later" if first > number else ""
    for index, (link, (_, first)) in enumerate(road.links.items()):
        marks[f"e{index}"] = "now" if link == step.link else "later" if first > number else ""
    picture = re.sub(
        r'<g id="([ne]\d+)" class="(\w+)">',
        lambda m: f'<g id="{m[1]}" class="{m[2]} {marks[m[1]]}">',
        svg(dot(road)),
    )
    title = escape(f"Step {number + 1} of {len(told)}: {step.title}", quote=True)
    return picture.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)


def text_of(told: Sequence[Step]) -> str:
    """Write all steps as plain text: for saved notebooks, terminals and screen readers."""
    return "\n".join(f"{number:>2}  {step.title}" for number, step in enumerate(told, 1)) or "nothing has happened yet"


def said(step: Step, number: int, count: int) -> str:
    """Write what was said at one step, as HTML; nothing in it is ever markup."""
    colours = {"C": "#0072B2", "S": "#00704f"}
    lines = "\n".join(
        f'<span style="color:{colours[line[0]]}">{escape(line)}</span>' if line[:2] in ("C:", "S:") else escape(line)
        for line in step.lines
    )
    return (
        f'<div style="font-weight:600;margin-bottom:4px">Step {number + 1} of {count}. {escape(step.title)}</div>'
        f'<pre style="white-space:pre-wrap;background:#fff;color:#222;padding:6px;border-radius:6px;margin:0;'
        f'line-height:1.35;max-height:340px;overflow:auto">{lines or "(nothing was said)"}</pre>'
    )


# ---- the widget ------------------------------------------------------------------------------------------


class JourneyView(widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Play, step back and forth, and read what was said.  `steps` are the steps as values."""

    def __init__(self, events: Sequence[Event] = ()) -> None:
        self.steps: list[Step] = []
        self._way = way(())
        self._play = widgets.Play(min=0, max=0, interval=1200, description="Play", show_repeat=False)
        self.slider = widgets.IntSlider(min=0, max=0, description="Step", readout=False)
        self._link = widgets.jslink((self._play, "value"), (self.slider, "value"))
        self.back = widgets.Button(description="Back", icon="step-backward", tooltip="one step back")
        self.forth = widgets.Button(description="Step", icon="step-forward", tooltip="one step on")
        self._picture = widgets.HTML(layout={"flex": "3 1 480px", "overflow": "auto"})
        self._said = widgets.HTML(layout={"flex": "2 1 320px"})
        self.back.on_click(lambda _: self._move(-1))
        self.forth.on_click(lambda _: self._move(+1))
        self.slider.observe(lambda _: self._show(), "value")
        controls = widgets.HBox([self._play, self.back, self.forth, self.slider])
        both = widgets.HBox([self._picture, self._said], layout={"flex_flow": "row wrap", "align_items": "flex-start"})
        super().__init__([controls, both])
        self.load(events)

    def load(self, events: Sequence[Event], *, playing: bool = False) -> None:
        """Show another journey, from its first step; `playing` starts it once this view is on the screen."""
        self._play.playing = False
        self.steps = steps(events)
        self._way = way(self.steps)
        last = max(0, len(self.steps) - 1)
        self.slider.value = self._play.value = 0
        self.slider.max = self._play.max = last
        self._show()
        self._play.playing = playing and last > 0

    def _move(self, by: int) -> None:
        self._play.playing = False  # who steps by hand wants to look
        self.slider.value = min(max(self.slider.value + by, self.slider.min), self.slider.max)

    def _show(self) -> None:
        if not self.steps:
            self._said.value = "nothing has happened yet"
            return
        number = self.slider.value
        with self.hold_sync():
            self._picture.value = (
                f'<style>{STYLE}</style><div class="mailcourse">{frame(self._way, self.steps, number)}</div>'
            )
            self._said.value = said(self.steps[number], number, len(self.steps))

    def __repr__(self) -> str:
        return text_of(self.steps)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Show the widget; beside it, a picture and a text for where no widget can be shown."""
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        data["text/plain"] = text_of(self.steps)
        if self.steps:
            data["image/png"] = b64encode(png(dot(self._way))).decode()
        return bundle
