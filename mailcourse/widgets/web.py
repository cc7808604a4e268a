"""A browser, without a screen: asks for pages over the lab's own wires, and keeps what a browser keeps.

    open("http://webmail.bakery.test/")   DNS, TCP, GET / ─► 308 ─► DNS, TCP, TLS, GET / ─► 303 ─► … ─► a Page
    submit("/login", {"address": …})      POST, with the cookies of that host and the Origin of the page it was on

TLS certificates are checked against the lab's CA, cookies are `http.cookiejar`'s (RFC 6265); every cookie is treated
as SameSite=Strict.  What goes wrong is a page too, as in any browser: no such name, nobody there, a wrong certificate.
Not here: scripts, pictures, files to send, a cache.  Knows no widget: `browser.py` shows what this fetched.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import Request

from mailcourse.internet.errors import unknown

MAX_REDIRECTS, MAX_OCTETS, MAX_ADDRESS = 10, 30_000_000, 8_000
PORTS = {"http": 80, "https": 443}
Act = Callable[[Callable[[], "WebPage"]], "WebPage"]
FORM = "application/x-www-form-urlencoded"
#: what a person reads
WORDS = {
    "circle": "One page leads to the next, more than {count} times.",
    "no address": "This is no address of a page. Try https://webmail.bakery.test/.",
    "certificate": "The certificate is not one for {host}: {why}.",
    "unreachable": "{host} cannot be reached: {why}.",
}


@dataclass(frozen=True, slots=True)
class WebPage:
    """What a browser shows.  `status` is 0 for a page of its own: `text` then says why there is no other."""

    address: str
    status: int
    type: str
    body: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


class Browser:
    """One person's browser; `dial` finds a host and connects, `act` lets nothing else move.  Not thread-safe."""

    def __init__(self, dial: Callable[[str, int], socket.socket], tls: Callable[[], ssl.SSLContext], act: Act) -> None:
        self._dial, self._tls, self._act, self._cookies = dial, tls, act, CookieJar()
        self.page = WebPage("about:blank", 0, "text/plain", b"")

    def open(self, address: str) -> WebPage:
        """Ask for a page by an address that somebody typed."""
        typed = str(address or "").strip()
        return self._go("GET", typed if "://" in typed else f"https://{typed}", None, is_own=True)

    def follow(self, link: str) -> WebPage:
        """Follow a link of the page that is shown."""
        return self._go("GET", urljoin(self.page.address, link), None, is_own=False)

    def submit(self, action: str, fields: Mapping[str, str], method: str = "POST") -> WebPage:
        """Send a form of the page that is shown."""
        target, encoded = urljoin(self.page.address, action), urlencode(fields, errors="replace")
        if method.upper() == "POST":
            return self._go("POST", target, encoded.encode(), is_own=False)
        return self._go("GET", f"{target.partition('?')[0]}?{encoded}", None, is_own=False)

    def fill(self, action: str, **fields: str) -> WebPage:
        """Fill in the page's form for `action` and send it; what nobody gives stays as the page has it."""
        forms = _Forms(self.page.text).found
        if action not in forms:
            raise unknown("form", action, forms)
        return self.submit(action, {**forms[action], **fields})

    def fetch(self, link: str) -> WebPage:
        """Return what a link of the page leads to, and stay on the page: its style sheet, a file."""
        return self._act(lambda: self._ask("GET", urljoin(self.page.address, link), None, self.page.address)[0])

    def _go(self, method: str, address: str, body: bytes | None, *, is_own: bool) -> WebPage:
        source = "" if is_own else self.page.address
        self.page = self._act(lambda: self._arrive(method, address, body, source))
        return self.page

    def _arrive(self, method: str, address: str, body: bytes | None, source: str) -> WebPage:
        for _ in range(MAX_REDIRECTS):
            page, onward = self._ask(method, address, body, source)
            if not onward:
                return page
            address = urljoin(address, onward)
            if page.status not in (307, 308):  # RFC 9110 §15.4.8: those keep method and body
                method, body = "GET", None
        return _own_page(address, WORDS["circle"].format(count=MAX_REDIRECTS))

    def _ask(self, method: str, address: str, body: bytes | None, source: str) -> tuple[WebPage, str]:
        """Make one request; return the page, and where it leads to instead."""
        try:
            where = urlsplit(address)
            host, port = where.hostname or "", where.port or PORTS.get(where.scheme, 0)
        except ValueError:
            host, port = "", 0
        if not host or not port or len(address) > MAX_ADDRESS:
            return _own_page(address, WORDS["no address"]), ""
        request = Request(address.partition("#")[0], body, {"Content-Type": FORM} if body is not None else {})
        if not source or _origin(source) == _origin(address):  # else a stranger's page would act in our name
            self._cookies.add_cookie_header(request)
        if method == "POST":
            request.add_header("Origin", _origin(source))
        connection = http.client.HTTPConnection(where.netloc.rpartition("@")[2])
        try:
            connection.sock = self._dial(host, port)
            if where.scheme == "https":
                connection.sock = self._tls().wrap_socket(connection.sock, server_hostname=host)
            connection.request(method, request.selector, body, dict(request.header_items()))
            answer = connection.getresponse()
            octets = answer.read(MAX_OCTETS)
        except ssl.SSLCertVerificationError as error:
            return _own_page(address, WORDS["certificate"].format(host=host, why=error.verify_message)), ""
        except (OSError, http.client.HTTPException, ValueError) as error:
            return _own_page(address, WORDS["unreachable"].format(host=host, why=error or type(error).__name__)), ""
        finally:
            connection.close()
        self._cookies.extract_cookies(answer, request)
        page = WebPage(address, answer.status, answer.headers.get_content_type(), octets)
        return page, (answer.getheader("Location") or "") if 300 <= answer.status < 400 else ""


class _Forms(HTMLParser):
    """The forms of a page: address → fields with what stands in them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self._fields, self._area = dict[str, str](), ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a form, or note a field."""
        known = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._fields = self.found.setdefault(known.get("action", ""), {})
        elif tag in ("input", "textarea") and "name" in known:
            self._fields[known["name"]] = known.get("value", "")
            self._area = known["name"] if tag == "textarea" else ""

    def handle_endtag(self, tag: str) -> None:
        """End a text."""
        self._area = "" if tag == "textarea" else self._area

    def handle_data(self, data: str) -> None:
        """Note what stands in a text; the line end before it is not its own."""
        if self._area:
            before = self._fields[self._area]
            self._fields[self._area] = before + data if before else data.removeprefix("\n")


def _origin(address: str) -> str:
    where = urlsplit(address)
    return f"{where.scheme}://{where.netloc.rpartition('@')[2]}"


def _own_page(address: str, sentence: str) -> WebPage:
    return WebPage(address, 0, "text/plain", sentence.encode("utf-8", "replace"))
