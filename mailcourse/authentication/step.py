"""One step of an examination: what was looked at, what the DNS said, what was compared, what came of it.

    include:_spf.carrier.test   TXT of _spf.carrier.test   v=spf1 ip4:203.0.113.0/24   192.0.2.25   no match

Every check here returns its steps beside its result, so that a view can show how it was reached.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import dns.exception
import dns.name
import dns.rdatatype

from mailcourse.dns.stub import Stub

#: Asks the DNS for (name, type): the records, none when there are none.  Raises `dns.stub.NoAnswer`.
Lookup = Callable[[str, str], Awaitable[Sequence[Any]]]

MAX_SHOWN = 500  # characters of a record that a step keeps


@dataclass(frozen=True, slots=True)
class ProofStep:
    """One row of an examination; what does not apply is empty.  `depth`: inside how many other records."""

    what: str
    question: str = ""
    answer: str = ""
    compared: str = ""
    verdict: str = ""
    depth: int = 0


def shown(octets: bytes | str) -> str:
    """Return what somebody else wrote as one line of bounded length."""
    text = octets[: MAX_SHOWN * 4].decode("utf-8", "replace") if isinstance(octets, bytes) else octets
    text = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text[: MAX_SHOWN + 1])
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def text_of(record: Any) -> bytes:
    """Join the strings of one TXT record (RFC 7208 §3.3, RFC 6376 §3.6.2.2)."""
    return b"".join(record.strings)


def is_name(domain: str) -> bool:
    """True for what the DNS can be asked about: labels of 1 to 63 octets, 253 together (RFC 1035 §2.3.4)."""
    text = domain.removesuffix(".")
    labels = [len(label.encode("utf-8", "replace")) for label in text.split(".")]
    return all(0 < length <= 63 for length in labels) and sum(labels) + len(labels) <= 254


def name_of(domain: str) -> str:
    """Write a domain as the DNS is asked for it, whatever signs its labels have; `is_name` holds."""
    labels = [label.encode("utf-8", "replace") for label in domain.removesuffix(".").split(".")]
    return dns.name.Name([*labels, b""]).to_text()


def lookup_by(stub: Stub, message: str | None) -> Lookup:
    """Let a host's stub do the asking, for a message of the trace."""

    async def lookup(name: str, kind: str) -> Sequence[Any]:
        reply, wanted = await stub.lookup(name_of(name), kind, message), dns.rdatatype.from_text(kind)
        return [record for rrset in reply.answer if rrset.rdtype == wanted for record in rrset]

    return lookup


def as_ascii(domain: str) -> str:
    """Return a domain as the DNS has it, `bäckerei.test` as `xn--bckerei-5wa.test`; what is no domain, as it is."""
    if domain.isascii() or len(domain) > 253:
        return domain
    try:
        return dns.name.from_text(domain).to_text(omit_final_dot=True)
    except (dns.exception.DNSException, UnicodeError):
        return domain
