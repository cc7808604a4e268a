"""Who signs mail that leaves: the domain, the name of the key, and the private key.  How: `signing.py`."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import lru_cache

#: canonical forms of the header and of the body (RFC 6376 §3.4)
FORMS = ("relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple")


@dataclass(frozen=True, slots=True)
class Signer:
    """`key` is PEM (RSA), or 32 octets in base64 (Ed25519).

    `lasts`: seconds until x=, for a signature that expires; `length`: octets of the body that are signed, l=.
    """

    domain: str
    selector: str
    key: str
    form: str = FORMS[0]
    lasts: int | None = None
    length: int | None = None


@lru_cache(64)
def problem_of(key: str) -> str:
    """Return why a private key cannot be used; empty when it can.  To try an RSA key takes 40 ms."""
    if "-----BEGIN" not in key:
        try:
            return "" if len(base64.b64decode(key.strip(), validate=True)) == 32 else "Ed25519 has 32 octets, in base64"
        except ValueError:
            return "it is neither PEM nor base64"
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        found = load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        return str(error)
    return "" if isinstance(found, RSAPrivateKey) and found.key_size >= 512 else "PEM is for RSA, of 512 bits or more"
