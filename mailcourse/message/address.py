"""An address: `local-part@domain`, as it is written in an envelope (RFC 5321 §4.1.2).

    Mailbox    = Local-part "@" ( Domain / address-literal )
    Local-part = Dot-string / Quoted-string

Knows the grammar.  Does not know whether anybody lives there, and has no display names: those are
headers (RFC 5322).  Who uses it: SMTP on both sides, the MDA, the mail program.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from mailcourse.internet.errors import LabError

# Said by what they are not: sets with large ranges of Unicode take milliseconds to compile.
BEYOND = r"\u2028\u2029\ud800-\udfff"  # line ends, and halves of letters, are none
NEITHER = rf"\x7f-\x9f{BEYOND}"
LETTER = rf"[^\x00-/:-@\[-`{{-\x9f{BEYOND}]"  # or digit, or any character beyond ASCII
LETTER_OR_HYPHEN = rf"[^\x00-,./:-@\[-`{{-\x9f{BEYOND}]"
ATEXT = rf'[^\x00- "(),.:;<>@\[\\\]{NEITHER}]'
DOT_STRING = re.compile(rf"{ATEXT}+(\.{ATEXT}+)*")
LOCAL = re.compile(rf'{DOT_STRING.pattern}|"([^"\\\x00-\x1f{NEITHER}]|\\[ -~])*"')
LABEL = rf"{LETTER}({LETTER_OR_HYPHEN}*{LETTER})?"
DOMAIN = re.compile(rf"{LABEL}(\.{LABEL})*|\[(?i:IPv6:)?[0-9A-Fa-f.:]+\]")

TAG = "IPv6:"
MAX_LOCAL, MAX_DOMAIN = 64, 255  # octets, RFC 5321 §4.5.3.1


class MalformedAddress(LabError):
    """Somebody who uses the lab wrote what is no address; a peer who writes that gets a reply on the wire instead."""


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox.  Equal addresses have the same local part, and the same domain ignoring case."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def literal(self) -> str | None:
        """The IP address of a domain in brackets, `alice@[192.0.2.25]`; None for a domain with a name."""
        return str(_number(self.domain[1:-1])) if self.domain.startswith("[") else None

    @property
    def key(self) -> str:
        """How this course compares addresses: all in lower case, and without quotes that change nothing (§4.1.2).

        RFC 5321 §2.4 lets a domain tell `Alice` from `alice`; like nearly every server, ours do not.
        """
        return f"{_without_needless_quotes(self.local)}@{_in_one_form(self.domain)}".lower()


def parse(text: str) -> Address:
    """Read one address, without angle brackets, as somebody wrote it who uses the lab.

    >>> parse("alice@academy.test")
    Address(local='alice', domain='academy.test')
    >>> parse("alice@academy")  # a domain may have one label
    Address(local='alice', domain='academy')
    >>> parse("alice academy.test")
    Traceback (most recent call last):
    mailcourse.message.address.MalformedAddress: 'alice academy.test' is not an address: there is no @. \
Write it as local-part@domain, for example alice@academy.test.
    """
    if isinstance(found := read(text), str):
        raise MalformedAddress(
            f"{no_address(text, found)}. Write it as local-part@domain, for example alice@academy.test."
        )
    return found


def read(text: str) -> Address | str:
    """Read one address, without angle brackets; return why it is none, in words, where it is not.

    >>> read("alice@")
    "the domain '' is not valid"
    """
    local, at, domain = text.rpartition("@")
    if not at or not local:
        return "the local part is empty" if at else "there is no @"
    if not LOCAL.fullmatch(local):
        return f"the local part {local!r} is not valid"
    if not DOMAIN.fullmatch(domain):
        return f"the domain {domain!r} is not valid"
    if len(local.encode()) > MAX_LOCAL or len(domain.encode()) > MAX_DOMAIN:
        return f"a local part has at most {MAX_LOCAL} octets, a domain {MAX_DOMAIN}"
    address = Address(local, domain)
    try:
        _ = address.literal
    except ValueError:
        return f"{domain} is no address literal, such as [192.0.2.25] or [IPv6:2001:db8::25]"
    return address


def no_address(text: str, why: str) -> str:
    """Say of a text, which may be endless, that it is no address."""
    shown = text if len(text) < 80 else text[:77] + "…"
    return f"{shown!r} is not an address: {why}"


def key_of(text: str) -> str:
    """Return how the address in `text` is compared; of a whole domain, "@bakery.test", just in lower case."""
    return text.lower() if text.startswith("@") else parse(text).key


def _without_needless_quotes(local: str) -> str:
    """Return `"two words"` as it is, and `"bru\\no"` as `bruno`: RFC 5321 §4.1.2 has them mean the same mailbox."""
    if not local.startswith('"'):
        return local
    meant = re.sub(r"\\(.)", r"\1", local[1:-1])
    return meant if DOT_STRING.fullmatch(meant) else '"' + re.sub(r'(["\\])', r"\\\1", meant) + '"'


def _in_one_form(domain: str) -> str:
    """Return a domain as it is, and an address literal as short as it can be written."""
    if not domain.startswith("["):
        return domain
    number = _number(domain[1:-1])
    return f"[{TAG if number.version == 6 else ''}{number}]"


def _number(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Read what stands in the brackets: an IPv4 address, or an IPv6 address with its tag (RFC 5321 §4.1.3)."""
    is_tagged = text[: len(TAG)].upper() == TAG.upper()  # RFC 5234 §2.3: a text in a grammar has no case
    number = ipaddress.ip_address(text[len(TAG) :] if is_tagged else text)
    if is_tagged != (number.version == 6):
        raise ValueError
    return number
