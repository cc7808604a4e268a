"""What does an SPF record say?  Its grammar, and its macros (RFC 7208 §4.6.1, §5, §7, §12).

    v=spf1  a:mail.academy.test/28  -include:%{d2}  redirect=_spf.academy.test
            └ + name domain-spec cidr   └ macro      └ modifier

The whole record is read before anything is asked: an error anywhere is an error (§4.6).
Does not know the DNS: it gets the values of the macros.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

VERSION = re.compile(rb"v=spf1(?: |$)", re.IGNORECASE)  # RFC 7208 §4.5
QUALIFIERS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}  # §4.6.2

#: mechanism -> (may it have a domain, must it, may it have a CIDR length)
MECHANISMS = {
    "all": (False, False, False),
    "include": (True, True, False),
    "a": (True, False, True),
    "mx": (True, False, True),
    "ptr": (True, False, False),
    "exists": (True, True, False),
}
DIRECTIVE = re.compile(r"([-+?~]?)([A-Za-z][A-Za-z0-9._-]*)(.*)", re.DOTALL)
MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9._-]*)=(.*)", re.DOTALL)
CIDR = re.compile(r"(?:/(0|[1-9]\d?))?(?://(0|[1-9]\d{0,2}))?\Z", re.ASCII)
NETWORK = re.compile(r":([^/%]+)(?:/(0|[1-9]\d{0,2}))?", re.ASCII)

MACRO = re.compile(r"%(?:\{([A-Za-z])(\d*)([rR]?)([-.+,/_=]*)\}|([%_-]))", re.ASCII)
#: literals and macros, nothing else; what a % begins must be a macro (§7.1)
MACRO_STRING = re.compile(r"(?:[\x21-\x24\x26-\x7e]++|" + MACRO.pattern + ")*+", re.ASCII)
EXPLANATION = re.compile(r"(?:[\x20-\x24\x26-\x7e]++|" + MACRO.pattern + ")*+", re.ASCII)
TOP_LABEL = re.compile(r"[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*|[A-Za-z0-9]+-[A-Za-z0-9-]*[A-Za-z0-9]")
LETTERS, LETTERS_OF_EXP = "slodipvh", "slodipvhcrt"
ESCAPES = {"%": "%", "_": " ", "-": "%20"}


class RecordError(Exception):
    """The record breaks the grammar, or asks for too much: permerror."""


@dataclass(frozen=True, slots=True)
class Directive:
    """One mechanism with its qualifier.  `prefixes`: CIDR lengths for IPv4 and IPv6."""

    term: str
    result: str
    name: str
    domain: str = ""
    prefixes: tuple[int, int] = (32, 128)
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None = None


@dataclass(frozen=True, slots=True)
class SpfRecord:
    """A record that was read whole; `redirect` and `exp` are empty where they are not given."""

    directives: tuple[Directive, ...]
    redirect: str = ""
    exp: str = ""


def parse_record(octets: bytes) -> SpfRecord:
    """Read a record that begins with v=spf1.

    >>> record = parse_record(b"v=spf1 a/24 -all")
    >>> [(d.term, d.result, d.prefixes) for d in record.directives]
    [('a/24', 'pass', (24, 128)), ('-all', 'fail', (32, 128))]
    """
    if not octets.isascii():
        raise RecordError("the record has octets that are not ASCII")
    directives, modifiers = list[Directive](), dict[str, str]()
    for term in filter(None, octets.decode("ascii").split(" ")[1:]):
        modifier = MODIFIER.fullmatch(term)
        if modifier is None:
            directives.append(_directive(term))
            continue
        name, value = modifier[1].lower(), modifier[2]
        if name not in ("redirect", "exp"):
            check_macros(value, term)
        elif name in modifiers:
            raise RecordError(f"{name}= is there twice")  # §6
        else:
            modifiers[name] = _domain_spec(value, term)
    return SpfRecord(tuple(directives), modifiers.get("redirect", ""), modifiers.get("exp", ""))


def _directive(term: str) -> Directive:
    found = DIRECTIVE.fullmatch(term)
    if found is None:
        raise RecordError(f"{term!r} is no mechanism and no modifier")
    result, name, rest = QUALIFIERS[found[1] or "+"], found[2].lower(), found[3]
    if name in ("ip4", "ip6"):
        return Directive(term, result, name, network=_network(term, name, rest))
    if name not in MECHANISMS:
        raise RecordError(f"there is no mechanism {name!r}")
    may, must, may_have_cidr = MECHANISMS[name]
    four, six = 32, 128
    if may_have_cidr:
        cidr = CIDR.search(rest)
        assert cidr is not None  # it matches nothing, too
        rest, four, six = rest[: cidr.start()], int(cidr[1] or 32), int(cidr[2] or 128)
    if four > 32 or six > 128:
        raise RecordError(f"{term!r}: a CIDR length is 32 at most for IPv4, 128 for IPv6")
    if (rest and not may) or (must and not rest) or (rest and rest[0] != ":"):
        raise RecordError(f"{term!r}: the argument of {name} is not valid")
    return Directive(term, result, name, _domain_spec(rest[1:], term) if rest else "", (four, six))


def _network(term: str, name: str, rest: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    found = NETWORK.fullmatch(rest)
    make = ipaddress.IPv4Network if name == "ip4" else ipaddress.IPv6Network
    try:
        if found is not None:
            return make(found[1] + (f"/{found[2]}" if found[2] else ""), strict=False)
    except ValueError:
        pass
    raise RecordError(f"{term!r}: the network of {name} is not valid")


def _domain_spec(text: str, term: str) -> str:
    """Check a domain-spec: it ends in a macro, or in a dot and a top label that is not a number (§7.1)."""
    check_macros(text, term)
    *_, last = [None, *MACRO.finditer(text)]
    _, dot, top = text.removesuffix(".").rpartition(".")
    is_ended_by_macro = last is not None and last.end() == len(text)
    if not is_ended_by_macro and not (dot and TOP_LABEL.fullmatch(top)):
        raise RecordError(f"{term!r}: {text!r} is no domain")
    return text


def check_macros(text: str, term: str, *, in_exp: bool = False) -> None:
    """Raise `RecordError` unless every % begins a macro that may be used here."""
    if not (EXPLANATION if in_exp else MACRO_STRING).fullmatch(text):
        raise RecordError(f"{term!r}: a character is not valid, or a % begins no macro")
    for macro in MACRO.finditer(text):
        if macro[1] and macro[1].lower() not in (LETTERS_OF_EXP if in_exp else LETTERS):
            raise RecordError(f"{term!r}: there is no macro {macro[0]} here")
        if macro[2] and not macro[2].strip("0"):
            raise RecordError(f"{term!r}: {macro[0]} keeps no part at all")


def expand(text: str, values: Mapping[str, str]) -> str:
    """Put values for macros; `values` has one for each lower-case letter (§7.3).

    >>> expand("%{ir}.%{v}._spf.%{d2}", {"i": "192.0.2.3", "v": "in-addr", "d": "mail.academy.test"})
    '3.2.0.192.in-addr._spf.academy.test'
    """

    def one(macro: re.Match[str]) -> str:
        if not macro[1]:
            return ESCAPES[macro[5]]
        parts = re.split(f"[{re.escape(macro[4] or '.')}]", values[macro[1].lower()])
        if macro[3]:
            parts.reverse()
        if macro[2]:
            kept = macro[2].lstrip("0")
            parts = parts if len(kept) > 4 else parts[-int(kept) :]
        value = ".".join(parts)
        return quote(value, safe="-._~", errors="replace") if macro[1].isupper() else value

    return MACRO.sub(one, text)


def as_name(expanded: str) -> str:
    """Return an expanded domain-spec as a name: no final dot, and 253 characters from its end (§7.3)."""
    name = expanded.removesuffix(".")
    return name if len(name) <= 253 else name[-254:].partition(".")[2]
