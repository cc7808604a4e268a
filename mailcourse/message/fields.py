r"""How is a header read?  One reader for all who look into a message: search, envelope, inbox, reader, reply, checks.

    Subject: =?utf-8?q?Br=C3=B6tchen?=\r\n for\r\n  you          name, colon, value; a line with a space goes on
    Content-Type: text/plain (x); name*1=b; name*0=a             comments, parameters, pieces of parameters

Anybody may have written a header, so nothing here raises, all takes time in proportion to its input, and no more
is looked at than the bounds say (RFC 5322 §2.2, RFC 2045 §5.1, RFC 2047, RFC 2231).
The addresses in a field are read by `address_list.py`.  Not here: the standard library's parser of headers, which
raises IndexError and RecursionError, and takes time that grows with the square of the text.
"""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Iterator
from datetime import date
from email.utils import parsedate
from functools import lru_cache
from itertools import groupby, islice
from urllib.parse import quote_from_bytes, unquote_to_bytes

#: What is looked at: octets of a header, of a field, of a date; fields, pieces of parameters, comments in a field.
MAX_HEADER, MAX_FIELD, MAX_DATE, MAX_FIELDS, MAX_PARAMETERS, MAX_COMMENTS = 1_000_000, 100_000, 200, 5_000, 100, 2_000

TOKEN = rb"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]++"
TYPE = re.compile(rb"\s*(" + TOKEN + rb")\s*/\s*(" + TOKEN + rb")")
WORD = re.compile(rb"\s*(" + TOKEN + rb")")
PARAMETER = re.compile(rb';\s*([^\s=;"]++)\s*=\s*(?:"((?:[^"\\]|\\.)*+)"?|([^\s;]*+))', re.DOTALL)
CONTINUED = re.compile(rb"([^*]+)\*(0|[1-9]\d{0,2})(\*?)")
BLANK, FOLD = re.compile(rb"\r?\n[ \t]++(?=\r?\n[ \t])"), re.compile(rb"\r?\n(?=[ \t])")
PAIR = re.compile(rb"\\(.)", re.DOTALL)
BEFORE_COMMENT = re.compile(rb'(?:[^"\\(]|\\.|"(?:[^"\\]|\\.)*+"?)*+', re.DOTALL)
IN_COMMENT = re.compile(rb"\\.|[()]", re.DOTALL)
ENCODED = r"=\?([^?*\s]{1,40})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?]*+)\?="
ENCODED_WORD = re.compile(ENCODED)
ENCODED_WORDS = re.compile(f"{ENCODED}(?:\\s*+{ENCODED})*")
#: codecs of Python that are no charsets of mail; some take time that grows with the square of the text
UNFIT = {"idna", "punycode", "raw-unicode-escape", "unicode-escape", "utf-7"}


class Fields(dict[bytes, list[bytes]]):
    """The fields of a header: name in lower case → values, unfolded and stripped, in their order."""

    def first(self, name: bytes) -> bytes | None:
        """Return the first value of a field, or None."""
        return self[name][0] if name in self else None


def fields(header: bytes) -> Fields:
    """Read a header; what is no field is passed over.

    >>> fields(b"Subject: two\\r\\n lines\\r\\nnonsense\\r\\n\\r\\n")
    {b'subject': [b'two lines']}
    """
    found = Fields()
    for name, value in in_order(header):
        found.setdefault(name.lower(), []).append(value)
    return found


def in_order(header: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and value of each field, as they come; the name as it is written."""
    for line in unfolded(header).split(b"\n", MAX_FIELDS)[:MAX_FIELDS]:
        name, colon, value = line.partition(b":")
        if colon and not name[:1].isspace():  # a first line that begins with a space goes on with nothing
            yield name.rstrip(b" \t"), value.strip(b" \t\r")[:MAX_FIELD]


def unfolded(header: bytes) -> bytes:
    """Join the lines of each field (RFC 5322 §2.2.3); of lines with nothing but spaces, none stays (§4.2)."""
    header = header[:MAX_HEADER]
    if b"\n " in header or b"\n\t" in header:
        header = FOLD.sub(b"", BLANK.sub(b"", header))
    return header


def comment_end(value: bytes, start: int) -> int:
    """Return where the comment that opens at `start` is closed; others may be inside it."""
    depth = 0
    for sign in islice(IN_COMMENT.finditer(value, start), MAX_COMMENTS):
        depth += (sign[0] == b"(") - (sign[0] == b")")
        if depth == 0:
            return sign.end()
    return len(value)


def without_comments(value: bytes) -> bytes:
    """Put a space for each comment (RFC 5322 §3.2.2)."""
    if b"(" not in value:
        return value
    kept, position = list[bytes](), 0
    while position < len(value) and len(kept) < MAX_COMMENTS:
        found = BEFORE_COMMENT.match(value, position)
        assert found is not None  # it matches nothing, too
        kept.append(found[0])
        position = comment_end(value, found.end())
    return b" ".join([*kept, value[position:]])


def parameters(value: bytes) -> list[tuple[bytes, bytes]]:
    """Read what follows the first semicolon of a field; pieces are joined in the order of their numbers, not decoded.

    >>> parameters(b'attachment; filename*1="name"; filename*0="a long "; x=1')
    [(b'filename', b'a long name'), (b'x', b'1')]
    """
    found: dict[bytes, bytes] = {}
    pieces: dict[bytes, dict[int, tuple[bytes, bytes]]] = {}  # name* → number → text, and * when it is encoded
    for match in islice(PARAMETER.finditer(without_comments(value)), MAX_PARAMETERS):
        name, said = match[1].lower(), PAIR.sub(rb"\1", match[2]) if match[2] else match[3] or b""
        piece = CONTINUED.fullmatch(name)
        if piece is not None:
            name = piece[1] + b"*"
            pieces.setdefault(name, {}).setdefault(int(piece[2]), (said, piece[3]))
        found.setdefault(name, said)
    whole: dict[bytes, bytes] = {}
    for name, said in found.items():
        if name in pieces:
            star, said = _joined([pieces[name][number] for number in sorted(pieces[name])])
            name = name[:-1] + star
        whole.setdefault(name, said)
    return list(whole.items())


def _joined(pieces: list[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
    """Join the pieces of one parameter; one is encoded, so the whole is (RFC 2231 §4.1).  The first has the charset."""
    if not any(star for _, star in pieces):
        return b"", b"".join(text for text, _ in pieces)
    texts = [text if star else quote_from_bytes(text, safe="").encode() for text, star in pieces]
    return b"*", b"".join(texts if pieces[0][1] else [b"''", *texts])


def filename(disposition: bytes, content_type: bytes) -> str:
    """Return the name of a file as its sender wants it, or an empty text (RFC 2183 §2.3, RFC 2231 §4)."""
    known = {**dict(parameters(content_type)), **dict(parameters(disposition))}
    key = next((key for key in (b"filename*", b"filename", b"name*", b"name") if known.get(key)), b"")
    said = known.get(key, b"")
    if not key.endswith(b"*"):
        return decode_words(text_of(said, "utf-8"))
    coded = said.split(b"'", 2)  # charset'language'%C3%A4
    return text_of(unquote_to_bytes(coded[-1]), coded[0].decode("ascii", "replace") if len(coded) == 3 else "")


def day(value: bytes) -> date | None:
    """Return the day that a Date says, in the sender's own time zone; None when it says none."""
    try:
        found = parsedate(value[:MAX_DATE].decode("ascii", "replace"))
        return date(*found[:3]) if found else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


# ---- from octets to text ---------------------------------------------------------------------------------


@lru_cache(200)
def charset(name: str) -> str | None:
    """Return what Python calls a charset; None when nobody knows it, or it is none for mail."""
    try:
        known = codecs.lookup(name[:60]).name
        bytes(4).decode(known)  # not every codec is one of text
    except (LookupError, ValueError):
        return None
    return None if known in UNFIT else known


def text_of(octets: bytes, name: str) -> str:
    """Decode octets; a charset that nobody knows is read as UTF-8."""
    return octets.decode(charset(name) or "utf-8", "replace")


def decode_words(text: str) -> str:
    """Return a header field as people read it, its encoded words decoded (RFC 2047); a broken one stays as it is.

    >>> decode_words("=?utf-8?q?Br=C3=B6tchen?="), decode_words("=?utf-8?b?A?=")
    ('Brötchen', '=?utf-8?b?A?=')
    """
    return ENCODED_WORDS.sub(_decoded_run, text[:MAX_FIELD]) + text[MAX_FIELD:] if "=?" in text else text


def _decoded_run(words: re.Match[str]) -> str:
    """Decode encoded words that stand together: spaces between them mean nothing, and a letter may be in two (§6.2)."""
    runs = groupby(ENCODED_WORD.finditer(words[0]), key=lambda word: word[1].lower())
    return "".join(_decoded(name, list(run)) for name, run in runs)


def _decoded(name: str, words: list[re.Match[str]]) -> str:
    try:
        return b"".join(_octets(word[2], word[3]) for word in words).decode(charset(name) or "")
    except (LookupError, ValueError):  # no such charset, broken base64, octets that are no letters
        return " ".join(word[0] for word in words)


def _octets(encoding: str, text: str) -> bytes:
    if encoding in "qQ":
        return binascii.a2b_qp(text.encode(), header=True)
    return binascii.a2b_base64(text.strip() + "=" * (-len(text.strip()) % 4), strict_mode=True)
