"""Who has signed this message, and is it unchanged?  DomainKeys Identified Mail (RFC 6376, RFC 8301, RFC 8463).

    DKIM-Signature: v=1; a=rsa-sha256; d=academy.test; s=autumn; h=from:to:subject; bh=…; b=…
      body     hash of the canonical body          = bh=?
      key      TXT of autumn._domainkey.academy.test
      fields   hash of the fields that h= names, and of this one without b=;  does b= sign it with that key?

dkimpy makes canonical forms, reads keys and checks signatures; what can be wrong before that, and how much is looked
at, is said here.  Each signature ends in a result of RFC 8601 §2.7.1, with all its steps.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dkim
from dkim.util import InvalidTagValueList, parse_tag_value

from mailcourse.dns.stub import NoAnswer

from .octets import Bodies, Octets, RawField
from .step import Lookup, ProofStep, is_name, shown, text_of

#: what is looked at: signatures of a message; octets of one, and of a run of spaces in it; names in h=; fields
MAX_SIGNATURES, MAX_FIELD, MAX_SPACES, MAX_NAMES, MAX_FIELDS = 8, 8192, 80, 200, 1000
#: bits of an RSA key (RFC 8301 §3.2), its exponent, octets of a key record
BITS, MAX_EXPONENT, MAX_KEY = range(1024, 4097), 2**32, 4096
CLOCK_SLACK = 300  # seconds that a signer's clock may be ahead

BASE64, NAME = rb"[A-Za-z0-9+/]+={0,2}", rb"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?"
NUMBER = rb"\d{1,15}"
#: tag -> (must it be there, how its value is written); RFC 6376 §3.5.  Spaces are taken out before.
TAGS: dict[bytes, tuple[bool, bytes]] = {
    b"v": (True, rb"1"),
    b"a": (True, rb"rsa-sha256|ed25519-sha256|rsa-sha1"),
    b"b": (True, BASE64),
    b"bh": (True, BASE64),
    b"d": (True, NAME),
    b"h": (True, rb"[\x21-\x39\x3c-\x7e]+(?::[\x21-\x39\x3c-\x7e]+)*"),
    b"s": (True, NAME),
    b"c": (False, rb"(?:simple|relaxed)(?:/(?:simple|relaxed))?"),
    b"i": (False, rb"[^\s@]*@" + NAME),
    b"l": (False, NUMBER),
    b"q": (False, rb"(?:[^:]*:)*dns/txt(?::.*)?"),
    b"t": (False, NUMBER),
    b"x": (False, NUMBER),
}
Tags = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class DkimResult:
    """What came of one signature; `covered` are the names of the fields that it signs and that are there."""

    result: str
    domain: str = ""
    selector: str = ""
    identity: str = ""
    algorithm: str = ""
    signature: str = ""  # the beginning of b=, which tells two signatures apart (RFC 6008)
    covered: tuple[str, ...] = ()
    reason: str = ""
    steps: tuple[ProofStep, ...] = ()


class BadSignature(Exception):
    """The signature cannot count; `result` says how that is called."""

    def __init__(self, result: str, reason: str) -> None:
        super().__init__(reason)
        self.result, self.reason = result, shown(reason)


# ---- the field ---------------------------------------------------------------------------------------------------


def read_tags(value: bytes, table: Mapping[bytes, tuple[bool, bytes]]) -> Tags:
    """Read the tags of a signature and check them against a table."""
    if len(value) > MAX_FIELD:
        raise BadSignature("policy", f"the field has {len(value):,} octets, more than {MAX_FIELD:,} are not looked at")
    if re.search(rb"\s{%d}" % MAX_SPACES, value):
        raise BadSignature("policy", f"the field has a run of more than {MAX_SPACES} spaces")
    try:
        tags: dict[bytes, bytes] = parse_tag_value(value)
    except InvalidTagValueList as error:
        raise BadSignature("neutral", f"tags cannot be read: {error}") from None
    tags = {tag: text for tag, text in tags.items() if tag != b"i" or tag in table}  # ARC counts with i=
    for tag, (is_required, form) in table.items():
        if tag in tags:
            tags[tag] = re.sub(rb"\s+", b"", tags[tag])
            if not re.fullmatch(form, tags[tag]):
                raise BadSignature("neutral", f"{tag.decode()}= cannot be {shown(tags[tag])!r}")
        elif is_required:
            raise BadSignature("neutral", f"{tag.decode()}= is missing")
    return tags


def check_tags(tags: Tags, now: datetime) -> None:
    """Raise `BadSignature` for a signature that cannot count, whatever the message is."""
    names = tags[b"h"].lower().split(b":")
    if b"from" not in names:
        raise BadSignature("permerror", "h= does not name From")  # §5.4
    if len(names) > MAX_NAMES:
        raise BadSignature("policy", f"h= names more than {MAX_NAMES} fields")
    if tags[b"a"] == b"rsa-sha1":
        raise BadSignature("policy", "rsa-sha1 is no longer accepted (RFC 8301)")
    if not is_name(f"{_text(tags[b's'])}._domainkey.{_text(tags[b'd'])}"):
        raise BadSignature("neutral", "s= and d= make no name of the DNS")
    of = b"." + tags.get(b"i", b"@" + tags[b"d"]).rpartition(b"@")[2].lower()
    if not of.endswith(b"." + tags[b"d"].lower()):
        raise BadSignature("permerror", f"i= is not within d={_text(tags[b'd'])}")  # §6.1.1
    signed, expires = int(tags.get(b"t", 0)), int(tags.get(b"x", 10**15))
    if expires <= signed:
        raise BadSignature("neutral", "x= is not later than t=")
    if expires < now.timestamp():
        raise BadSignature("fail", f"the signature expired at {_time(expires)}")
    if signed > now.timestamp() + CLOCK_SLACK:
        raise BadSignature("policy", f"the signature is from the future: {_time(signed)}")


def _text(value: bytes) -> str:
    return value.decode("ascii", "replace")


def _time(seconds: int) -> str:
    return f"{datetime.fromtimestamp(min(seconds, 4_000_000_000), UTC):%Y-%m-%d %H:%M:%S}"


# ---- the key -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key as dkimpy uses it, and how many bits it has."""

    kind: bytes
    key: Any
    bits: int
    is_testing: bool


def read_key(record: bytes, tags: Tags) -> PublicKey:
    """Read a key record (RFC 6376 §3.6.1); raise `BadSignature` when it cannot be used for this signature."""
    if len(record) > MAX_KEY:
        raise BadSignature("policy", f"the key record has more than {MAX_KEY:,} octets")
    try:
        known: dict[bytes, bytes] = {tag: re.sub(rb"\s+", b"", text) for tag, text in parse_tag_value(record).items()}
    except InvalidTagValueList as error:
        raise BadSignature("permerror", f"the key record cannot be read: {error}") from None
    kind, _, digest = tags[b"a"].partition(b"-")
    flags = known.get(b"t", b"").split(b":")
    if known.get(b"v", b"DKIM1") != b"DKIM1":
        raise BadSignature("permerror", f"the key record is of version {shown(known[b'v'])}")
    if not known.get(b"p"):
        raise BadSignature("permerror", "the key was revoked: p= is empty" if b"p" in known else "no p= in the record")
    if known.get(b"k", b"rsa") != kind or digest not in known.get(b"h", digest).split(b":"):
        raise BadSignature("permerror", f"the key is not for {_text(tags[b'a'])}")
    if not {b"*", b"email"} & set(known.get(b"s", b"*").split(b":")):
        raise BadSignature("permerror", "the key is not for e-mail: s=")
    of = tags.get(b"i", b"@" + tags[b"d"]).rpartition(b"@")[2]
    if b"s" in flags and of.lower() != tags[b"d"].lower():
        raise BadSignature("permerror", "the key does not allow a sub-domain in i=: t=s")
    return _usable(kind, *_parsed(kind, known[b"p"]), b"y" in flags)


def _parsed(kind: bytes, text: bytes) -> tuple[Any, int]:
    try:
        key, bits, *_ = dkim.evaluate_pk(b"", b"k=%b; p=%b" % (kind, text))
    except Exception as error:  # a stranger wrote this; dkimpy's reader of keys raises a dozen kinds
        raise BadSignature("permerror", f"the key cannot be read: {error}") from None
    return key, bits


def _usable(kind: bytes, key: Any, bits: int, is_testing: bool) -> PublicKey:
    if kind == b"rsa":
        if bits not in BITS:
            raise BadSignature("policy", f"an RSA key of {bits} bits; RFC 8301 asks for {BITS[0]} to {BITS[-1]}")
        if not 2 < key["publicExponent"] < MAX_EXPONENT:
            raise BadSignature("policy", "the exponent of the RSA key is not one that anybody uses")
    return PublicKey(kind, key, bits, is_testing)


class Keys:
    """Asks for key records, each only once for a message."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._found: dict[str, list[bytes] | NoAnswer] = {}

    async def ask(self, tags: Tags) -> tuple[str, list[bytes]]:
        """Return the question, and the records that answer it."""
        name = f"{_text(tags[b's'])}._domainkey.{_text(tags[b'd'])}"
        if name not in self._found:
            try:
                self._found[name] = [text_of(record) for record in await self._lookup(name, "TXT")]
            except NoAnswer as error:
                self._found[name] = error
        found = self._found[name]
        if isinstance(found, NoAnswer):
            raise BadSignature("temperror", f"TXT of {name}: {found}")
        return f"TXT of {name}", found


# ---- a signature, step by step -----------------------------------------------------------------------------------


@dataclass
class Verification:
    """One signature while it is looked at: `read`, `ask` for the key, then `compare`, which takes the time."""

    message: Octets
    bodies: Bodies
    header: RawField
    tags: Tags = field(default_factory=dict)
    records: list[bytes] = field(default_factory=list)
    question: str = ""
    steps: list[ProofStep] = field(default_factory=list)
    failure: BadSignature | None = None
    covered: tuple[str, ...] = ()

    def read(self, now: datetime, table: Mapping[bytes, tuple[bool, bytes]] = TAGS) -> None:
        """Read the field; a failure is kept."""
        try:
            self.tags = read_tags(self.header[1], table)
            check_tags(self.tags, now)
            if len(self.message.fields) > MAX_FIELDS:
                raise BadSignature("policy", f"the message has more than {MAX_FIELDS:,} header fields")
        except BadSignature as error:
            self.failure = error
            self.steps.append(ProofStep("signature", answer=shown(self.header[1].strip()), verdict=error.reason))
            return
        who = " ".join(f"{tag}={_text(self.tags[tag.encode()])}" for tag in ("d", "s", "a"))
        self.steps.append(
            ProofStep("signature", answer=who, compared=f"at {now:%Y-%m-%d %H:%M:%S}", verdict="counts now")
        )

    async def ask(self, keys: Keys) -> None:
        """Ask the DNS for the key."""
        if self.failure is None:
            try:
                self.question, self.records = await keys.ask(self.tags)
            except BadSignature as error:
                self.failure = error
                self.steps.append(ProofStep("key", error.reason.partition(":")[0], verdict=error.reason))

    def compare(self) -> None:
        """Compare the body, then the fields with the signature.  Blocking; proportional to the message."""
        if self.failure is not None:
            return
        try:
            problem = self._compare_body()
            key = self._read_key()
            self._check_fields(key)
            if problem:
                raise BadSignature("fail", problem)
        except BadSignature as error:
            self.failure = error

    def _compare_body(self) -> str:
        """Compare the hash of the body with bh=; return what is wrong."""
        form = (self.tags.get(b"c", b"simple/simple") + b"/simple").split(b"/")[1]
        body = self.bodies.form(form)
        length = min(int(self.tags.get(b"l", len(body))), len(body))
        if int(self.tags.get(b"l", 0)) > len(body):
            problem = "the body is shorter than l= says"
        elif not length and body and b"l" in self.tags:
            raise BadSignature("policy", "l=0: nothing of the body is signed")
        else:
            problem = ""
        made = base64.b64encode(hashlib.sha256(memoryview(body)[:length]).digest())
        problem = problem or ("" if made == self.tags[b"bh"] else "the body was changed: its hash is not bh=")
        signed = f"SHA-256 of {length:,} octets, {_text(form)}"
        signed += f"; {len(body) - length:,} more are not signed" if length < len(body) else ""
        self.steps.append(ProofStep("body", signed, _text(made), _text(self.tags[b"bh"]), problem or "equal"))
        return problem

    def _read_key(self) -> PublicKey:
        answer = "; ".join(map(shown, self.records)) or "nothing"
        try:
            if len(self.records) != 1:
                said = "no key" if not self.records else f"{len(self.records)} records, of which one is right"
                raise BadSignature("permerror", f"{said} at {self.question.removeprefix('TXT of ')}")
            key = read_key(self.records[0], self.tags)
        except BadSignature as error:
            self.steps.append(ProofStep("key", self.question, answer, verdict=error.reason))
            raise
        testing = ", and the domain is only testing" if key.is_testing else ""
        self.steps.append(
            ProofStep("key", self.question, answer, verdict=f"{_text(key.kind)}, {key.bits} bits{testing}")
        )
        return key

    def _check_fields(self, key: PublicKey) -> None:
        names = self.tags[b"h"].lower().split(b":")
        there = {name.strip().lower() for name, _ in self.message.fields}
        self.covered = tuple(dict.fromkeys(_text(name) for name in names if name in there))
        verdict = "signed with this key" if verify_fields(self.message, self.header, self.tags, names, key) else ""
        reason = "a signed field was changed, or the key is another"
        self.steps.append(
            ProofStep("fields", ", ".join(self.covered), f"b={_text(self.tags[b'b'])[:20]}…", "", verdict or reason)
        )
        if not verdict:
            raise BadSignature("fail", reason)

    def result(self) -> DkimResult:
        """Return what came of it."""
        tags = {tag: shown(value) for tag, value in self.tags.items()}
        result, reason = (self.failure.result, self.failure.reason) if self.failure else ("pass", "")
        return DkimResult(
            result,
            tags.get(b"d", ""),
            tags.get(b"s", ""),
            tags.get(b"i", f"@{tags[b'd']}" if b"d" in tags else ""),
            tags.get(b"a", ""),
            tags.get(b"b", "")[:8],
            self.covered,
            reason,
            tuple(self.steps),
        )


def verify_fields(message: Octets, field: RawField, tags: Tags, names: list[bytes], key: PublicKey) -> bool:
    """Let dkimpy check that b= signs the named fields, and `field` itself, with `key`."""
    checker = dkim.DKIM(minkey=BITS[0])
    checker.headers, checker.body = list(message.fields), b""
    checker.pk, checker.keysize, checker.ktag = key.key, key.bits, key.kind
    without_body = {tag: value for tag, value in tags.items() if tag != b"bh"}  # it was compared
    octets = len(tags[b"b"].rstrip(b"=")) * 3 // 4
    if key.kind == b"rsa" and octets != (key.bits + 7) // 8:  # RFC 8017 §8.2.2
        return False
    try:
        return bool(checker.verify_sig_process(without_body, list(names), field, None))
    except Exception:  # a stranger wrote this: a signature that dkimpy cannot read signs nothing
        return False


async def verify(message: Octets, lookup: Lookup, now: datetime) -> tuple[DkimResult, ...]:
    """Return what came of each signature, from top to bottom; none when nobody signed."""
    found = message.named(b"dkim-signature")
    bodies, keys = Bodies(message.body), Keys(lookup)
    verifications = [Verification(message, bodies, header) for header in found[:MAX_SIGNATURES]]
    for each in verifications:
        each.read(now)
        await each.ask(keys)
    if verifications:
        await asyncio.get_running_loop().run_in_executor(None, _compare_all, verifications)
    results = [each.result() for each in verifications]
    if len(found) > MAX_SIGNATURES:
        reason = f"{len(found)} signatures; the first {MAX_SIGNATURES} are looked at"
        results.append(DkimResult("policy", reason=reason, steps=(ProofStep("signature", verdict=reason),)))
    return tuple(results)


def _compare_all(verifications: list[Verification]) -> None:
    for each in verifications:
        each.compare()
