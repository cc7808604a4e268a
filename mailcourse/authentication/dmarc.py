"""Does a verified domain speak for the author, and what does the author's domain want?  DMARC (RFC 7489, RFC 9989).

    From: alice@academy.test                  what the reader sees, and nobody has verified
      _dmarc.academy.test   v=DMARC1; p=reject
      SPF    pass for bounces.academy.test    aligned: the same organisational domain (strict: the same domain)
      DKIM   pass for lists.test              not aligned
    one of them passed and is aligned → pass;   else fail, and p= says what the owner asks for

RFC 9989 has replaced RFC 7489.  Of what it changed, t= and np= are obeyed; pct=, which it took out, still is.
Not here: its walk up the DNS in place of the public suffix list.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mailcourse.dns.stub import NoAnswer
from mailcourse.message.address_list import addresses
from mailcourse.message.fields import unfolded

from .octets import Octets
from .spf import SpfResult
from .step import Lookup, ProofStep, as_ascii, is_name, shown, text_of

if TYPE_CHECKING:
    from .dkim import DkimResult

VERSION = re.compile(rb"\s*v\s*=\s*DMARC1\s*(?:;|$)")  # RFC 7489 §6.4: first, and in capitals
POLICIES = ("none", "quarantine", "reject")
WEAKER = {"reject": "quarantine", "quarantine": "none", "none": "none"}  # §6.6.4
MAX_RECORD, MAX_AUTHORS = 4096, 5


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """What the owner of a domain publishes (§6.3)."""

    domain: str
    text: str
    policy: str = "none"
    for_subdomains: str = ""
    for_missing: str = ""
    is_dkim_strict: bool = False
    is_spf_strict: bool = False
    percent: int = 100
    reports_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DmarcResult:
    """The result by its name in RFC 7489 §11.2; `disposition` is what the owner asks for with this message."""

    result: str
    domain: str = ""
    policy: str = ""
    disposition: str = "none"
    aligned: tuple[str, ...] = ()
    record: DmarcRecord | None = None
    reason: str = ""
    steps: tuple[ProofStep, ...] = ()


@lru_cache(1)
def _public_suffixes() -> Any:
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(accept_encoded_idn=True)


def organisational(domain: str) -> str:
    """Return the domain that somebody has registered; of a public suffix, itself (§3.2).

    >>> organisational("mail.autumn.academy.test"), organisational("www.example.co.uk"), organisational("co.uk")
    ('academy.test', 'example.co.uk', 'co.uk')
    """
    return str(_public_suffixes().privatesuffix(domain.lower()) or domain.lower())


def is_aligned(domain: str, author: str, *, strict: bool) -> bool:
    """True when a verified domain speaks for the author's (§3.1)."""
    one, other = domain.lower().rstrip("."), author.lower().rstrip(".")
    return one == other if strict else organisational(one) == organisational(other)


def read_record(domain: str, octets: bytes) -> DmarcRecord | None:
    """Read a record that begins with v=DMARC1; None when it says nothing that can be applied (§6.6.3)."""
    tags: dict[str, str] = {}
    for piece in octets[:MAX_RECORD].decode("ascii", "replace").split(";"):
        name, _, value = piece.partition("=")
        tags.setdefault(name.strip().lower(), value.strip())
    reports = tuple(uri.strip() for uri in tags.get("rua", "").split(",") if uri.strip().lower().startswith("mailto:"))
    policy, below = tags.get("p", "").lower(), tags.get("sp", "").lower()
    if policy not in POLICIES or (below and below not in POLICIES):
        if not reports:
            return None
        policy, below = "none", ""
    missing, percent = tags.get("np", "").lower(), tags.get("pct", "")
    share = int(percent) if percent.isascii() and percent.isdigit() and len(percent) <= 3 else 100
    if tags.get("t", "").lower() == "y":  # RFC 9989: the owner is testing
        share = 0
    strict = {name: tags.get(name, "r").lower() == "s" for name in ("adkim", "aspf")}
    missing = missing if missing in POLICIES else ""
    text = shown(octets)
    return DmarcRecord(domain, text, policy, below, missing, strict["adkim"], strict["aspf"], min(share, 100), reports)


def authors(message: Octets) -> list[str]:
    """Return the domains in From, each once; a message should have one (RFC 7489 §6.6.1)."""
    found: dict[str, None] = {}
    for _, value in message.named(b"from"):
        for each in addresses(unfolded(value).strip())[:100]:
            domain = as_ascii((each.domain or b"").decode("utf-8", "replace").rstrip(".").lower())
            if domain and is_name(domain) and not domain.startswith("["):
                found[domain] = None
    return list(found)[:MAX_AUTHORS]


async def evaluate(
    message: Octets, spf: SpfResult, signatures: Sequence[DkimResult], lookup: Lookup, *, sample: int = 0
) -> DmarcResult:
    """Return whether SPF or a signature speaks for the author.  `sample`: a number below 100 that is this message's.

    Of several authors, the strictest policy that fails counts (RFC 9989).
    """
    domains = authors(message)
    if not domains:
        reason = "From names no domain"
        return DmarcResult("permerror", reason=reason, steps=(ProofStep("From", verdict=reason),))
    results = [await Comparison(domain, lookup).evaluate(spf, signatures, sample) for domain in domains]
    failed = [each for each in results if each.result != "pass"]
    return max(failed or results[:1], key=lambda each: POLICIES.index(each.disposition))


class Comparison:
    """The evaluation for one author's domain, and its steps."""

    def __init__(self, domain: str, lookup: Lookup) -> None:
        self.domain, self._lookup = domain, lookup
        self.steps = [
            ProofStep("From", answer=shown(domain), verdict=f"organisational domain {organisational(domain)}")
        ]

    async def evaluate(self, spf: SpfResult, signatures: Sequence[DkimResult], sample: int) -> DmarcResult:
        """Find the record, compare the domains, and say what the owner wants."""
        try:
            record = await self._discover()
            if record is None:
                return self._result("none", f"{shown(self.domain)} has no DMARC record")
            policy = await self._policy(record)
        except NoAnswer as error:
            return self._result("temperror", shown(f"the DNS did not answer: {error}"))
        aligned = self._aligned(record, spf, signatures)
        if aligned:
            return self._result("pass", f"{' and '.join(aligned)} of {shown(self.domain)}", record, policy, aligned)
        disposition = policy if sample < record.percent else WEAKER[policy]
        share = f", for {record.percent} of 100 messages" if record.percent < 100 else ""
        self.steps.append(ProofStep("policy", answer=f"{policy}{share}", verdict=disposition))
        reason = f"no check that passed belongs to {shown(self.domain)}, and its policy is {policy}"
        return self._result("fail", reason, record, policy, disposition=disposition)

    def _result(
        self,
        result: str,
        reason: str,
        record: DmarcRecord | None = None,
        policy: str = "",
        aligned: tuple[str, ...] = (),
        disposition: str = "none",
    ) -> DmarcResult:
        return DmarcResult(result, self.domain, policy, disposition, aligned, record, reason, tuple(self.steps))

    async def _discover(self) -> DmarcRecord | None:
        """Look at the domain, then at its organisational domain (§6.6.3)."""
        for domain in dict.fromkeys((self.domain, organisational(self.domain))):
            name = f"_dmarc.{domain}"
            records = await self._lookup(name, "TXT") if is_name(name) else ()
            found = [octets for octets in map(text_of, records) if VERSION.match(octets)]
            record = read_record(domain, found[0]) if len(found) == 1 else None
            said = "; ".join(map(shown, found)) or "no record that begins with v=DMARC1"
            verdict = (
                f"policy of {shown(domain)}" if record else "none" if len(found) < 2 else "none: more than one record"
            )
            self.steps.append(ProofStep("record", f"TXT of {shown(name)}", said, verdict=verdict))
            if found:
                return record
        return None

    async def _policy(self, record: DmarcRecord) -> str:
        if record.domain == self.domain:
            return record.policy
        if record.for_missing and not [r for k in ("A", "AAAA", "MX") for r in await self._lookup(self.domain, k)]:
            return record.for_missing  # RFC 9989: np=, for sub-domains that do not exist
        return record.for_subdomains or record.policy

    def _aligned(self, record: DmarcRecord, spf: SpfResult, signatures: Sequence[DkimResult]) -> tuple[str, ...]:
        verified = [("spf", spf.domain, spf.result, record.is_spf_strict)]
        verified += [("dkim", each.domain, each.result, record.is_dkim_strict) for each in signatures]
        aligned: dict[str, None] = {}
        for method, domain, result, strict in verified:
            fits = bool(domain) and is_aligned(domain, self.domain, strict=strict)
            way = "the same domain" if strict else "the same organisational domain"
            verdict = f"{result}, {'aligned' if fits else 'not aligned'}"
            self.steps.append(
                ProofStep(
                    method.upper(), answer=shown(domain), compared=f"{shown(self.domain)}: {way}?", verdict=verdict
                )
            )
            if fits and result == "pass":
                aligned[method] = None
        return tuple(aligned)
