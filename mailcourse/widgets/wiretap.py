"""The eavesdropper: the octets on a link as they pass, readable or not.

    → AUTH PLAIN AGFsaWNl…      Anybody on the way reads: alice@academy.test, and the password.
    → 16 03 01 02 00 …          After STARTTLS there is nothing to read.

base64 is not encryption: what a client says to log in is decoded here, to show how little it hides.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from html import escape

import ipywidgets as widgets

from mailcourse.internet.network import SERVICES
from mailcourse.internet.tap import Packet, Tap, readable
from mailcourse.lab import Lab

from .live import LiveView

MOST_SHOWN = 300
AUTH = re.compile(r"(?:AUTH|AUTHENTICATE) PLAIN ([A-Za-z0-9+/=]{4,})", re.IGNORECASE)
LOGIN = re.compile(r"\S+ LOGIN (\S+) (\S+)|PASS (.+)", re.IGNORECASE)
ALONE = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}")


def secret(line: str) -> str:
    """Return what a line gives away, in words; empty when it is nothing.

    >>> secret("AUTH PLAIN AGFsaWNlAGFwcGxl")
    'logs in as alice with a password that everybody on the way can read'
    """
    found = AUTH.search(line) or ALONE.fullmatch(line.strip())
    if found:
        try:
            parts = base64.b64decode(found[found.lastindex or 0], validate=True).decode().split("\0")
        except (binascii.Error, ValueError):
            return ""
        return f"logs in as {parts[1]} with a password that everybody on the way can read" if len(parts) == 3 else ""
    login = LOGIN.match(line)
    if login is None:
        return ""
    who = f"logs in as {login[1]}" if login[1] else "logs in"
    return f"{who} with a password that everybody on the way can read"


def shown(packets: Sequence[Packet]) -> tuple[str, int, int]:
    """Write packets as HTML; return that, how many octets could be read, and how many could not."""
    rows, clear, hidden = [], 0, 0
    for packet in packets:
        lines = readable(packet.data)
        is_clear = not (lines and lines[0].startswith("  0000"))
        clear, hidden = clear + len(packet.data) * is_clear, hidden + len(packet.data) * (not is_clear)
        arrow, colour = ("→", "#0072B2") if packet.from_client else ("←", "#00704f")
        if packet.kind != "data":
            port = f"{packet.target} port {packet.port} ({SERVICES.get(packet.port, packet.transport)})"
            rows.append(
                f'<div style="color:#666">{packet.connection}: {packet.source} {arrow} {port} {packet.kind}</div>'
            )
        for line in lines[:12]:
            warning = secret(line) if packet.from_client else ""
            mark = f' <b style="color:#B00020">⚠ {escape(warning)}</b>' if warning else ""
            style = f"color:{colour}" if is_clear else "color:#777;background:#f2f2f2"
            rows.append(f'<div style="{style};white-space:pre-wrap">{arrow} {escape(line)}{mark}</div>')
        if len(lines) > 12:
            rows.append(f'<div style="color:#777">{arrow} … {len(lines) - 12} lines more</div>')
    return "".join(rows[-MOST_SHOWN:]), clear, hidden


class WiretapView(LiveView):
    """What passes between two hosts, or everywhere."""

    def __init__(self, lab: Lab, a: str | None = None, b: str | None = None) -> None:
        self._tap = Tap(lab.internet, a, b)
        self._where = " and ".join(name for name in (a, b) if name) or "all hosts"
        self._forgotten = 0
        self.summary = widgets.HTML()
        self.screen = widgets.HTML(layout={"max_height": "420px", "overflow": "auto"})
        self.clear = widgets.Button(description="Clear", icon="eraser", layout={"width": "auto"})
        self.clear.on_click(lambda _: self._clear())
        super().__init__(lab, [widgets.HBox([self.summary, self.clear]), self.screen])
        self._unlisten = lab.internet.tap(lambda _: self.soon())

    def _clear(self) -> None:
        self._forgotten = len(self._tap.packets)
        self.look()

    def stop(self, why: str = "") -> None:
        """Listen no more."""
        if self.is_live:
            self._tap.stop()
            self._unlisten()
        super().stop(why)

    def look(self) -> None:
        """Show what has passed."""
        drawn, clear, hidden = shown(self._tap.packets[self._forgotten :])
        told = f"{clear:,} octets that anybody can read, {hidden:,} that nobody can."
        self.summary.value = f"<b>Between {escape(self._where)}:</b> {told}&emsp;"
        style = "font-family:monospace;background:#fff;padding:6px;border-radius:6px;line-height:1.35"
        self.screen.value = f'<div role="log" style="{style}">{drawn or "Nothing has passed yet."}</div>'

    def __repr__(self) -> str:
        return self._tap.text() or "nothing has passed yet"
