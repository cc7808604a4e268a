"""Signing what leaves: a DKIM-Signature on top of the message, and the key that goes with it (RFC 6376 §5, RFC 8463).

    private key   PEM (RSA), or 32 octets in base64 (Ed25519): stays on the server
    public key    v=DKIM1; k=rsa; p=…   TXT of selector._domainkey.domain: everybody can read it

dkimpy makes the canonical forms and the signature.  Time and chance come from the caller, so that the same actions make
the same octets; keys made like that are for a lab and for nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from random import Random
from typing import Any

import dkim
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from dkim.canonicalization import CanonicalizationPolicy
from dkim.crypto import parse_pem_private_key
from nacl.encoding import Base64Encoder
from nacl.signing import SigningKey

from .dmarc import authors
from .octets import Bodies, RawField, split
from .signer import Signer

#: fields that are signed, once more than they are there, so that no other can be added (§5.4, §5.4.2)
SIGNED = b"from to cc subject date message-id reply-to sender in-reply-to references".split()
MIME = b"mime-version content-type content-transfer-encoding".split()
EXPONENT, SMALL_ODD = 65537, math.prod(range(3, 2000, 2))


def sign(signer: Signer, message: bytes, now: datetime) -> bytes:
    """Return the DKIM-Signature field for a message, with its line end; it belongs on top."""
    octets = split(message)
    policy = CanonicalizationPolicy.from_c_value(signer.form.encode())
    body = Bodies(octets.body).form(policy.body_algorithm.name)[: signer.length]
    there = [name.rstrip().lower() for name, _ in octets.fields]
    names = [name for name in there if name in SIGNED or name in MIME] + [name for name in SIGNED if name in there]
    seconds = int(now.timestamp())
    tags = [(b"v", b"1"), (b"a", algorithm(signer)), (b"c", signer.form.encode()), (b"d", signer.domain.encode())]
    tags += [(b"s", signer.selector.encode()), (b"t", b"%d" % seconds)]
    tags += [(b"x", b"%d" % (seconds + signer.lasts))] if signer.lasts else []
    tags += [(b"l", b"%d" % len(body))] if signer.length is not None else []
    tags += [(b"h", b" : ".join(names)), (b"bh", base64.b64encode(hashlib.sha256(body).digest()))]
    return signed_field(signer, octets.fields, b"DKIM-Signature", tags, names)


def signed_field(
    signer: Signer, fields: Sequence[RawField], name: bytes, tags: list[tuple[bytes, bytes]], names: list[bytes]
) -> bytes:
    """Let dkimpy sign the fields called `names`, and a new field called `name` with these tags, which it returns."""
    maker = dkim.DKIM(signature_algorithm=algorithm(signer))
    maker.hasher, maker.headers = hashlib.sha256, list(fields)
    policy = CanonicalizationPolicy.from_c_value(signer.form.encode())
    value = maker.gen_header([*tags, (b"b", b"0" * 60)], names, policy, name, private_key(signer.key))
    return name + b": " + bytes(value)


def speaks_for_author(signer: Signer, message: bytes) -> bool:
    """True when everybody in From is in the signer's domain, or below it: no other signature helps them."""
    domains = authors(split(message))
    return bool(domains) and all(f".{domain}".endswith(f".{signer.domain.lower()}") for domain in domains)


def zone_line(signer: Signer) -> str:
    """Return the line of the zone that publishes the public key, in strings that are not too long for one."""
    text = public_record(signer.key)
    strings = " ".join(f'"{text[at : at + 250]}"' for at in range(0, len(text), 250))
    return f"{signer.selector}._domainkey TXT {strings}"


def algorithm(signer: Signer) -> bytes:
    """Return a= for the kind of the signer's key."""
    return b"rsa-sha256" if "-----BEGIN" in signer.key else b"ed25519-sha256"


@lru_cache(64)
def private_key(key: str) -> Any:
    """Read a private key, of which `problem_of` says nothing."""
    return parse_pem_private_key(key.encode()) if "-----BEGIN" in key else SigningKey(key.encode(), Base64Encoder)


@lru_cache(64)
def public_record(key: str) -> str:
    """Return the text of the record that publishes the public half of a private key (RFC 6376 §3.6.1)."""
    secret = private_key(key)
    if isinstance(secret, SigningKey):
        return f"v=DKIM1; k=ed25519; p={secret.verify_key.encode(Base64Encoder).decode()}"
    public = rsa.RSAPublicNumbers(secret["publicExponent"], secret["modulus"]).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"


def make_key(kind: str, random: Random, bits: int = 2048) -> str:
    """Make a private key, "rsa" or "ed25519", from `random`; it takes a second for RSA."""
    if kind == "ed25519":
        return base64.b64encode(random.randbytes(32)).decode()
    one, other = _prime(random, bits // 2), _prime(random, bits // 2)
    secret = pow(EXPONENT, -1, (one - 1) * (other - 1))
    crt = rsa.rsa_crt_dmp1(secret, one), rsa.rsa_crt_dmq1(secret, other), rsa.rsa_crt_iqmp(one, other)
    numbers = rsa.RSAPrivateNumbers(one, other, secret, *crt, rsa.RSAPublicNumbers(EXPONENT, one * other))
    pem = numbers.private_key().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return pem.decode()


def _prime(random: Random, bits: int) -> int:
    """Find a prime whose two highest bits are set; Fermat's test, which random numbers of this size do not deceive."""
    while True:
        number = random.getrandbits(bits) | (3 << (bits - 2)) | 1
        is_likely = math.gcd(number, SMALL_ODD) == 1 and number % EXPONENT != 1
        if is_likely and all(pow(base, number - 1, number) == 1 for base in (2, 3, 5, 7)):
            return number
