"""Writing a message: from what a person fills in to the text that travels (RFC 5322).

    text only       text/plain
    text and HTML   multipart/alternative: the same said twice, the best last (RFC 2046 §5.1.4)
    attachments     multipart/mixed: all that, and then the files

Bcc is the mail program's business: its addresses become recipients of the envelope, and no header
is written (RFC 5322 §3.6.3).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.header import Header
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8, EmailPolicy
from mimetypes import MimeTypes

from mailcourse.internet.errors import LabError
from mailcourse.message.address import Address, parse

#: octets of a message; many servers in the world take no more than this, ours take less
MAX_OCTETS = 25_000_000
#: octets of a line, without its end (RFC 5322 §2.1.1)
MAX_LINE = 998
#: Message-IDs in References; the first and the last ones are kept
MAX_REFERENCES = 20
#: Python's own table: the one of the machine would make other bytes elsewhere
TYPES = MimeTypes()


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person fills in."""

    sender: Address
    sender_name: str
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    subject: str
    text: str
    html: str = ""
    attachments: tuple[tuple[str, bytes], ...] = ()  # the name of a file, and what is in it
    from_header: str = ""  # written into From as it stands, true or not
    references: tuple[str, ...] = ()  # Message-IDs; the last is the message that is answered

    @property
    def recipients(self) -> tuple[Address, ...]:
        """Everybody in the envelope, each once."""
        unique = {recipient.key: recipient for recipient in (*self.to, *self.cc, *self.bcc)}
        return tuple(unique.values())

    @property
    def is_utf8(self) -> bool:
        """True when an address needs SMTPUTF8 (RFC 6531)."""
        shown = _name_and_address(self.from_header)[1]
        return not all(str(address).isascii() for address in (self.sender, *self.recipients, shown))


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that is written, in its envelope, and not sent yet.  `raw` is what will be sent, to the octet."""

    sender: str  # MAIL FROM; empty for the null sender
    recipients: tuple[str, ...]  # RCPT TO
    raw: bytes = field(repr=False)
    subject: str = ""
    is_utf8: bool = False


def addresses(given: str | Sequence[str]) -> tuple[Address, ...]:
    """Read one address or several: "a@x.test, b@y.test" or a list of them.

    >>> addresses("bruno@bakery.test, bea@bakery.test")
    (Address(local='bruno', domain='bakery.test'), Address(local='bea', domain='bakery.test'))
    """
    texts = given.split(",") if isinstance(given, str) else given
    return tuple(parse(text.strip()) for text in texts if text.strip())


def compose(draft: Draft, message_id: str, date: datetime, draw: Callable[[int], bytes]) -> bytes:
    """Write the message; octets with CRLF line ends.  `draw` gives random octets, for boundaries between parts."""
    _check_size(len(draft.text) + len(draft.html) + sum(len(octets) for _, octets in draft.attachments))
    message = EmailMessage(policy=SMTPUTF8 if draft.is_utf8 else SMTP)
    message["From"] = _from(draft)
    if draft.to:
        message["To"] = [_shown(address) for address in draft.to]
    if draft.cc:
        message["Cc"] = [_shown(address) for address in draft.cc]
    # A line end in a subject would begin another header.
    subject = " ".join(_whole(draft.subject).split())
    if "=?" in subject:  # the library would decode what only looks like an encoded word, and fail for some
        subject = _AsIs("Subject", Header(subject, "utf-8", header_name="Subject").encode(linesep="\r\n"))
    message["Subject"] = subject
    message["Date"] = date
    message["Message-ID"] = message_id
    if draft.references:  # RFC 5322 §3.6.4
        message["In-Reply-To"] = _AsIs("In-Reply-To", draft.references[-1])
        message["References"] = _AsIs("References", "\r\n ".join(draft.references))
    _write_body(message, draft)
    for part in message.walk():
        if part.is_multipart():  # else the library draws one by lot
            part.set_boundary(f"=_{draw(12).hex()}")
    raw = message.as_bytes()
    _check_size(len(raw))
    return raw


def _write_body(message: EmailMessage, draft: Draft) -> None:
    if draft.html.strip() and not draft.text.strip():
        message.set_content(_whole(draft.html), subtype="html")
    else:
        message.set_content(_whole(draft.text))
        if draft.html.strip():
            message.add_alternative(_whole(draft.html), subtype="html")
    for name, octets in draft.attachments:
        kind, _, subtype = media_type(name).partition("/")
        message.add_attachment(octets, maintype=kind, subtype=subtype, filename=_file_name(name))


def media_type(name: str) -> str:
    """Guess from a file's name what is in it; what is not known is `application/octet-stream`.

    >>> media_type("bread.PNG"), media_type("rolls"), media_type("old.eml")
    ('image/png', 'application/octet-stream', 'application/octet-stream')
    """
    ending = re.search(r"\.\w+$", name)
    kind, packed = TYPES.guess_type(f"x{ending[0].lower()}") if ending else (None, None)
    # RFC 2046 §5.2.1: a message inside a message may not be in base64, which attachments are.
    unfit = kind is None or packed is not None or kind.startswith(("message/", "multipart/"))
    return "application/octet-stream" if unfit else str(kind)


def references(parent: Callable[[str], str]) -> tuple[str, ...]:
    """Return what an answer refers to, from the parent's header fields (RFC 5322 §3.6.4).

    >>> references({"Message-ID": "<2@x.test>", "References": "<1@x.test>"}.get)
    ('<1@x.test>', '<2@x.test>')
    """
    before = _identifiers(parent("References")) or _identifiers(parent("In-Reply-To"))[:1]
    chain = [one for one in before if one not in _identifiers(parent("Message-ID"))[:1]]
    chain = [*chain[:1], *chain[1:][-MAX_REFERENCES + 2 :]]
    return (*chain, *_identifiers(parent("Message-ID"))[:1])


def _identifiers(text: str | None) -> list[str]:
    return re.findall(r"<[!-;=?-~]{1,250}>", text or "")


class _AsIs(str):
    """A header that is written as it stands; the library would fold it by putting parts of it in other words."""

    name: str

    def __new__(cls, name: str, text: str) -> _AsIs:
        made = super().__new__(cls, text)
        made.name = name
        return made

    def fold(self, *, policy: EmailPolicy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


def _from(draft: Draft) -> HeaderAddress | _AsIs:
    if not draft.from_header.strip():
        return _shown(draft.sender, draft.sender_name)
    name, address = _name_and_address(draft.from_header)
    if not name.isascii():  # RFC 2047; quotation marks are not needed then
        name = Header(name.strip().strip('"'), "utf-8").encode(linesep="") + " "
    if len(f"From: {name}{address}".encode()) > MAX_LINE:
        raise LabError(f"The From header is too long: a line has at most {MAX_LINE} octets. Shorten it.")
    return _AsIs("From", f"{name}{address}")


def _name_and_address(text: str) -> tuple[str, str]:
    """Cut what is written in From: `Bea <bea@bakery.test>` is ("Bea ", "<bea@bakery.test>")."""
    shown = "".join(sign for sign in " ".join(_whole(text[: 2 * MAX_LINE]).split()) if sign.isprintable())
    found = re.search(r"(<[^<>]*>|\S+@\S+)$", shown)
    return (shown[: found.start()], found[0]) if found else (shown, "")


def _whole(text: str) -> str:
    """Replace halves of letters, which no charset can write."""
    return text.encode("utf-8", "replace").decode()


def _file_name(name: str) -> str:
    """A name says no folder, and has no signs that cannot be seen."""
    last = re.split(r"[/\\]", _whole(name))[-1]
    return "".join(sign if sign.isprintable() else "_" for sign in last)[-100:] or "attachment"


def _check_size(octets: int) -> None:
    if octets > MAX_OCTETS:
        raise LabError(
            f"The message has {octets:,} octets; more than {MAX_OCTETS:,} are not sent. Leave an attachment out."
        )


def _shown(address: Address, name: str = "") -> HeaderAddress:
    # Given in two parts: the standard library refuses a whole address that is not ASCII.
    local = re.sub(r"\\(.)", r"\1", address.local[1:-1]) if address.local.startswith('"') else address.local
    return HeaderAddress(name, username=local, domain=address.domain)
