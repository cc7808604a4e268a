r"""Authentication-Results: what a server found out, in one header field for those behind it (RFC 8601).

    Authentication-Results: bakery.test;
            spf=pass smtp.mailfrom=alice@academy.test;
            dkim=pass header.d=academy.test header.s=autumn header.b=Xk2yQ0aZ;
            dmarc=pass header.from=academy.test
    └ who says so: believe only your own, and take those of your name off everything that comes in (§5)

Who writes it: `verdict.py`.  Who reads it: the MDA behind the server that wrote it, and lessons.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from mailcourse.message.fields import PAIR, without_comments

from .octets import split

#: results and properties of one field that are read; octets of it
MAX_RESULTS, MAX_FIELD = 100, 100_000
NAME = b"authentication-results"

TOKEN = rb"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]++"
QUOTED = rb'"(?:[^"\\]|\\.)*+"?'
AUTHSERV = re.compile(rb"\s*(?:(" + TOKEN + rb")|(" + QUOTED[:-1] + rb"))\s*(?:\d+\s*)?(?:;|$)", re.DOTALL)
PIECE = re.compile(rb"(?:[^\";]|" + QUOTED + rb")++", re.DOTALL)
PROPERTY = re.compile(rb"(?<![\w./-])([\w./-]++)\s*+=\s*+(" + QUOTED + rb'|[^\s;"]*+)', re.DOTALL)
NEXT_FIELD = re.compile(rb"(?<=\r\n)(?![ \t])")
PLAIN = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~@:]+")


@dataclass(frozen=True, slots=True)
class MethodResult:
    """What one method found: `properties` are like {"header.d": "academy.test"}."""

    method: str
    result: str
    properties: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Results:
    """One field: who says so, and what."""

    authserv_id: str
    methods: tuple[MethodResult, ...] = ()

    def of(self, method: str) -> list[MethodResult]:
        """Return the results of one method."""
        return [each for each in self.methods if each.method == method]


def write(authserv_id: str, methods: Sequence[MethodResult]) -> bytes:
    r"""Write the field.

    >>> write("bakery.test", [MethodResult("spf", "pass", {"smtp.mailfrom": "alice@academy.test"})])
    b'Authentication-Results: bakery.test;\r\n\tspf=pass smtp.mailfrom=alice@academy.test\r\n'
    """
    lines = [_method(each) for each in methods] or ["none"]
    text = ";\r\n\t".join([f"Authentication-Results: {authserv_id}", *lines])
    return text.encode("ascii", "replace") + b"\r\n"


def _method(each: MethodResult) -> str:
    words = [f"{each.method}={each.result}"]
    words += [f"reason={_quoted(each.reason)}"] if each.reason else []
    words += [f"{name}={_value(value)}" for name, value in each.properties.items() if value]
    return (" " if sum(map(len, words)) < 900 else "\r\n\t ").join(words)  # RFC 5322 §2.1.1: 998 in a line


def _value(text: str) -> str:
    return text if PLAIN.fullmatch(text) and len(text) <= 300 else _quoted(text)


def _quoted(text: str) -> str:
    clean = "".join(sign if " " <= sign <= "~" else "?" for sign in text[:300])
    return '"' + re.sub(r'(["\\])', r"\\\1", clean) + '"'


def authserv_id(value: bytes) -> str | None:
    """Return who a field says that it is from, in lower case; None when that cannot be read.

    >>> authserv_id(b' (I am)\\r\\n "Bakery.Test" 1; spf=pass')
    'bakery.test'
    """
    found = AUTHSERV.match(without_comments(value[:MAX_FIELD].replace(b"\r\n", b"")))
    if found is None:
        return None
    name = found[1] or PAIR.sub(rb"\1", found[2][1:].removesuffix(b'"'))
    return name.decode("ascii", "replace").lower().strip().rstrip(".")


def read(value: bytes) -> Results | None:
    """Read a field's value; None when it does not say whose it is.  What is no result is passed over."""
    name = authserv_id(value)
    if name is None:
        return None
    clean = without_comments(value[:MAX_FIELD].replace(b"\r\n", b""))
    methods = []
    for piece in PIECE.findall(clean)[1 : MAX_RESULTS + 1]:
        pairs = [(key.decode().lower(), _plain(said)) for key, said in PROPERTY.findall(piece)[:MAX_RESULTS]]
        if pairs:
            (method, result), rest = pairs[0], dict(pairs[1:])
            reason = rest.pop("reason", "")
            methods.append(MethodResult(method.partition("/")[0], result.lower(), rest, reason))
    return Results(name, tuple(methods))


def _plain(said: bytes) -> str:
    text = PAIR.sub(rb"\1", said[1:].removesuffix(b'"')) if said.startswith(b'"') else said
    return text.decode("utf-8", "replace")


def own_results(message: bytes, own: str) -> tuple[bytes, Results] | None:
    """Return the newest field in our own name, its value and what it says; None when there is none."""
    for name, value in split(message).fields if own else ():
        found = read(value) if name.rstrip().lower() == NAME and authserv_id(value) == own.lower() else None
        if found is not None:
            return value, found
    return None


def is_quarantined(header: bytes, own: str) -> bool:
    """True when a server of our own name has noted that the author's domain wants quarantine."""
    found = own_results(header, own)
    return found is not None and any(r.properties.get("policy.dmarc") == "quarantine" for r in found[1].of("dmarc"))


def without_forged(message: bytes, own: Collection[str]) -> tuple[bytes, list[str]]:
    """Take off every Authentication-Results of one of our own names, and those that do not say whose they are (§5).

    Returns the message and what was taken off.
    """
    header, gap, body = (b"", b"", message) if message.startswith(b"\r\n") else message.partition(b"\r\n\r\n")
    names, kept, forged = {name.lower() for name in own}, list[bytes](), list[str]()
    for line in NEXT_FIELD.split(header):
        name, _, value = line.partition(b":")
        who = authserv_id(value) if name.rstrip().lower() == NAME else ""
        if who is None or who in names:
            forged.append(value.decode("utf-8", "replace").strip()[:200])
        else:
            kept.append(line)
    if not forged:
        return message, []
    rest = b"".join(kept)
    return (rest.removesuffix(b"\r\n") + (gap if rest else b"\r\n") if gap else rest) + body, forged
