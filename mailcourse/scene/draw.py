"""From places and states to a picture: one SVG, the same for map, journey and control room.

    draw(ground, marks(nodes, …))        hosts are g.node, links g.edge, mailboxes g.mailbox

A mark says how a part is now: classes ("off", "waiting", "now", "chosen") and a few words below its name.  The shapes
are all there from the beginning; `draw.css` shows those whose class is set, so that marks can change in a browser
without another picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from . import icons
from .hosts import MAILBOX, SceneHost
from .places import MAX_BOXES, Area, Link, Places, Spot

STYLE = Path(__file__).with_suffix(".css").read_text("utf-8")
#: letters of a name that has its place, and of a line below it
MAX_NAME, MAX_WORDS = 13, 19
#: what a person reads
WORDS = {
    "lab": "The lab: {areas}",
    "more": "{count} more",
}


@dataclass(frozen=True)
class PartMark:
    """How a part of the picture is now."""

    classes: tuple[str, ...] = ()
    words: str = ""


Marks = Mapping[str, PartMark]


def host_id(ground: Places, name: str) -> str:
    """Return the id of a host or of a mailbox in the picture; "" when it has no place."""
    if name.startswith(MAILBOX):
        boxes = [box for box in ground.spots if box.startswith(MAILBOX)]
        return f"b{boxes.index(name)}" if name in boxes else ""
    names = [host.name for host in ground.hosts]
    return f"n{names.index(name)}" if name in names else ""


def cut(text: str, most: int) -> str:
    """Cut a text that has no room."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def bend(start: Spot, end: Spot) -> tuple[Spot, Spot, Spot, Spot]:
    """Return the curve between two places: a Bézier's four points."""
    across, down = end.x - start.x, end.y - start.y
    if abs(across) > abs(down):
        return start, Spot(start.x + across * 0.45, start.y), Spot(end.x - across * 0.45, end.y), end
    out = 46.0 if abs(across) < 30 else 0.0  # two below each other: around what may be between them
    return (
        start,
        Spot(start.x - out + across * 0.1, start.y + down * 0.4),
        Spot(end.x - out - across * 0.1, end.y - down * 0.4),
        end,
    )


def curve(points: tuple[Spot, Spot, Spot, Spot]) -> str:
    """Write a curve as SVG does."""
    a, b, c, d = (f"{spot.x:.0f} {spot.y:.0f}" for spot in points)
    return f"M{a}C{b} {c} {d}"


def draw(ground: Places, marks: Marks, links: tuple[Link, ...] = (), title: str = "") -> str:
    """Draw the scene; `links` are those to show, and `title` is what a screen reader says."""
    shown = tuple(dict.fromkeys((*ground.links, *links)))
    parts = [_area(area) for area in ground.areas]
    parts += [_wire(ground, number, link, marks) for number, link in enumerate(shown)]
    parts += [_box(ground, number, name, marks) for number, name in enumerate(_boxes(ground))]
    parts += [_host(ground, number, host, marks) for number, host in enumerate(ground.hosts)]
    title = title or WORDS["lab"].format(areas=", ".join(area.title[:60] for area in ground.areas[:8]))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="mc-scene" role="img" aria-label="{escape(title, quote=True)}" '
        f'viewBox="0 0 {ground.width:.0f} {ground.height:.0f}"><style>{STYLE}</style>{"".join(parts)}'
        '<g class="moving"></g></svg>'
    )


def _boxes(ground: Places) -> list[str]:
    return [name for name in ground.spots if name.startswith(MAILBOX)]


def _area(area: Area) -> str:
    title = cut(area.title.partition(",")[0], int((area.width - 20) / 9))
    return (
        f'<g class="area"><title>{escape(area.title[:200])}</title><rect x="{area.x:.0f}" y="{area.y:.0f}" '
        f'width="{area.width:.0f}" height="{area.height:.0f}" rx="12"/>'
        f'<text x="{area.x + 12:.0f}" y="{area.y + 20:.0f}">{escape(title)}</text></g>'
    )


def _wire(ground: Places, number: int, link: Link, marks: Marks) -> str:
    source, target = (ground.spots.get(name) for name in link)
    if source is None or target is None:
        return ""
    mark = marks.get(f"e{number}", PartMark())
    path = curve(bend(source, target))
    middle = position(bend(source, target), 0.5)
    return (
        f'<g id="e{number}" class="{" ".join(("edge", *mark.classes))}"><title>{escape(" → ".join(link)[:200])}</title>'
        f'<path class="wire" d="{path}"/><path class="hit" d="{path}"/>'
        f'<path class="gap" d="M{middle.x - 8:.0f} {middle.y - 8:.0f}l16 16m0-16l-16 16"/></g>'
    )


def _host(ground: Places, number: int, host: SceneHost, marks: Marks) -> str:
    spot = ground.spots[host.name]
    mark = marks.get(f"n{number}", PartMark())
    words = cut(mark.words or ", ".join(host.users), MAX_WORDS)
    name = cut(
        _short(host.name, [other.name for other in ground.hosts if other.organisation == host.organisation]), MAX_NAME
    )
    signs = "".join(f'<g class="sign {state}">{shape}</g>' for state, shape in icons.SIGNS.items())
    return (
        f'<g id="n{number}" class="{" ".join(("node", host.role, *mark.classes))}" '
        f'transform="translate({spot.x:.0f} {spot.y:.0f})"><title>{escape(host.name[:200])}</title>'
        f'<rect class="hit" x="-60" y="-30" width="120" height="94"/>'
        f'<rect class="back" x="-26" y="-22" width="52" height="42" rx="4"/>'
        f'<g class="icon">{icons.HOSTS[host.role]}</g>{signs}'
        f'<text class="name" y="40">{escape(name)}</text><text class="words" y="61">{escape(words)}</text></g>'
    )


def _short(name: str, others: Sequence[str]) -> str:
    """Return the first labels of a name, as many as tell it from the others of its organisation.

    >>> _short("mx1.bakery.test", ["mx2.bakery.test"]), _short("a.nic.test", ["a.root.test"])
    ('mx1', 'a.nic')
    """
    labels = name.split(".")
    for count in range(1, len(labels)):
        start = labels[:count]
        if not any(other != name and other.split(".")[:count] == start for other in others):
            return ".".join(start)
    return name


def _box(ground: Places, number: int, name: str, marks: Marks) -> str:
    """Draw a mailbox; where there is no room, the last place of a server stands for the rest."""
    spot, address = ground.spots[name], name.removeprefix(MAILBOX)
    home = next(host for host in ground.hosts if address in host.boxes)
    place = home.boxes.index(address)
    if place >= MAX_BOXES:
        return ""
    mark = marks.get(f"b{number}", PartMark())
    rest = len(home.boxes) - MAX_BOXES
    more = WORDS["more"].format(count=rest + 1)
    person = cut(address.partition("@")[0], 9) if place < MAX_BOXES - 1 or rest <= 0 else more
    return (
        f'<g id="b{number}" class="{" ".join(("mailbox", *mark.classes))}" '
        f'transform="translate({spot.x:.0f} {spot.y:.0f})"><title>{escape(name[:200])}</title>{icons.MAILBOX}'
        f'<text class="who" x="22" y="5">{escape(person)} <tspan class="words">{escape(mark.words)}</tspan></text></g>'
    )


def position(points: tuple[Spot, Spot, Spot, Spot], t: float) -> Spot:
    """Return where on its curve something is that has gone the part `t` of its way, from 0 to 1."""
    a, b, c, d = points
    u = 1 - t
    x = u**3 * a.x + 3 * u * u * t * b.x + 3 * u * t * t * c.x + t**3 * d.x
    y = u**3 * a.y + 3 * u * u * t * b.y + 3 * u * t * t * c.y + t**3 * d.y
    return Spot(x, y)
