"""Somebody at the webmail: a browser of the lab, and what a person reads and presses on its pages."""

from __future__ import annotations

import imaplib
import socket
from collections.abc import Iterable
from html.parser import HTMLParser

from mailcourse import Lab
from mailcourse.widgets.web import Browser, WebPage

FORM = "application/x-www-form-urlencoded"
WEBMAIL, BRUNO, ALICE, BEA = "webmail.bakery.test", "bruno@bakery.test", "alice@academy.test", "bea@bakery.test"
HOME = f"https://{WEBMAIL}/"


class _Dialled(imaplib.IMAP4):
    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        super().__init__()

    def _create_socket(self, timeout: float | None = None) -> socket.socket:
        return self._lab.host("laptop.bakery.test").dial("198.51.100.25", 143)


def put(lab: Lab, messages: Iterable[bytes], folder: str = "INBOX") -> None:
    """Put messages into Bruno's mailbox as they are, in their order."""
    with _Dialled(lab) as client:
        client.login(BRUNO, lab.person(BRUNO).password)
        for raw in messages:
            assert client.append(folder, "", "", raw)[0] == "OK"


class Seen(HTMLParser):
    """What is on a page: its text, links (text → address), and forms (address → fields)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.links, self.forms = "", dict[str, str](), dict[str, dict[str, str]]()
        self.elements: list[str] = []
        self._link, self._form, self._area = "", "", ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        known = {name: value or "" for name, value in attrs}
        if tag == "a":
            self._link = known.get("href", "")
        elif tag == "form":
            self._form = known.get("action", "")
            self.forms.setdefault(self._form, {})
        elif tag in ("input", "textarea") and self._form:
            self.forms[self._form][known["name"]] = known.get("value", "")
            self._area = known["name"] if tag == "textarea" else ""

    def handle_endtag(self, tag: str) -> None:
        self._link = "" if tag == "a" else self._link
        self._area = "" if tag == "textarea" else self._area

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._link and data.strip():
            self.links[data.strip()] = self._link
        if self._area:
            before = self.forms[self._form][self._area]
            self.forms[self._form][self._area] = before + data if before else data.removeprefix("\n")  # as HTML says


class WebUser:
    """A person at a browser."""

    def __init__(self, lab: Lab, address: str = BRUNO) -> None:
        self.lab, self.person = lab, lab.person(address)
        self.browser: Browser = self.person.web()

    @property
    def page(self) -> WebPage:
        return self.browser.page

    @property
    def seen(self) -> Seen:
        return Seen(self.page.text)

    def open(self, path: str = "") -> Seen:
        self.browser.open(HOME + path)
        return self.seen

    def log_in(self, password: str | None = None) -> Seen:
        self.open("login")
        return self.send("/login", address=self.person.address, password=password or self.person.password)

    def press(self, link: str) -> Seen:
        self.browser.follow(self.seen.links[link])
        return self.seen

    def send(self, action: str, **fields: str) -> Seen:
        """Send the page's form for `action`, with some fields filled in."""
        self.browser.submit(action, {**self.seen.forms[action], **fields})
        return self.seen


def raw(lab: Lab, octets: bytes, *, closes: bool = True) -> bytes:
    """Say something to port 443 and return all that it answers."""
    plain = lab.host("laptop.academy.test").dial(lab.host(WEBMAIL).addresses[0], 443, timeout=10)
    with lab.tls_context().wrap_socket(plain, server_hostname=WEBMAIL) as client:
        client.sendall(octets)
        found = b""
        while piece := client.recv(65536):
            found += piece
            if not closes:
                break
        return found


def ask(lab: Lab, line: str, *fields: str, body: str = "", host: str = WEBMAIL) -> tuple[int, str]:
    sized = [f"Content-Length: {len(body)}", f"Content-Type: {FORM}"] if body else []
    head = "\r\n".join([f"{line} HTTP/1.1", f"Host: {host}", "Connection: close", *sized, *fields])
    said = raw(lab, f"{head}\r\n\r\n{body}".encode()).decode()
    return int(said.split(" ", 2)[1]), said


def cookie(user: WebUser) -> str:
    return "Cookie: " + "; ".join(f"{one.name}={one.value}" for one in user.browser._cookies)
