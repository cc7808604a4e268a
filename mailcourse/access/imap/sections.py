"""Which octets of a message does BODY[2.HEADER] mean?  (RFC 3501 §6.4.5)

1        the first part          2.1        the first part inside the second
2.MIME   the part's own header   2.HEADER   the header of the message that the second part carries
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailcourse.message.mime import Part


def find_part(part: Part, path: Sequence[int]) -> Part | None:
    """Return the part with this number, or None; a message without parts has one, number 1 (RFC 3501 §6.4.5)."""
    is_message = True
    for number in path:
        if not is_message:
            if part.type != ("message", "rfc822") or not part.parts:
                if part.type[0] != "multipart":
                    return None
            else:
                part, is_message = part.parts[0], True
        children = part.parts if part.type[0] == "multipart" else [part] if is_message else []
        if number > len(children):
            return None
        part, is_message = children[number - 1], False
    return part


def section_octets(part: Part, path: Sequence[int], what: str, names: set[bytes]) -> bytes | None:
    """Return the octets of a section, or None when there is no such part."""
    target = find_part(part, path)
    if target is None:
        return None
    if what == "MIME":
        return target.header
    if not what:
        return target.body if path else target.header + target.body
    if path:  # HEADER and TEXT of a part mean those of the message inside it
        if target.type != ("message", "rfc822") or not target.parts:
            return None
        target = target.parts[0]
    if what == "TEXT":
        return target.body
    return target.header if what == "HEADER" else _fields(target.header, names, unwanted=what.endswith("NOT"))


def _fields(header: bytes, names: set[bytes], *, unwanted: bool) -> bytes:
    """Return the fields that are named, or those that are not, and the empty line if there is one (§6.4.5)."""
    fields = [field for field in re.split(rb"\r\n(?![ \t])", header) if field]
    chosen = [field + b"\r\n" for field in fields if (field.split(b":")[0].rstrip().lower() in names) != unwanted]
    return b"".join(chosen) + b"\r\n" * (header.endswith(b"\r\n\r\n") or header == b"\r\n")
