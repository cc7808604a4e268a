"""What a server does about who may use a name: it asks, notes, refuses what comes in, and signs what goes out.

    from a stranger, at RCPT     SPF, asked once for each MAIL FROM
    from a stranger, at the end  DKIM and DMARC; Authentication-Results on top; 550 5.7.26 if the owner says "reject"
    from our own people          a DKIM signature on top, if the author is of our domain
    from our own networks        the same; what a server of ours has noted stays
    sent on by the MDA           an ARC set on top, which says what was found when it came

`authenticate` says how much of it: "off", "note" (refuse nobody), "enforce".  What is found out, and how, is in
`authentication/`.  Not here: SRS, by which a forwarded message passes SPF under the forwarder's name; no RFC has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from mailcourse.authentication.results import without_forged
from mailcourse.authentication.spf import SpfResult, check_sender
from mailcourse.authentication.step import lookup_by, shown
from mailcourse.dns.stub import Stub
from mailcourse.internet.network import Host
from mailcourse.message.reply import Reply

from . import replies
from .queue import Incoming
from .session import SmtpSession
from .settings import Settings

if TYPE_CHECKING:
    from mailcourse.authentication.verdict import Proof

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Examiner:
    """One server's: `home` is its name in Authentication-Results, and that of all servers of its domain."""

    host: Host
    settings: Settings
    stub: Stub
    home: str

    async def check_sender(self, session: SmtpSession) -> SpfResult:
        """Ask whether the client may send for the domain in MAIL FROM."""
        ip, sender = session.connection.source_address, session.envelope.reverse_path
        return await check_sender(
            ip, session.claimed, sender, lookup_by(self.stub, session.message), self.host.name, self.host.now()
        )

    async def examine(self, session: SmtpSession, incoming: Incoming) -> Reply | None:
        """Look at a message that has arrived whole, and write on top of it; return why it is refused, or None.

        What is refused is abandoned, and so is the message of a client that has gone meanwhile.
        """
        if self.settings.authenticate == "off" and self.settings.sign is None:
            return None
        refusal: Reply | None = replies.BROKEN_HERE
        try:
            refusal = await self._examine(session, incoming)
        finally:
            if refusal is not None:
                incoming.abandon()
        return refusal

    async def _examine(self, session: SmtpSession, incoming: Incoming) -> Reply | None:
        message = await _off_the_loop(incoming.message)
        refusal, head, clean, asks = None, b"", message, self.settings.authenticate != "off"
        if asks and (session.is_stranger or session.person is not None):
            clean, forged = without_forged(message, {self.home, self.host.name})
            for value in forged:
                text = f"a forged Authentication-Results is taken off: {shown(value)}"
                self.host.record("mta", "warning", session.message, text=text)
        if asks and session.is_stranger:
            proof = await self._prove(session, clean)
            done = proof.disposition if self.settings.authenticate == "enforce" else "none"
            facts = {"results": proof.summary, "checks": proof.checks(), "disposition": done, "reason": proof.reason}
            session.record("authenticated", **facts)
            refusal = Reply(550, "5.7.26", proof.dmarc.reason) if done == "reject" else None  # RFC 7372 §3.4
            head = proof.field(done)
        elif not session.is_stranger:
            head = await _off_the_loop(self.signature, clean)
        if refusal is None and (head or clean is not message):
            await _off_the_loop(incoming.rewrite, [head, clean])
        return refusal

    async def _prove(self, session: SmtpSession, message: bytes) -> Proof:
        verdict = await _off_the_loop(_verdict)
        ip, sender, now = session.connection.source_address, session.envelope.reverse_path, self.host.now()
        who, more = (message, ip, session.claimed, sender), {"spf": session.spf, "sealers": self.settings.sealers}
        proof: Proof = await verdict.prove(*who, lookup_by(self.stub, session.message), now, self.home, **more)
        return proof

    def signature(self, message: bytes) -> bytes:
        """Return the signature that belongs on top of a message of ours; nothing where we do not sign.  Blocking."""
        signer = self.settings.sign
        if signer is None:
            return b""
        from mailcourse.authentication.signing import sign, speaks_for_author

        return sign(signer, message, self.host.now()) if speaks_for_author(signer, message) else b""

    def seal(self, message: bytes) -> bytes:
        """Return the ARC set that belongs on top of what is sent on; nothing where we do not seal.  Blocking."""
        signer = self.settings.seal
        if signer is None:
            return b""
        from mailcourse.authentication.arc import seal

        return seal(signer, message, self.home, self.host.now())


def _verdict() -> Any:
    from mailcourse.authentication import verdict  # dkimpy takes a tenth of a second to be imported

    return verdict


async def _off_the_loop(work: Callable[..., T], *arguments: Iterable[bytes] | bytes) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, work, *arguments)
