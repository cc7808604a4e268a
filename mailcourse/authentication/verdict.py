"""All that can be found out about a message from outside, in order, as one value.

    prove(message, ip, helo, mail_from, …)
      spf      may this host send for the domain in MAIL FROM?
      dkim     who signed it?
      arc      what did those find who sent it on?
      dmarc    does one of these speak for the author?
    → Proof, whose `field()` is the Authentication-Results, and whose `disposition` the author's domain asks for

Sans-I/O: `lookup` asks the DNS.  The server calls this at the end of DATA, and a cell can too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from . import results
from .arc import ArcResult, validate
from .dkim import DkimResult, verify
from .dmarc import DmarcResult, evaluate
from .octets import split
from .results import MethodResult
from .spf import SpfResult, check_sender
from .step import Lookup, ProofStep, shown

#: of several signatures, the best result is that of the message (RFC 8601 §2.7.1 names them)
BEST_FIRST = ("pass", "temperror", "fail", "policy", "permerror", "neutral", "none")


@dataclass(frozen=True, slots=True)
class DkimSummary:
    """What came of all signatures together."""

    signatures: tuple[DkimResult, ...]

    @property
    def result(self) -> str:
        """The best result of all; "none" without a signature."""
        return min((each.result for each in self.signatures), key=BEST_FIRST.index, default="none")

    @property
    def steps(self) -> tuple[ProofStep, ...]:
        """The steps of all, one signature after the other."""
        return tuple(step for each in self.signatures for step in each.steps)


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found out about one message; each part has a `result` and `steps`."""

    authserv_id: str
    ip: str
    mail_from: str
    helo: str
    spf: SpfResult
    dkim: DkimSummary
    arc: ArcResult
    dmarc: DmarcResult
    sealer: str = ""  # whose seal is believed, instead of what DMARC says (RFC 8617 §7.2)

    @property
    def disposition(self) -> str:
        """What the author's domain asks for: "none", "quarantine" or "reject"; nothing where a seal is believed."""
        return "none" if self.sealer else self.dmarc.disposition

    @property
    def reason(self) -> str:
        """Why: in one sentence."""
        return self.dmarc.reason + (
            f"; {self.sealer}, whom we believe, has sealed that it passed" if self.sealer else ""
        )

    @property
    def summary(self) -> str:
        """The results in one line: spf=pass dkim=fail dmarc=pass."""
        return f"spf={self.spf.result} dkim={self.dkim.result} dmarc={self.dmarc.result}"

    def methods(self, done: str) -> list[MethodResult]:
        """What the header field says; `done` is the disposition that the receiver applies."""
        name = "smtp.mailfrom" if self.mail_from else "smtp.helo"
        found = [MethodResult("spf", self.spf.result, {name: self.mail_from or self.helo}, _unless_pass(self.spf))]
        for each in self.dkim.signatures or (DkimResult("none"),):
            properties = {"header.d": each.domain, "header.s": each.selector, "header.b": each.signature}
            found.append(MethodResult("dkim", each.result, properties, _unless_pass(each)))
        if self.arc.result != "none":
            found.append(MethodResult("arc", self.arc.result, {}, _unless_pass(self.arc)))
        properties = {"header.from": self.dmarc.domain}
        if self.dmarc.result == "fail":
            properties["policy.dmarc"] = done
        return [*found, MethodResult("dmarc", self.dmarc.result, properties, _unless_pass(self.dmarc))]

    def field(self, done: str = "none") -> bytes:
        """Return the Authentication-Results field, with its line end."""
        return results.write(self.authserv_id, self.methods(done))

    def checks(self) -> list[Mapping[str, Any]]:
        """Return everything in words that JSON has, for the trace: one table for each check, with its steps."""
        spf = _check("spf", self.spf, ip=self.ip, domain=shown(self.spf.domain), explanation=self.spf.explanation)
        signed = [_check("dkim", each, domain=each.domain, selector=each.selector) for each in self.dkim.signatures]
        if self.arc.result != "none":
            signed.append(_check("arc", self.arc, sealers=", ".join(self.arc.sealers)))
        dmarc, record = self.dmarc, self.dmarc.record
        more = {"domain": dmarc.domain, "disposition": self.disposition, "aligned": " ".join(dmarc.aligned)}
        more |= {"record": record.text if record else "", "published_by": record.domain if record else ""}
        return [spf, *signed, _check("dmarc", dmarc, **more)]


Part = SpfResult | DkimResult | ArcResult | DmarcResult


def _check(name: str, part: Part, **more: str) -> Mapping[str, Any]:
    steps = [asdict(step) for step in part.steps]
    return {"check": name, "result": part.result, "reason": part.reason, **more, "steps": steps}


def _unless_pass(part: Part) -> str:
    return "" if part.result in ("pass", "none") else part.reason


async def prove(
    message: bytes,
    ip: str | IPv4Address | IPv6Address,
    helo: str,
    mail_from: str,
    lookup: Lookup,
    now: datetime,
    authserv_id: str,
    *,
    spf: SpfResult | None = None,
    sealers: Collection[str] = (),
) -> Proof:
    """Find out what can be known about a message; nothing in it makes this fail.

    `spf` when that was asked already; `sealers` are the domains whose ARC seals are believed.
    """
    octets = split(message)
    spf = spf or await check_sender(ip, helo, mail_from, lookup, authserv_id, now)
    signatures = await verify(octets, lookup, now)
    arc = await validate(octets, lookup, now)
    # Drawn by pct=, the same for the same message.
    sample = int.from_bytes(hashlib.sha256(message[:65536]).digest()[:4]) % 100
    dmarc = await evaluate(octets, spf, signatures, lookup, sample=sample)
    passed = arc.found is not None and any(each.result == "pass" for each in arc.found.of("dmarc"))
    sealer = next(iter(arc.sealers[-1:]), "") if dmarc.result == "fail" and arc.result == "pass" and passed else ""
    sealer = sealer if sealer in sealers else ""
    return Proof(authserv_id, str(ip), mail_from, helo, spf, DkimSummary(signatures), arc, dmarc, sealer)
