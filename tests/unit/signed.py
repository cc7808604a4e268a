"""A letter, keys that are made once, and what is found out about it: for tests of DKIM, DMARC and all together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from random import Random
from typing import Any

from fake_dns import FakeDns, run

from mailcourse.authentication.dkim import DkimResult, verify
from mailcourse.authentication.octets import split
from mailcourse.authentication.signer import Signer
from mailcourse.authentication.signing import make_key, public_record
from mailcourse.authentication.verdict import Proof, prove

NOW = datetime(2026, 9, 7, 8, 0, tzinfo=UTC)
LETTER = (
    b"From: Alice <alice@academy.test>\r\nTo: bruno@bakery.test\r\nSubject:  two\r\n  lines \r\n"
    b"Date: Mon, 07 Sep 2026 08:00:00 +0000\r\nMessage-ID: <1@academy.test>\r\n\r\n"
    b"Forty  rolls, \t please. \r\n\r\nAlice\r\n\r\n\r\n"
)


@lru_cache
def key(kind: str = "rsa", bits: int = 1024) -> str:
    """Make a private key, the same each time."""
    return make_key(kind, Random(bits), bits)


def signer(kind: str = "rsa", **more: Any) -> Signer:
    """Sign for academy.test, with the selector of that kind."""
    return Signer("academy.test", kind, key(kind), **more)


def zone(**more: Sequence[str]) -> dict[str, Sequence[str]]:
    """Return what academy.test publishes; `more` are other records, by name with _ for a dot."""
    own: dict[str, Sequence[str]] = {
        f"{kind}._domainkey.academy.test": [f"TXT {public_record(key(kind))}"] for kind in ("rsa", "ed25519")
    }
    own |= {"academy.test": ["TXT v=spf1 ip4:192.0.2.25 -all"], "_dmarc.academy.test": ["TXT v=DMARC1; p=reject"]}
    return own | more


def signatures(
    message: bytes, table: Mapping[str, Sequence[str]] | None = None, now: datetime = NOW
) -> list[DkimResult]:
    """Look at the signatures of a message."""
    return list(run(verify(split(message), FakeDns(zone() if table is None else table).lookup, now)))


def proof(
    message: bytes,
    table: Mapping[str, Sequence[str]],
    *,
    ip: str = "192.0.2.25",
    sender: str = "alice@academy.test",
    **more: Any,
) -> Proof:
    """Find out everything about a message that came from `ip`."""
    return run(prove(message, ip, "mail.academy.test", sender, FakeDns(table).lookup, NOW, "bakery.test", **more))
