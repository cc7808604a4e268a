"""The eavesdropper: the octets on a link as they pass, readable or not.

    → AUTH PLAIN AGFsaWNl…      Anybody on the way reads: alice@academy.test, and the password.
    → 16 03 01 02 00 …          After STARTTLS there is nothing to read.

base64 is not encryption: what a client says to log in is decoded here, to show how little it hides.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import deque
from html import escape
from urllib.parse import unquote_plus

import dns.exception
import dns.message
import ipywidgets as widgets

from mailcourse.internet.tap import Packet, readable
from mailcourse.lab.lab import PlainLab
from mailcourse.lab.ports import SERVICES
from mailcourse.scene.still import sheet

from .live import LiveView
from .parts import TAIL, button

MAX_ROWS = 300
#: Lines shown of one packet; of one that cannot be read anyway, fewer.
MAX_LINES, MAX_DUMPED = 12, 4
#: "AUTH PLAIN …" of SMTP and POP3, "a1 AUTHENTICATE PLAIN …" of IMAP; with or without what is said at once
AUTH = re.compile(r"(?:\S+ )?AUTH(?:ENTICATE)? (PLAIN|LOGIN)(?: (\S+))?$", re.IGNORECASE)
LOGIN = re.compile(r"\S+ LOGIN (\S+) \S+$|USER (\S+)$|(PASS) .+", re.IGNORECASE)
#: a form of HTTP, and the cookie that stands for a log-in
FORM, COOKIE = (
    re.compile(r"(?:\S+&)?password=([^&]*)(?:&|$)"),
    re.compile(r"Cookie: (?:\S+ )*\w*session=\w", re.IGNORECASE),
)
WARNING = "anybody on the way can read"
#: what a person reads
WORDS = {
    "form": "{warning}: {name}password of {count} letters",
    "form user": "user {name}, ",
    "cookie": "{warning}: a cookie, which is as good as the password while the session lasts",
    "the password": "{warning}: the password",
    "user": "{warning}: user {name}",
    "user and password": "{warning}: user {name}, and the password",
    "plain": "{warning}: user {name}, password of {count} letters",
    "the length": "{warning}: password of {count} letters",
    "everywhere": "on all links",
    "at": "at {name}",
    "between": "between {one} and {other}",
    "clear": "Clear",
    "listening": "Listening {where}:",
    "nothing": "Nothing has passed yet.",
    "label": "octets",
    "opens": "opens",
    "closes": "closes",
    "cut": "is cut",
    "connection": "connection {number}, {ends} ({service}), {verb}",
    "link": "{one} ⇄ {other}",
    "again": "{link}, connection {number} again",
    "ends": "{source} → {target} port {port}",
    "more": "{arrow} … {count} lines more",
    "sealed": "{arrow} {count:,} octets, sealed",
    "pieces": "{sign} {count} pieces, {octets:,} octets, sealed",
    "counts": "{clear:,} octets that anybody can read, {sealed:,} that nobody can",
    "title": "Listening {where}: {counts}",
    "nothing yet": "nothing has passed yet",
}


class Secrets:
    """Finds what clients give away when they log in, connection by connection.

    >>> Secrets().hear(1, "AUTH PLAIN AGFsaWNlAGFwcGxl")
    'anybody on the way can read: user alice, password of 5 letters'
    """

    def __init__(self) -> None:
        self._expected: dict[int, list[str]] = {}  # connection -> what its next lines will be

    def hear(self, connection: int, line: str) -> str:
        """Return what a line of a client gives away, in words; empty when it is nothing."""
        expected = self._expected.pop(connection, [])
        if expected:
            if expected[1:]:
                self._expected[connection] = expected[1:]
            return _decoded(expected[0], line)
        asked = AUTH.match(line.strip())
        if asked:
            kinds = ["PLAIN"] if asked[1].upper() == "PLAIN" else ["user", "password"]
            if asked[2] not in (None, "="):
                return _decoded(kinds[0], asked[2]) + self._expect(connection, kinds[1:])
            return self._expect(connection, kinds)
        if form := FORM.match(line.strip()):
            user = re.search(r"address=([^&]*)", line)
            name = WORDS["form user"].format(name=unquote_plus(user[1])[:200]) if user else ""
            return WORDS["form"].format(warning=WARNING, name=name, count=len(unquote_plus(form[1])))
        if COOKIE.match(line.strip()):
            return WORDS["cookie"].format(warning=WARNING)
        login = LOGIN.match(line.strip())
        if login is None:
            return ""
        if login[3]:
            return WORDS["the password"].format(warning=WARNING)
        if login[2]:
            return WORDS["user"].format(warning=WARNING, name=login[2])
        return WORDS["user and password"].format(warning=WARNING, name=login[1])

    def _expect(self, connection: int, kinds: list[str]) -> str:
        if kinds:
            self._expected[connection] = kinds
        return ""


def _decoded(kind: str, text: str) -> str:
    """Decode base64; a password is counted, not shown on a projector."""
    try:
        said = base64.b64decode(text.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    if kind == "PLAIN":
        parts = said.split("\0")
        return WORDS["plain"].format(warning=WARNING, name=parts[1], count=len(parts[2])) if len(parts) == 3 else ""
    if kind == "user":
        return WORDS["user"].format(warning=WARNING, name=said)
    return WORDS["the length"].format(warning=WARNING, count=len(said))


def _dns(data: bytes) -> list[str]:
    """Return a DNS message in words: it is binary, but hides nothing."""
    try:
        message = dns.message.from_wire(data, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError):
        return readable(data)
    question = [f"DNS: {each.to_text()}" for each in message.question]
    sections = (message.answer, message.authority, message.additional)
    answers = [f"     {line}" for section in sections for each in section for line in each.to_text().split("\n")]
    return [*question, *answers]


#: what stands above the first octets inside TLS, and before their number in a saved picture
SEALED = "From here on it is sealed (TLS): who listens sees only how much passes."
SEALED_RUN = "⇄"
#: a lock, which needs no font
LOCK = (
    '<svg class="mc-lock" viewBox="0 0 14 16" aria-hidden="true"><path d="M4 8V5a3 3 0 0 1 6 0v3"/>'
    '<rect x="1" y="7" width="12" height="8" rx="2"/></svg> '
)
#: Lanes side by side; a further link shares the lane of an earlier one, and each run of lines has its link's name.
MAX_LANES = 6


def _where(*names: str) -> str:
    if len(names) == 2:
        return WORDS["between"].format(one=names[0], other=names[1])
    return WORDS["at"].format(name=names[0]) if names else WORDS["everywhere"]


class WiretapView(LiveView):
    """What passes between two hosts, or everywhere.  `readable` and `hidden` count octets."""

    def __init__(self, lab: PlainLab, a: str | None = None, b: str | None = None) -> None:
        self.tap, self.readable, self.hidden = lab.tap(a, b), 0, 0
        self._seen, self._forgotten, self._secrets = 0, 0, Secrets()
        self._rows: deque[str] = deque(maxlen=MAX_ROWS)
        self._lines: deque[tuple[str, str]] = deque(maxlen=MAX_ROWS)  # the same without markup
        self._run = (0, 0)  # pieces and octets that passed sealed, one after the other
        self._last, self._sealed = 0, set[int]()  # the connection of the last row, and those inside TLS
        self._lanes: dict[frozenset[str], int] = {}  # link -> its lane
        self._lane = 0
        self._where = _where(*(name for name in (a, b) if name))
        self.summary = widgets.HTML()
        self.screen = widgets.HTML(layout={"max_height": "420px", **TAIL})
        self.clear = button(WORDS["clear"])
        self.clear.on_click(lambda _: self._forget())
        super().__init__(lab, [widgets.HBox([self.clear, self.summary]), self.screen])
        self._unlisten = lab.on_packet(lambda _: self.soon())

    def _forget(self) -> None:
        packets = self.tap.packets
        self._forgotten = packets[-1].number if packets else 0
        self.soon()

    def stop(self, why: str = "") -> None:
        """Listen no more."""
        if self.is_live:
            self.tap.stop()
            self._unlisten()
        super().stop(why)

    def look(self) -> None:
        """Show what has passed since the last look, below what passed before."""
        if self._forgotten:
            self._seen, self._forgotten = max(self._seen, self._forgotten), 0
            self._rows.clear()
            self._lines.clear()
            self.readable = self.hidden = 0
        for packet in self.tap.packets:
            if packet.number > self._seen:
                self._seen = packet.number
                self._write(packet)
        self.summary.value = f"<b>{WORDS['listening'].format(where=escape(self._where))}</b> {self._counts()}"
        rows = "".join(self._rows) or WORDS["nothing"]
        label = escape(WORDS["label"], quote=True)
        self.screen.value = f'<div role="log" tabindex="0" aria-label="{label}" class="mc-sheet">{rows}</div>'

    def _write(self, packet: Packet) -> None:
        """Add the rows of one packet; each link has its lane, and what is sealed is folded away."""
        link = frozenset({packet.source, packet.target})
        self._lane = self._lanes.setdefault(link, len(self._lanes)) % MAX_LANES
        ends = WORDS["ends"].format(source=packet.source, target=packet.target, port=packet.port)
        if packet.kind != "data":
            service = SERVICES.get(packet.port, packet.transport)
            verb = {"open": WORDS["opens"], "close": WORDS["closes"], "reset": WORDS["cut"]}[packet.kind]
            text = WORDS["connection"].format(number=packet.connection, ends=ends, service=service, verb=verb)
            if not self._lines or self._lines[-1][1] != text:  # both ends close
                self._row("soft", text)
            self._last = packet.connection
            return
        if packet.connection != self._last:
            names = WORDS["link"].format(one=packet.source, other=packet.target)
            again = WORDS["again"].format(link=names, number=packet.connection)
            self._row("soft", again if packet.transport == "tcp" else ends)
            self._last = packet.connection
        lines = _dns(packet.data) if packet.transport == "udp" else readable(packet.data)
        if lines and lines[0].startswith("  0000"):  # a dump
            self._seal(packet, lines)
            return
        arrow, kind = ("→", "C") if packet.from_client else ("←", "S")
        self.readable += len(packet.data)
        for number, line in enumerate(lines):
            warning = self._secrets.hear(packet.connection, line) if packet.from_client else ""
            if number < MAX_LINES or warning:
                self._row(kind, f"{arrow} {line}", warning)
        if len(lines) > MAX_LINES:
            self._row("soft", WORDS["more"].format(arrow=arrow, count=len(lines) - MAX_LINES))

    def _row(self, kind: str, text: str, warning: str = "") -> None:
        mark = f' <b class="bad">⚠ {escape(warning)}</b>' if warning else ""
        self._rows.append(f'<div class="{kind} mc-lane"{self._place()}>{escape(text)}{mark}</div>')
        self._lines.append((kind, text))
        if warning:
            self._lines.append(("bad", f"  ⚠ {warning}"))

    def _place(self) -> str:
        """Return where the lane of the link is that speaks."""
        return f' style="--lane:{self._lane}"'

    def _seal(self, packet: Packet, lines: list[str]) -> None:
        """Add what nobody can read; the first of a connection says that from here on it is so."""
        self.hidden += len(packet.data)
        arrow = "→" if packet.from_client else "←"
        if packet.connection not in self._sealed:
            self._sealed.add(packet.connection)
            self._rows.append(f'<div class="good mc-lane locked"{self._place()}>{LOCK}<b>{SEALED}</b></div>')
            self._lines.append(("good", SEALED))
        dump = escape("\n".join(lines[:MAX_DUMPED]) + ("\n…" if len(lines) > MAX_DUMPED else ""))
        summary = f"<summary>{WORDS['sealed'].format(arrow=arrow, count=len(packet.data))}</summary>"
        self._count_sealed(len(packet.data))
        self._rows.append(f'<details class="soft mc-lane locked"{self._place()}>{summary}{dump}</details>')

    def _count_sealed(self, octets: int) -> None:
        """Keep one line, without markup, for all that passes sealed one after the other."""
        if self._lines and self._lines[-1][0] == "soft" and self._lines[-1][1].startswith(SEALED_RUN):
            self._lines.pop()
        else:
            self._run = (0, 0)
        packets, before = self._run
        self._run = (packets + 1, before + octets)
        self._lines.append(("soft", WORDS["pieces"].format(sign=SEALED_RUN, count=packets + 1, octets=before + octets)))

    def _counts(self) -> str:
        return WORDS["counts"].format(clear=self.readable, sealed=self.hidden)

    def svg(self) -> str:
        """Return the last lines that passed."""
        title = WORDS["title"].format(where=self._where, counts=self._counts())
        return sheet(list(self._lines) or [("soft", WORDS["nothing"])], title)

    def __repr__(self) -> str:
        return self.tap.text() or WORDS["nothing yet"]
