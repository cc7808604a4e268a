"""A message as a mail program shows it, and lists of them."""

from __future__ import annotations

import email
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import default
from html import escape
from itertools import islice
from urllib.parse import unquote_to_bytes

from mailcourse.message.headers import decode_words
from mailcourse.message.mime import Part, parameters, split, text_of

#: parts of one message that are looked at
MAX_PARTS = 2000
#: characters of a field that are decoded
MAX_DECODED = 4000


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
        """The message as the standard library reads it."""
        return email.message_from_bytes(self.raw, policy=default)

    @property
    def sender(self) -> str:
        """What the From header says; anybody can write anything there."""
        return _header(self.parsed, "From")

    @property
    def subject(self) -> str:
        """What the Subject header says."""
        return _header(self.parsed, "Subject")

    @property
    def date(self) -> str:
        """What the Date header says."""
        return _header(self.parsed, "Date")

    @property
    def text(self) -> str:
        """The readable part of the body, lines ending with LF; empty when there is none."""
        part = self.parsed.get_body(preferencelist=("plain",))
        if part is None:
            return ""
        try:
            return str(part.get_content()).replace("\r\n", "\n")
        except (LookupError, ValueError):  # an unknown charset: show what can be shown
            return bytes(part.get_payload(decode=True) or b"").decode("ascii", "replace")

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The header, field by field in its order, unfolded and else as it stands; lines that are no field are not."""
        return list(_fields(split(self.raw).header))

    def field(self, name: str) -> str:
        """Return the first field of that name as it stands, or an empty text."""
        return next((value for one, value in self.fields if one.lower() == name.lower()), "")

    def said(self, name: str) -> str:
        """Return the beginning of the first field of that name, decoded; nothing in a message makes this fail."""
        return decode_words(self.field(name)[:MAX_DECODED])

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
        parts = list(islice(_leaves(split(self.raw)), MAX_PARTS))
        bodies = [_first(parts, "plain"), _first(parts, "html")]
        return [_attachment(part) for part in parts if not any(part is body for body in bodies)]

    def _body(self, subtype: str) -> str | None:
        found = _first(islice(_leaves(split(self.raw)), MAX_PARTS), subtype)
        return found.text().replace("\r\n", "\n") if found is not None else None

    @property
    def state(self) -> str:
        r"""The flags without their backslashes; "new" when nobody has seen the message."""
        words = [flag.lstrip("\\").lower() for flag in self.flags if flag != "\\Recent"]
        return " ".join(words) or "new"

    def __repr__(self) -> str:
        return f"<Mail {self.uid} from {self.sender}: {self.subject!r} ({self.state})>"


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except (ValueError, IndexError, AttributeError, TypeError):  # headers that the parser cannot read
        return "(unreadable)"


def _fields(header: bytes) -> Iterator[tuple[str, str]]:
    lines: list[bytes] = []
    for line in [*header.split(b"\n"), b""]:
        if line[:1] in (b" ", b"\t") and lines:
            lines.append(line.strip())
            continue
        name, colon, value = b" ".join(lines).partition(b":")
        if colon:
            yield text_of(name.strip(), "utf-8"), text_of(value.strip(), "utf-8")
        lines = [line.rstrip(b"\r")]


def _leaves(part: Part) -> Iterator[Part]:
    """Go through the parts that have no parts."""
    if part.type[0] == "multipart" and part.parts:
        for inner in part.parts:
            yield from _leaves(inner)
    else:
        yield part


def _first(parts: Iterable[Part], subtype: str) -> Part | None:
    fit = (part for part in parts if part.type == ("text", subtype) and not _is_file(part))
    return next(fit, None)


def _is_file(part: Part) -> bool:
    return (part.fields.first(b"content-disposition") or b"").lower().startswith(b"attachment")


def _attachment(part: Part) -> Attachment:
    known = {**dict(part.parameters), **dict(parameters(part.fields.first(b"content-disposition") or b""))}
    told = [(key, known[key]) for key in (b"filename", b"filename*", b"name", b"name*") if known.get(key)]
    key, said = told[0] if told else (b"", b"")
    name = decode_words(text_of(said, "utf-8"))
    if key.endswith(b"*") and said.count(b"'") >= 2:  # RFC 2231 §4: charset'language'%C3%A4
        charset, _, coded = said.split(b"'", 2)
        name = text_of(unquote_to_bytes(coded), charset.decode("ascii", "replace") or "utf-8")
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
        cells = [(m.uid, m.sender, m.subject, m.date, m.state) for m in self]
        head = "".join(f'<th style="text-align:left">{c}</th>' for c in ("uid", "From", "Subject", "Date", "flags"))
        body = "".join(
            "<tr>" + "".join(f'<td style="text-align:left">{escape(c)}</td>' for c in row) + "</tr>" for row in cells
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
