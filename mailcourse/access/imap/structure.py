"""ENVELOPE and BODYSTRUCTURE: a message described without being sent (RFC 3501 §7.4.2).

ENVELOPE        date, subject, from, sender, reply-to, to, cc, bcc, in-reply-to, message-id
BODYSTRUCTURE   the tree of parts: type, parameters, encoding, octets, lines
"""

from __future__ import annotations

import re
from email.message import Message
from email.utils import collapse_rfc2231_value, getaddresses

from mailcourse.message.mime import Part

from .grammar import quoted


def envelope(header: Message) -> bytes:
    """Write the ENVELOPE of a message with this header."""
    sender = _addresses(header, "From")
    fields = [
        quoted(_field(header, "Date")),
        quoted(_field(header, "Subject")),
        sender,
        _addresses(header, "Sender", sender),  # RFC 3501 §7.4.2: when missing, the same as From
        _addresses(header, "Reply-To", sender),
        _addresses(header, "To"),
        _addresses(header, "Cc"),
        _addresses(header, "Bcc"),
        quoted(_field(header, "In-Reply-To")),
        quoted(_field(header, "Message-ID")),
    ]
    return b"(" + b" ".join(fields) + b")"


def _field(header: Message, name: str) -> str | None:
    value = header.get(name)
    return None if value is None else re.sub(r"\r?\n", "", str(value)).strip()


def _addresses(header: Message, name: str, otherwise: bytes = b"NIL") -> bytes:
    values = [re.sub(r"\r?\n", "", str(value)) for value in header.get_all(name, [])]
    found = [(shown, address) for shown, address in getaddresses(values) if address]
    if not found:
        return otherwise
    return b"(" + b"".join(_address(shown, address) for shown, address in found) + b")"


def _address(shown: str, address: str) -> bytes:
    local, at, domain = address.rpartition("@")
    parts = [quoted(shown or None), b"NIL", quoted(local if at else address), quoted(domain if at else "")]
    return b"(" + b" ".join(parts) + b")"


def body(part: Part, *, extended: bool) -> bytes:
    """Write the structure of a part; `extended` for BODYSTRUCTURE, else BODY."""
    main, sub = part.type
    if main == "multipart" and part.parts:
        inside = b"".join(body(child, extended=extended) for child in part.parts)
        more = b" " + b" ".join([_parameters(part.fields), *_rest(part.fields)]) if extended else b""
        return b"(" + inside + b" " + quoted(sub.upper()) + more + b")"
    if main == "multipart":  # no parts could be found: shown as what it is, text
        main, sub = "text", "plain"
    fields = [quoted(main.upper()), quoted(sub.upper()), _parameters(part.fields)]
    fields += [quoted(_field(part.fields, "Content-ID")), quoted(_field(part.fields, "Content-Description"))]
    fields += [quoted((_field(part.fields, "Content-Transfer-Encoding") or "7BIT").upper())]
    fields.append(b"%d" % len(part.body))
    if (main, sub) == ("message", "rfc822") and part.parts:
        fields += [envelope(part.parts[0].fields), body(part.parts[0], extended=extended)]
    if main == "text" or ((main, sub) == ("message", "rfc822") and part.parts):
        fields.append(b"%d" % part.body.count(b"\n"))
    if extended:
        fields += [quoted(_field(part.fields, "Content-MD5")), *_rest(part.fields)]
    return b"(" + b" ".join(fields) + b")"


def _parameters(header: Message) -> bytes:
    pairs = header.get_params(failobj=[])[1:]
    if not pairs:
        return b'("CHARSET" "US-ASCII")' if header.get_content_maintype() == "text" else b"NIL"
    return _pairs(pairs)


def _pairs(pairs: list[tuple[str, str]]) -> bytes:
    return (
        b"("
        + b" ".join(quoted(key.upper()) + b" " + quoted(collapse_rfc2231_value(value)) for key, value in pairs)
        + b")"
    )


def _rest(header: Message) -> list[bytes]:
    """Disposition, language, location."""
    disposition = header.get_content_disposition()
    shown = b"NIL"
    if disposition:
        pairs = (header.get_params(failobj=[], header="content-disposition") or [])[1:]
        shown = b"(" + quoted(disposition.upper()) + b" " + (_pairs(pairs) if pairs else b"NIL") + b")"
    language = _field(header, "Content-Language")
    return [shown, quoted(language), quoted(_field(header, "Content-Location"))]
