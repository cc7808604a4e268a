"""Certificates (RFC 5280) with keys on the curve P-256: made, read and checked without OpenSSL.

    issue(names, issuer, …) ──► Certificate (DER) ──► PEM
    Certificate.read(der)   ──► names, dates, issuer; `problem(anchors, name, now)` says why it is not believed

What is not needed between two programs of a lab is not there: no chains of more than two, no revocation, no policies.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import secrets
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import ecdsa
from ecdsa import der
from ecdsa.util import sigdecode_der, sigencode_der

ECDSA_SHA256 = der.encode_sequence(der.encode_oid(1, 2, 840, 10045, 4, 3, 2))
COMMON_NAME, ORGANIZATION = (2, 5, 4, 3), (2, 5, 4, 10)
ALT_NAME, BASIC = (2, 5, 29, 17), (2, 5, 29, 19)
#: What OpenSSL calls the faults, since programs and lessons show them.
NO_ISSUER, SELF_SIGNED = "unable to get local issuer certificate", "self-signed certificate in certificate chain"
EXPIRED, NOT_YET = "certificate has expired", "certificate is not yet valid"


@dataclass(frozen=True)
class Certificate:
    """A certificate, as its octets and what they say."""

    octets: bytes
    signed: bytes
    signature: bytes
    serial: int
    issuer: bytes
    subject: bytes
    begins: datetime
    ends: datetime
    point: bytes
    names: tuple[str, ...]

    @classmethod
    def read(cls, octets: bytes) -> Certificate:
        """Read one of ours; ValueError or one of ecdsa's for anything else."""
        inside, _ = der.remove_sequence(octets)
        _, rest = der.remove_sequence(inside)
        signed = inside[: len(inside) - len(rest)]
        _, rest = der.remove_sequence(rest)
        signature, _ = der.remove_bitstring(rest, 0)
        body, _ = der.remove_sequence(signed)
        _, _, body = der.remove_constructed(body)  # the version
        serial, body = der.remove_integer(body)
        _, body = der.remove_sequence(body)
        issuer, body = _whole(body)
        times, body = der.remove_sequence(body)
        subject, body = _whole(body)
        key, body = der.remove_sequence(body)
        _, key = der.remove_sequence(key)
        point, _ = der.remove_bitstring(key, 0)
        begins, ends = _times(times)
        return cls(octets, signed, signature, serial, issuer, subject, begins, ends, point, _alternative_names(body))

    @property
    def pem(self) -> str:
        """The certificate as text."""
        return pem("CERTIFICATE", self.octets)

    @cached_property
    def key(self) -> ecdsa.VerifyingKey:
        """The public key."""
        return ecdsa.VerifyingKey.from_string(self.point, ecdsa.NIST256p, hashlib.sha256)

    def is_signed_by(self, other: Certificate) -> bool:
        """True when `other` is the issuer."""
        if self.issuer != other.subject:
            return False
        try:
            return bool(other.key.verify(self.signature, self.signed, hashlib.sha256, sigdecode_der))
        except ecdsa.BadSignatureError:
            return False

    def problem(self, anchors: Sequence[Certificate], name: str | None, now: datetime) -> str:
        """Say why a client that trusts `anchors` does not believe it (RFC 5280 §6, RFC 9525); empty when it does."""
        if not any(self.is_signed_by(anchor) for anchor in anchors):
            return SELF_SIGNED if self.issuer == self.subject else NO_ISSUER
        if now > self.ends:
            return EXPIRED
        if now < self.begins:
            return NOT_YET
        if name is not None and not any(matches(pattern, name) for pattern in self.names):
            return f"Hostname mismatch, certificate is not valid for '{name}'."
        return ""

    def described(self) -> dict[str, Any]:
        """Return what `SSLSocket.getpeercert` returns."""
        return {
            "subject": _readable(self.subject),
            "issuer": _readable(self.issuer),
            "version": 3,
            "serialNumber": f"{self.serial:X}",
            "notBefore": f"{self.begins:%b %e %H:%M:%S %Y} GMT",
            "notAfter": f"{self.ends:%b %e %H:%M:%S %Y} GMT",
            "subjectAltName": tuple(("DNS", name) for name in self.names),
        }


def matches(pattern: str, name: str) -> bool:
    """True when a name of a certificate is for a host; a star stands for one whole label (RFC 9525 §6.3)."""
    pattern, name = pattern.lower().rstrip("."), name.lower().rstrip(".")
    if pattern.startswith("*."):
        return name.partition(".")[2] == pattern[2:]
    return pattern == name


def issue(
    key: ecdsa.SigningKey,
    subject: Sequence[tuple[tuple[int, ...], str]],
    names: Sequence[str] = (),
    *,
    issuer: tuple[Certificate, ecdsa.SigningKey] | None = None,
    dates: tuple[datetime, datetime],
) -> Certificate:
    """Make a certificate for the public half of `key`; without an issuer it signs itself, as an authority does."""
    own = _name(subject)
    above = own if issuer is None else issuer[0].subject
    extension = (
        _extension(BASIC, der.encode_sequence(b"\x01\x01\xff"), critical=True)
        if issuer is None
        else _extension(ALT_NAME, der.encode_sequence(*map(_general_name, names)))
    )
    signed = der.encode_sequence(
        der.encode_constructed(0, der.encode_integer(2)),
        der.encode_integer(secrets.randbits(127) | 1),
        ECDSA_SHA256,
        above,
        der.encode_sequence(*map(_time, dates)),
        own,
        key.get_verifying_key().to_der(),
        der.encode_constructed(3, der.encode_sequence(extension)),
    )
    signer = key if issuer is None else issuer[1]
    signature = signer.sign_deterministic(signed, hashlib.sha256, sigencode_der)
    return Certificate.read(der.encode_sequence(signed, ECDSA_SHA256, der.encode_bitstring(signature, 0)))


def new_key() -> ecdsa.SigningKey:
    """Make a private key."""
    return ecdsa.SigningKey.generate(ecdsa.NIST256p, hashfunc=hashlib.sha256)


def pem(kind: str, octets: bytes) -> str:
    """Return octets as PEM (RFC 7468)."""
    lines = textwrap.wrap(base64.b64encode(octets).decode(), 64)
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""])


def certificates_of(text: str) -> list[Certificate]:
    """Return the certificates in a text of PEM."""
    parts = text.split("-----BEGIN CERTIFICATE-----")[1:]
    return [Certificate.read(base64.b64decode(part.split("-----END")[0])) for part in parts]


def _name(parts: Sequence[tuple[tuple[int, ...], str]]) -> bytes:
    sets = []
    for oid, text in parts:
        value = text.encode()
        pair = der.encode_sequence(der.encode_oid(*oid), b"\x0c" + der.encode_length(len(value)) + value)
        sets.append(b"\x31" + der.encode_length(len(pair)) + pair)
    return bytes(der.encode_sequence(*sets))


def _readable(name: bytes) -> tuple[tuple[tuple[str, str], ...], ...]:
    known = {COMMON_NAME: "commonName", ORGANIZATION: "organizationName"}
    body, _ = der.remove_sequence(name)
    found = []
    while body:
        part, body = _content(body)
        pair, _ = der.remove_sequence(part)
        oid, value = der.remove_object(pair)
        found.append(((known.get(oid, ".".join(map(str, oid))), _content(value)[0].decode()),))
    return tuple(found)


def _extension(oid: tuple[int, ...], value: bytes, *, critical: bool = False) -> bytes:
    mark = b"\x01\x01\xff" if critical else b""
    return bytes(der.encode_sequence(der.encode_oid(*oid), mark, der.encode_octet_string(value)))


def _general_name(name: str) -> bytes:
    try:
        value, tag = ipaddress.ip_address(name).packed, b"\x87"
    except ValueError:
        value, tag = name.encode("idna" if not name.isascii() else "ascii"), b"\x82"
    return tag + bytes(der.encode_length(len(value))) + value


def _alternative_names(body: bytes) -> tuple[str, ...]:
    while body:
        tag, value, body = der.remove_constructed(body)
        if tag != 3:
            continue
        extensions, _ = der.remove_sequence(value)
        while extensions:
            one, extensions = der.remove_sequence(extensions)
            oid, rest = der.remove_object(one)
            if oid == ALT_NAME:
                rest = _content(rest)[1] if rest[:1] == b"\x01" else rest  # whether it is critical
                names, _ = der.remove_sequence(der.remove_octet_string(rest)[0])
                found = []
                while names:
                    kind = names[:1]
                    content, names = _content(names)
                    found += [content.decode("ascii", "replace")] if kind == b"\x82" else []
                return tuple(found)
    return ()


def _time(when: datetime) -> bytes:
    """§4.1.2.5: two digits of the year until 2049."""
    when = when.astimezone(UTC)
    tag, form = (b"\x17", "%y%m%d%H%M%SZ") if when.year < 2050 else (b"\x18", "%Y%m%d%H%M%SZ")
    value = when.strftime(form).encode()
    return tag + bytes(der.encode_length(len(value))) + value


def _times(body: bytes) -> list[datetime]:
    found = []
    while body:
        form = "%y%m%d%H%M%SZ" if body[:1] == b"\x17" else "%Y%m%d%H%M%SZ"
        value, body = _content(body)
        found.append(datetime.strptime(value.decode(), form).replace(tzinfo=UTC))
    return found


def _content(data: bytes) -> tuple[bytes, bytes]:
    length, used = der.read_length(data[1:])
    return data[1 + used : 1 + used + length], data[1 + used + length :]


def _whole(data: bytes) -> tuple[bytes, bytes]:
    rest = _content(data)[1]
    return data[: len(data) - len(rest)], rest
