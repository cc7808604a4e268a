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

import ipywidgets as widgets

from mailcourse.scene.diagram import Arrow, ColumnStep, column, row
from mailcourse.scene.roles import ROLES
from mailcourse.scene.shapes import Node, fold
from mailcourse.scene.still import bundle, own_width

#: letters of a line in a question, and of the words on an arrow
QUESTION, SAID = 32, 30
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

    def __init__(self, svg: str, words: str) -> None:
        self._svg, self.words = svg, words
        about = f'role="img" aria-label="{escape(words, quote=True)}" style="max-width:100%;height:auto"'
        drawn = svg.replace("<svg ", f"<svg {about} ", 1)
        style = "background:#fff;border-radius:6px;overflow-x:auto"
        super().__init__(f'<div style="{style}" tabindex="0">{drawn}</div>')

    def __repr__(self) -> str:
        return self.words

    def _repr_mimebundle_(self, **options: Any) -> Any:
        shown = super()._repr_mimebundle_(**options)
        data = shown[0] if isinstance(shown, tuple) else shown
        data |= {"text/plain": self.words, **bundle(self._svg, own_width(self._svg))}
        return shown


def draw_states(table: Mapping[Any, Mapping[str, Any]]) -> Figure:
    """Draw a table state → word → next state.

    >>> draw_states({"open": {"close": "shut"}, "shut": {"open": "open"}})
    open --close--> shut
    shut --open--> open
    """
    edges = [(_name(state), word, _name(after)) for state, words in table.items() for word, after in words.items()]
    names = list(dict.fromkeys([*map(_name, table), *(after for _, _, after in edges)]))
    said: dict[tuple[str, str], list[str]] = {}
    for state, word, after in edges:
        said.setdefault((state, after), []).append(word)
    arrows = [
        Arrow(names.index(state), names.index(after), fold(", ".join(words), SAID))
        for (state, after), words in said.items()
    ]
    nodes = [Node((name,), "pill", "#DDDDDD") for name in names]
    return Figure(row(nodes, arrows), "\n".join(f"{state} --{word}--> {after}" for state, word, after in edges))


def draw_roles(way: Sequence[tuple[str, str, str, str]] = ROLES_ON_THE_WAY) -> Figure:
    """Draw the roles of RFC 5598, from Send to read."""
    steps = [ColumnStep(Node((role, work), *ROLES[kind][:2]), then) for role, kind, work, then in way]
    lines = [f"{role} {work}" + (f"\n   | {then}" if then else "") for role, _, work, then in way]
    return Figure(column(steps), "\n".join(lines))


def draw_decision(questions: Sequence[tuple[str, str]] = QUESTIONS) -> Figure:
    """Draw what an MTA asks about each recipient."""
    steps, lines = [], []
    for question, answer in questions:
        end = Node((answer,), fill=ROLES["mail"][1])
        asked = Node(fold(question, QUESTION), "diamond", "#FFF2CC")
        steps.append(ColumnStep(asked, "no", end, "yes") if question else ColumnStep(end))
        lines.append(f"{question} yes: {answer}" if question else f"else {answer}")
    return Figure(column(steps), "\n".join(lines))


def draw_maildir(moves: Sequence[tuple[str, str, str]] = MOVES) -> Figure:
    """Draw the life of a file in a Maildir."""
    names = list(dict.fromkeys(place for move in moves for place in move[:2] if place))
    nodes = [Node((name,), "folder", ROLES["mailbox"][1]) for name in names]
    places = {name: number for number, name in enumerate(names, 1)}
    arrows, lines = [], []
    for before, after, what in moves:
        start, end = places.get(before, 0), places.get(after, len(names) + 1)
        head, _, rest = what.partition(": ")
        arrows.append(Arrow(start, end, (*fold(head + ":", SAID), *fold(rest, SAID)) if rest else fold(what, SAID)))
        lines.append(f"{before or '(nothing)'} -> {after or '(gone)'}: {what}")
    return Figure(row([Node((), "point"), *nodes, Node((), "end")], arrows), "\n".join(lines))


def _name(state: Any) -> str:
    return state.name if isinstance(state, Enum) else str(state)
