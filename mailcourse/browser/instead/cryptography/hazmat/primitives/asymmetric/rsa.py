"""Keys of RSA, as numbers (RFC 8017 §A.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ecdsa import der

from mailcourse.browser.x509 import pem

RSA = (1, 2, 840, 113549, 1, 1, 1)


def rsa_crt_dmp1(private_exponent: int, p: int) -> int:
    """Return d mod (p - 1)."""
    return private_exponent % (p - 1)


def rsa_crt_dmq1(private_exponent: int, q: int) -> int:
    """Return d mod (q - 1)."""
    return private_exponent % (q - 1)


def rsa_crt_iqmp(p: int, q: int) -> int:
    """Return the inverse of q mod p."""
    return pow(q, -1, p)


@dataclass(frozen=True)
class RSAPublicNumbers:
    """A public key."""

    e: int
    n: int

    def public_key(self) -> RSAPublicNumbers:
        """Return the key that can be written."""
        return self

    def public_bytes(self, encoding: Any, form: Any) -> bytes:
        """Write it as DER of SubjectPublicKeyInfo."""
        key = der.encode_sequence(der.encode_integer(self.n), der.encode_integer(self.e))
        kind = der.encode_sequence(der.encode_oid(*RSA), b"\x05\x00")
        return bytes(der.encode_sequence(kind, der.encode_bitstring(key, 0)))


class RSAPrivateKey:
    """A private key: n, e, d, p, q, d mod (p - 1), d mod (q - 1), 1/q mod p."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers = tuple(numbers)

    @property
    def key_size(self) -> int:
        """Bits of the modulus."""
        return self._numbers[0].bit_length()

    def private_bytes(self, encoding: Any, form: Any, encryption: Any) -> bytes:
        """Write it as PEM of PKCS #1."""
        octets = der.encode_sequence(der.encode_integer(0), *map(der.encode_integer, self._numbers))
        return pem("RSA PRIVATE KEY", octets).encode()


@dataclass(frozen=True)
class RSAPrivateNumbers:
    """What a private key is made of."""

    p: int
    q: int
    d: int
    dmp1: int
    dmq1: int
    iqmp: int
    public_numbers: RSAPublicNumbers

    def private_key(self) -> RSAPrivateKey:
        """Return the key."""
        public = self.public_numbers
        return RSAPrivateKey((public.n, public.e, self.d, self.p, self.q, self.dmp1, self.dmq1, self.iqmp))
