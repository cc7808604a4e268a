"""Where everything stands: fixed places for the hosts of a scenario, the same in every picture of it.

    ┌ carrier ────────┐ ┌ registry ────┐          who serves everybody: one row above
    └─────────────────┘ └──────────────┘
    ┌ office ─────┐         ┌ office ───────────┐  offices: a letter goes from left to right,
    │ laptop mail │ ──────► │ mx1  mail  laptop │  so the second half of them is turned round
    └─────────────┘         └───────────────────┘

Worked out from the names alone, without a program: the same list gives the same places everywhere, and nothing that
happens moves a host.  Units are those of the picture, about a pixel each on a projector of 1280 × 720.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from mailcourse.lab.scenario import Scenario

from .hosts import MAILBOX, SceneHost, scene_hosts

#: a host with its name and a line below it; a mailbox; what is around them
CELL_WIDTH, CELL_HEIGHT, BOX_HEIGHT = 128, 98, 30
PAD, TITLE, GAP, BETWEEN = 8, 28, 14, 124
#: Mailboxes that are drawn one by one; the last place stands for all others.
MAX_BOXES = 5
#: Hosts below each other before another column begins; an area's row of hosts; the width of the picture.
MAX_ROWS, MAX_IN_ROW, MAX_WIDTH = 4, 6, 1120

Link = tuple[str, str]


@dataclass(frozen=True)
class Spot:
    """The middle of an icon."""

    x: float
    y: float


@dataclass(frozen=True)
class Area:
    """The ground of one organisation."""

    title: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Places:
    """A drawing's geometry.  `spots` has hosts by name, and mailboxes as "mailbox of bruno@bakery.test"."""

    width: float
    height: float
    areas: tuple[Area, ...]
    hosts: tuple[SceneHost, ...]
    spots: Mapping[str, Spot]
    links: tuple[Link, ...]  # the ways that mail usually takes


@dataclass
class _Block:
    """One organisation before it has its place: columns of hosts."""

    title: str
    columns: list[list[SceneHost]] = field(default_factory=list)

    @property
    def width(self) -> float:
        return len(self.columns) * CELL_WIDTH + 2 * PAD

    @property
    def height(self) -> float:
        return TITLE + max(sum(map(_tall, column)) for column in self.columns) + PAD


def _tall(host: SceneHost) -> float:
    return CELL_HEIGHT + BOX_HEIGHT * min(len(host.boxes), MAX_BOXES)


def places(hosts: Sequence[SceneHost]) -> Places:
    """Give each host its place."""
    inside: dict[str, list[SceneHost]] = {}
    for host in hosts:
        inside.setdefault(host.organisation, []).append(host)
    offices = [name for name, group in inside.items() if any(host.boxes for host in group)]
    above = [_row(name, group) for name, group in inside.items() if name not in offices]
    below = [_office(name, inside[name], 2 * number >= len(offices) > 1) for number, name in enumerate(offices)]
    rows = [*_rows(above, GAP), *_rows(below, BETWEEN)]
    width = max((_wide(row, gap) for row, gap in rows), default=200.0) + 2 * GAP
    areas: list[Area] = []
    spots: dict[str, Spot] = {}
    y = float(GAP)
    for row, gap in rows:
        spare = (width - _wide(row, gap)) / 2
        x = spare
        for block in row:
            areas.append(Area(block.title, x, y, block.width, max(each.height for each in row)))
            _settle(block, areas[-1], spots)
            x += block.width + gap
        y += max(block.height for block in row) + GAP
    return Places(width, y, tuple(areas), tuple(hosts), spots, tuple(usual_links(hosts)))


def _row(title: str, hosts: Sequence[SceneHost]) -> _Block:
    """Put hosts side by side; more than a row of them below each other."""
    columns = min(len(hosts), MAX_IN_ROW)
    return _Block(title, [list(hosts[number::columns]) for number in range(columns)])


def _office(title: str, hosts: Sequence[SceneHost], is_turned: bool) -> _Block:
    """Put machines, the server with the mailboxes, and the servers at the door one beside the other."""
    homes = [host for host in hosts if host.boxes]
    gates = [host for host in hosts if host.role == "mail" and not host.boxes]
    machines = [host for host in hosts if host.role in ("person", "web") and not host.boxes]
    columns = [part for group in (machines, homes, gates) for part in _parts(group)]
    if is_turned:
        columns.reverse()
    for host in hosts:
        if host.role == "dns" and not host.boxes:  # where there is room
            min(columns, key=lambda column: sum(map(_tall, column))).append(host)
    return _Block(title, columns)


def _parts(hosts: Sequence[SceneHost]) -> list[list[SceneHost]]:
    return [list(hosts[start : start + MAX_ROWS]) for start in range(0, len(hosts), MAX_ROWS)]


def _rows(blocks: Sequence[_Block], gap: float) -> list[tuple[list[_Block], float]]:
    """Break a row of organisations that is too wide."""
    rows: list[tuple[list[_Block], float]] = []
    for block in blocks:
        if rows and _wide([*rows[-1][0], block], gap) <= MAX_WIDTH:
            rows[-1][0].append(block)
        else:
            rows.append(([block], gap))
    return rows


def _wide(row: Sequence[_Block], gap: float) -> float:
    return sum(block.width for block in row) + gap * (len(row) - 1)


def _settle(block: _Block, area: Area, spots: dict[str, Spot]) -> None:
    """Write down the places inside one area."""
    for number, column in enumerate(block.columns):
        x = area.x + PAD + CELL_WIDTH * (number + 0.5)
        y = area.y + TITLE
        for host in column:
            spots[host.name] = Spot(x, y + 28)
            for place, address in enumerate(host.boxes):
                row = min(place, MAX_BOXES - 1)
                spots[MAILBOX + address] = Spot(x - 42, y + CELL_HEIGHT + BOX_HEIGHT * (row + 0.5))
            y += _tall(host)


def usual_links(hosts: Sequence[SceneHost]) -> list[Link]:
    """Return the ways that mail usually takes: inside each office, and from one to the next."""
    inside: dict[str, list[SceneHost]] = {}
    for host in hosts:
        inside.setdefault(host.organisation, []).append(host)
    doors: list[tuple[SceneHost, list[SceneHost]]] = []
    links: list[Link] = []
    for group in inside.values():
        homes = [host for host in group if host.boxes]
        gates = [host for host in group if host.role == "mail" and not host.boxes]
        for home in homes[:1]:
            links += [(host.name, home.name) for host in group if host.role in ("person", "web") and host != home]
            links += [(gate.name, home.name) for gate in gates]
            doors.append((home, gates or [home]))
    for (home, _), (_, gates) in pairwise(doors):
        links += [(home.name, gate.name) for gate in gates]
    return links


def with_names(ground: Places, names: Sequence[str]) -> Places:
    """Return the same places, and a place for each name that has none: below all others, in a row."""
    new = [name for name in dict.fromkeys(names) if name not in ground.spots]
    if not new:
        return ground
    spots = dict(ground.spots)
    hosts = list(ground.hosts)
    for number, name in enumerate(new):
        across, down = number % 6, number // 6
        spots[name] = Spot(GAP + CELL_WIDTH * (across + 0.5), ground.height + 28 + CELL_HEIGHT * down)
        if not name.startswith(MAILBOX):
            hosts.append(SceneHost(name, "", "person"))
    height = ground.height + CELL_HEIGHT * ((len(new) - 1) // 6 + 1)
    width = max(ground.width, 2 * GAP + CELL_WIDTH * min(len(new), 6))
    return Places(width, height, ground.areas, tuple(hosts), spots, ground.links)


def ground_of(scenario: Scenario) -> Places:
    """Return the places of a scenario, and the ways of mail that its servers were told."""
    ground = places(scene_hosts(scenario))
    told = [(name, other) for name, plan in scenario.hosts.items() for other in plan.settings.named_hosts()]
    known = [link for link in told if {*link} <= ground.spots.keys()]
    return replace(ground, links=tuple(dict.fromkeys((*ground.links, *known))))
