"""How IMAP writes things: strings, names of folders, dates, sets of numbers (RFC 3501 §4, §5.1.3, §9).

"quoted"    {7}⏎literal    NIL      1,3:5      07-Sep-2026
"Entw&APw-rfe"             the folder "Entwürfe" in modified UTF-7, before UTF8=ACCEPT is enabled
"""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone

from .responses import BadResponse, NoResponse

# Python's %b follows the language of the machine; the protocol does not.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DATE = re.compile(r"(\d{1,2})-([A-Za-z]{3})-(\d{4})")
TIME = re.compile(r" ?(\d{1,2}-[A-Za-z]{3}-\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
SET = re.compile(r"(?:\d+|\*)(?::(?:\d+|\*))?(?:,(?:\d+|\*)(?::(?:\d+|\*))?)*")
PLAIN = re.compile(rb"[\x20-\x7e]*")
SHIFTED = re.compile(r"&([A-Za-z0-9+,]*)-|&|[^\x20-\x7e]")
FOREIGN = re.compile(r"[^\x20-\x25\x27-\x7e]+")


def quoted(text: str | bytes | None, *, utf8: bool = False) -> bytes:
    r"""Write an nstring: NIL, a quoted string, or a literal when it cannot be quoted.

    >>> quoted('say "hi"')
    b'"say \\"hi\\""'
    """
    if text is None:
        return b"NIL"
    octets = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    if not PLAIN.fullmatch(octets) and not (utf8 and isinstance(text, str) and text.isprintable()):
        return literal(octets)
    if b'"' in octets or b"\\" in octets:
        octets = octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"' + octets + b'"'


def literal(octets: bytes) -> bytes:
    """Write a literal; it cannot hold NUL (RFC 3501 §4.3.1), which becomes 0x80 as other servers have it."""
    return b"{%d}\r\n" % len(octets) + octets.replace(b"\0", b"\x80")


def literal8(octets: bytes) -> bytes:
    """Write octets of any kind (RFC 3516 §4.4)."""
    return b"~{%d}\r\n" % len(octets) + octets if b"\0" in octets else literal(octets)


# ---- names of folders --------------------------------------------------------------------------------


def read_folder(wire: str, *, utf8: bool) -> str:
    """Return the name of a folder as people read it.

    >>> read_folder("Entw&APw-rfe &- more", utf8=False)
    'Entwürfe & more'
    """
    return wire if utf8 else SHIFTED.sub(_unshift, wire)


def _unshift(match: re.Match[str]) -> str:
    if match[1] == "":
        return "&"
    try:
        octets = base64.b64decode((match[1] or "!").replace(",", "/") + "=" * (-len(match[1] or "!") % 4), b"+/", True)
        return octets.decode("utf-16-be")
    except (binascii.Error, ValueError):
        raise NoResponse("[CANNOT] a name beyond ASCII is written in modified UTF-7 here, and & as &-") from None


def write_folder(name: str, *, utf8: bool) -> bytes:
    """Write the name of a folder.

    >>> write_folder("Entwürfe & more", utf8=False)
    b'"Entw&APw-rfe &- more"'
    """
    return quoted(name, utf8=True) if utf8 else quoted(in_utf7(name))


def in_utf7(name: str) -> str:
    """Write a name in ASCII: Entwürfe is Entw&APw-rfe."""
    return FOREIGN.sub(_shift, name.replace("&", "\0")).replace("\0", "&-")


def _shift(match: re.Match[str]) -> str:
    def shifted(text: str) -> str:
        octets = text.encode("utf-16-be", "surrogatepass")
        return "&" + base64.b64encode(octets, b"+,").decode().rstrip("=") + "-" if text else ""

    return "\0".join(shifted(piece) for piece in match[0].split("\0"))


# ---- numbers and dates -------------------------------------------------------------------------------


def in_set(text: str, numbers: Sequence[int]) -> set[int]:
    """Return which of the ascending `numbers` a sequence set such as "1,3:5,7:*" means; `*` is the largest.

    >>> sorted(in_set("2:3,*", [1, 2, 3, 9]))
    [2, 3, 9]
    """
    ends = ends_of(text, max(numbers[-1:], default=0))
    chosen: set[int] = set()
    for low, high in ends:
        chosen.update(numbers[bisect_left(numbers, low) : bisect_right(numbers, high)])
    return chosen


def ends_of(text: str, largest: int) -> list[tuple[int, int]]:
    """Return lower and upper end of each piece of a sequence set."""
    if len(text) > 8000 or not SET.fullmatch(text):
        raise BadResponse(f"{text[:40]!r} is no set of messages, such as 1,3:5")
    pieces = [[largest if end == "*" else int(end[:12]) for end in piece.split(":")] for piece in text.split(",")]
    if not all(min(ends) > 0 or not largest for ends in pieces):
        raise BadResponse("numbers of messages begin with 1")
    return [(min(ends), max(ends)) for ends in pieces]


def write_set(numbers: Iterable[int]) -> str:
    """Write numbers as a set, as short as can be.

    >>> write_set([1, 2, 3, 7])
    '1:3,7'
    """
    pieces: list[list[int]] = []
    for number in sorted(numbers):
        if pieces and number == pieces[-1][1] + 1:
            pieces[-1][1] = number
        else:
            pieces.append([number, number])
    return ",".join(str(low) if low == high else f"{low}:{high}" for low, high in pieces)


def read_date(text: str) -> date:
    """Read a date: 7-Sep-2026."""
    match = DATE.fullmatch(text.strip())
    if match is None or match[2].title() not in MONTHS:
        raise BadResponse(f"{text[:40]!r} is no date, such as 7-Sep-2026")
    try:
        return date(int(match[3]), MONTHS.index(match[2].title()) + 1, int(match[1]))
    except ValueError:
        raise BadResponse(f"there is no day {text[:40]!r}") from None


def read_time(text: str) -> datetime:
    """Read a date with its time: 07-Sep-2026 10:00:00 +0200."""
    match = TIME.fullmatch(text)
    if match is None:
        raise BadResponse(f"{text[:40]!r} is no time, such as 07-Sep-2026 10:00:00 +0200")
    day, hours, minutes, seconds, sign, east_hours, east_minutes = match.groups()
    east = timedelta(hours=int(east_hours), minutes=int(east_minutes)) * (-1 if sign == "-" else 1)
    try:
        clock = time(int(hours), int(minutes), min(int(seconds), 59), tzinfo=timezone(east))
        when = datetime.combine(read_date(day), clock).astimezone(UTC)
        return max(when, datetime(1970, 1, 1, tzinfo=UTC))  # the earliest time of a file
    except (ValueError, OverflowError):
        raise BadResponse(f"there is no time {text[:40]!r}") from None


def write_time(when: datetime) -> bytes:
    """Write a date with its time."""
    return f'"{when.day:02d}-{MONTHS[when.month - 1]}-{when:%Y %H:%M:%S} +0000"'.encode()
