"""Ed25519 (RFC 8032), by the package ecdsa."""

from __future__ import annotations

from typing import Any

import ecdsa

from .encoding import RawEncoder
from .exceptions import BadSignatureError


class SignedMessage(bytes):
    """A signature, and the message after it."""

    signature: bytes


class VerifyKey:
    """A public key."""

    def __init__(self, key: bytes, encoder: Any = RawEncoder) -> None:
        self._octets = encoder.decode(key)
        if len(self._octets) != 32:
            raise ValueError("The key must be exactly 32 bytes long")
        self._key = ecdsa.VerifyingKey.from_string(self._octets, ecdsa.Ed25519)

    def encode(self, encoder: Any = RawEncoder) -> bytes:
        """Write it."""
        return bytes(encoder.encode(self._octets))

    def verify(self, smessage: bytes, signature: bytes | None = None) -> bytes:
        """Return the message, or raise BadSignatureError."""
        if signature is None:
            signature, smessage = smessage[:64], smessage[64:]
        try:
            self._key.verify(signature, smessage)
        except (ecdsa.BadSignatureError, ValueError) as error:
            raise BadSignatureError("Signature was forged or corrupt") from error
        return smessage


class SigningKey:
    """A private key."""

    def __init__(self, seed: bytes, encoder: Any = RawEncoder) -> None:
        self._octets = encoder.decode(seed)
        if len(self._octets) != 32:
            raise ValueError("The seed must be exactly 32 bytes long")
        self._key = ecdsa.SigningKey.from_string(self._octets, ecdsa.Ed25519)
        self.verify_key = VerifyKey(self._key.get_verifying_key().to_string())

    def encode(self, encoder: Any = RawEncoder) -> bytes:
        """Write it."""
        return bytes(encoder.encode(self._octets))

    def sign(self, message: bytes) -> SignedMessage:
        """Sign."""
        signature = self._key.sign(message)
        made = SignedMessage(signature + message)
        made.signature = signature
        return made
