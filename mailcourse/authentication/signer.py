"""Who signs mail that leaves: the domain, the name of the key, and the private key.  How: `signing.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Signer:
    """`key` is PEM (RSA), or 32 octets in base64 (Ed25519); `lasts` is until x=, `length` writes l=."""

    domain: str
    selector: str
    key: str
    form: str = "relaxed/relaxed"
    lasts: timedelta | None = None
    length: int | None = None
