"""A message as a mail program shows it, and lists of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import EmailPolicy
from html import escape
from typing import Any

from mailcourse.message.address import read
from mailcourse.message.address_list import addresses
from mailcourse.message.fields import decode_words, fields, filename, in_order, text_of
from mailcourse.message.harmless import short, visible
from mailcourse.message.mime import Part, split

FILE = b"attachment"
#: characters of a message that an answer quotes
MAX_QUOTED = 20_000
#: characters of a field that a list shows, and that the library may parse; signs between letters, to join or part them
MAX_SHOWN, MAX_PARSED, JOINERS = 200, 1000, "\u200c\u200d"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that a mail program offers as a file; `name` is what the sender wrote, and may be empty."""

    name: str
    type: str
    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mail:
    """One message as a mail program sees it.

    `uid` is the name for it where it was read; `raw` has CRLF line ends; `when` it came there, if that is known.
    """

    uid: str
    flags: tuple[str, ...]
    raw: bytes = field(repr=False)
    when: datetime | None = None

    @property
    def parsed(self) -> EmailMessage:
        """The message as the standard library holds one, cut into parts by this course's own reader.

        The library's parser never ends for some messages.  Of a field it sees the beginning, when it is asked for one.
        """
        return _message(split(self.raw))

    @property
    def sender(self) -> str:
        """What the From header says; anybody can write anything there."""
        return self.said("From")

    @property
    def subject(self) -> str:
        """What the Subject header says."""
        return self.said("Subject")

    @property
    def date(self) -> str:
        """What the Date header says."""
        return self.said("Date")

    @property
    def text(self) -> str:
        """The readable part of the body, lines ending with LF; empty when there is none."""
        return self.plain or ""

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The header, field by field in its order, unfolded and else as it stands; lines that are no field are not."""
        read = in_order(split(self.raw).header)
        return [(text_of(name, "utf-8"), " ".join(text_of(value, "utf-8").split())) for name, value in read]

    def field(self, name: str) -> str:
        """Return the first field of that name as it stands, or an empty text."""
        found = fields(split(self.raw).header).first(name.lower().encode())
        return " ".join(text_of(found or b"", "utf-8").split())

    def said(self, name: str) -> str:
        """Return the first field of that name as people read it, on one line; nothing in a message makes this fail."""
        return " ".join(decode_words(self.field(name)).split())

    def address(self, name: str) -> str:
        """Return the first address in the first field of that name, or an empty text: whom an answer goes to.

        Found before anything is decoded: an encoded word is a name, whatever it looks like (RFC 2047 §5).
        """
        for listed in addresses(self.field(name).encode()):
            found = read(f"{(listed.local or b'').decode()}@{(listed.domain or b'').decode()}")
            if not isinstance(found, str):
                return str(found)
        return ""

    @property
    def plain(self) -> str | None:
        """The first part of plain text that is no attachment, or None; nothing in a message makes this fail."""
        return self._body("plain")

    @property
    def html(self) -> str | None:
        """The first part in HTML that is no attachment, or None.  Anybody can write anything there."""
        return self._body("html")

    @property
    def attachments(self) -> list[Attachment]:
        """All other parts; a message inside this message is one of them."""
        parts = list(_leaves(split(self.raw)))
        bodies = [_first(parts, "plain"), _first(parts, "html")]
        return [_attachment(part) for part in parts if not any(part is body for body in bodies)]

    def _body(self, subtype: str) -> str | None:
        found = _first(_leaves(split(self.raw)), subtype)
        return found.text().replace("\r\n", "\n") if found is not None else None

    def reply(self) -> dict[str, str]:
        """Fill in an answer: to, subject, and the text with > before each line (RFC 3676 §4.5)."""
        subject = short(self.said("Subject"))
        lines = (self.plain or "")[:MAX_QUOTED].rstrip().split("\n")
        quoted = "\n".join(f">{one}" if one.startswith(">") else f"> {one}" for one in map(visible, lines))
        said = f"On {short(self.said('Date'), 60)}, {short(self.said('From'), 100)} wrote:"
        return {
            "to": self.address("Reply-To") or self.address("From"),
            "subject": subject if subject.lower().startswith("re:") else f"Re: {subject}",
            "text": f"\n\n{said}\n{quoted}\n",
        }

    @property
    def state(self) -> str:
        r"""The flags without their backslashes; "new" when nobody has seen the message."""
        words = [flag.lstrip("\\").lower() for flag in self.flags if flag != "\\Recent"]
        return " ".join(words) or "new"

    def __repr__(self) -> str:
        return f"<Mail {self.uid} from {_short(self.sender)}: {_short(self.subject)!r} ({self.state})>"


def _short(text: str) -> str:
    """Cut a text to fit a line, without signs that steer a terminal or the eye."""
    shown = "".join(sign if sign.isprintable() or sign in JOINERS else "\ufffd" for sign in text[:MAX_SHOWN])
    return shown + "…" * (len(text) > MAX_SHOWN)


class _Guarded(EmailPolicy):
    """Lets the library read so much of a field that it cannot take long, and what it cannot read as it stands."""

    def header_fetch_parse(self, name: str, value: str) -> Any:
        try:
            return super().header_fetch_parse(name, value[:MAX_PARSED])
        except (ValueError, LookupError, AttributeError, TypeError, RecursionError):
            return value


GUARDED = _Guarded()


def _message(part: Part) -> EmailMessage:
    made = EmailMessage(policy=GUARDED)
    for name, value in in_order(part.header):
        made.set_raw(name.decode("ascii", "replace"), value.decode("ascii", "surrogateescape"))
    if part.parts:
        made.set_payload([_message(inner) for inner in part.parts])
    elif part.type == ("message", "delivery-status"):  # blocks of fields, RFC 3464 §2.1
        made.set_payload([_message(split(block + b"\r\n")) for block in part.body.strip().split(b"\r\n\r\n", 1000)])
    else:
        made.set_payload(part.body.decode("ascii", "surrogateescape"))
    return made


def _leaves(part: Part) -> Iterator[Part]:
    """Go through the parts that have no parts."""
    if part.type[0] == "multipart" and part.parts:
        for inner in part.parts:
            yield from _leaves(inner)
    else:
        yield part


def _first(parts: Iterable[Part], subtype: str) -> Part | None:
    shown = (part for part in parts if part.type == ("text", subtype))
    return next((p for p in shown if not p.fields.get(b"content-disposition", [b""])[0].lower().startswith(FILE)), None)


def _attachment(part: Part) -> Attachment:
    name = filename(part.fields.first(b"content-disposition") or b"", part.fields.first(b"content-type") or b"")
    octets = part.decoded()
    return Attachment(name, "/".join(part.type), part.body if octets is None else octets)


class Messages(list[Mail]):
    """A list of messages that prints as a mailbox does.  `more` is how many others there are, not in the list."""

    more = 0

    def __repr__(self) -> str:
        return "\n".join(map(repr, self)) or "no messages"

    def _repr_html_(self) -> str:
        if not self:
            return "<p>no messages</p>"
        cells = [(m.uid, *map(_short, (m.sender, m.subject, m.date)), m.state) for m in self]
        head = "".join(f'<th style="text-align:left">{c}</th>' for c in ("uid", "From", "Subject", "Date", "flags"))
        body = "".join(
            "<tr>" + "".join(f'<td style="text-align:left">{escape(c)}</td>' for c in row) + "</tr>" for row in cells
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
