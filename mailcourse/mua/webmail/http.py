r"""HTTP/1.1 as a server speaks it (RFC 9112), with h11: octets in, requests out; a response in, octets out.

    GET /folder?name=INBOX HTTP/1.1\r\n         Request("GET", "/folder?name=INBOX", {"host": …})
    Host: webmail.bakery.test\r\n          ─►
    \r\n                                   ◄─   Response(200, b"<!doctype html>…")

h11 knows no sockets, and neither does this.  What two readers could take for different requests is refused: two
lengths, a body in chunks (no browser sends a form so, and §6.3 allows 411), two hosts, a host that the address
contradicts (§3.2).
What is not understood, too long or too large is answered with a 4xx and a sentence; then the connection ends.
Not here: compression, ranges, caching, upgrades, multipart forms (files cannot be attached).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import parse_qsl

import h11

#: octets of what a request asks for (RFC 9112 §3: 8,000 at least), of its whole head, of its body; fields of a form
MAX_TARGET, MAX_HEAD, MAX_BODY, MAX_FIELDS = 8_000, 24_000, 1_000_000, 50
#: header fields that have one value, whoever reads them
SINGLE = ("host", "content-length", "content-type", "transfer-encoding", "origin", "cookie")
FORM = "application/x-www-form-urlencoded"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: sent with every response: what comes may load nothing, run nothing, be put in no frame and be kept by nobody.
#: Not here: Strict-Transport-Security, which a browser at a door would apply to all of localhost.
ALWAYS = (
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),  # no-referrer would also send "Origin: null" with our own forms
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)


class HttpError(Exception):
    """A request that cannot be answered as it wants; the text is a sentence for the person who sent it."""

    def __init__(self, status: int, text: str, *headers: tuple[str, str]) -> None:
        super().__init__(text)
        self.status, self.headers = status, headers


@dataclass(frozen=True, slots=True)
class Request:
    """What a browser asks.  Names of headers are in lower case; `query` and `form` have each name once."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)

    @property
    def path(self) -> str:
        """What comes before the question mark."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """What comes behind it."""
        return once(self.target.partition("?")[2])

    @property
    def form(self) -> dict[str, str]:
        """The fields of a form that was sent."""
        if self.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
            raise HttpError(415, f"Only forms are understood here. Send {FORM}.")
        return once(self.body.decode("utf-8", "replace"))

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies; of those with one name, the first."""
        pairs = [pair.strip().partition("=") for pair in self.headers.get("cookie", "").split(";")]
        return {name: value for name, _, value in reversed(pairs)}


@dataclass(frozen=True, slots=True)
class Response:
    """What the browser gets.  `headers` are added to those of `ALWAYS`."""

    status: int
    body: bytes = field(default=b"", repr=False)
    type: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


def once(encoded: str) -> dict[str, str]:
    """Read a query or a form, in which each name stands once.

    >>> once("name=Fresh+rolls&uid=7")
    {'name': 'Fresh rolls', 'uid': '7'}
    """
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise HttpError(400, f"A form has at most {MAX_FIELDS} fields. Send fewer.") from None
    if len(pairs) != len(dict(pairs)):
        raise HttpError(400, "A field stands twice in this request. Send each once.")
    return dict(pairs)


class HttpConversation:
    """One connection, seen from the server; requests that come in one piece are answered one after the other."""

    def __init__(self) -> None:
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._head, self._body = Request("", ""), bytearray()
        self._is_head = False  # what is asked now wants no body, even if it is refused
        self.is_over = False  # the browser says no more

    def receive(self, data: bytes) -> None:
        """Take octets; none means that no more will come."""
        self._h11.receive_data(data)

    def next_request(self) -> Request | None:
        """Return the next request, or None until more octets are there; raise `HttpError` for what is none."""
        try:
            for event in iter(self._h11.next_event, h11.NEED_DATA):
                if isinstance(event, h11.Request):
                    self._is_head = event.method == b"HEAD"
                    self._head, self._body = _checked(event), bytearray()
                elif isinstance(event, h11.Data):
                    self._body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    return replace(self._head, body=bytes(self._body))
                else:
                    self.is_over = True
                    break
        except h11.RemoteProtocolError as error:
            is_line = error.error_status_hint == 431 and b"\n" not in self._h11.trailing_data[0]
            status = 414 if is_line else error.error_status_hint
            raise HttpError(status, f"This is not HTTP as it is understood here: {error}. Ask again.") from None
        return None

    @property
    def is_empty(self) -> bool:
        """True between two requests."""
        return self._h11.their_state is h11.IDLE and not self._h11.trailing_data[0]

    def go_on(self) -> bytes:
        """Return what a browser waits for before it sends the body of its request (RFC 9110 §10.1.1)."""
        if not self._h11.they_are_waiting_for_100_continue:
            return b""
        return self._h11.send(h11.InformationalResponse(status_code=100, headers=[])) or b""

    def reply(self, response: Response, now: datetime, *, last: bool = False) -> bytes:
        """Return the octets of a response; `last` ends the connection after it."""
        headers = [("Date", format_datetime(now, usegmt=True)), ("Content-Type", response.type)]  # RFC 9110 §6.6.1
        headers += [("Content-Length", str(len(response.body))), *ALWAYS, *response.headers]
        headers += [("Connection", "close")] * last
        head = h11.Response(status_code=response.status, headers=headers)
        events: list[h11.Event] = [head, h11.EndOfMessage()]
        if response.body and not self._is_head:
            events.insert(1, h11.Data(data=response.body))
        return b"".join(self._h11.send(event) or b"" for event in events)

    def next_cycle(self) -> bool:
        """Be ready for the next request; False when the connection is over."""
        if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            return False
        self._h11.start_next_cycle()
        self._is_head = False
        return True


def _checked(event: h11.Request) -> Request:
    """Refuse what two readers could understand in two ways."""
    method, target = event.method.decode("ascii"), event.target.decode("ascii")
    names = [name.decode("ascii") for name, _ in event.headers]
    headers = {name.decode("ascii"): value.decode("latin-1") for name, value in event.headers}
    if len(target) > MAX_TARGET:
        raise HttpError(414, f"The address has more than {MAX_TARGET:,} octets. Ask for a shorter one.")
    if sum(len(name) + len(value) for name, value in event.headers) > MAX_HEAD:
        raise HttpError(431, f"The header has more than {MAX_HEAD:,} octets. Send fewer or shorter fields.")
    if doubled := [name for name in SINGLE if names.count(name) > 1]:
        raise HttpError(400, f"The header field {doubled[0]} stands twice. Send it once.")
    if "transfer-encoding" in names:  # RFC 9112 §6.3; with a length beside it, two readers see two requests
        status = 400 if "content-length" in names else 411
        raise HttpError(status, "The length of a form is told before it, in Content-Length alone. Send it so.")
    if "host" not in names:  # HTTP/1.0 may leave it out; here are several names for one address
        raise HttpError(400, "The header field Host is missing. Say which host you mean.")
    if int(headers.get("content-length", "0")) > MAX_BODY:
        raise HttpError(413, f"A form has at most {MAX_BODY:,} octets. Write less.")
    return Request(method, _origin_form(target, headers["host"]), headers)


def _origin_form(target: str, host: str) -> str:
    """Return path and query of what is asked for; a whole address has to name the host that is asked (§3.2.2)."""
    if target.startswith("/") or target == "*":
        return target
    scheme, _, rest = target.partition("://")
    authority, slash, path = rest.partition("/")
    if scheme.lower() not in ("http", "https") or authority.lower() != host.lower():
        raise HttpError(400, "The address of this request names another host than its header. Ask one of both.")
    return slash + path or "/"
