"""ENVELOPE and BODYSTRUCTURE: a message described without being sent (RFC 3501 §7.4.2).

ENVELOPE        date, subject, from, sender, reply-to, to, cc, bcc, in-reply-to, message-id
BODYSTRUCTURE   the tree of parts: type, parameters, encoding, octets, lines

Both give the header as it is written, still encoded (RFC 2047, RFC 2231): the client decodes it.
"""

from __future__ import annotations

from mailcourse.message.address_list import ListedAddress, addresses
from mailcourse.message.fields import MAX_PARAMETERS, WORD, Fields, parameters, without_comments
from mailcourse.message.mime import Part

from .strings import quoted

NIL = b"NIL"


def envelope(header: Fields) -> bytes:
    """Write the ENVELOPE of a message with this header."""
    sender = _addresses(header, b"from")
    parts = [
        quoted(header.first(b"date")),
        quoted(header.first(b"subject")),
        sender,
        _addresses(header, b"sender", sender),  # RFC 3501 §7.4.2: when missing or empty, the same as From
        _addresses(header, b"reply-to", sender),
        _addresses(header, b"to"),
        _addresses(header, b"cc"),
        _addresses(header, b"bcc"),
        quoted(header.first(b"in-reply-to")),
        quoted(header.first(b"message-id")),
    ]
    return b"(" + b" ".join(parts) + b")"


def _addresses(header: Fields, name: bytes, otherwise: bytes = NIL) -> bytes:
    values = header.get(name)
    if not values:
        return otherwise
    written = [_address(address) for value in values for address in addresses(value)]
    return b"(" + b"".join(written) + b")" if written else otherwise


def _address(address: ListedAddress) -> bytes:
    return b"(" + b" ".join(map(quoted, address)) + b")"


def body(part: Part, *, extended: bool) -> bytes:
    """Write the structure of a part; `extended` for BODYSTRUCTURE, else BODY."""
    main, sub = part.type
    if main == "multipart" and part.parts:
        inside = b"".join(body(child, extended=extended) for child in part.parts)
        more = b" " + b" ".join([_pairs(part.parameters), *_rest(part.fields)]) if extended else b""
        return b"(" + inside + b" " + quoted(sub.upper()) + more + b")"
    if main == "multipart":  # nested too deep to be cut: shown as what it is, text
        main, sub = "text", "plain"
    said = part.parameters or ([(b"charset", b"US-ASCII")] if main == "text" else [])
    parts = [quoted(main.upper()), quoted(sub.upper()), _pairs(said)]
    parts += [quoted(part.fields.first(b"content-id")), quoted(part.fields.first(b"content-description"))]
    parts += [quoted(part.encoding.upper()), b"%d" % (part.end - part.middle)]
    is_message = (main, sub) == ("message", "rfc822") and part.parts
    if is_message:
        parts += [envelope(part.parts[0].fields), body(part.parts[0], extended=extended)]
    if main == "text" or is_message:
        parts.append(b"%d" % part.message.count(b"\n", part.middle, part.end))
    if extended:
        parts += [quoted(part.fields.first(b"content-md5")), *_rest(part.fields)]
    return b"(" + b" ".join(parts) + b")"


def _pairs(pairs: list[tuple[bytes, bytes]]) -> bytes:
    if not pairs:
        return NIL
    return b"(" + b" ".join(quoted(key.upper()) + b" " + quoted(value) for key, value in pairs) + b")"


def _rest(header: Fields) -> list[bytes]:
    """Disposition, language, location."""
    disposition = header.first(b"content-disposition")
    shown = NIL
    if disposition:
        kind = WORD.match(without_comments(disposition))
        name = quoted(kind[1].upper() if kind else b"ATTACHMENT")
        shown = b"(" + name + b" " + _pairs(parameters(disposition)) + b")"
    tags = without_comments(header.first(b"content-language") or b"").split(b",", MAX_PARAMETERS)
    languages = [quoted(tag.strip()) for tag in tags if tag.strip()]
    language = NIL if not languages else languages[0] if len(languages) == 1 else b"(" + b" ".join(languages) + b")"
    return [shown, language, quoted(header.first(b"content-location"))]
