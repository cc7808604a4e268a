"""The DNS on the screen: ask any server, walk from the root, watch the memory run out, change a zone.

    the scene: each question and its answer │ answer │ the resolver's memory │ a zone

Asking and walking go through the lab's public face, and the scene plays what passed: an answer from memory is a short
way there and back.  The memory is read as the clock moves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from html import escape
from typing import Any

import ipywidgets as widgets

from mailcourse.internet.errors import LabError, unknown
from mailcourse.lab.dns import Lookup
from mailcourse.lab.lab import PlainLab
from mailcourse.lab.table import table
from mailcourse.scene.draw import draw
from mailcourse.scene.places import ground_of

from .journey import JourneyView
from .live import LiveView
from .parts import button
from .stage import Stage
from .steps import question_steps

TYPES = ("MX", "A", "AAAA", "NS", "CNAME", "TXT", "PTR", "SRV", "SOA", "ANY")
RESOLVER = "the resolver"
#: letters of a remembered answer
MAX_ANSWER = 300
#: what the words of a reply's header mean, RFC 1035 §4.1.1
FLAGS = {
    "AA": "this server holds the zone",
    "TC": "cut short, ask again by TCP",
    "RA": "it asks others for you",
}
#: what a person reads
WORDS = {
    "answers": "{server} answers {type} of {name}:",
    "answer": "Answer",
    "ask first": "Ask for a name: the answer is shown here, and the way to it in the picture.",
    "authority": "Authority",
    "additional": "Additional",
    "no records": "no records",
    "runs down": "it runs down",
    "from": "from: {server}",
    "nothing": "Nothing.",
    "hours": "{hours} h · {seconds} s",
    "minutes": "{minutes} min · {seconds} s",
    "seconds": "{seconds} s",
    "name": "Name",
    "type": "Type",
    "kind": "type in this form",
    "ask": "Ask",
    "walk": "Walk from the root",
    "forget": "Forget",
    "save": "Save the zone",
    "zone": "Zone",
    "memory": "Memory",
    "walked": "The walk to {name}, from the root:",
    "not saved": "Not saved.",
    "saved": "Saved with serial {serial}. What the resolver remembers is as before.",
    "remembers": "What the resolver remembers at {time}",
    "lab": "The lab",
    "form": "A form to ask the DNS: name, type, server. Servers: {servers}",
}


def answer(lookup: Lookup) -> str:
    """Write an answer, section by section, as HTML."""
    flags = ", ".join(f"{flag} ({FLAGS[flag]})" for flag in lookup.flags if flag in FLAGS)
    head = WORDS["answers"].format(server=escape(lookup.server), type=lookup.type, name=escape(lookup.name))
    parts = [f"<p>{head} <b>{escape(lookup.rcode)}</b><br>{flags}</p>"]
    sections = {
        WORDS["answer"]: lookup.records,
        WORDS["authority"]: lookup.authority,
        WORDS["additional"]: lookup.additional,
    }
    for word, records in sections.items():
        rows = [record.split(" ", 3) for record in records]
        drawn = table(("name", "TTL", "type", "value"), rows)._repr_html_() if rows else WORDS["no records"]
        parts.append(f'<section aria-label="{word}"><b>{word}</b> {drawn}</section>')
    return "".join(parts)


def memory(entries: Iterable[Mapping[str, Any]], longest: dict[tuple[str, str], int]) -> str:
    """Write what the resolver remembers, with bars that run down; `longest` keeps how long each was at first."""
    rows = []
    for entry in entries:
        name, kind, left = str(entry["name"]), str(entry["type"]), int(entry["seconds left"])
        key = name, kind
        longest[key] = max(longest.get(key, 1), left)
        part = 100 * left / longest[key]
        bar = f'<span class="mc-ttl" aria-hidden="true"><span style="width:{part:.0f}%"></span></span>'
        values = "<br>".join(escape(value) for value in _values(str(entry["answer"])[:MAX_ANSWER], name))
        source = WORDS["from"].format(server=escape(str(entry["from"])))
        rows.append(
            f"<tr><td>{escape(name)}<br><small>{source}</small></td><td>{escape(kind)}</td>"
            f'<td class="mc-value">{values}</td><td class="mc-left">{bar}<br>{_span(left)}</td></tr>'
        )
    head = "".join(f"<th>{word}</th>" for word in ("name", "type", "answer", WORDS["runs down"]))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>" if rows else WORDS["nothing"]


def _values(answer: str, name: str) -> list[str]:
    """Return what the records say, without the name, TTL and type that stand beside it.

    >>> _values("x.test. 60 IN MX 10 a.x.test.; x.test. 60 IN MX 20 b.x.test.", "x.test.")
    ['10 a.x.test.', '20 b.x.test.']
    """
    records = answer.split(f"; {name} ")
    return [record.removeprefix(f"{name} ").split(" ", 3)[-1] for record in records]


def _span(seconds: int) -> str:
    """Say how long something is still remembered.

    >>> _span(86400), _span(1200), _span(45)
    ('24 h · 86400 s', '20 min · 1200 s', '45 s')
    """
    if seconds < 120:
        return WORDS["seconds"].format(seconds=seconds)
    if seconds < 7200:
        return WORDS["minutes"].format(minutes=seconds // 60, seconds=seconds)
    return WORDS["hours"].format(hours=seconds // 3600, seconds=seconds)


class DigView(LiveView):
    """Ask, walk, remember, change."""

    TICKS = True

    def __init__(self, lab: PlainLab, name: str = "", kind: str = "", stage: Stage | None = None) -> None:
        domain = next(iter(lab.scenario.domains), "")
        servers = [RESOLVER, *lab.dns_servers]
        self.name = widgets.Text(value=name or domain, description=WORDS["name"], layout={"width": "320px"})
        if kind and kind not in TYPES:
            raise unknown(WORDS["kind"], kind, TYPES)
        first = kind or TYPES[0]
        self.type = widgets.Dropdown(options=TYPES, value=first, description=WORDS["type"], layout={"width": "180px"})
        self.server = widgets.Dropdown(options=servers, description=WORDS["ask"], layout={"width": "300px"})
        self.ask = button(WORDS["ask"])
        self.walk = button(WORDS["walk"])
        self.forget = button(WORDS["forget"])
        self.save = button(WORDS["save"])
        self.zone = widgets.Dropdown(
            options=list(lab.scenario.zones), description=WORDS["zone"], layout={"width": "320px"}
        )
        self.text = widgets.Textarea(rows=14, layout={"width": "98%"})
        self.answer, self.memory, self.status = (widgets.HTML() for _ in range(3))
        self.answer.value = f'<p class="mc-hint">{WORDS["ask first"]}</p>'
        self.film = JourneyView(ground=ground_of(lab.scenario), stage=stage)  # the questions, one by one
        self.film.empty.value = ""
        self._longest: dict[tuple[str, str], int] = {}
        self.ask.on_click(lambda _: self.do(self._ask, self.ask))
        self.walk.on_click(lambda _: self.do(self.show_walk, self.walk))
        self.forget.on_click(lambda _: self.do(lab.dns.forget, self.forget))
        self.save.on_click(lambda _: self.do(self._save, self.save))
        self.zone.observe(lambda _: self._show_zone(), "value")
        self.memory.layout.max_height, self.memory.layout.overflow = "300px", "auto"
        self.forget.layout.flex = "0 0 auto"
        parts = [
            self.answer,
            widgets.VBox([self.forget, self.memory]),
            widgets.VBox([self.zone, self.text, self.save, self.status]),
        ]
        self.tabs = widgets.Tab(
            children=parts,
            titles=[WORDS["answer"], WORDS["memory"], WORDS["zone"]],
            layout={"flex": "2 1 400px", "min_width": "0"},
        )
        question = widgets.HBox(
            [self.name, self.type, self.server, self.ask, self.walk], layout={"flex_flow": "row wrap"}
        )
        self.film.layout.flex, self.film.layout.min_width = "3 1 520px", "0"
        if stage is None:
            self.film.stage.layout_name = "journey dns"
        both = [self.film, self.tabs] if stage is None else [self.tabs, self.film]
        wraps = {"flex_flow": "row wrap", "align_items": "flex-start"}
        super().__init__(lab, [question, widgets.HBox(both, layout=wraps)])
        self._show_zone()

    def _ask(self) -> None:
        server = None if self.server.value == RESOLVER else self.server.value
        with self._filmed():
            lookup = self.lab.dns.lookup(self.name.value.strip(), self.type.value, server)
            self.answer.value, self.tabs.selected_index = answer(lookup), 0

    def show_walk(self) -> None:
        """Walk to the name from the root, and play it."""
        name, kind = self.name.value.strip(), self.type.value
        with self._filmed():
            rows = self.lab.dns.walk(name, kind)
            self.answer.value = f"<p>{WORDS['walked'].format(name=escape(name))}</p>{rows._repr_html_()}"
            self.tabs.selected_index = 0

    @contextmanager
    def _filmed(self) -> Iterator[None]:
        """Play the questions and answers that passed meanwhile, also when nobody answered in the end."""
        before = self.lab.trace.events()[-1:]
        since = before[0].seq if before else 0
        try:
            yield
        finally:
            asked = [event for event in self.lab.trace if event.seq > since and event.what in ("asked", "answered")]
            self.film.load(asked, playing=True, tell=question_steps)

    def _show_zone(self) -> None:
        if self.zone.value is not None and self.lab.is_open:
            self.text.value = self.lab.zone(self.zone.value).text
            self.status.value = ""

    def _save(self) -> None:
        """Serve the text; a mistake is told with its line, and nothing is changed."""
        try:
            zone = self.lab.zone(self.zone.value).edit(self.text.value)
        except LabError as error:
            why = f"<b>{WORDS['not saved']}</b> {escape(str(error))}"
            self.status.value = f'<p role="alert" class="mc-alert">{why}</p>'
            return
        self.text.value = zone.text
        self.status.value = f"<p>{WORDS['saved'].format(serial=zone.serial)}</p>"

    def look(self) -> None:
        """Show what the resolver remembers, and for how long."""
        now = f"{self.lab.clock.now():%a %d %b %H:%M:%S}"
        self.memory.value = f"<p>{WORDS['remembers'].format(time=now)}</p>{memory(self.lab.dns.cache, self._longest)}"

    def svg(self) -> str:
        """Return the scene, with the last question."""
        return self.film.svg() if self.film.steps else draw(self.film.stage.ground, {}, title=WORDS["lab"])

    def close(self) -> None:
        """Take the form off the page."""
        self.film.close()
        super().close()

    def __repr__(self) -> str:
        return WORDS["form"].format(servers=json.dumps(list(self.server.options)))
