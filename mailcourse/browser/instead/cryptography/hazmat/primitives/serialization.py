"""Forms of keys."""

from __future__ import annotations

import base64
from enum import Enum
from typing import Any

from ecdsa import der

from .asymmetric.rsa import RSAPrivateKey

RSA_KEY, PKCS8_KEY = "RSA PRIVATE KEY", "PRIVATE KEY"


class Encoding(Enum):
    """How octets are written."""

    PEM = "PEM"
    DER = "DER"


class PrivateFormat(Enum):
    """How a private key is laid out; only PKCS #1 is."""

    TraditionalOpenSSL = "TraditionalOpenSSL"


class PublicFormat(Enum):
    """How a public key is laid out."""

    SubjectPublicKeyInfo = "SubjectPublicKeyInfo"


class NoEncryption:
    """The key is in the clear."""


def load_pem_private_key(data: bytes, password: None) -> Any:
    """Read a private key of RSA; ValueError when it is none."""
    text = data.decode("ascii")
    kind = text.partition("-----BEGIN ")[2].partition("-----")[0]
    if kind not in (RSA_KEY, PKCS8_KEY):
        raise ValueError("Could not deserialize key data.")
    body = text.partition("-----\n")[2].partition("-----END")[0]
    try:
        octets = base64.b64decode("".join(body.split()), validate=True)
        inside, _ = der.remove_sequence(octets)
        if kind == PKCS8_KEY:
            _, inside = der.remove_integer(inside)
            _, inside = der.remove_sequence(inside)
            inside, _ = der.remove_octet_string(inside)
            inside, _ = der.remove_sequence(inside)
        numbers = []
        while inside:
            number, inside = der.remove_integer(inside)
            numbers.append(number)
    except (ValueError, IndexError, der.UnexpectedDER) as error:
        raise ValueError("Could not deserialize key data.") from error
    if len(numbers) != 9 or numbers[1] != numbers[4] * numbers[5]:
        raise ValueError("Could not deserialize key data.")
    return RSAPrivateKey(numbers[1:])
