"""Whatever a stranger writes takes time in proportion to its length: each door is tried with 100 kB of each unit.

A pattern that goes back, or a loop inside a loop, takes seconds or hours for one of these.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from test_imap_fetch import message

from mailcourse.access.imap import folder_tree, grammar, list_request, strings
from mailcourse.access.imap.items import parse_items
from mailcourse.access.imap.reader import CommandRejected
from mailcourse.access.imap.responses import BadResponse, NoResponse
from mailcourse.access.imap.search_keys import KeyParser, SearchContext
from mailcourse.dns import zone
from mailcourse.internet import tap
from mailcourse.internet.errors import LabError
from mailcourse.mailbox import names
from mailcourse.message import address, address_list, fields, sasl
from mailcourse.mta import arguments, data
from mailcourse.mua.mail import Mail, Messages
from mailcourse.widgets import letter, reader, reading, terminal, wiretap

OCTETS = 100_000
#: seconds of the processor; a quiet machine needs a tenth of it, a door that is not linear many times as much
MAX_SECONDS = 1.0

UNITS = [
    *(bytes([sign]) for sign in b" \t\r\n\0\xff\\\"'()<>[{@,:;.=?*%&_-/aA1"),
    *(b"()", b"(\\", b"(a", b'"\\', b'"a" ', b"<>", b"<a", b"a@", b"a@a.", b"a, ", b"a:;", b"<a@a>,", b"[a"),
    *(b"; ", b"; a=", b";a*0=", b";a*1*=%41", b';a="', b"=?", b"=?a?q?", b"=?utf-8?q?x?=", b"=?utf-8?q?=C3?= "),
    *(b"=41", b"= ", b"=\r\n", b" \r\n", b"\r\n ", b"\r\n\r\n", b"a:\r\n", b"a: b\r\n", b"a:\r\n b\r\n"),
    *(b"--x\r\n", b"\r\n--x", b"\r\n--x ", b"\r\n--x--", b"a.", b"a-", b"a b ", b"%*", b"%a", b"*a", b"&-", b"&AA-"),
    *(b"<!--", b"<a ", b"<b>", b"</a>", b"&#", b"http://", b"www.", b"from a by ", b"xn--", b"\xd0\xb0.", b"{1}\r\n"),
    *(b"--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n", b"<a href=http://a.a>a.a</a>", b"<img><table>"),
    *(b"Content-Type: message/rfc822\r\n\r\n", b"received: from a by a;\r\n", b",U=1", b":2,S"),
]
#: what stands before the units in a message
BEGINNINGS = {
    "nothing": b"",
    "From": b"From: x",
    "Subject": b"Subject: x",
    "Date": b"Date: ",
    "Received": b"Received: from ",
    "type": b"Content-Type: ",
    "boundary": b"Content-Type: multipart/mixed; boundary=x; a=",
    "charset": b"Content-Type: text/plain; charset=",
    "disposition": b"Content-Disposition: attachment; ",
    "language": b"Content-Language: ",
    "parts": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n",
    "quoted-printable": b"Content-Transfer-Encoding: quoted-printable\r\n\r\n",
    "HTML": b"Content-Type: text/html\r\n\r\n",
    "link": b'Content-Type: text/html\r\n\r\n<a href="http://a.test/">',
    "address of a link": b'Content-Type: text/html\r\n\r\n<a href="http://',
}
ITEMS = ("ENVELOPE", "BODYSTRUCTURE", "BODY[1]", "BODY[HEADER.FIELDS (a)]", "BODY[1.MIME]", "BINARY.SIZE[]")
KEYS = (("TEXT", "bread"), ("FROM", "bread"), ("SUBJECT", "bread"), ("SENTON", "7-Sep-2026"))


def fetched(raw: bytes) -> object:
    return [item.write(message(raw)) for word in ITEMS for item in parse_items(word)]


def searched(raw: bytes) -> object:
    return [KeyParser([*keys], SearchContext([5])).parse_all()(message(raw)) for keys in KEYS]


def listed(raw: bytes) -> object:
    mail = Mail("1", (), raw)
    return repr(mail), Messages([mail])._repr_html_(), mail.attachments, mail.text


def shown(raw: bytes) -> object:
    mail = Mail("1", (), raw)
    return reading.line(mail), reading.files(mail), mail.reply(), [make(mail) for make in reader.PANES.values()]


def received(raw: bytes) -> None:
    content = data.Content(10**9)
    for start in range(0, len(raw), 4096):
        content.take(raw[start : start + 4096])
    content.end()


def said(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda raw: read(raw.decode("latin-1"))


ZONE = "@ SOA ns hostmaster 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\n"
#: door → what it does with the octets
DOORS: dict[str, Callable[[bytes], object]] = {
    "parameters": lambda raw: fields.parameters(b"a/b; " + raw),
    "name of a file": lambda raw: fields.filename(b'a; filename="' + raw, b""),
    "comments": fields.without_comments,
    "encoded words": said(fields.decode_words),
    "one encoded word": lambda raw: fields.decode_words(f"=?utf-8?q?{raw.decode('latin-1')}?="),
    "charset": lambda raw: fields.text_of(raw, raw.decode("latin-1")),
    "addresses": address_list.addresses,
    "address behind a name": lambda raw: address_list.addresses(b"Alice " + raw + b" <alice@academy.test>"),
    "local part": said(lambda text: address.parse(f"{text}@b.test")),
    "domain": said(lambda text: address.parse(f"a@{text}")),
    "MAIL": said(lambda text: arguments.read_path(f"FROM:<{text}>", "FROM:", "b.test")),
    "parameters of MAIL": said(
        lambda text: arguments.read_mail(f"FROM:<a@b.test> {text}", "b.test", is_extended=True, max_octets=99)
    ),
    "ORCPT": said(lambda text: arguments.read_recipient(f"TO:<a@b.test> ORCPT=rfc822;{text}", "b", is_extended=True)),
    "DATA": received,
    "AUTH PLAIN": sasl.parse_plain,
    "name of a message": said(lambda text: (names.renumber(text, 7), names.write_name(text, 7, frozenset("S")))),
    "command of IMAP": lambda raw: grammar.parse([b"a X " + raw]),
    "name in UTF-7": said(lambda text: strings.read_folder(text, utf8=False)),
    "set of messages": said(lambda text: strings.in_set(text, range(1, 1000))),
    "pattern of LIST": said(lambda text: folder_tree.matches(list_request._pattern(text), "a/" * 100)),
    "zone": said(lambda text: zone.parse("b.test", ZONE + text)),
    "wiretap": said(lambda text: wiretap.Secrets().hear(1, f"a LOGIN {text}")),
    "chunk of a wiretap": tap.readable,
    "terminal": said(terminal.meaning),
    "lines of a header": said(lambda text: letter.fields(f"Received: {text}")),
    "words to search for": said(reading.keys),
}
REFUSALS = (LabError, CommandRejected, BadResponse, NoResponse, arguments.BadArgument)


def slow_units(door: Callable[[bytes], object], beginning: bytes = b"") -> dict[bytes, float]:
    """Return the units that take too long, and the seconds."""
    slow = {}
    for unit in UNITS:
        raw = beginning + (unit * (OCTETS // len(unit) + 1))[:OCTETS]
        began = time.thread_time()
        with suppress(*REFUSALS):
            door(raw)
        taken = time.thread_time() - began
        if taken > MAX_SECONDS:
            slow[unit] = taken
    return slow


@pytest.mark.parametrize("door", DOORS)
def test_no_door_takes_long(door: str) -> None:
    assert slow_units(DOORS[door]) == {}


@pytest.mark.parametrize("look", [fetched, searched, listed, shown])
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_no_message_takes_long(beginning: str, look: Callable[[bytes], object]) -> None:
    assert slow_units(look, BEGINNINGS[beginning]) == {}
