"""May this host send mail for this domain?  Sender Policy Framework (RFC 7208).

    MAIL FROM:<alice@academy.test>, from 192.0.2.25
      TXT of academy.test      "v=spf1 mx -all"
      mx                       mail.academy.test, 192.0.2.25: match      → pass

    mechanism matches    → its qualifier's result, and the rest is not looked at
    none matches         → redirect=, or neutral
    include              → another record; only its "pass" matches (§5.2)
    the record is wrong  → permerror        the DNS does not answer → temperror

Asks nobody more than the RFC allows (§4.6.4): `MAX_TERMS`, `MAX_RECORDS`, `MAX_VOID`.
Knows no SMTP: the server asks at RCPT.  The grammar is in `spf_record.py`.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mailcourse.dns.stub import NoAnswer

from .spf_record import (
    VERSION,
    Directive,
    RecordError,
    SpfRecord,
    as_name,
    check_macros,
    expand,
    parse_record,
)
from .step import Lookup, ProofStep, as_ascii, is_name, shown, text_of

#: terms that ask the DNS; MX records of one name, and names of one address; answers with nothing in them (§4.6.4)
MAX_TERMS, MAX_RECORDS, MAX_VOID = 10, 10, 2
MAX_STEPS, MAX_VALUE = 60, 500  # steps that are kept; characters of a macro's value
REAL_SECONDS = 20.0  # for everything together, §4.6.4

Number = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class SpfResult:
    """The result by its name in §2.6; `explanation` is what the domain says about a fail (§6.2)."""

    result: str
    domain: str
    explanation: str = ""
    reason: str = ""
    steps: tuple[ProofStep, ...] = ()


@dataclass(frozen=True, slots=True)
class SpfVerdict:
    """What a record says: the result, why, and where the explanation of a fail is: (domain-spec, domain)."""

    result: str
    reason: str
    exp: tuple[str, str] = ("", "")


class NoVerdict(Exception):
    """The check ends here, with permerror or temperror."""

    def __init__(self, result: str, reason: str) -> None:
        super().__init__(reason)
        self.verdict = SpfVerdict(result, shown(reason))


async def check_host(
    ip: str | Number,
    domain: str,
    sender: str,
    helo: str,
    lookup: Lookup,
    *,
    receiver: str = "unknown",
    timestamp: int = 0,
) -> SpfResult:
    """Return whether `ip` may send for `domain` (§4).

    `sender` is the address in MAIL FROM, or empty for `<>`, where `domain` is the one of HELO (§2.4).
    `receiver` and `timestamp` are for explanations.
    """
    domain, number = domain.removesuffix("."), ipaddress.ip_address(ip)
    number = getattr(number, "ipv4_mapped", None) or number  # §5: an IPv4 address, however it is written
    check = SpfCheck(number, sender, domain, helo, lookup, receiver, timestamp)
    if not _is_domain(domain):
        return SpfResult("none", domain, reason=f"{shown(domain)!r} is no domain with a policy")  # §4.3
    try:
        async with asyncio.timeout(REAL_SECONDS):
            verdict = await check.evaluate(domain)
            explanation = await check.explain(*verdict.exp) if verdict.result == "fail" else ""
    except NoVerdict as error:
        verdict, explanation = error.verdict, ""
        check.note("", verdict.result)
    except TimeoutError:
        verdict, explanation = SpfVerdict("temperror", f"the DNS took longer than {REAL_SECONDS:.0f} seconds"), ""
    return SpfResult(verdict.result, domain, explanation, verdict.reason, tuple(check.steps))


async def check_sender(
    ip: str | Number, helo: str, mail_from: str, lookup: Lookup, receiver: str, now: datetime
) -> SpfResult:
    """Return the SPF result for MAIL FROM, or for HELO where that is `<>` (RFC 7208 §2.4)."""
    domain = as_ascii(mail_from.rpartition("@")[2]) or helo
    return await check_host(ip, domain, mail_from, helo, lookup, receiver=receiver, timestamp=int(now.timestamp()))


def _is_domain(domain: str) -> bool:
    """True for a name with more than one label that the DNS can be asked about; an address is none (§4.3)."""
    return is_name(domain) and "." in domain.strip(".") and not domain.startswith("[") and domain.isascii()


class SpfCheck:
    """One check: who connects, what was asked so far, and the steps."""

    def __init__(
        self, ip: Number, sender: str, domain: str, helo: str, lookup: Lookup, receiver: str, timestamp: int
    ) -> None:
        self.ip, self.lookup = ip, lookup
        local, _, of = sender.rpartition("@")
        local, of = local or "postmaster", of or domain  # §4.3
        self.steps: list[ProofStep] = []
        self._terms, self._void, self._depth = 0, 0, 0
        self._questions: list[str] = []
        self._answers: list[str] = []
        self._compared = ""
        self._validated: list[str] | None = None
        dotted = str(ip) if ip.version == 4 else ".".join(ip.exploded.replace(":", "").upper())
        zone = "in-addr" if ip.version == 4 else "ip6"
        values = {"s": f"{local}@{of}", "l": local, "o": of, "i": dotted, "v": zone, "h": helo}
        values |= {"c": str(ip), "r": receiver or "unknown", "t": str(timestamp)}
        self._values = {letter: value[:MAX_VALUE] for letter, value in values.items()}

    # ---- one record ----------------------------------------------------------------------------------------------

    async def evaluate(self, domain: str) -> SpfVerdict:
        """Return what the record of `domain` says (§4.4 to §4.7)."""
        record = await self._record(domain)
        if record is None:
            return SpfVerdict("none", f"{shown(domain)} has no SPF record")
        for directive in record.directives:
            is_match = await self._matches(directive, domain)
            self.note(directive.term, f"match: {directive.result}" if is_match else "no match")
            if is_match:
                reason = f"{shown(domain)}: {directive.term}"
                return SpfVerdict(directive.result, shown(reason), (record.exp, domain))
        if not record.redirect:
            return SpfVerdict("neutral", f"nothing in the record of {shown(domain)} matches")  # §4.7
        self._count(term := f"redirect={record.redirect}")
        target = await self._name(record.redirect, domain)
        self.note(term, f"go on at {shown(target)}")
        verdict = await self.evaluate(target)
        if verdict.result == "none":
            raise NoVerdict("permerror", f"{shown(term)}: {shown(target)} has no SPF record")  # §6.1
        return verdict

    async def _record(self, domain: str) -> SpfRecord | None:
        """Find the one record of a domain (§4.5)."""
        found = [octets for octets in map(text_of, await self._ask(domain, "TXT")) if VERSION.match(octets)]
        self._answers = [shown(octets) for octets in found] or ["no record that begins with v=spf1"]
        try:
            if len(found) > 1:
                raise RecordError(f"{shown(domain)} has {len(found)} SPF records")
            record = parse_record(found[0]) if found else None
        except RecordError as error:
            raise NoVerdict("permerror", str(error)) from None
        self.note("record", "one record" if found else "none")
        return record

    # ---- mechanisms (§5) -----------------------------------------------------------------------------------------

    async def _matches(self, directive: Directive, domain: str) -> bool:
        match directive.name:
            case "all":
                return True
            case "ip4" | "ip6":
                network = directive.network
                assert network is not None  # since `parse_record`
                self._compared = f"{self.ip} in {network}"
                return network.version == self.ip.version and self.ip in network
        self._count(directive.term)
        target = await self._name(directive.domain, domain)
        match directive.name:
            case "include":
                return await self._includes(directive, target)
            case "exists":
                return bool(await self._ask(target, "A", may_be_void=True))  # A, for IPv6 too
            case "ptr":
                names = await self._names_of_client()
                self._compared = f"{', '.join(names) or 'no name'} below {shown(target)}"
                return any(_is_below(name, target) for name in names)
            case "mx":
                hosts = await self._mail_hosts(target)
            case _:
                hosts = [target]
        return await self._has_address(hosts, directive.prefixes)

    async def _includes(self, directive: Directive, target: str) -> bool:
        self._depth += 1
        verdict = await self.evaluate(target)
        self._depth -= 1
        if verdict.result == "none":
            raise NoVerdict("permerror", f"{shown(directive.term)}: {shown(target)} has no SPF record")  # §5.2
        self._compared = f"{shown(target)} says {verdict.result}"
        return verdict.result == "pass"

    async def _mail_hosts(self, domain: str) -> list[str]:
        records = await self._ask(domain, "MX", may_be_void=True)
        if len(records) > MAX_RECORDS:
            raise NoVerdict("permerror", f"{shown(domain)} has more than {MAX_RECORDS} MX records")
        return [record.exchange.to_text(omit_final_dot=True) for record in records]

    async def _has_address(self, hosts: Sequence[str], prefixes: tuple[int, int]) -> bool:
        """True when the client is in the network of one of the hosts' addresses."""
        kind, prefix = ("A", prefixes[0]) if self.ip.version == 4 else ("AAAA", prefixes[1])
        self._compared = f"{self.ip}" + (f", the first {prefix} bits" if prefix < self.ip.max_prefixlen else "")
        for host in hosts:
            for record in await self._ask(host, kind, may_be_void=True):
                if self.ip in ipaddress.ip_network(f"{record.address}/{prefix}", strict=False):
                    return True
        return False

    # ---- the client's own names (§5.5) ---------------------------------------------------------------------------

    async def _names_of_client(self) -> list[str]:
        """Return the names that the client's address has, and that have this address; whoever answers wrongly has none.

        The client owns these zones, so that nothing there is an error of the sender's.
        """
        if self._validated is None:
            self._validated = []
            pointer, kind = self.ip.reverse_pointer, "A" if self.ip.version == 4 else "AAAA"
            for record in (await self._ask_client(pointer, "PTR"))[:MAX_RECORDS]:
                name = record.target.to_text(omit_final_dot=True)
                addresses = {ipaddress.ip_address(r.address) for r in await self._ask_client(name, kind)}
                if self.ip in addresses:
                    self._validated.append(name)
        return self._validated

    async def _ask_client(self, name: str, kind: str) -> Sequence[Any]:
        try:
            return await self._ask(name, kind)
        except NoVerdict:
            return ()

    # ---- names and macros (§7) -----------------------------------------------------------------------------------

    async def _name(self, spec: str, domain: str) -> str:
        """Return the name that a domain-spec means; an empty one is the domain itself."""
        return as_name(expand(spec, await self._macros(spec, domain))) if spec else domain

    async def _macros(self, text: str, domain: str) -> Mapping[str, str]:
        values = {**self._values, "d": domain, "p": "unknown"}
        if "%{p" in text.lower():
            names = await self._names_of_client()
            best = [n for n in names if n.lower() == domain.lower()] or [n for n in names if _is_below(n, domain)]
            values["p"] = next(iter(best or names), "unknown")
        return values

    async def explain(self, spec: str, domain: str) -> str:
        """Return what the domain says to a client that may not send; empty when it says nothing sensible (§6.2)."""
        if not spec:
            return ""
        try:
            records = await self._ask(await self._name(spec, domain), "TXT")
            if len(records) != 1:
                return ""
            text = text_of(records[0]).decode("ascii")
            check_macros(text, "exp", in_exp=True)
            explanation = shown(expand(text, await self._macros(text, domain)))
        except (NoVerdict, RecordError, UnicodeDecodeError):
            return ""
        self.note(f"exp={spec}", explanation)
        return explanation

    # ---- the DNS, and what is noted ------------------------------------------------------------------------------

    async def _ask(self, name: str, kind: str, *, may_be_void: bool = False) -> Sequence[Any]:
        """Ask the DNS; what cannot be a name has no records (§4.8).  `may_be_void`: but not too often (§4.6.4)."""
        self._questions.append(f"{kind} of {shown(name)}")
        try:
            records = await self.lookup(name.lower(), kind) if is_name(name) else ()
        except NoAnswer as error:
            self._answers.append("no answer")
            raise NoVerdict("temperror", f"{kind} of {shown(name)}: {error}") from None
        records = [record for record in records if record.rdtype.name == kind]
        self._answers += [shown(record.to_text()) for record in records[:MAX_RECORDS]] or ["nothing"]
        if may_be_void and not records:
            self._void += 1
            if self._void > MAX_VOID:
                raise NoVerdict("permerror", f"more than {MAX_VOID} answers with nothing in them")
        return records

    def _count(self, term: str) -> None:
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise NoVerdict("permerror", f"{shown(term)}: more than {MAX_TERMS} terms that ask the DNS")

    def note(self, what: str, verdict: str) -> None:
        """Note a step, with what was asked since the last one."""
        asked, said = shown("; ".join(self._questions)), shown("; ".join(self._answers))
        if len(self.steps) < MAX_STEPS:
            self.steps.append(ProofStep(shown(what), asked, said, self._compared, verdict, self._depth))
        self._questions, self._answers, self._compared = [], [], ""


def _is_below(name: str, domain: str) -> bool:
    """True for the domain itself and for names below it."""
    return f".{name.lower()}".endswith(f".{domain.lower().removesuffix('.')}")
