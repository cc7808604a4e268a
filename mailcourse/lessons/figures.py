"""Pictures of rules, drawn from tables: the tables of the package where it has them, else the ones below.

    draw_states(NEXT)     states and the words that lead from one to the next       any table of that shape
    draw_roles()          who does what, from Send to read                          ROLES_ON_THE_WAY
    draw_decision()       the questions of an MTA, in the order it asks them        QUESTIONS
    draw_maildir()        the life of a file in a Maildir                           MOVES

Each has the same in words: for who cannot see it, and where no picture can be shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from html import escape
from typing import Any

import graphviz
import ipywidgets as widgets

from mailcourse.scene.roles import ROLES
from mailcourse.widgets.picture import still, svg

FONT = "Helvetica,Arial,sans-serif"
#: role, kind of shape, its work, and how the message goes on from there
ROLES_ON_THE_WAY = (
    ("MUA", "person", "writes the message", "submission: SMTP, port 587 or 465"),
    ("MSA", "mail", "takes it from people who log in", "inside one program"),
    ("MTA", "mail", "finds the next host and carries it there", "relay: SMTP, port 25"),
    ("MTA", "mail", "of the other domain: takes it for its people", "LMTP, or inside one program"),
    ("MDA", "mail", "puts it into a mailbox", "a file, a database"),
    ("mailbox", "mailbox", "keeps it", "access: IMAP 143 or 993, POP3 110 or 995"),
    ("MUA", "person", "shows it", ""),
)
#: what an MTA asks about each recipient, in this order, and what a yes means (mta/route.py)
QUESTIONS = (
    ("Is the domain one of my own?", "LOCAL: to the MDA"),
    ("Do I know a host inside for it?", "INSIDE: to that host"),
    ("Do I have a smart host? (Not used for a domain I relay for.)", "SMART HOST: to it, with everything"),
    ("Is it an IP address in brackets?", "LITERAL: to that machine"),
    ("", "MX: ask the DNS for the domain's mail servers"),
)
#: from, to, and what happens to the file
MOVES = (
    ("", "tmp/", "the MDA writes the message here, to the last octet"),
    ("tmp/", "new/", "one rename: now it is delivered"),
    ("new/", "cur/", "one rename: a mail program has seen that it is there"),
    ("cur/", "cur/", "one rename for each flag: S seen, R replied, F flagged, T trashed, D draft"),
    ("cur/", "", "expunge: the file is removed"),
)


class Figure(widgets.HTML):  # type: ignore[misc]  # ipywidgets has no types
    """A picture, and the same in words."""

    def __init__(self, source: str, words: str) -> None:
        self._source, self.words = source, words
        about = f'role="img" aria-label="{escape(words, quote=True)}" style="max-width:100%;height:auto"'
        drawn = svg(source).replace("<svg ", f"<svg {about} ", 1)
        style = "background:#fff;border-radius:6px;overflow-x:auto"
        super().__init__(f'<div style="{style}" tabindex="0">{drawn}</div>')

    def __repr__(self) -> str:
        return self.words

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        data |= {"text/plain": self.words, **still(self._source)}
        return bundle


def draw_states(table: Mapping[Any, Mapping[str, Any]]) -> Figure:
    """Draw a table state → word → next state.

    >>> draw_states({"open": {"close": "shut"}, "shut": {"open": "open"}})
    open --close--> shut
    shut --open--> open
    """
    edges = [(_name(state), word, _name(after)) for state, words in table.items() for word, after in words.items()]
    graph = _graph()
    for state in table:
        graph.node(_name(state), shape="ellipse", fillcolor="#DDDDDD")
    for state, word, after in edges:
        graph.edge(state, after, label=word)
    return Figure(str(graph.source), "\n".join(f"{state} --{word}--> {after}" for state, word, after in edges))


def draw_roles(way: Sequence[tuple[str, str, str, str]] = ROLES_ON_THE_WAY) -> Figure:
    """Draw the roles of RFC 5598, from Send to read."""
    graph, lines = _graph("TB"), []
    for number, (role, kind, work, then) in enumerate(way):
        shape, colour, _ = ROLES[kind]
        graph.node(f"r{number}", rf"{role}\n{work}", shape=shape, fillcolor=colour)
        if then:
            graph.edge(f"r{number}", f"r{number + 1}", label=f"  {then}")
        lines.append(f"{role} {work}" + (f"\n   | {then}" if then else ""))
    return Figure(str(graph.source), "\n".join(lines))


def draw_decision(questions: Sequence[tuple[str, str]] = QUESTIONS) -> Figure:
    """Draw what an MTA asks about each recipient."""
    graph, lines = _graph("TB"), []
    for number, (question, answer) in enumerate(questions):
        if question:
            with graph.subgraph(graph_attr={"rank": "same"}) as row:
                row.node(f"q{number}", question, shape="diamond", fillcolor="#FFF2CC", width="4.2", height="0.9")
                row.node(f"a{number}", answer, shape="box", fillcolor=ROLES["mail"][1])
                row.edge(f"q{number}", f"a{number}", label=" yes ")
            graph.edge(f"q{number}", f"q{number + 1}", label=" no ")
        else:
            graph.node(f"q{number}", answer, shape="box", fillcolor=ROLES["mail"][1])
        lines.append(f"{question} yes: {answer}" if question else f"else {answer}")
    return Figure(str(graph.source), "\n".join(lines))


def draw_maildir(moves: Sequence[tuple[str, str, str]] = MOVES) -> Figure:
    """Draw the life of a file in a Maildir."""
    graph, lines = _graph(), []
    graph.node("begin", "", shape="point")
    graph.node("end", "", shape="doublecircle", width="0.15", fillcolor="#333333")
    for before, after, what in moves:
        for place in filter(None, (before, after)):
            graph.node(place, shape="folder", fillcolor=ROLES["mailbox"][1])
        graph.edge(before or "begin", after or "end", label=what.replace(": ", r":\n").replace(", ", r",\n", 1))
        lines.append(f"{before or '(nothing)'} -> {after or '(gone)'}: {what}")
    return Figure(str(graph.source), "\n".join(lines))


def _graph(direction: str = "LR") -> graphviz.Digraph:
    graph = graphviz.Digraph(graph_attr={"rankdir": direction, "bgcolor": "white", "pad": "0.1"})
    graph.attr("node", fontname=FONT, fontsize="12", style="filled", color="#333333")
    graph.attr("edge", fontname=FONT, fontsize="11", color="#333333")
    return graph


def _name(state: Any) -> str:
    return state.name if isinstance(state, Enum) else str(state)
