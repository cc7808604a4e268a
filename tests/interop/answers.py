"""IMAP answers as values that two servers can be compared by: the same meaning, the same value.

    * 2 FETCH (UID 7 FLAGS (\\Seen))        {"FETCH 2": {"UID": "7", "FLAGS": ["\\\\SEEN"]}}
    a1 OK [READ-WRITE] welcome              {"done": "OK", "code READ-WRITE": True}

Taken away: the words behind OK, NO and BAD, codes that are not in `CODES`, capabilities, the value of
UIDVALIDITY, RECENT outside SELECT, the order of lines and flags, the case of atoms, how a string is
written, and whether the section of a part that is not there is NIL or empty.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

TOKEN = re.compile(
    rb'(?P<space> +)|(?P<open>\()|(?P<close>\))|"(?P<quoted>(?:[^"\\]|\\.)*)"|\{(?P<literal>\d+)\}\r\n|(?P<end>\r\n)'
    rb'|(?P<atom>(?:[^\x00-\x20(){"\[]|\[(?:[^\]"]|"[^"]*")*\](?:<\d+>)?)+)'
)
#: Response codes that are compared.
CODES = ("READ-ONLY", "READ-WRITE", "UNSEEN", "UIDNEXT", "COPYUID", "APPENDUID", "TRYCREATE", "BADCHARSET")
STATUS = re.compile(rb"(\S+) (OK|NO|BAD|BYE|PREAUTH)(?: \[([^\]]*)\])?[^\r]*\r\n", re.IGNORECASE)


def values(answer: bytes) -> dict[str, Any]:
    """Return what an answer says."""
    found: dict[str, Any] = {}
    gone: list[int] = []
    position = 0
    while position < len(answer):
        status = STATUS.match(answer, position)
        if status is not None:
            position = status.end()
            _status(found, *status.groups())
            continue
        line, position = _line(answer, position)
        _untagged(found, gone, line[1:])
    if gone:
        found["EXPUNGE"] = sorted(gone)
    if "FLAGS" not in found:  # outside SELECT, RECENT may be told or not
        found.pop("RECENT", None)
    return found


def _status(found: dict[str, Any], tag: bytes, kind: bytes, code: bytes | None) -> None:
    if tag != b"*":
        found["done"] = kind.decode().upper()
    elif kind.upper() == b"BYE":
        found["BYE"] = True
    name, _, rest = (code or b"").decode("ascii", "replace").partition(" ")
    if name.upper() in CODES:
        if name.upper() in ("COPYUID", "APPENDUID"):  # UIDVALIDITY, and sets that can be written in many ways
            found[f"code {name.upper()}"] = [_each(numbers) for numbers in rest.split(" ")[1:]]
        else:
            found[f"code {name.upper()}"] = rest or True


def _line(answer: bytes, position: int) -> tuple[list[Any], int]:
    """Return the tokens of one line and its literals: atoms as `str`, strings as `bytes`, lists."""
    stack: list[list[Any]] = [[]]
    while True:
        token = TOKEN.match(answer, position)
        if token is None:
            raise AssertionError(f"this is no IMAP: {answer[position : position + 200]!r} in {answer[:2000]!r}")
        position = token.end()
        if token["end"] is not None:
            assert len(stack) == 1, f"a parenthesis is not closed in {answer[:2000]!r}"
            return stack[0], position
        if token["open"]:
            stack.append([])
        elif token["close"]:
            assert len(stack) > 1, f"a parenthesis was never opened in {answer[:2000]!r}"
            done = stack.pop()
            stack[-1].append(done)
        elif token["quoted"] is not None:
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", token["quoted"]))
        elif token["literal"] is not None:
            end = position + int(token["literal"])
            stack[-1].append(answer[position:end])
            position = end
        elif token["atom"] is not None:
            stack[-1].append(token["atom"].decode("latin-1"))


def _untagged(found: dict[str, Any], gone: list[int], line: list[Any]) -> None:
    number, name = (line[0], line[1].upper()) if str(line[0]).isdigit() else ("", str(line[0]).upper())
    if name == "EXPUNGE":
        expunged = int(number)
        for before in sorted(gone):  # as it was called before others went
            expunged += before <= expunged
        gone.append(expunged)
    elif name == "FETCH":
        found.setdefault(f"FETCH {number}", {}).update(_fetched(line[2]))
    elif number:
        found[name] = number
    elif name in ("LIST", "LSUB"):
        key = f"{name} {line[3].decode() if isinstance(line[3], bytes) else line[3]}"
        key += " again" * (key in found)
        found[key] = (sorted(set(_upper(line[1])) - {"\\UNMARKED", "\\MARKED"}), line[2])
    elif name == "STATUS":
        pairs = _upper(line[2])
        folder = line[1].decode() if isinstance(line[1], bytes) else line[1]
        found[f"STATUS {folder}"] = dict(zip(pairs[::2], pairs[1::2], strict=True)) | {"UIDVALIDITY": "some"}
    elif name == "SEARCH":
        found["SEARCH"] = sorted(line[1:], key=int)
    elif name == "FLAGS":
        found["FLAGS"] = sorted(_upper(line[1]))
    elif name not in ("+", "CAPABILITY"):
        found[name] = line[1:]


def _fetched(items: list[Any]) -> dict[str, Any]:
    found = {}
    for name, value in zip(_upper(items[::2]), items[1::2], strict=True):
        if name == "FLAGS":
            value = sorted(_upper(value))
        elif name == "INTERNALDATE":
            value = datetime.strptime(value.decode().strip(), "%d-%b-%Y %H:%M:%S %z").astimezone(UTC).isoformat()
        elif name in ("BODY", "BODYSTRUCTURE"):
            value = _upper(value)
        elif name.startswith("BODY[") and value == "NIL":
            value = b""  # of a part that is not there; RFC 3501 §6.4.5 leaves open which
        found[name.replace('"', "")] = value
    return found


def _upper(value: Any) -> Any:
    """Types, encodings, flags and names of parameters have no case; values of parameters lose theirs, too."""
    if isinstance(value, list):
        return [_upper(one) for one in value]
    return value.upper()


def _each(numbers: str) -> list[int]:
    """Return what a set such as 1:3,7 means, in its order."""
    ranges = [[int(end) for end in piece.split(":")] for piece in numbers.split(",")]
    return [number for ends in ranges for number in range(ends[0], ends[-1] + 1)]
