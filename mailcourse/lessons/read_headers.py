"""Read the header of any message, as pasted from a mail program: its way, its delays, and who may be believed.

    read_headers(text)               the hops from the sender to you, the results of SPF, DKIM and DMARC
    specimen("hilltop")              a message to try it on, invented, as a large provider writes them

    Received: from A by B; time      each server puts its line on top, so the way begins at the bottom (RFC 5321 §4.4)
    ──────────────────────────       up to here the sender may have written everything: trust begins with the first
    Received: … by YOURS             line of your own provider's servers, and with what they say that they have seen

Needs no lab, and asks nobody.  Nothing in a header makes it fail, and it takes time in proportion to its length.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from html import escape
from importlib.resources import files

from mailcourse.authentication.dmarc import organisational
from mailcourse.authentication.results import Results, read
from mailcourse.internet.errors import LabError, unknown
from mailcourse.lab.person import Mail
from mailcourse.lab.table import Table, table
from mailcourse.message.fields import in_order, parameters
from mailcourse.message.mime import split
from mailcourse.scene.diagram import Arrow, row
from mailcourse.scene.shapes import Node
from mailcourse.scene.still import own_width, png

#: hops and results that are looked at; characters of a name that is shown
MAX_HOPS, MAX_RESULTS, MAX_SHOWN = 50, 50, 60
#: letters of a line in the picture, and the colour of a server that is believed
MAX_LINE, BELIEVED_COLOUR = 24, "#56B4E9"
FROM = re.compile(r"from\s++(\S{1,300})(?:\s++\(([^()]{0,300}+)\))?", re.IGNORECASE)
BY = re.compile(r"(?:^|\s)by\s++(\S{1,300})", re.IGNORECASE)
WITH = re.compile(r"\swith\s++([\w ]{1,60}?)(?=\s++(?:id|for|via)\b|\s*+[(;]|$)", re.IGNORECASE)
ADDRESS = re.compile(r"\[?(?:IPv6:)?((?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{1,4}:[0-9A-Fa-f:.]{2,40})\]?")
MAX_DATE, MAX_RECEIVED = 100, 2000
HOP_COLUMNS = ("hop", "from", "by", "with", "UTC", "after", "believed")
RESULT_COLUMNS = ("who says so", "method", "result", "about", "believed")
BELIEVED = {True: "yes", False: "no"}
#: what a person reads
WORDS = {
    "signed": "signatures of: {signers}; your provider: {own}",
    "nobody": "nobody",
    "unknown": "unknown",
    "no header": "There is no header in this text. Paste it as your mail program shows it (“show original”).",
    "inside": "(inside)",
    "clocks": "−{time}: clocks differ",
    "picture": "the way of the message, told in the table below",
}


@dataclass(frozen=True, slots=True)
class ReceivedHop:
    """One Received line; `address` is what the server saw, whatever the client called itself."""

    sender: str
    address: str
    server: str
    how: str
    when: datetime | None
    is_believed: bool

    @property
    def client(self) -> str:
        """Who handed the message over: the name that it said, and the address that the server saw."""
        return f"{self.sender} [{self.address}]" if self.address and self.address not in self.sender else self.sender


@dataclass(frozen=True, slots=True)
class Said:
    """One result, of whom, and whether you may believe it."""

    server: str
    method: str
    result: str
    about: str
    is_believed: bool


class HeaderReading:
    """The way of a message and what was found out about it, from its header alone."""

    def __init__(self, hops: Sequence[ReceivedHop], said: Sequence[Said], signed: Sequence[str], own: str) -> None:
        self.all_hops, self.said, self.signed_by, self.own = tuple(hops), tuple(said), tuple(signed), own

    @property
    def hops(self) -> Table:
        """The hops in the order in which they happened: who, to whom, how, when, after how long."""
        rows, before = [], None
        for number, hop in enumerate(self.all_hops, 1):
            delay = _delay(before, hop.when)
            when = f"{hop.when.astimezone(UTC):%d %b %H:%M:%S}" if hop.when else "?"
            names = (_short(hop.client), _short(hop.server))
            rows.append((number, *names, hop.how, when, delay, BELIEVED[hop.is_believed]))
            before = hop.when or before
        return table(HOP_COLUMNS, rows)

    @property
    def results(self) -> Table:
        """What servers found out; yours are those above the line where trust begins, in your provider's name."""
        rows = [
            (_short(one.server), one.method, one.result, _short(one.about), BELIEVED[one.is_believed])
            for one in self.said
        ]
        return table(RESULT_COLUMNS, rows)

    @property
    def signers(self) -> list[str]:
        """The domains that signed, as their signatures say: nothing is verified here."""
        return list(self.signed_by)

    def __repr__(self) -> str:
        return f"{self.hops!r}\n\n{self.results!r}\n\n{self._last_line()}"

    def _last_line(self) -> str:
        signers = ", ".join(map(_short, self.signers)) or WORDS["nobody"]
        return WORDS["signed"].format(signers=signers, own=self.own or WORDS["unknown"])

    def _repr_html_(self) -> str:
        picture, kind = self._repr_png_(), "png"
        if picture is None:
            picture, kind = _way(self).encode(), "svg+xml"
        source = f"data:image/{kind};base64,{b64encode(picture).decode()}"
        image = f'<img alt="{escape(WORDS["picture"])}" src="{source}">'
        return f"{image}{self.hops._repr_html_()}{self.results._repr_html_()}<p>{escape(self._last_line())}</p>"

    def _repr_png_(self) -> bytes | None:
        drawn = _way(self)
        return png(drawn, own_width(drawn)) or None


def read_headers(text: str | bytes | Mail, own: str = "") -> HeaderReading:
    """Read a pasted header, a whole message, or a mail of the lab.

    `own` is the domain of your provider, whose servers you believe; without it, that of the server on top.
    """
    octets = text.raw if isinstance(text, Mail) else text.encode("utf-8", "replace") if isinstance(text, str) else text
    octets = octets.lstrip(b"\r\n") if isinstance(octets, bytes) else b""
    fields = list(in_order(split(octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")).header))
    if not fields:
        raise LabError(WORDS["no header"])
    received = [(place, _text(value)) for place, (name, value) in enumerate(fields) if name.lower() == b"received"]
    own = str(own or "").lower() or _provider(fields)
    named = [(place, organisational(name)) for place, line in received if (name := _server(line))]
    strangers = [place for place, provider in named if provider != organisational(own)]
    first_stranger = strangers[0] if strangers else len(fields)
    if named and named[0][0] == first_stranger:  # then nobody says whose the lines without a name above it are
        first_stranger = 0
    hops = [_hop(line, is_believed=place < first_stranger) for place, line in received[:MAX_HOPS]]
    said = [
        one
        for place, (name, value) in enumerate(fields)
        if name.lower() == b"authentication-results" and (found := read(value)) is not None
        for one in _said(found, is_above=place < first_stranger, own=own)
    ]
    signed = [
        dict(parameters(b"x;" + value)).get(b"d", b"?").decode("utf-8", "replace").strip()
        for name, value in fields
        if name.lower() == b"dkim-signature"
    ]
    return HeaderReading(hops[::-1], said[:MAX_RESULTS], signed[:MAX_RESULTS], own)


def _provider(fields: Sequence[tuple[bytes, bytes]]) -> str:
    """Guess whose servers are on top: who wrote the first Received line, or result, that has a name."""
    for name, value in fields:
        wrote = ""
        if name.lower() == b"received":
            wrote = _server(_text(value))
        elif name.lower() == b"authentication-results" and (found := read(value)) is not None:
            wrote = found.authserv_id
        if "." in wrote:
            return organisational(wrote)
    return ""


def specimen(name: str) -> str:
    """Return an invented message as a large provider writes it: "hilltop", "lakeside" or "orchard"."""
    folder = files("mailcourse.lessons") / "specimens"
    known = sorted(file.name.removesuffix(".eml") for file in folder.iterdir() if file.name.endswith(".eml"))
    if name not in known:
        raise unknown("specimen", name, known)
    return (folder / f"{name}.eml").read_text(encoding="utf-8")


def _text(value: bytes) -> str:
    return " ".join(value[:MAX_RECEIVED].decode("utf-8", "replace").split())


def _server(line: str) -> str:
    """Return the name after "by"; an address or a short name is a machine inside, and says nothing."""
    found = BY.search(line)
    name = found[1].strip("();,").rstrip(".").lower() if found else ""
    return name if "." in name and not ADDRESS.fullmatch(name) else ""


def _hop(line: str, *, is_believed: bool) -> ReceivedHop:
    sender, by, how = FROM.search(line), BY.search(line), WITH.search(line)
    inside = sender[2] or "" if sender else ""
    address = ADDRESS.search(inside)
    if sender and not address:
        address = ADDRESS.fullmatch(sender[1])
    return ReceivedHop(
        sender[1].rstrip(".;") if sender else WORDS["inside"],
        address[1] if address else "",
        by[1].strip("();,") if by else "?",
        " ".join(how[1].split()) if how else "?",
        _time(line.rpartition(";")[2]),
        is_believed,
    )


def _time(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text.strip()[:MAX_DATE])
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _delay(before: datetime | None, when: datetime | None) -> str:
    if before is None or when is None:
        return ""
    seconds = int((when - before).total_seconds())
    return WORDS["clocks"].format(time=timedelta(seconds=-seconds)) if seconds < 0 else f"{timedelta(seconds=seconds)}"


def _said(found: Results, *, is_above: bool, own: str) -> list[Said]:
    is_believed = is_above and organisational(found.authserv_id) == organisational(own)
    return [
        Said(
            found.authserv_id,
            each.method,
            each.result,
            ", ".join(f"{name}={value}" for name, value in each.properties.items()),
            is_believed,
        )
        for each in found.methods
    ]


def _short(text: str) -> str:
    plain = "".join(sign if sign.isprintable() else "?" for sign in text[: MAX_SHOWN + 1])
    return plain if len(plain) <= MAX_SHOWN else f"{plain[: MAX_SHOWN - 1]}…"


def _way(reading: HeaderReading) -> str:
    """Draw the way: believed servers are filled, others dashed; above each arrow, how long it took."""
    hops, before, arrows = reading.all_hops, None, []
    nodes = [Node(_label(hops[0].client), is_dashed=True)] if hops else []
    for number, hop in enumerate(hops, 1):
        fill = {"fill": BELIEVED_COLOUR} if hop.is_believed else {}
        nodes.append(Node(_label(hop.server), is_dashed=not hop.is_believed, **fill))
        delay = _delay(before, hop.when)
        arrows.append(Arrow(number - 1, number, (delay,) if delay else ()))
        before = hop.when or before
    return row(nodes, arrows)


def _label(text: str) -> tuple[str, ...]:
    """Cut a name into lines, after a dot where one is near."""
    lines = [""]
    for piece in re.findall(r"[^. ]{1,24}[. ]?|[. ]", _short(text)):
        if lines[-1] and len(lines[-1]) + len(piece) > MAX_LINE:
            lines.append("")
        lines[-1] += piece
    return tuple(lines)
