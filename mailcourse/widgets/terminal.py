"""A terminal on a port of the lab: SMTP, POP3, IMAP or HTTP typed by hand, each reply with its colour and its meaning.

    you type      EHLO laptop.academy.test        ─► real socket ─► the server
    it answers    250 mx1.bakery.test   green     what that means stands beside it

    meaning(line)      a server's line in words, and its colour
    suggested(lab, …)  the lines that a teacher presses in place of typing

STARTTLS and STLS work: when the server says go on, the terminal begins TLS and shows the certificate.
Lines typed before that wait, since in the clear the server would have to forget them (RFC 3207 §4.2).
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
from html import escape
from typing import Any

import ipywidgets as widgets

from mailcourse.internet.errors import LabError
from mailcourse.internet.runtime import runtime
from mailcourse.lab.lab import PlainLab
from mailcourse.lab.ports import SERVICES
from mailcourse.scene.still import sheet

from .line import LineInput
from .live import LiveView

GOOD, ON, LATER, BAD, PLAIN = "#00704f", "#0072B2", "#9a6700", "#B00020", "#222222"
#: colour → the class that has it in both themes (`parts.css`)
CSS = {GOOD: "good", ON: "C", LATER: "later", BAD: "bad", PLAIN: "", "#666666": "soft"}
#: SMTP's classes of replies (RFC 5321 §4.2.1)
CLASSES = {
    "2": (GOOD, "done"),
    "3": (ON, "go on: the server waits for more"),
    "4": (LATER, "not now: try again later"),
    "5": (BAD, "no, and it will stay no"),
}
#: what a code means here (RFC 5321 §4.2.3, RFC 4954)
CODES = {
    "220": "ready",
    "221": "goodbye",
    "235": "you are who you say",
    "250": "done",
    "251": "somebody else will deliver it",
    "252": "will try, and does not tell whether it exists",
    "334": "say the next part, in base64",
    "354": "send the message; end it with a line that has only a dot",
    "421": "the server closes; come back later",
    "450": "the mailbox is busy or not ready; try again later",
    "451": "a fault at the server; try again later",
    "452": "no room now; try again later",
    "500": "no such command",
    "501": "the command has wrong arguments",
    "502": "the server does not offer that",
    "503": "not in this order",
    "530": "log in first",
    "535": "name or password is wrong",
    "550": "no such mailbox, or not allowed",
    "552": "too big",
    "553": "that is no address",
    "554": "refused",
    "556": "that domain takes no mail",
}
#: how a command of IMAP ends (RFC 3501 §7.1)
ENDS = {
    "OK": (GOOD, "done"),
    "NO": (BAD, "understood, and not possible"),
    "BAD": (BAD, "not understood"),
    "BYE": (LATER, "goodbye"),
}
#: what a person reads
WORDS = {
    "done": "done",
    "no": "no",
    "news": "news",
    "go on": "go on: the server waits for more",
    "elsewhere": "look there instead",
    "end of": "{said}; the end of command {tag}",
    "part": "news, or a part of the answer",
    "tls": "TLS is on: {version}, {cipher}",
    "certificate": "certificate of {names}, issued by {issuer}, checked",
    "again": "Connect again",
    "empty": "(empty line)",
    "unreachable": "{host} port {port} cannot be reached: {error}",
    "connected": "connected to {host}, port {port}, from {source}",
    "no connection": "There is no connection. Press Connect again.",
    "not said": "the line could not be sent: {error}",
    "closed": "the server closed the connection",
    "over": "the connection is over: {error}",
    "title": "{host}, port {port}, from {source}",
    "nothing": "nothing was said yet",
    "typed": "Typed in a terminal.",
}
TLS_FIRST = (443, 465, 993, 995)
MAX_LINES = 400
MAX_TYPED = 4000
#: Real seconds to wait for a server that speaks first, and is slow.
GREETING_SECONDS = 2.0
#: the server's answer to STARTTLS or STLS: go on, or no
GO_ON = re.compile(r"220 |\+OK|[^*+\s]\S* OK")
NO = re.compile(r"[45]\d\d |-ERR|[^*+\s]\S* (?:NO|BAD)")


def meaning(line: str) -> tuple[str, str]:
    """Return colour and words for a line that a server said.

    >>> meaning("450 4.2.0 try later")[1]
    'the mailbox is busy or not ready; try again later'
    """
    if status := re.match(r"HTTP/1\.1 ([1-5])\d\d", line):
        return {"2": (GOOD, WORDS["done"]), "3": (ON, WORDS["elsewhere"])}.get(status[1], (BAD, WORDS["no"]))
    code = re.match(r"([2-5]\d\d)[ -]", f"{line} ")
    if code:
        colour, words = CLASSES[code[1][0]]
        return colour, "" if line[3:4] == "-" else CODES.get(code[1], words)  # the last line tells how it ended
    if line.startswith("+OK"):
        return GOOD, WORDS["done"]
    if line.startswith("-ERR"):
        return BAD, WORDS["no"]
    tagged = re.match(r"(\S+) (OK|NO|BAD|BYE|PREAUTH)\b", line)
    if tagged:
        colour, said = ENDS.get(tagged[2], (PLAIN, WORDS["news"]))
        return colour, said if tagged[1] == "*" else WORDS["end of"].format(said=said, tag=tagged[1])
    if line.startswith("* "):
        return PLAIN, WORDS["part"]
    if line.startswith("+"):
        return ON, WORDS["go on"]
    return PLAIN, ""


def suggested(lab: PlainLab, host: str, port: int) -> list[str]:
    """Return lines that make a whole conversation on this port, with people of the lab."""
    person = lab.person((lab.residents_of(host) or lab.addresses)[0])
    address, password = person.address, person.password
    settings = lab.scenario.hosts[host].settings
    domains = {*settings.local_domains, *settings.relay_domains}
    to = next((other for other in lab.addresses if other.partition("@")[2] in domains), address)
    sender = next((other for other in lab.addresses if other.partition("@")[2] not in domains), address)
    service = SERVICES.get(port, "")
    if "http" in service:
        return ["GET /login HTTP/1.1", f"Host: {host}", "Connection: close", ""]
    if "pop3" in service:
        reading = ["STAT", "LIST", "UIDL", "TOP 1 2", "RETR 1", "DELE 1", "RSET", "QUIT"]
        return ["CAPA", f"USER {address}", f"PASS {password}", *reading]
    if "imap" in service:
        login = f'a1 LOGIN {address} "{password}"'
        rest = ['a2 LIST "" *', "a3 SELECT INBOX", "a4 FETCH 1:* (FLAGS ENVELOPE)", "a5 FETCH 1 BODY.PEEK[]"]
        return ["a0 CAPABILITY", login, *rest, "a6 STORE 1 +FLAGS (\\Flagged)", "a7 SEARCH UNSEEN", "a8 LOGOUT"]
    first = ["EHLO laptop.academy.test", "STARTTLS"]
    body = ["Subject: by hand", f"From: {sender}", "", WORDS["typed"], "."]
    return [*first, f"MAIL FROM:<{sender}>", f"RCPT TO:<{to}>", "DATA", *body, "RSET", "QUIT"]


def certificate(connection: ssl.SSLSocket) -> list[str]:
    """Say in a few lines what TLS agreed on and who proved what."""
    peer = connection.getpeercert() or {}
    alternatives: Any = peer.get("subjectAltName", ())
    names = ", ".join(str(value) for kind, value in alternatives if kind == "DNS")
    groups: Any = peer.get("issuer", ())
    issuer = ", ".join(str(value) for group in groups for kind, value in group if kind == "organizationName")
    cipher = connection.cipher()
    return [
        WORDS["tls"].format(version=connection.version(), cipher=cipher[0] if cipher else "?"),
        WORDS["certificate"].format(names=names, issuer=issuer),
    ]


class TerminalView(LiveView):
    """A connection, typed by hand.  `lines` are what was said: (who, line); who is C, S or a note."""

    def __init__(self, lab: PlainLab, host: str, port: int, source: str) -> None:
        self._host, self._port, self._source = host, port, source
        self.lines: list[tuple[str, str]] = []
        self._socket: socket.socket | None = None
        self._wants_tls = False
        self._held: list[str] = []
        self._rest, self._greeted = b"", threading.Event()
        self._turn = threading.Lock()  # who speaks: the reader's thread, once TLS has begun, or the typist's
        self.screen = widgets.HTML(layout={"max_height": "420px", "overflow": "auto"})
        self.input = LineInput(layout={"flex": "1 1 280px", "max_width": "70%", "min_width": "0"})
        self.again = widgets.Button(description=WORDS["again"], layout={"width": "auto", "flex": "0 0 auto"})
        self.again.on_click(lambda _: self.do(self.connect, self.again))
        self.input.on_line(self.say_line)
        buttons = []
        for line in suggested(lab, host, port):
            button = widgets.Button(description=line or WORDS["empty"], tooltip=line, layout={"width": "auto"})
            button.on_click(lambda _, line=line: self.say_line(line))
            buttons.append(button)
        row = widgets.HBox(buttons, layout={"flex_flow": "row wrap"})
        super().__init__(lab, [self.screen, widgets.HBox([self.input, self.again]), row])
        self.connect()

    def connect(self) -> None:
        """Connect, or connect again."""
        self.hang_up()
        self.lines, self._wants_tls, self._held = [], False, []
        target = self.lab.host(self._host)
        try:
            connection = self.lab.host(self._source).dial(target.addresses[0], self._port)
        except OSError as error:
            raise LabError(WORDS["unreachable"].format(host=self._host, port=self._port, error=error)) from None
        self._socket = connection
        self._note(WORDS["connected"].format(host=self._host, port=self._port, source=self._source))
        self._rest, self._greeted = b"", threading.Event()
        if runtime().is_apart:
            threading.Thread(target=self._listen, args=(connection,), name="mailcourse-terminal", daemon=True).start()
        else:
            self._listen_in_turns(connection)
        self._greeted.wait(GREETING_SECONDS)  # so that a cell shows the same each time
        self.look()

    def hang_up(self) -> None:
        """Close the connection, if there is one."""
        if self._socket is not None:
            connection, self._socket = self._socket, None
            connection.close()

    def stop(self, why: str = "") -> None:
        """Follow the lab no longer, and hang up."""
        self.hang_up()
        super().stop(why)

    def say_line(self, line: str) -> None:
        """Say one line to the server."""
        if self._socket is None or not self.is_live:
            self.say(WORDS["no connection"])
            return
        with self._turn:
            if self._wants_tls:
                self._held.append(line)
            else:
                self._put_line(line)

    def _put_line(self, line: str) -> None:
        self._wants_tls = line.split(" ")[-1].upper() in ("STARTTLS", "STLS")
        self.lines.append(("C", line[:MAX_TYPED]))
        self.soon()
        try:
            if self._socket is not None:
                self._socket.sendall(line[:MAX_TYPED].encode() + b"\r\n")
        except OSError as error:
            self._note(WORDS["not said"].format(error=error))

    def _note(self, text: str) -> None:
        self.lines.append(("", text))
        self.soon()

    def _listen(self, connection: socket.socket) -> None:
        """Listen to the server until the connection ends.  A thread of its own."""
        try:
            connection.settimeout(None)
            if self._port in TLS_FIRST:
                connection = self._begin_tls(connection)
            while octets := connection.recv(65536):
                connection = self._heard(connection, octets)
            self._over(connection, WORDS["closed"])
        except (OSError, ValueError) as error:
            self._over(connection, WORDS["over"].format(error=error) if self._socket is not None else "")

    def _listen_in_turns(self, connection: socket.socket) -> None:
        """Listen where there are no threads: whenever something has come."""
        try:
            if self._port in TLS_FIRST:
                connection = self._begin_tls(connection)
        except (OSError, ValueError) as error:
            self._over(connection, WORDS["over"].format(error=error))
            return

        def take() -> None:
            nonlocal connection
            try:
                while octets := connection.recv(65536):
                    connection = self._heard(connection, octets)
                    connection.setblocking(False)
                self._over(connection, WORDS["closed"])
            except (BlockingIOError, ssl.SSLWantReadError):
                runtime().loop.add_reader(connection, take)
            except (OSError, ValueError) as error:
                self._over(connection, WORDS["over"].format(error=error) if self._socket is not None else "")

        connection.setblocking(False)
        take()

    def _heard(self, connection: socket.socket, octets: bytes) -> socket.socket:
        """Show what the server said; return what is to be listened to from now on."""
        *whole, self._rest = (self._rest + octets).split(b"\n")
        for line in whole:
            self.lines.append(("S", line.rstrip(b"\r").decode("utf-8", "backslashreplace")))
        del self.lines[:-MAX_LINES]
        self._greeted.set()
        self.soon()
        return self._answered(connection, self.lines[-1][1]) if self._wants_tls and whole else connection

    def _over(self, connection: socket.socket, why: str) -> None:
        if why:
            self._note(why)
        self._greeted.set()
        if self._socket is connection:
            self._socket = None

    def _answered(self, connection: socket.socket, line: str) -> socket.socket:
        """Begin TLS if the server said go on; then say what was typed meanwhile."""
        goes_on = GO_ON.match(line)
        if not goes_on and not NO.match(line):
            return connection  # this answered an earlier line
        with self._turn:
            if goes_on:
                connection = self._begin_tls(connection)
            self._wants_tls = False
            while self._held and not self._wants_tls:
                self._put_line(self._held.pop(0))
        return connection

    def _begin_tls(self, connection: socket.socket) -> ssl.SSLSocket:
        connection.settimeout(None)
        inside = self.lab.tls_context().wrap_socket(connection, server_hostname=self._host)
        self._socket = inside
        for text in certificate(inside):
            self._note(text)
        return inside

    def look(self) -> None:
        """Show what was said."""
        self.screen.value = shown(self.lines)

    def svg(self) -> str:
        """Return the last lines that were said."""
        title = WORDS["title"].format(host=self._host, port=self._port, source=self._source)
        return sheet([(who or "soft", f"{who}: {line}" if who else line) for who, line in self.lines], title)

    def __repr__(self) -> str:
        return "\n".join(f"{who or '-'}: {line}" for who, line in self.lines) or WORDS["nothing"]


def shown(lines: list[tuple[str, str]]) -> str:
    """Write what was said, as HTML; nothing in it is ever markup.  The newest line is in view."""
    rows = []
    for who, line in lines[-MAX_LINES:]:
        colour, words = (ON if who == "C" else "#666666", "")
        if who == "S":
            colour, words = meaning(line)
        weight = "600" if who == "C" else "400"
        kind = CSS.get(colour, "")
        rows.append(
            f'<div class="mc-spoken"><span class="{kind}" style="font-weight:{weight}">'
            f'{who or "–"}: {escape(line)}</span><span class="mc-remark">{escape(words)}</span></div>'
        )
    # A reversed column with one child: its end stays in view without a script, and the lines are in order.
    style = "display:flex;flex-direction:column-reverse;max-height:400px;overflow:auto"
    return f'<div role="log" tabindex="0" class="mc-sheet" style="{style}"><div>{"".join(rows)}</div></div>'
