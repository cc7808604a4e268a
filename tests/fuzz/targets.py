"""What is fuzzed: each target takes any octets, and raises when something is wrong.

smtp  imap  pop3     a session without a socket: replies are lines, and nothing breaks it
dns                  a server's answer to a datagram: a proper reply, or silence
headers              the reader of headers, addresses and envelopes
mime                 parts, their text and BODYSTRUCTURE
names                the names of files in a Maildir, read and written
proof                a message, with DKIM, ARC and results in it, and who may use its names
records              SPF, DMARC and key records
zone                 a zone text: served, or refused with a sentence
http                 requests to the webmail, as somebody who is logged in; its mail server is away
page                 the HTML of a message and of a page: nothing is left that runs, loads or leads away
"""

from __future__ import annotations

import asyncio
import atexit
import re
import shutil
import socket
import ssl
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import dns.flags
from dns.rdataclass import RdataClass
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.TXT import TXT

from mailcourse import Lab, LabError
from mailcourse.access.imap.session import ImapSession
from mailcourse.access.imap.structure import body, envelope
from mailcourse.access.pop3 import Pop3Session
from mailcourse.authentication.results import read, without_forged
from mailcourse.authentication.verdict import prove
from mailcourse.dns.server import wire
from mailcourse.dns.zone import parse
from mailcourse.internet.connection import Connection
from mailcourse.internet.trace import Trace
from mailcourse.mailbox.accounts import COST, Accounts
from mailcourse.mailbox.names import read_name, write_name
from mailcourse.message.address_list import addresses
from mailcourse.message.fields import day, decode_words, fields, filename, parameters, without_comments
from mailcourse.message.harmless import clean
from mailcourse.message.mime import split
from mailcourse.mta import replies
from mailcourse.mta.commands import COMMANDS
from mailcourse.mta.session import CheckPassword, SmtpSession, StoreMessage
from mailcourse.mua.mail import Mail
from mailcourse.mua.webmail.http import HttpConversation, HttpError
from mailcourse.mua.webmail.mailbox import MailAccess
from mailcourse.mua.webmail.sessions import Sessions
from mailcourse.mua.webmail.site import WebSite
from mailcourse.widgets.inert import inert
from mailcourse.widgets.web import WebPage

BRUNO = "bruno@bakery.test"
START = datetime(2026, 9, 7, 8, tzinfo=UTC)
#: a signature whose key is in the record: everything is looked at
SIGNED = (
    b"DKIM-Signature: v=1; a=ed25519-sha256; d=academy.test; s=x; h=from;\r\n"
    b" bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\nFrom: alice@academy.test\r\n\r\n"
)
ASKED = Connection(1, "outside", "203.0.113.254", "198.51.100.53", 53)


class Still:
    def now(self) -> datetime:
        return START


@cache
def lab() -> Lab:
    made = Lab("two-offices", name="guided")
    atexit.register(made.close)
    return made


def smtp(data: bytes) -> None:
    server = lab().mail_servers["mail.academy.test"]
    connection = Connection(1, "x.test", "192.0.2.10", "192.0.2.25", 25)
    session = SmtpSession(server, connection, "smtp", COMMANDS)
    heard = session.greeting()
    for piece in (data[:20], data[20:] + b"\r\n"):
        if session.closed:
            break
        heard += session.receive(piece)
        while True:
            match session.request:
                case CheckPassword():
                    heard += session.password_checked(False)
                case StoreMessage(incoming):
                    heard += session.message_stored(replies.queued("X1"))
                    incoming.abandon()
                case _:  # nothing, or TLS
                    break
    assert heard.endswith(b"\r\n")


@cache
def accounts() -> Accounts:
    COST["n"] = 2
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, True)
    made = Accounts(folder)
    made.add(BRUNO, "loaf", b"salt")
    made.mailbox(BRUNO).deliver([b"Subject: one\r\n\r\none\r\n"], "1788768000.m1.1.h", START)
    return made


def _session(kind: type[ImapSession] | type[Pop3Session], data: bytes) -> None:
    trace = Trace(Still())
    connection = Connection(1, "laptop.bakery.test", "198.51.100.10", "198.51.100.25", 143)
    session: Any = kind(accounts(), "mail.bakery.test", trace, connection, tls=True)
    heard = session.greeting()
    for piece in (data[:30], data[30:]):
        if not session.closed and not session.wants_tls:
            heard += session.receive(piece)
    session.end()
    assert heard.endswith(b"\r\n")
    assert [event.sentence() for event in trace if event.what == "warning"] == []


def imap(data: bytes) -> None:
    _session(ImapSession, b"l LOGIN bruno@bakery.test loaf\r\ns EXAMINE INBOX\r\n" + data + b"\r\n")


def pop3(data: bytes) -> None:
    _session(Pop3Session, b"USER bruno@bakery.test\r\nPASS loaf\r\n" + data + b"\r\n")


def dns_(data: bytes) -> None:
    server = lab().dns_servers["ns.bakery.test"]
    reply = asyncio.run(server.answered(data, ASKED))
    if reply is not None:
        assert reply.flags & dns.flags.QR
        assert reply.id == int.from_bytes(data[:2], "big")
        assert len(wire(reply, 1232)) <= 1232


def headers(data: bytes) -> None:
    found = fields(data)
    assert envelope(found).startswith(b"(")
    for value in (data, *(value for values in found.values() for value in values)):
        addresses(value)
        parameters(value)
        without_comments(value)
        filename(value, value)
        day(value)
        decode_words(value.decode("utf-8", "replace"))


def mime(data: bytes) -> None:
    parts = [split(data)]
    assert body(parts[0], extended=True).startswith(b"(")
    while parts:
        part = parts.pop()
        assert isinstance(part.text(), str)
        parts += part.parts
    mail = Mail("1", (), data)
    assert isinstance(mail.text, str)
    repr(mail)


def names(data: bytes) -> None:
    written = data.decode("utf-8", "surrogateescape").replace("/", "_").replace("\0", "_")
    found = read_name("/cur", written, is_recent=False)
    if found is not None:
        again = read_name("/cur", write_name(found.name, found.uid, found.flags), is_recent=False)
        assert again is not None
        assert (again.uid, again.flags) == (found.uid, found.flags)


def zone(data: bytes) -> None:
    with suppress(LabError):
        parse(
            "bakery.test", "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n" + data.decode("utf-8", "replace")
        )


@cache
def site() -> WebSite:
    """A webmail whose mail server is away, and where one is logged in under the number that everybody knows."""

    def away(*_: object, **__: object) -> socket.socket:
        raise OSError("nobody is there")

    sessions = Sessions(lambda: START, lambda: "number")
    sessions.begin(sessions.new(BRUNO, "x"))
    access = MailAccess("mail.bakery.test", away, ssl.create_default_context)
    return WebSite(lab().host("webmail.bakery.test"), access, sessions)


def http(data: bytes) -> None:
    server, refused = HttpConversation(), None
    try:
        _answer(server, data)
    except HttpError as error:
        refused = error
    if refused is not None:
        assert 400 <= refused.status < 600
        assert server.reply(site().refuse(refused), START, last=True).startswith(b"HTTP/1.1 ")


def _answer(server: HttpConversation, data: bytes) -> None:
    half = len(data) // 2
    for piece in (data[:half], data[half:], b""):
        server.receive(piece)
        while (request := server.next_request()) is not None:
            reply = server.reply(site().answer(request), START)
            assert 200 <= int(reply.split(b" ", 2)[1]) < 600
            assert b"Traceback" not in reply
            if not server.next_cycle():
                return
        if server.is_over or not piece:
            return


#: what may change a page around a message, load something or run
HARM = {
    "script",
    "iframe",
    "object",
    "embed",
    "svg",
    "math",
    "base",
    "link",
    "meta",
    "style",
    "video",
    "audio",
    "template",
}


class Shown(HTMLParser):
    """What a browser makes of HTML: its elements, attributes and addresses."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements, self.attributes, self.addresses = set[str](), set[str](), list[str]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "action")]


def page(data: bytes) -> None:
    mail = Shown(clean(data.decode("utf-8", "replace")))
    assert all(re.match(r"(?:https?://|mailto:)[^/\\]", address, re.I) for address in mail.addresses)
    web = Shown(inert(WebPage("https://x.test/", 200, "text/html", data)).document.partition("<body>")[2])
    assert all(re.fullmatch(r"about:blank#\d+", address) for address in web.addresses)
    for shown in (mail, web):
        assert HARM.isdisjoint(shown.elements)
        assert not [name for name in shown.attributes if name.startswith("on") or name in ("src", "srcset", "style")]


async def published(data: bytes, name: str, kind: str) -> list[Any]:
    """A DNS in which every name has the same text."""
    strings = [data[at : at + 255] for at in range(0, max(len(data), 1), 255)]
    return [TXT(RdataClass.IN, RdataType.TXT, strings)] if kind == "TXT" else []


def _proved(message: bytes, record: bytes) -> None:
    who = (message, "192.0.2.1", "mail.academy.test", "alice@academy.test", partial(published, record), START)
    found = asyncio.run(prove(*who, "bakery.test"))
    assert read(found.field().partition(b":")[2]) is not None
    assert found.checks()
    clean, _ = without_forged(message, ["bakery.test"])
    assert without_forged(clean, ["bakery.test"]) == (clean, [])


def proof(data: bytes) -> None:
    _proved(data, b"v=DMARC1; p=reject")


def records(data: bytes) -> None:
    for begin in (b"", b"v=spf1 ", b"v=DMARC1; p=none; ", b"v=DKIM1; k=ed25519; "):
        _proved(SIGNED, begin + data)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "smtp": smtp,
    "imap": imap,
    "pop3": pop3,
    "dns": dns_,
    "headers": headers,
    "mime": mime,
    "names": names,
    "proof": proof,
    "records": records,
    "zone": zone,
    "http": http,
    "page": page,
}
